"""Predictions of a model that was trained elsewhere, as one long table.

========================= ====================================================================
column                    holds
========================= ====================================================================
``Metadata_Compound``     compound, as in the wells table of the screen
``Metadata_Concentration`` concentration in the unit of the screen
``Target`` or ``Protein`` label column that is predicted
``Direction``             ``up`` or ``down``, of tasks with several parts
``Task``                  task, in a table of several; without the column all is of one
``Metadata_Repeat``       draw of the folds, from 0
``Fold``                  fold whose compounds the model did not see, from 0
``Score``                 any number that is higher for more likely labels, or the level
========================= ====================================================================

``Metadata_`` and case may be left out. Every treatment of the suite stands once in each repeat for
each label column. A row of params.yaml names such a file (``predictions: FILE``) and stands in the
tables of its tasks; ``phenoprot score`` scores one by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import write_parquet
from phenoprot.core.paths import Paths
from phenoprot.imports.columns import folded, text
from phenoprot.imports.source import read_any
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, TREATMENT_KEY, feature_columns
from phenoprot.screens.tables import canonical_compound, numbers
from phenoprot.tasks.columns import FOLD, LABELS_OF, PREDICTION_COLUMNS, REPEAT, ROWS
from phenoprot.tasks.fit_settings import SplitKind
from phenoprot.tasks.folds import folds_of_kind, read_folds
from phenoprot.tasks.registry import TASKS, all_tasks
from phenoprot.tasks.settings import RowSettings
from phenoprot.tasks.task import Task

TARGET, DIRECTION, SCORE, TASK = "Target", "Direction", "Score", "Task"
_COLUMNS: dict[str, tuple[str, ...]] = {
    COMPOUND: ("compound",),
    CONCENTRATION: ("concentration",),
    TARGET: ("target", "protein"),
    DIRECTION: ("direction",),
    REPEAT: ("repeat",),
    FOLD: ("fold",),
    SCORE: ("score", "prediction"),
}
_NUMBERS = (CONCENTRATION, REPEAT, FOLD, SCORE)


def directions_of(task: Task) -> list[str]:
    """Directions that a task's predictions have, e.g. ``up`` and ``down``; none of one part."""
    return [part.name.partition("/")[2] for part in task.parts if "/" in part.name]


def read_predictions(path: Path, task: Task, among: Sequence[str] = ()) -> pd.DataFrame:
    """Read the predictions of one task from a table.

    Parameters
    ----------
    path
        Parquet or CSV.
    task
        The task.
    among
        Tasks that the file is asked for: with several it must have a column `TASK`.

    Returns
    -------
    pandas.DataFrame
        Columns of text, `FOLD` and `REPEAT` as int64, concentration and score as float64.

    Raises
    ------
    UserError
        There are none of the task; columns are missing, cells are empty or no finite number; tasks
        or directions are none; or a prediction stands twice.
    """
    raw, directions = read_any(path), directions_of(task)
    by_name: dict[str, str] = {}
    for column in raw.columns:
        by_name.setdefault(folded(column), column)
    if (its := by_name.get(TASK.lower())) is not None:
        raw = _of_task(raw, its, task.name, path)
    elif len(among) > 1:
        raise UserError(
            f"no column {TASK} says which of {len(among)} tasks ({', '.join(among)}) a prediction "
            "is of",
            where=str(path),
            remedy=f"Add it, or name the row's one task in params.yaml (tasks: [{task.name}]).",
        )
    wanted = [column for column in _COLUMNS if column != DIRECTION or directions]
    found = {
        column: next((by_name[name] for name in _COLUMNS[column] if name in by_name), None)
        for column in wanted
    }
    missing = [column for column, its in found.items() if its is None]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) missing: {', '.join(missing)}",
            where=str(path),
            remedy=f"A table of predictions has {', '.join(wanted)}.",
        )
    if raw.empty:
        raise UserError("the table has no row", where=str(path), remedy="Write the predictions.")
    table = pd.DataFrame(index=raw.index)
    faults: list[str] = []
    for column, its in found.items():
        if column in _NUMBERS:
            values, wrong = numbers(raw[its])
            wrong |= ~np.isfinite(values)
            if column in (REPEAT, FOLD):
                wrong |= ~((values >= 0) & (values == np.floor(values)))
            table[column] = values
        else:
            table[column] = text(raw[its])
            wrong = table[column].isna().to_numpy()
        if wrong.any():
            rows = raw.index[wrong]
            shown = [f"row {row + 2} {quoted(raw[its][row])}" for row in rows[:3]]
            faults.append(f"column '{its}' has {len(rows)} empty or wrong cell(s): {listed(shown)}")
    if faults:
        raise UserError(
            "; ".join(faults), where=str(path), remedy="Give every prediction a finite number."
        )
    names = {name: canonical_compound(name) for name in table[COMPOUND].unique()}
    table = table.assign(**{COMPOUND: table[COMPOUND].map(names)})
    table = table.astype({REPEAT: np.int64, FOLD: np.int64})
    if directions:
        table[DIRECTION] = table[DIRECTION].str.lower()
        _require_none(set(table[DIRECTION]) - set(directions), "direction(s) are none", path)
    key = [*TREATMENT_KEY, TARGET, REPEAT, *([DIRECTION] if directions else [])]
    twice = table[table.duplicated(key)]
    if len(twice):
        first = [f"{row[0]} at {row[1]:g}, {row[2]}" for row in twice[key].head(3).to_numpy()]
        raise UserError(
            f"{len(twice)} prediction(s) stand more than once: {listed(first)}",
            where=str(path),
            remedy="Give each treatment and label column one score in each repeat.",
        )
    return table


