"""What to score and what to compare: one shard per row, one per pair of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from phenoprot.core.artefacts import REMEDY, read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import file_sha256, fingerprint, require_file
from phenoprot.core.paths import Paths
from phenoprot.evaluation.ceiling import read_ceilings
from phenoprot.evaluation.compute import RowsToCompare, RowToScore
from phenoprot.evaluation.results import Group, ScorerName
from phenoprot.evaluation.scorers import SCORERS
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.truth import planted_groups
from phenoprot.execution.shards import Shard
from phenoprot.features.method import UNTRAINED
from phenoprot.screens.contract import COMPOUND
from phenoprot.tasks.columns import GAUGE, LABELS_OF, ROWS
from phenoprot.tasks.task import Task

COMPUTE = "phenoprot.evaluation.compute"
"""The module whose code decides what a shard computes."""
ROW_SETTINGS = ("permutations", "seed", "false_discovery_rate")
"""Settings that the scores of a row depend on, thresholds aside."""
COMPARISON_SETTINGS = ("false_discovery_rate",)


@dataclass(frozen=True)
class PartToScore:
    """One part of the benchmark: its labels and the predictions of its rows."""

    name: str
    scorer: ScorerName
    folder: Path
    """Its predictions and labels."""
    rows: tuple[str, ...]
    """In the order of the tables."""
    groups: dict[str, Group] | None
    """Group of each target by what was planted; None: nothing is known."""
    ceilings: dict[str, float] | None
    """Ceiling of each target; None: nothing is known."""
    counts: Path | None
    """Cell number of each treatment; None: the screen has no such table, or it is not asked for."""

    @classmethod
    def find(
        cls,
        name: str,
        task: Task,
        paths: Paths,
        rows: Sequence[str],
        truth: Path | None,
        strata: str | None,
    ) -> PartToScore:
        """The part with those of `rows` that were predicted.

        Parameters
        ----------
        name, task
            Of the part; the task that it is of.
        paths
            Paths of the screen's artefacts.
        rows
            Names of the rows in the order of the tables.
        truth
            Folder of the planted truth; None: there is none.
        strata
            Profile table with the cell number, see :class:`EvaluationSettings`.

        Raises
        ------
        UserError
            It has no labels.
        """
        folder = paths.predictions(name)
        require_file(folder / "labels.parquet", REMEDY)
        counts = paths.profiles / f"{strata}.parquet" if strata and not task.asked else None
        return cls(
            name,
            task.scorer,
            folder,
            tuple(row for row in rows if (folder / ROWS / f"{row}.parquet").exists()),
            planted_groups(task, truth, name) if truth else None,
            read_ceilings(paths.labels, next(p.ceiling for p in task.parts if p.name == name)),
            counts if counts is not None and counts.is_file() else None,
        )

    @property
    def labels(self) -> Path:
        """The label matrix."""
        return self.folder / "labels.parquet"

    def predictions(self, row: str) -> Path:
        """Predictions of a row."""
        return self.folder / ROWS / f"{row}.parquet"

    def gauge(self, row: str) -> Path | None:
        """Its predictions under leaking folds, if it was gauged."""
        path = self.folder / GAUGE / f"{row}.parquet"
        return path if path.exists() else None


def row_shards(part: PartToScore, settings: EvaluationSettings) -> list[Shard]:
    """One shard per row, under the hash of its predictions, labels, groups, settings and code."""
    return [_row_shard(part, row, settings) for row in part.rows]


def _row_shard(part: PartToScore, row: str, settings: EvaluationSettings) -> Shard:
    payload = RowToScore(
        part.predictions(row),
        part.gauge(row),
        part.labels,
        part.scorer,
        part.groups,
        part.ceilings,
        part.counts,
        settings,
    )
    files = [payload.predictions, payload.labels]
    files += [file for file in (payload.gauge, payload.counts) if file is not None]
    groups = {target: group.model_dump() for target, group in (part.groups or {}).items()}
    key = fingerprint(
        part.scorer,
        [file_sha256(file) for file in files],
        groups if part.groups is not None else None,
        part.ceilings,
        settings.model_dump(include={SCORERS[part.scorer].thresholds, *ROW_SETTINGS}),
        code_fingerprint(COMPUTE),
    )
    return Shard(f"{part.name} {row}", key, payload)


def comparison_shards(part: PartToScore, settings: EvaluationSettings) -> list[Shard]:
    """One shard per pair of rows, under the hash of predictions, labels, settings and code.

    Rows with shuffled labels have other labels, and pair with none.
    """
    comparable = [row for row in part.rows if not is_shuffled(part.predictions(row))]
    shards = []
    for one, other in pairs_of(comparable, settings):
        payload = RowsToCompare(
            names=(one, other),
            predictions=(part.predictions(one), part.predictions(other)),
            labels=part.labels,
            settings=settings,
        )
        key = fingerprint(
            payload.names,
            [file_sha256(file) for file in (*payload.predictions, payload.labels)],
            settings.model_dump(include=set(COMPARISON_SETTINGS)),
            code_fingerprint(COMPUTE),
        )
        shards.append(Shard(f"{part.name} {one} against {other}", key, payload))
    return shards


def is_shuffled(predictions: Path) -> bool:
    """Whether predictions are scored against the labels of other compounds."""
    key = read_table(predictions, columns=[COMPOUND, LABELS_OF])
    return bool((key[COMPOUND] != key[LABELS_OF]).any())


def pairs_of(rows: Sequence[str], settings: EvaluationSettings) -> list[tuple[str, str]]:
    """Rows to compare, in the order of the table, see :class:`EvaluationSettings`."""
    if settings.comparisons == "all":
        return list(combinations(rows, 2))
    untrained = [(row, row + UNTRAINED) for row in rows[1:] if row + UNTRAINED in rows]
    return [(rows[0], other) for other in rows[1:]] + untrained
