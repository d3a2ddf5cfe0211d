"""Labels of each task, and their alignment with features and folds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    PROTEIN,
    TARGET,
    TREATMENT_KEY,
    feature_columns,
)
from phenoprot.tasks.settings import ClassificationSettings, RegressionSettings, TargetSettings
from phenoprot.tasks.splits import FOLD, GROUP

LABELS_OF = "Metadata_LabelsOf"
"""Compound whose labels a prediction is scored against: another one's where labels are shuffled."""

LABEL_COLUMNS = [COMPOUND, PROTEIN, "Label"]
"""Columns of ``labels.parquet`` that the tasks read."""
REPEAT = "Metadata_Repeat"
"""Number of the label shuffle; 0 where labels are not shuffled."""


def classification_labels(
    labels: pd.DataFrame, direction: str, settings: ClassificationSettings
) -> pd.DataFrame:
    """UP-vs-NOT or DOWN-vs-NOT.

    Parameters
    ----------
    labels
        One row per compound and protein with ``Label`` up / down / not / empty.
    direction
        ``up`` or ``down``: 1. ``not``: 0. The other direction and unclassified pairs: NaN.
    settings
        Fewest positives and negatives of a protein.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound`` and one float32 column per protein that enters.
    """
    states = labels.pivot(index=COMPOUND, columns=PROTEIN, values="Label").sort_index(axis=1)
    values = np.select([states == direction, states == "not"], [1.0, 0.0], default=np.nan)
    enters = ((values == 1).sum(axis=0) >= settings.min_positives) & (
        (values == 0).sum(axis=0) >= settings.min_negatives
    )
    return _table(values[:, enters], states.index, states.columns[enters])


def regression_labels(levels: pd.DataFrame, settings: RegressionSettings) -> pd.DataFrame:
    """Protein level per treatment: proteins with too few levels are left out."""
    proteins = [
        name
        for name in feature_columns(levels)
        if levels[name].notna().sum() >= settings.min_treatments
    ]
    return levels[[*TREATMENT_KEY, *proteins]]


def target_labels(
    targets: pd.DataFrame, compounds: pd.Series, settings: TargetSettings
) -> pd.DataFrame:
    """Annotated targets: 1 where annotated, 0 elsewhere; compounds without annotation are left out.

    Parameters
    ----------
    targets
        One row per compound and target.
    compounds
        Compounds that were screened; annotations of others count nothing.
    settings
        Fewest annotated compounds of a target.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound`` and one float32 column per target that enters.
    """
    screened = targets[targets[COMPOUND].isin(compounds)]
    matrix = pd.crosstab(screened[COMPOUND], screened[TARGET]).clip(upper=1)
    enters = (matrix.sum() >= settings.min_compounds) & (matrix.sum() < len(matrix))
    return _table(matrix.loc[:, enters].to_numpy(), matrix.index, matrix.columns[enters])


def _table(values: np.ndarray, compounds: pd.Index, names: pd.Index) -> pd.DataFrame:
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


def split_by_treatment(data: TaskData, folds: int, seed: int) -> TaskData:
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


def shuffle_compounds(compounds: pd.Series, seed: int) -> dict[str, str]:
    """A random permutation of the compounds: whose labels each one gets."""
    names = np.sort(compounds.unique())
    return dict(zip(names, np.random.default_rng(seed).permutation(names), strict=True))


def align(
    features: list[pd.DataFrame],
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    shuffle_seed: int | None = None,
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
    samples = features[0]
    for number, more in enumerate(features[1:], start=2):
        samples = samples.merge(more, on=TREATMENT_KEY, suffixes=("", f" ({number})"))
    names = feature_columns(samples)
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
    values = wanted.merge(labels, how="left", on=label_key)[targets].to_numpy(dtype=np.float32)
    return TaskData(
        key=samples[[*TREATMENT_KEY, FOLD]].assign(**{LABELS_OF: owner}),
        features=samples[names].to_numpy(dtype=np.float32),
        labels=values,
        targets=targets,
        groups=samples[GROUP].to_numpy(),
    )