def _of_task(raw: pd.DataFrame, column: str, task: str, path: Path) -> pd.DataFrame:
    """Rows of one task."""
    named = text(raw[column]).str.lower()
    known = {name.lower() for name in TASKS.names()}
    strange = raw[column][~named.isin(known)]
    own = raw[named == task.lower()]
    if len(strange):
        raise UserError(
            f"column '{column}' names no task in {len(strange)} row(s): "
            f"{listed(sorted({quoted(name) for name in strange}))}",
            where=str(path),
            remedy=f"There are: {', '.join(TASKS.names())}.",
        )
    if own.empty and len(raw):
        raise UserError(
            f"no prediction is of the task {quoted(task)}; column '{column}' names: "
            f"{listed(sorted(map(quoted, named.unique())))}",
            where=str(path),
            remedy="Add them, or leave the task out.",
        )
    return own


def read_rows(task: Task, rows: Mapping[str, RowSettings]) -> dict[str, pd.DataFrame]:
    """Read the predictions of a task from the files that rows name.

    Raises
    ------
    UserError
        As of `read_predictions`.
    """
    tables = {}
    for name, row in rows.items():
        if row.predictions is not None and row.takes_part(task.name, task.asked):
            among = [t.name for t in all_tasks().values() if row.takes_part(t.name, t.asked)]
            tables[name] = read_predictions(row.predictions, task, among)
    return tables


def write_rows(
    tables: Mapping[str, pd.DataFrame],
    task: Task,
    rows: Mapping[str, RowSettings],
    paths: Paths,
    kind: SplitKind,
) -> None:
    """Write what `read_rows` read beside the predictions of the suite's own rows, if it fits them.

    Parameters
    ----------
    tables
        By row.
    task, rows, paths
        The task, the rows of the tables, and the screen; predictions of its own rows are there.
    kind
        Kind of the folds of the tables.

    Raises
    ------
    UserError
        As of `wide_predictions`.
    """
    if not tables:
        return
    folds = folds_of_kind(read_folds(paths.folds), kind, str(paths.folds))
    own = [
        name
        for name, row in rows.items()
        if name not in tables
        and row.fusion is None
        and not row.variant
        and row.takes_part(task.name, task.asked)
    ]
    for name, part in product(tables, task.parts):
        direction, where = part.name.partition("/")[2], f"{rows[name].predictions}, {part.name}"
        table, folder = tables[name], paths.predictions(part.name)
        of_part = table[table[DIRECTION] == direction] if direction else table
        wide = wide_predictions(of_part, folder, folds, where, own)
        write_parquet(folder / ROWS / f"{name}.parquet", wide)


