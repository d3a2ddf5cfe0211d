"""Late fusion: one score of the out-of-fold scores of several rows, repeat by repeat.

``mean`` is the mean of the scores as they are. Rows of one model have them in one unit, and one
that knows little of a target says little.

``stack`` weighs the rows, target by target and test fold by test fold, by how well scores explain
the labels of the other folds (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1). Candidates are each
row alone and the mix that fits all targets together, by least squares without negative weights
(Breiman 1996, doi:10.1007/BF00117832). A target's weights are the mean of the candidates', each by
its likelihood (Yao et al. 2018, doi:10.1214/17-BA1091, pseudo-BMA): a target with seven positives
has little to tell weights from, but much to tell a row that knows it from one that does not.

The scores that the weights are learned from come from models that have seen neither their own fold
nor the test fold (:mod:`phenoprot.tasks.pairs`). The tables' own out-of-fold scores would not do:
their models have seen the labels of the test fold, a pair of compounds counts the same whichever of
the two is tested, and least squares would find more than chance in two rows of noise. For the same
reason weights are not averaged over the repeats: other repeats' models have seen the test fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import write_parquet
from phenoprot.core.paths import Paths
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns
from phenoprot.tasks.columns import (
    FOLD,
    LABELS_OF,
    PAIRS,
    PREDICTION_COLUMNS,
    REPEAT,
    ROWS,
    WITHOUT,
)
from phenoprot.tasks.settings import RowSettings
from phenoprot.tasks.task import Task

_TINY = 1e-12


def fusions_of(task: Task, rows: Mapping[str, RowSettings]) -> dict[str, RowSettings]:
    """Rows of a task that fuse others.

    Raises
    ------
    UserError
        One takes part in a task of levels: fused scores are in no unit.
    """
    found = {
        name: row
        for name, row in rows.items()
        if row.fusion is not None and row.takes_part(task.name, task.asked)
    }
    if found and task.scorer != "auc":
        raise UserError(
            f"a fusion predicts 1 / 0 labels only, and {len(found)} row(s) take part in "
            f"{task.name}: {listed([quoted(name) for name in found])}",
            where="params.yaml: tasks of the row",
            remedy="Set tasks of the row, e.g. to [classification, targets].",
        )
    return found


def stacked_rows(fusions: Mapping[str, RowSettings]) -> set[str]:
    """Rows that a stack is of: they are cross-validated without each two folds, too."""
    return {
        other
        for row in fusions.values()
        if row.fusion is not None and row.fusion.by == "stack"
        for other in row.fusion.of
    }


def write_fusions(fusions: Mapping[str, RowSettings], task: Task, paths: Paths) -> None:
    """Write the fused predictions beside those of the rows that they are of.

    Parameters
    ----------
    fusions
        As of `fusions_of`.
    task, paths
        The task, and the screen; predictions of the rows are there.

    Raises
    ------
    UserError
        A row has no predictions, or the rows have no treatment in common.
    """
    for part in task.parts:
        folder = paths.predictions(part.name)
        labels = read_table(folder / "labels.parquet", [COMPOUND])
        if not feature_columns(labels):
            continue
        for name, row in fusions.items():
            assert row.fusion is not None  # fusions_of has seen to it
            of, where = row.fusion.of, f"params.yaml: fusion of row {quoted(name)}"
            tables = [_read(folder / ROWS / f"{other}.parquet") for other in of]
            pairs = None
            if row.fusion.by == "stack":
                pairs = [_read(folder / PAIRS / f"{other}.parquet", WITHOUT) for other in of]
            write_parquet(folder / ROWS / f"{name}.parquet", fused(tables, labels, pairs, where))


def _read(path: Path, *more: str) -> pd.DataFrame:
    return read_table(path, [*PREDICTION_COLUMNS, *more])


def fused(
    tables: Sequence[pd.DataFrame],
    labels: pd.DataFrame,
    pairs: Sequence[pd.DataFrame] | None = None,
    where: str = "fusion",
) -> pd.DataFrame:
    """Fuse predictions of the treatments that all of them have.

    Parameters
    ----------
    tables
        Predictions of the rows: `PREDICTION_COLUMNS` and one score per target.
    labels
        1 / 0 / NaN, keyed by compound or treatment.
    pairs
        Predictions of the rows by models without two folds: stack by these. None: take the mean.
    where
        Key of the fusion, for messages.

    Returns
    -------
    pandas.DataFrame
        Like `tables`, scores float32.

    Raises
    ------
    UserError
        They have no treatment in common.
    """
    targets = feature_columns(labels)
    keys = [table[PREDICTION_COLUMNS] for table in tables]
    key = reduce(lambda one, other: one.merge(other, on=PREDICTION_COLUMNS), keys)
    if key.empty:
        raise UserError(
            "the rows have no treatment in common, in the same folds",
            where=where,
            remedy="Fuse rows that predict the same treatments.",
        )
    scores = _aligned(tables, key, targets)
    if pairs is None:
        found = scores.mean(axis=0)
    else:
        of_labels = [column for column in TREATMENT_KEY if column in labels]
        owner = key[TREATMENT_KEY].assign(**{COMPOUND: key[LABELS_OF]})[of_labels]
        truth = owner.merge(labels, how="left", on=of_labels)[targets].to_numpy(dtype=np.float64)
        folds, found = key[FOLD].to_numpy(), np.empty(truth.shape)
        owners = key[LABELS_OF].to_numpy()
        for fold in np.unique(folds):
            seen = _aligned([table[table[WITHOUT] == fold] for table in pairs], key, targets)
            for rows in key.groupby(REPEAT).indices.values():
                test, train = rows[folds[rows] == fold], rows[folds[rows] != fold]
                own = folds[train]
                known = scaled(seen[:, train], own)
                weights = stack_weights(known, truth[train], own, owners[train])
                in_units = scaled(scores[:, test], folds[test])
                found[test] = (weights[:, None] * in_units).sum(axis=0)
    return pd.concat([key, pd.DataFrame(found.astype(np.float32), columns=targets)], axis=1)


def _aligned(
    tables: Sequence[pd.DataFrame], key: pd.DataFrame, targets: Sequence[str]
) -> np.ndarray:
    """Scores (tables, rows, targets) in the order of the key; NaN where a table has no such row."""
    merged = [key.merge(table, how="left", on=PREDICTION_COLUMNS) for table in tables]
    return np.stack([table[[*targets]].to_numpy(dtype=np.float64) for table in merged])


def scaled(scores: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Scores (m, n, targets) about their mean in each fold, and of one size in each fold and row.

    One size for all targets: one that a row knows little of keeps its small scores.
    """
    found = np.empty(scores.shape)
    for fold in np.unique(folds):
        own = folds == fold
        centred = scores[:, own] - scores[:, own].mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).mean(axis=(1, 2), keepdims=True))
        found[:, own] = centred / np.maximum(size, _TINY)
    return found


