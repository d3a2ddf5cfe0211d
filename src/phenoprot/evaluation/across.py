"""Two screens whose folds are paired: the same row, compounds and targets in both.

Each screen's predictions are scored against its own labels, on the compounds that both predict and
the targets that both have; the models are those of the tables, trained on all compounds of their
screen. The difference and its interval are those of two rows of one screen
(:mod:`phenoprot.evaluation.uncertainty`): a compound's influence is taken on the difference of the
two scores, and a repeat has the same folds in both.

Where the screens share n of N compounds, a score without signal is a sum over pairs of a training
compound, one of N, and a tested one, one of n. Its variance is 1 + n / N times that with the models
held fixed. The factor in use is that of n = N: with few shared compounds intervals are too wide
rather than too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import UserError, quoted
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.core.paths import WORK, Paths
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.evaluation.across_results import ACROSS, AcrossScreens, PartAcross, RowAcross
from phenoprot.evaluation.blocks import Wide, WideFile, key_of, slices, targets_of, values_of
from phenoprot.evaluation.means import auc_estimate, difference_estimate
from phenoprot.evaluation.plan import is_shuffled
from phenoprot.evaluation.results import COMPARISONS, defined, read_result, write_result
from phenoprot.evaluation.score import aucs_of_parts, part_of
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contract import COMPOUND
from phenoprot.screens.tables import folded_name
from phenoprot.tasks.columns import FOLD, PREDICTION_COLUMNS, REPEAT, ROWS
from phenoprot.tasks.task import Task

RESULT = "result.json"


@dataclass(frozen=True)
class RowOfTwo:
    """The payload of a shard: one row of one part, in this screen and in the other."""

    predictions: tuple[Path, Path]
    labels: tuple[Path, Path]


def compare_screens(
    paths: Paths,
    other: Paths,
    rows: Sequence[str],
    tasks: Mapping[str, Task],
    execution: ExecutionSettings = LOCAL,
) -> AcrossScreens:
    """Compare every row that both screens have, in every part that is scored by ROC AUC.

    Parameters
    ----------
    paths, other
        Artefacts of the two screens; both have been predicted.
    rows
        Names of this screen's rows in the order of the tables. Those with shuffled labels have
        other labels in each screen, and are left out.
    tasks
        Of this screen.
    execution
        Where and how many at a time; the results do not depend on it.

    Raises
    ------
    UserError
        A file is missing or damaged; the screens share no part, a part no compound; a compound is
        in different folds.
    """
    names = [
        part.name
        for task in tasks.values()
        if task.scorer == "auc" and not task.asked
        for part in task.parts
        if (paths.predictions(part.name) / ROWS).is_dir()
        and (other.predictions(part.name) / ROWS).is_dir()
    ]
    if not names:
        raise UserError(
            f"no part of the benchmark has predictions in both {quoted(paths.screen)} and "
            f"{quoted(other.screen)}",
            where="data/predictions",
            remedy=f"Run `dvc repro evaluate-{paths.screen} evaluate-{other.screen}`.",
        )
    parts = {name: _part(name, paths, other, rows) for name in names}
    shards = [
        shard for name in names for shard in _shards(name, parts[name].rows_here, paths, other)
    ]
    title = f"{paths.screen} against {other.screen}"
    folders = iter(run_shards(across_shard, shards, WORK / "across", title, execution))
    compared = {}
    for name, part in parts.items():
        both = [row for row in part.rows_here if row in part.rows_there]
        found = {row: read_result(next(folders) / RESULT, RowAcross) for row in both}
        alone = {
            side: [row for row in getattr(part, side) if row not in both]
            for side in ("rows_here", "rows_there")
        }
        compared[name] = part.model_copy(update={"rows": _corrected(found), **alone})
    return AcrossScreens(other=other.screen, parts=compared)


def write_across(
    paths: Paths,
    other: Paths | None,
    rows: Sequence[str],
    tasks: Mapping[str, Task],
    execution: ExecutionSettings = LOCAL,
) -> None:
    """Write the comparison with the screen whose folds this one has; remove an earlier one."""
    place = paths.scores / COMPARISONS / ACROSS
    if other is None:
        place.unlink(missing_ok=True)
    else:
        write_result(place, compare_screens(paths, other, rows, tasks, execution))


def across_shard(payload: RowOfTwo, folder: Path) -> None:
    """Compare one row."""
    one, other = (WideFile(path, PREDICTION_COLUMNS) for path in payload.predictions)
    labels, other_labels = (WideFile(path, [COMPOUND]) for path in payload.labels)
    write_result(folder / RESULT, across_row(one, other, labels, other_labels))


def across_row(one: Wide, other: Wide, labels: Wide, other_labels: Wide) -> RowAcross:
    """Compare a row in two screens; how each spells compounds and targets makes no difference.

    Parameters
    ----------
    one, other
        Predictions in this screen and in the other, labels not shuffled.
    labels, other_labels
        Label matrices of the part in the two screens.

    Returns
    -------
    RowAcross
        Without `q`, which is for all rows.

    Raises
    ------
    UserError
        No compound is predicted in both, or some are in different folds.
    """
    keys = [_folded(table) for table in (one, other)]
    n_here, n_there = (key[COMPOUND].nunique() for key in keys)
    repeats = np.intersect1d(keys[0][REPEAT].unique(), keys[1][REPEAT].unique())
    names = [key.loc[key[REPEAT].isin(repeats), COMPOUND].unique() for key in keys]
    shared = np.intersect1d(names[0], names[1])
    if not len(shared):
        raise UserError("two screens have no compound in common", where="predictions")
    rows = [np.flatnonzero(k[COMPOUND].isin(shared) & k[REPEAT].isin(repeats)) for k in keys]
    _require_paired(keys[0].iloc[rows[0]], keys[1].iloc[rows[1]])
    targets = _shared_targets(labels, other_labels)
    first, second = (
        aucs_of_parts(predictions, own, [part_of(key, of_key)], spelt)[0]
        for predictions, own, key, of_key, spelt in zip(
            (one, other), (labels, other_labels), keys, rows, targets, strict=True
        )
    )
    gain = first.minus(second)
    scored = ~np.isnan(gain.auc)
    means = [each.mean(scored) for each in (first, second, gain)]
    return RowAcross(
        n_compounds=len(shared),
        n_compounds_here=n_here - len(shared),
        n_compounds_there=n_there - len(shared),
        n_targets=int(scored.sum()),
        **_labels_in_common(labels, other_labels, targets, shared),
        here=auc_estimate(means[0]),
        there=auc_estimate(means[1]),
        difference=difference_estimate(means[2]),
        p=defined(float(means[2].uncertainty.p(means[2].value))),
        smallest_difference=defined(float(means[2].uncertainty.smallest_difference)),
    )


def _folded(table: Wide) -> pd.DataFrame:
    """The key with compounds in a spelling that screens share."""
    key = key_of(table)
    spelling = {name: folded_name(name) for name in key[COMPOUND].unique()}
    folded = key[COMPOUND].map(spelling)
    return pd.DataFrame({COMPOUND: folded} | {c: key[c] for c in (REPEAT, FOLD) if c in key})


def _shared_targets(labels: Wide, other_labels: Wide) -> tuple[list[str], list[str]]:
    """Targets of both screens in the order of the first, as each screen spells them."""
    spelt, spelt_there = (
        {folded_name(name): name for name in targets_of(of)} for of in (labels, other_labels)
    )
    both = [name for name in spelt if name in spelt_there]
    return [spelt[name] for name in both], [spelt_there[name] for name in both]


def _labels_in_common(
    labels: Wide, other_labels: Wide, targets: tuple[list[str], list[str]], shared: np.ndarray
) -> dict[str, int]:
    """Pairs of a shared compound and target with a label in both screens, alike, or in one."""
    screens = list(zip((labels, other_labels), targets, strict=True))
    at = [pd.Index(_folded(of)[COMPOUND]).get_indexer(shared) for of in (labels, other_labels)]
    counts = np.zeros(4, dtype=np.int64)
    for where in slices(len(targets[0]), max(len(key_of(of)) for of, _ in screens)):
        own, theirs = (
            np.where(rows >= 0, values_of(of, spelt[where]).take(rows, axis=1), np.nan)
            for (of, spelt), rows in zip(screens, at, strict=True)
        )
        known, there = ~np.isnan(own), ~np.isnan(theirs)
        alike = own == theirs
        counts += [one.sum() for one in (known & there, alike, known & ~there, there & ~known)]
    names = ("n_labels", "n_labels_alike", "n_labels_here", "n_labels_there")
    return dict(zip(names, counts.tolist(), strict=True))


def _require_paired(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Stop unless a compound is in one fold in both screens, in every repeat."""
    key = [COMPOUND, REPEAT]
    folds = [table[[*key, FOLD]].drop_duplicates() for table in (one, other)]
    both = folds[0].merge(folds[1], on=key)
    moved = both.loc[both[f"{FOLD}_x"] != both[f"{FOLD}_y"], COMPOUND].nunique()
    if moved:
        raise UserError(
            f"{moved} of {one[COMPOUND].nunique()} shared compound(s) are in different folds in "
            "the two screens",
            where="predictions",
            remedy="In params.yaml set `folds_like` of one screen to the other, then `dvc repro`.",
        )


