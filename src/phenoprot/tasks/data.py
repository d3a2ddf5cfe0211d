"""Arrays of one cross-validation: features, labels and folds, aligned by treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, TREATMENT_KEY, feature_columns
from phenoprot.tasks.columns import FOLD, GROUP, LABELS_OF


def label_matrix(values: np.ndarray, compounds: pd.Index, names: pd.Index) -> pd.DataFrame:
    """Labels (compounds, targets) as a table: ``Metadata_Compound`` and float32 columns."""
    table = pd.DataFrame(values.astype(np.float32), columns=list(names))
    table.insert(0, COMPOUND, compounds.to_numpy())
    return table


@dataclass(frozen=True)
class TaskData:
    """Aligned arrays of one task and one set of features."""

    key: pd.DataFrame
    """(rows): compound, concentration, fold, and the compound whose labels are used."""
    features: np.ndarray
    """(rows, n_features) float32."""
    labels: np.ndarray
    """(rows, n_targets) float32, NaN where masked."""
    targets: list[str]
    """Names of the label columns."""
    groups: np.ndarray
    """(rows,): compound group."""

    @property
    def folds(self) -> np.ndarray:
        """(rows,): outer fold."""
        return self.key[FOLD].to_numpy()


def split_by_treatment(data: TaskData, folds: int, seed: Sequence[int]) -> TaskData:
    """Assign each treatment for itself to a fold: what folds of compounds are there to prevent.

    Inner sub-samples follow, since each treatment becomes a group of its own. Where every compound
    has one treatment nothing is torn apart, and only the draw of the folds differs.

    Parameters
    ----------
    data
        Rows with folds and groups of compounds.
    folds, seed
        Number of folds (sizes differ by one at most) and random seed.
    """
    rows = len(data.groups)
    fold = np.random.default_rng(seed).permutation(rows) % folds
    return replace(data, key=data.key.assign(**{FOLD: fold}), groups=np.arange(rows))


def shuffle_compounds(compounds: pd.Series, seed: Sequence[int]) -> dict[str, str]:
    """A random permutation of the compounds: whose labels each one gets."""
    names = np.sort(compounds.unique())
    return dict(zip(names, np.random.default_rng(seed).permutation(names), strict=True))


def align(
    features: list[pd.DataFrame],
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    shuffle_seed: Sequence[int] | None = None,
) -> TaskData:
    """Join features, labels and folds on the treatment.

    Parameters
    ----------
    features
        Treatment profiles to set side by side; a treatment must be in all of them.
    labels
        Keyed by compound (all doses share the label) or by treatment.
    folds
        Compound, group and fold.
    shuffle_seed
        Permute the labels among the compounds with this seed.

    Raises
    ------
    UserError
        No treatment has features and labels.
    """
    # Keys alone are joined and sorted: wide tables are copied once, by their row numbers.
    samples = features[0][TREATMENT_KEY].assign(**{_row(0): range(len(features[0]))})
    for number, more in enumerate(features[1:], start=1):
        keys = more[TREATMENT_KEY].assign(**{_row(number): range(len(more))})
        samples = samples.merge(keys, on=TREATMENT_KEY)
    samples = samples.merge(folds, on=COMPOUND).sort_values(TREATMENT_KEY, ignore_index=True)
    samples = samples[samples[COMPOUND].isin(labels[COMPOUND])].reset_index(drop=True)
    if samples.empty:
        raise UserError(
            "no treatment has both features and labels",
            where="profiles and labels",
            remedy="Check that compound names agree between the tables of the screen.",
        )
    owner = samples[COMPOUND]
    if shuffle_seed is not None:
        owner = owner.map(shuffle_compounds(owner, shuffle_seed))
    label_key = [column for column in TREATMENT_KEY if column in labels]
    wanted = samples[[CONCENTRATION]].assign(**{COMPOUND: owner})[label_key]
    targets = feature_columns(labels)
    of_labels = labels[label_key].assign(**{_row(0): range(len(labels))})
    row = wanted.merge(of_labels, how="left", on=label_key)[_row(0)]
    values = _floats(labels, targets)[row.fillna(0).to_numpy(dtype=np.int64)]
    values[row.isna()] = np.nan
    wide = [
        _floats(table, feature_columns(table))[samples[_row(number)].to_numpy()]
        for number, table in enumerate(features)
    ]
    return TaskData(
        key=samples[[*TREATMENT_KEY, FOLD]].assign(**{LABELS_OF: owner}),
        features=wide[0] if len(wide) == 1 else np.concatenate(wide, axis=1),
        labels=values,
        targets=targets,
        groups=samples[GROUP].to_numpy(),
    )


def _row(number: int) -> str:
    """Column of the row numbers of a table."""
    return f"Metadata_RowOf{number}"


def _floats(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    return table[columns].to_numpy(dtype=np.float32)
