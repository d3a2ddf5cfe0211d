"""Score all predictions of a screen: in parallel, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_object, read_table
from phenoprot.core.files import atomic_path, write_json, write_parquet
from phenoprot.core.paths import WORK, Paths
from phenoprot.evaluation.activity import read_activity
from phenoprot.evaluation.ceiling import reliability_counts
from phenoprot.evaluation.compare import corrected
from phenoprot.evaluation.compute import RESULT, TARGETS, evaluate_shard
from phenoprot.evaluation.plan import PartToScore, comparison_shards, row_shards
from phenoprot.evaluation.results import (
    ACTIVITY,
    COMPARISONS,
    LABELS,
    Comparisons,
    RowComparison,
    read_result,
    write_result,
)
from phenoprot.evaluation.scorers import SCORERS
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import above_chance, jaccard
from phenoprot.evaluation.truth import PLANTED, label_truth
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contents import EVERYTHING, Contents
from phenoprot.tasks.columns import LABEL_COLUMNS, VARIANTS
from phenoprot.tasks.registry import parts_of


def evaluate_screen(
    paths: Paths,
    folder: Path,
    rows: Sequence[str],
    settings: EvaluationSettings,
    execution: ExecutionSettings = LOCAL,
    has: Contents = EVERYTHING,
    tasks: Collection[str] | None = None,
    also: Sequence[tuple[str, str]] = (),
) -> None:
    """Write ``<part>/<row>.json`` (a `RowResult`) and ``<part>/<row>.parquet`` (its targets).

    Those of rows under other folds, or with fewer training compounds, go to ``<part>/variants/``.
    Beside them: ``comparisons/<part>.json`` (`Comparisons`) and ``.parquet`` (one row against
    another), ``labels/counts.json`` and, for a simulated screen whose `folder` holds the planted
    truth, ``labels/truth.json`` (`LabelTruth`): what the labels are worth.

    Parameters
    ----------
    paths
        Paths of the screen's artefacts.
    folder
        The screen folder.
    rows
        Names of the rows in the order of the tables.
    settings
        Thresholds, intervals and comparisons.
    execution
        Where and how many at a time; the results do not depend on it.
    has
        What the screen has. What an earlier one left of other parts is not looked at.
    tasks
        Names of those that a row takes part in; None: all that the screen can have.
    also
        Pairs of rows to compare besides those of the settings.

    Raises
    ------
    UserError
        Labels or predictions are missing or damaged.
    """
    planted = folder / "truth" / "regulation.parquet"
    if has.labels:
        _keep_labels(paths, planted)
    activity = read_activity(paths.activity) if has.wells else None
    counts, active = (None, None) if activity is None else activity
    place = paths.scores / ACTIVITY
    if counts is None:
        place.unlink(missing_ok=True)
    else:
        write_result(place, counts)
    parts = [
        PartToScore.find(
            name,
            task,
            paths,
            rows,
            planted.parent if planted.is_file() else None,
            settings.strata,
            active,
            has,
        )
        for name, task in parts_of(has).items()
        if tasks is None or task.name in tasks
    ]
    scored = {part.name: row_shards(part, settings) for part in parts}
    compared = {
        part.name: comparison_shards(part, settings, also)
        for part in parts
        if SCORERS[part.scorer].compares
    }
    # All at once: workers start once, and none waits for the last row.
    folders = iter(
        run_shards(
            evaluate_shard,
            [shard for of in (scored, compared) for shards in of.values() for shard in shards],
            WORK / "scores",
            f"{paths.screen} evaluate",
            execution,
        )
    )
    _keep_rows(parts, paths, folders)
    _keep_comparisons(compared, paths, settings, folders)


def _keep_labels(paths: Paths, planted: Path) -> None:
    """Write how many labels there are, how well replicates agree, and what labels are worth."""
    counts = read_object(paths.labels / "counts.json") | reliability_counts(paths.labels)
    write_json(paths.scores / LABELS / "counts.json", counts)
    if planted.is_file():
        labels = _compact(paths.labels / "labels.parquet", LABEL_COLUMNS)
        truth = label_truth(labels, _compact(planted, PLANTED))
        write_result(paths.scores / LABELS / "truth.json", truth)


def _compact(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of a table, read one by one: numbers, and categories in place of names."""
    found = {}
    for name in columns:
        own = read_table(path, columns=[name])[name]
        found[name] = own if pd.api.types.is_numeric_dtype(own) else own.astype("category")
    return pd.DataFrame(found)


def _keep_rows(parts: list[PartToScore], paths: Paths, folders: Iterator[Path]) -> None:
    """Write the scores of every row and variant."""
    for part in parts:
        for row in (*part.rows, *part.variants):
            folder, place = next(folders), paths.scores / part.name
            if row in part.variants:
                place /= VARIANTS
            _copy(folder / RESULT, place / f"{row}.json")
            _copy(folder / TARGETS, place / f"{row}.parquet")


def _copy(source: Path, place: Path) -> None:
    with atomic_path(place) as temporary:
        shutil.copyfile(source, temporary)


def _keep_comparisons(
    shards: Mapping[str, Sequence[Shard]],
    paths: Paths,
    settings: EvaluationSettings,
    folders: Iterator[Path],
) -> None:
    """Write the comparisons of each part that has them, and the tests per target."""
    for name, of_part in shards.items():
        own = [next(folders) for _ in of_part]
        results = corrected([read_result(folder / RESULT, RowComparison) for folder in own])
        results = _overlapping(results, paths.scores / name, settings.false_discovery_rate)
        out = paths.scores / COMPARISONS
        write_result(out / f"{name}.json", Comparisons(comparisons=results))
        if own:
            tables = [read_table(folder / TARGETS) for folder in own]
            write_parquet(out / f"{name}.parquet", pd.concat(tables, ignore_index=True))


def _overlapping(
    results: list[RowComparison], scores: Path, false_discovery_rate: float
) -> list[RowComparison]:
    """Say of each comparison which targets are above chance in both rows."""
    found = {
        row: above_chance(read_table(scores / f"{row}.parquet"), false_discovery_rate)
        for row in {name for one in results for name in (one.row, one.against)}
    }
    return [
        one.model_copy(update={"jaccard": jaccard(found[one.row], found[one.against])})
        for one in results
    ]
