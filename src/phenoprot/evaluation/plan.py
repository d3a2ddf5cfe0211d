"""What to score and what to compare: one shard per row, one per pair of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
from phenoprot.screens.contents import EVERYTHING, Contents
from phenoprot.screens.contract import COMPOUND
from phenoprot.tasks.columns import GAUGE, LABELS_OF, ROWS, VARIANTS
from phenoprot.tasks.task import Task

COMPUTE = "phenoprot.evaluation.compute"
"""The module whose code decides what a shard computes."""
ROW_SETTINGS = ("permutations", "bootstrap", "seed", "false_discovery_rate")
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
    variants: tuple[str, ...] = ()
    """Rows under other folds, or with fewer training compounds; compared with none."""
    chosen: Path | None = None
    """Proteins that the classification does well, by fold; None: not of this part."""
    active: Mapping[str, bool] | None = None
    """Whether each compound is active; None: not known, or not asked for."""

    @classmethod
    def find(
        cls,
        name: str,
        task: Task,
        paths: Paths,
        rows: Sequence[str],
        truth: Path | None,
        strata: str | None,
        active: Mapping[str, bool] | None = None,
        has: Contents = EVERYTHING,
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
        active
            Whether each compound is active; None: nothing is known.
        has
            What the screen has: ceilings come with a readout, chosen proteins with labels and
            levels.

        Raises
        ------
        UserError
            It has no labels.
        """
        folder = paths.predictions(name)
        require_file(folder / "labels.parquet", REMEDY)
        counts = paths.profiles / f"{strata}.parquet" if strata and not task.asked else None
        levels = task.scorer == "levels"
        chosen = paths.chosen if levels and has.labels and has.levels else None
        kind = next(p.ceiling for p in task.parts if p.name == name) if has.readout else None

        def there(kind: str) -> tuple[str, ...]:
            return tuple(row for row in rows if (folder / kind / f"{row}.parquet").exists())

        return cls(
            name,
            task.scorer,
            folder,
            there(ROWS),
            planted_groups(task, truth, name) if truth else None,
            read_ceilings(paths.labels, kind),
            counts if counts is not None and counts.is_file() else None,
            there(VARIANTS),
            chosen if chosen is not None and chosen.is_file() else None,
            active if not levels and not task.asked else None,
        )

    @property
    def labels(self) -> Path:
        """The label matrix."""
        return self.folder / "labels.parquet"

    def predictions(self, row: str) -> Path:
        """Predictions of a row."""
        return self.folder / (VARIANTS if row in self.variants else ROWS) / f"{row}.parquet"

    def gauge(self, row: str) -> Path | None:
        """Its predictions under leaking folds, if it was gauged."""
        path = self.folder / GAUGE / f"{row}.parquet"
        return path if path.exists() else None


def row_shards(part: PartToScore, settings: EvaluationSettings) -> list[Shard]:
    """One shard per row and variant: its name, and the hash of all that its scores depend on."""
    sha256 = cache(file_sha256)  # files of the part are read once
    return [_row_shard(part, row, settings, sha256) for row in (*part.rows, *part.variants)]


def _row_shard(
    part: PartToScore, row: str, settings: EvaluationSettings, sha256: Callable[[Path], str]
) -> Shard:
    plain = row not in part.variants
    payload = RowToScore(
        predictions=part.predictions(row),
        gauge=part.gauge(row),
        labels=part.labels,
        scorer=part.scorer,
        groups=part.groups,
        ceilings=part.ceilings,
        counts=part.counts if plain else None,
        chosen=part.chosen if plain else None,
        active=part.active if plain else None,
        settings=settings,
    )
    files = [payload.predictions, payload.labels, payload.gauge, payload.counts, payload.chosen]
    groups = {target: group.model_dump() for target, group in (part.groups or {}).items()}
    key = fingerprint(
        part.scorer,
        [None if file is None else sha256(file) for file in files],
        groups if part.groups is not None else None,
        part.ceilings,
        payload.active,
        settings.model_dump(include={SCORERS[part.scorer].thresholds, *ROW_SETTINGS}),
        code_fingerprint(COMPUTE),
    )
    return Shard(f"{part.name} {row}", key, payload)


def comparison_shards(
    part: PartToScore, settings: EvaluationSettings, also: Sequence[tuple[str, str]] = ()
) -> list[Shard]:
    """One shard per pair of rows, under the hash of predictions, labels, settings and code.

    Rows with shuffled labels have other labels, and pair with none.
    """
    comparable = [row for row in part.rows if not is_shuffled(part.predictions(row))]
    shards, sha256 = [], cache(file_sha256)  # a row is in many pairs
    for one, other in pairs_of(comparable, settings, also):
        payload = RowsToCompare(
            names=(one, other),
            predictions=(part.predictions(one), part.predictions(other)),
            labels=part.labels,
            settings=settings,
        )
        key = fingerprint(
            payload.names,
            [sha256(file) for file in (*payload.predictions, payload.labels)],
            settings.model_dump(include=set(COMPARISON_SETTINGS)),
            code_fingerprint(COMPUTE),
        )
        shards.append(Shard(f"{part.name} {one} against {other}", key, payload))
    return shards


def is_shuffled(predictions: Path) -> bool:
    """Whether predictions are scored against the labels of other compounds."""
    key = read_table(predictions, columns=[COMPOUND, LABELS_OF])
    return bool((key[COMPOUND] != key[LABELS_OF]).any())


def pairs_of(
    rows: Sequence[str], settings: EvaluationSettings, also: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Rows to compare, in the order of the table, see :class:`EvaluationSettings`.

    With those of `also` that are no pair yet: fusions and the rows that they are of.
    """
    pairs = _usual_pairs(rows, settings)
    there = {frozenset(pair) for pair in pairs}
    more = [pair for pair in also if set(pair) <= set(rows) and frozenset(pair) not in there]
    return sorted(pairs + more, key=lambda pair: (rows.index(pair[0]), rows.index(pair[1])))


def _usual_pairs(rows: Sequence[str], settings: EvaluationSettings) -> list[tuple[str, str]]:
    if settings.comparisons == "all" or not rows:
        return list(combinations(rows, 2))
    untrained = [(row, row + UNTRAINED) for row in rows[1:] if row + UNTRAINED in rows]
    return [(rows[0], other) for other in rows[1:]] + untrained
