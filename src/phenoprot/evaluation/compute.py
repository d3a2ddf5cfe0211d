"""In a worker process: score one row, or compare two.

What these functions import is what the results depend on; the plan of the work, the registry of
tasks and the report are elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import write_parquet
from phenoprot.evaluation.blocks import WideFile
from phenoprot.evaluation.ceiling import row_ceiling
from phenoprot.evaluation.choice import COLUMNS, choice_scores
from phenoprot.evaluation.compare import compare
from phenoprot.evaluation.results import Group, ScorerName, write_result
from phenoprot.evaluation.scorers import SCORERS
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.strata import auc_by_activity
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY
from phenoprot.tasks.columns import PREDICTION_COLUMNS

RESULT, TARGETS = "result.json", "targets.parquet"
"""Files of a shard: what goes into the tables, and one line per target."""


@dataclass(frozen=True)
class RowToScore:
    """The payload of a shard: one row of one part."""

    predictions: Path
    gauge: Path | None
    """Its predictions under leaking folds, if it was gauged."""
    labels: Path
    """Labels of the part."""
    scorer: ScorerName
    groups: Mapping[str, Group] | None
    """Group of each target by what was planted; None: nothing is known."""
    ceilings: Mapping[str, float] | None
    """Ceiling of each target; None: nothing is known."""
    counts: Path | None
    """Cell number of each treatment; None: not known, or not asked for."""
    chosen: Path | None
    """Proteins that the classification does well, by fold; None: not known, or not of levels."""
    active: Mapping[str, bool] | None
    """Whether each compound is active; None: not known, or not asked for."""
    settings: EvaluationSettings


@dataclass(frozen=True)
class RowsToCompare:
    """The payload of a shard: two rows of one part."""

    names: tuple[str, str]
    predictions: tuple[Path, Path]
    labels: Path
    """Labels of the part."""
    settings: EvaluationSettings


def evaluate_shard(payload: RowToScore | RowsToCompare, folder: Path) -> None:
    """Score a row, or compare two."""
    if isinstance(payload, RowToScore):
        score_row(payload, folder)
    else:
        compare_rows(payload, folder)


def score_row(row: RowToScore, folder: Path) -> None:
    """Write the result of a row and its table of targets."""
    scorer = SCORERS[row.scorer]
    predictions = WideFile(row.predictions, PREDICTION_COLUMNS)
    labels = WideFile(row.labels, [COMPOUND])
    scores = scorer.score(predictions, labels, row.settings)
    result = scorer.result(scores, row.settings)
    more: dict[str, object] = {"doses": scorer.by_dose(predictions, labels, row.settings)}
    if row.gauge is not None:
        leaking = WideFile(row.gauge, PREDICTION_COLUMNS)
        more["leak"] = scorer.leak(scores, leaking, labels, row.settings)
    if row.groups is not None:
        more["planted"] = scorer.groups(scores, row.groups)
    if row.counts is not None and scorer.by_stratum is not None:
        counts = read_table(row.counts, TREATMENT_KEY)
        more["strata"] = scorer.by_stratum(predictions, labels, counts)
    targets = scores.targets
    if row.active is not None:
        more["activity"] = auc_by_activity(predictions, labels, row.active)
    if row.chosen is not None:
        chosen = read_table(row.chosen, COLUMNS)
        more["choice"] = choice_scores(predictions, labels, chosen)
    if row.ceilings is not None:
        more["ceiling"] = row_ceiling(targets, row.ceilings, row.scorer)
        targets = targets.assign(ceiling=targets["Target"].map(dict(row.ceilings)))
    write_result(folder / RESULT, result.model_copy(update=more))
    write_parquet(folder / TARGETS, targets)


def compare_rows(rows: RowsToCompare, folder: Path) -> None:
    """Write what one row is against another, and the tests per target."""
    one, other = (WideFile(path, PREDICTION_COLUMNS) for path in rows.predictions)
    compared = compare(
        rows.names,
        one,
        other,
        WideFile(rows.labels, [COMPOUND]),
        rows.settings,
    )
    write_result(folder / RESULT, compared.result)
    write_parquet(folder / TARGETS, compared.targets)
