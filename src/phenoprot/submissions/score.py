"""Score predictions from a file by the functions that score the suite's own rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import write_parquet
from phenoprot.core.folders import replaced_folder, scratch_folder
from phenoprot.core.paths import Paths
from phenoprot.core.settings import parse_settings, read_block, read_yaml
from phenoprot.core.tables import read_parquet
from phenoprot.evaluation.activity import read_activity
from phenoprot.evaluation.compute import RESULT, TARGETS, RowToScore, score_row
from phenoprot.evaluation.plan import PartToScore
from phenoprot.evaluation.results import RowResult, read_result, write_result
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.tasks.fit_settings import SplitSettings
from phenoprot.tasks.folds import folds_of_kind, read_folds
from phenoprot.tasks.given import DIRECTION, read_predictions, wide_predictions
from phenoprot.tasks.registry import find_task

MADE_BY = "phenoprot score"


@dataclass(frozen=True)
class PartScores:
    """What a file of predictions is worth in one part of a task."""

    part: str
    result: RowResult
    """As of a row of the suite."""
    targets: pd.DataFrame
    """One line per label column."""


def screen_folder(screen: str, params: Path) -> Path:
    """Folder of a screen by its name in params.yaml.

    Raises
    ------
    UserError
        There is no such screen.
    """
    screens = read_block(params, "screens")
    block = screens.get(screen)
    if not isinstance(block, dict) or not isinstance(block.get("folder"), str):
        raise UserError(
            f"no screen {quoted(screen)}; there are: {listed(list(screens))}",
            where=str(params),
            remedy="Name one of them.",
        )
    return Path(block["folder"])


def table_folds(paths: Paths, params: Path, kind: str | None = None) -> pd.DataFrame:
    """Folds that the rows of the tables have, or those of another kind.

    Raises
    ------
    UserError
        The stage that draws them has not run, or drew none of that kind.
    """
    splits = read_block(params, "tasks").get("splits")
    settings = parse_settings(SplitSettings, splits, f"{params}, tasks.splits")
    if kind is not None and kind not in settings.kinds:
        raise UserError(
            f"no folds of kind {quoted(kind)} are drawn; there are: {listed(settings.kinds)}",
            where=f"{params}, tasks.splits",
            remedy="Name one of them.",
        )
    chosen = next(each for each in settings.kinds if kind in {None, each})
    return folds_of_kind(read_folds(paths.folds), chosen, str(paths.folds))


def score_predictions(
    path: Path, screen: str, task_name: str, params: Path = Path("params.yaml")
) -> list[PartScores]:
    """Score a file of predictions in each part of a task.

    Parameters
    ----------
    path
        See :mod:`phenoprot.tasks.given`.
    screen, task_name
        Of the suite; the task's labels are there.
    params
        The parameters of the suite.

    Returns
    -------
    list of PartScores
        In the order of the tables. Equal to those of a row of the suite with the same
        predictions, the leak gauge aside, which needs other predictions.

    Raises
    ------
    UserError
        The file is not in order, or its compounds, folds or label columns are not the suite's.
    """
    task = find_task(task_name, "--task")
    paths = Paths(screen)
    table = read_predictions(path, task)
    folds = table_folds(paths, params)
    evaluation = read_yaml(params).get("evaluation")
    settings = parse_settings(EvaluationSettings, evaluation, f"{params}, evaluation")
    truth = screen_folder(screen, params) / "truth"
    planted = truth if (truth / "regulation.parquet").is_file() else None
    activity = read_activity(paths.activity)
    active = None if activity is None else activity[1]
    scores = []
    for part in task.parts:
        found = PartToScore.find(part.name, task, paths, [], planted, settings.strata, active)
        direction = part.name.partition("/")[2]
        own = table[table[DIRECTION] == direction] if direction else table
        wide = wide_predictions(own, found.folder, folds, f"{path}, {part.name}")
        scores.append(_scored(found, wide, settings))
    return scores


def _scored(part: PartToScore, wide: pd.DataFrame, settings: EvaluationSettings) -> PartScores:
    with scratch_folder("score") as folder:
        write_parquet(folder / "predictions.parquet", wide)
        row = RowToScore(
            predictions=folder / "predictions.parquet",
            gauge=None,
            labels=part.labels,
            scorer=part.scorer,
            groups=part.groups,
            ceilings=part.ceilings,
            counts=part.counts,
            chosen=part.chosen,
            active=part.active,
            settings=settings,
        )
        score_row(row, folder)
        result = read_result(folder / RESULT, RowResult)
        return PartScores(part.name, result, read_parquet(folder / TARGETS))


def write_scores(scores: list[PartScores], folder: Path) -> None:
    """Write ``<part>.json`` and ``<part>.parquet``, as the suite has them in data/scores.

    Raises
    ------
    UserError
        The folder holds files of others.
    """
    with replaced_folder(folder, MADE_BY) as place:
        for part in scores:
            write_result(place / f"{part.part}.json", part.result)
            write_parquet(place / f"{part.part}.parquet", part.targets)


def summary(scores: list[PartScores]) -> list[str]:
    """The main numbers, a line for each part."""
    lines = []
    for part in scores:
        means = [
            f"{name} {mean.value:.3f}"
            + (f" ({mean.low:.3f} to {mean.high:.3f})" if mean.low is not None else "")
            for name, mean in part.result.means.items()
        ]
        counts = [f"{t.n} at {t.threshold:g} or above" for t in part.result.thresholds]
        lines.append(
            f"{part.part}: {part.result.n_targets} label columns, {part.result.n_compounds} "
            f"compounds; {', '.join(means)}; {', '.join(counts)}"
        )
    return lines