def stack_weights(
    scores: np.ndarray, labels: np.ndarray, folds: np.ndarray, owners: np.ndarray
) -> np.ndarray:
    """Weights of the rows for each target, not negative, of sum 1.

    Candidates are each row alone and the mix of :func:`_mixed`. Each counts by the likelihood of
    the labels, standardised within the folds, given its scores: ``(1 - r**2) ** (-n / 2)``, with
    their correlation r (0 if it is negative). Doses of a compound share its labels, so n is the
    number of compounds.

    Parameters
    ----------
    scores
        (m, n, targets): centred within each fold, mean square 1.
    labels, folds, owners
        (n, targets): 1, 0 or NaN; (n,): fold, and the compound whose labels they are.

    Returns
    -------
    numpy.ndarray
        (m, targets); equal weights where no row is of any use.
    """
    known = ~np.isnan(labels)
    y = np.where(known, labels, 0.0)
    for fold in np.unique(folds):
        own = folds == fold
        mean = y[own].sum(axis=0) / np.maximum(known[own].sum(axis=0), 1)
        y[own] = np.where(known[own], y[own] - mean, 0.0)
    n = np.maximum(known.sum(axis=0), 1)
    y /= np.maximum(np.sqrt((y**2).sum(axis=0) / n), _TINY)
    used = np.where(known, scores, 0.0)
    squares = np.einsum("ant,bnt->tab", used, used) / n[:, None, None]
    against = np.einsum("ant,nt->ta", used, y) / n[:, None]
    candidates = np.vstack([np.eye(len(scores)), _mixed(squares, against)])
    slopes = np.maximum(against @ candidates.T, 0.0)
    sizes = np.einsum("ka,tab,kb->tk", candidates, squares, candidates)
    explained = np.minimum(slopes**2 / np.maximum(sizes, _TINY), 1 - _TINY)
    _, codes = np.unique(owners, return_inverse=True)
    compounds = (1 / np.bincount(codes)[codes]) @ known
    likelihood = -compounds[:, None] / 2 * np.log1p(-explained)
    counts = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    weights: np.ndarray = candidates.T @ (counts / counts.sum(axis=1, keepdims=True)).T
    return weights


def _mixed(squares: np.ndarray, against: np.ndarray) -> np.ndarray:
    """Weights (m,) of sum 1 that fit all targets together; equal ones if none is positive.

    From products of scores, (targets, m, m), and of scores and labels, (targets, m).
    """
    rows = against.shape[1]
    fitted = np.linalg.solve(squares.mean(axis=0) + _TINY * np.eye(rows), against.mean(axis=0))
    positive = np.maximum(fitted, 0.0)
    return positive / positive.sum() if positive.sum() > 0 else np.full(rows, 1 / rows)


def fusion_pairs(rows: Mapping[str, RowSettings]) -> list[tuple[str, str]]:
    """Each fusion, the rows that it is of, and the row with their features at once, two by two."""
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for name, row in rows.items():
        if row.fusion is not None:
            together = concatenation(rows, row.fusion.of)
            alike = [name, *([together] if together else []), *row.fusion.of]
            pairs |= {frozenset(pair): pair for pair in combinations(alike, 2)}
    return list(pairs.values())


def concatenation(rows: Mapping[str, RowSettings], of: Sequence[str]) -> str | None:
    """The row with all features of some rows, in the model of the first; None if there is none."""
    features = {feature for other in of for feature in rows[other].features}
    for name, row in rows.items():
        plain = row.model is not None and not row.shuffled and not row.variant and name not in of
        if plain and row.model == rows[of[0]].model and set(row.features) == features:
            return name
    return None