def wide_predictions(
    table: pd.DataFrame,
    folder: Path,
    folds: pd.DataFrame,
    where: str,
    rows: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Predictions of one part as the suite has its own, after they were found to be complete.

    Parameters
    ----------
    table
        Predictions of one part, as of `read_predictions`.
    folder
        The suite's predictions of that part: its labels and rows.
    folds
        Fold of each compound in each repeat (`REPEAT`, compound, `FOLD`).
    where
        The file or row, for messages.
    rows
        Rows of the suite whose treatments are to be predicted; None: all that are there.

    Returns
    -------
    pandas.DataFrame
        `PREDICTION_COLUMNS` and one column per label column, by repeat, compound, concentration.

    Raises
    ------
    UserError
        Label columns, repeats or treatments are missing or are none of the suite's; a compound is
        in another fold than there. Each fault is counted and named.
    """
    targets = feature_columns(read_table(folder / "labels.parquet", [COMPOUND]))
    _require_same(table[TARGET], targets, "label column(s)", where)
    repeats = sorted(folds[REPEAT].unique())
    _require_same(table[REPEAT], repeats, "repeat(s)", where)
    required, known = _treatments(folder, rows)
    given = set(table[TREATMENT_KEY].itertuples(index=False, name=None))
    _require_none(_named(given - known), "treatment(s) are none of the suite's", where)
    _require_none(_named(required - given), "treatment(s) of the suite are missing", where)
    wide = table.pivot(index=[REPEAT, *TREATMENT_KEY, FOLD], columns=TARGET, values=SCORE)
    wide = wide[targets].reset_index()
    own = wide.merge(
        folds[[REPEAT, COMPOUND, FOLD]], "left", [REPEAT, COMPOUND], suffixes=("", "_")
    )
    moved = own[own[FOLD] != own[f"{FOLD}_"]]
    faults = [
        f"{row[0]} in repeat {row[1]}: {row[2]}, not {row[3]:g}"
        for row in moved.drop_duplicates(COMPOUND)[[COMPOUND, REPEAT, FOLD, f"{FOLD}_"]].to_numpy()
    ]
    _require_none(faults, "compound(s) are in another fold than in the suite", where)
    counts = wide.groupby(TREATMENT_KEY).size()
    short = counts[counts != len(repeats)]
    _require_none(_named(short.index), "treatment(s) are not in every repeat", where)
    holes = wide[targets].isna().any(axis=1)
    _require_none(
        _named(wide[holes][TREATMENT_KEY].itertuples(index=False, name=None)),
        "treatment(s) lack a score for some label column",
        where,
    )
    wide = wide.assign(**{LABELS_OF: wide[COMPOUND]})
    return wide[[*PREDICTION_COLUMNS, *targets]].rename_axis(columns=None)


def _treatments(
    folder: Path, rows: Sequence[str] | None
) -> tuple[set[tuple[str, float]], set[tuple[str, float]]]:
    """Treatments that every row of the suite predicts, and those that any row does."""
    there = folder / ROWS
    files = sorted(there.glob("*.parquet")) if rows is None else []
    keys = [
        set(read_table(file, columns=TREATMENT_KEY).itertuples(index=False, name=None))
        for file in [*files, *(there / f"{row}.parquet" for row in rows or ())]
    ]
    if not keys:
        raise UserError(
            "the suite has no predictions of its own to compare the treatments with",
            where=str(there),
            remedy="Run `dvc pull` or `dvc repro`; a task needs a row with features and a model.",
        )
    return set.intersection(*keys), set.union(*keys)


def _named(treatments: Iterable[tuple[str, float]]) -> list[str]:
    return [f"{name} at {dose:g}" for name, dose in sorted(set(treatments))]


def _require_same(given: pd.Series, wanted: Sequence[object], what: str, where: str) -> None:
    there = set(given.unique())
    missing = [item for item in wanted if item not in there]
    extra = sorted(there - set(wanted))
    if missing or extra:
        parts = [f"{len(missing)} {what} missing: {listed(missing)}" if missing else ""]
        parts += [f"{len(extra)} {what} the suite has not: {listed(extra)}" if extra else ""]
        raise UserError(
            "; ".join(part for part in parts if part),
            where=where,
            remedy="Predict what the suite's rows predict (`phenoprot folds export`).",
        )


def _require_none(found: Iterable[str], what: str, where: Path | str) -> None:
    faults = sorted(found)
    if faults:
        raise UserError(
            f"{len(faults)} {what}: {listed(faults)}",
            where=str(where),
            remedy="Predict every treatment of the suite in the folds of `phenoprot folds export`.",
        )


def long_predictions(folder: Path, row: str, direction: str | None = None) -> pd.DataFrame:
    """Predictions of one of the suite's own rows in the format of `read_predictions`."""
    wide = read_table(folder / ROWS / f"{row}.parquet", PREDICTION_COLUMNS)
    targets = feature_columns(wide.drop(columns=[FOLD]))
    long = wide.melt([*TREATMENT_KEY, FOLD, REPEAT], targets, TARGET, SCORE)
    return long if direction is None else long.assign(**{DIRECTION: direction})