def _part(name: str, paths: Paths, other: Paths, rows: Sequence[str]) -> PartAcross:
    """Targets and rows of a part, before any row is compared: all rows of each screen."""
    files = (each.predictions(name) / "labels.parquet" for each in (paths, other))
    here, there = (
        {folded_name(target) for target in targets_of(WideFile(file, [COMPOUND]))} for file in files
    )
    folder, folder_there = (each.predictions(name) / ROWS for each in (paths, other))
    own = [folder / f"{row}.parquet" for row in rows]
    theirs = sorted(folder_there.glob("*.parquet"))
    return PartAcross(
        n_targets=len(here & there),
        n_targets_here=len(here - there),
        n_targets_there=len(there - here),
        rows={},
        rows_here=[path.stem for path in own if path.is_file() and not is_shuffled(path)],
        rows_there=[path.stem for path in theirs if not is_shuffled(path)],
    )


def _shards(part: str, rows: Sequence[str], paths: Paths, other: Paths) -> list[Shard]:
    """One for each of `rows` that the other screen has, too."""
    shards = []
    folders = [each.predictions(part) for each in (paths, other)]
    labels = (folders[0] / "labels.parquet", folders[1] / "labels.parquet")
    for row in rows:
        here, there = (folder / ROWS / f"{row}.parquet" for folder in folders)
        if there.is_file() and not is_shuffled(there):
            files = (here, there, *labels)
            key = fingerprint([file_sha256(file) for file in files], code_fingerprint(__name__))
            shards.append(Shard(f"{part} {row}", key, RowOfTwo((here, there), labels)))
    return shards


def _corrected(rows: dict[str, RowAcross]) -> dict[str, RowAcross]:
    """The rows of a part, with q: their p corrected over all of them."""
    p = np.array([np.nan if one.p is None else one.p for one in rows.values()])
    adjusted = benjamini_hochberg(p)
    return {
        name: one.model_copy(update={"q": defined(float(q))})
        for (name, one), q in zip(rows.items(), adjusted, strict=True)
    }
