"""Results on disk: nested in data/scores, flat in metrics/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import lexists
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phenoprot.core.artefacts import damaged, read_object, remedied
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import read_json, write_json
from phenoprot.evaluation.across_results import ACROSS, AcrossScreens
from phenoprot.evaluation.contribution_results import ContributionResult
from phenoprot.evaluation.results import (
    ACTIVITY,
    COMPARISONS,
    LABELS,
    ActivityCounts,
    Comparisons,
    DoseScores,
    LabelTruth,
    RowComparison,
    RowResult,
    first_fault,
    read_result,
    write_result,
)
from phenoprot.report import flatten
from phenoprot.report.parts import TablePart, parts_of, table_parts
from phenoprot.report.results import (
    NO_ACTIVITY,
    Numbers,
    Provenance,
    ScreenResults,
    TopTarget,
)
from phenoprot.tasks.columns import VARIANTS

PROVENANCE, IMAGES, DOSES = "provenance.json", "images.json", "doses"
"""Files and folders of metrics/<screen>, besides those that data/scores has too."""
COUNTS, TRUTH = f"{LABELS}/counts.json", f"{LABELS}/truth.json"
SERIES = f"{DOSES}/series.json"
CONTRIBUTIONS = "contributions"
"""What carries the predictions of a row, by part."""
EMPTY = "empty.json"
"""Stands in a folder that would otherwise have no file: git keeps none without."""
REMEDY = "Bring it back with `git checkout`, or make it again with `dvc repro`."


def top_file(task: str) -> str:
    """File of the best predicted proteins of a task."""
    return f"top_{task}.json"


def read_rows(scores: Path, rows: list[str], below: str = "") -> dict[str, dict[str, RowResult]]:
    """Results by part and row from data/scores, rows in the order of `rows`.

    Parameters
    ----------
    scores, rows
        Folder of the screen's scores, names of rows.
    below
        Folder of a part that holds them, ``variants`` or none.
    """
    return {
        part: {
            row: read_result(scores / part / below / f"{row}.json", RowResult)
            for row in rows
            if lexists(scores / part / below / f"{row}.json")
        }
        for part in table_parts()
    }


def read_comparisons(scores: Path) -> dict[str, list[RowComparison]]:
    """Comparisons by part from data/scores."""
    files = {part: scores / COMPARISONS / f"{part}.json" for part in table_parts()}
    return {
        part: read_result(file, Comparisons).comparisons
        for part, file in files.items()
        if lexists(file)
    }


def read_truth(scores: Path) -> LabelTruth | None:
    """Labels against what was planted, from data/scores; None where nothing was."""
    path = scores / TRUTH
    return read_result(path, LabelTruth) if lexists(path) else None


def read_across(folder: Path, rows: Sequence[str], remedy: str = REMEDY) -> AcrossScreens | None:
    """Comparison with the screen whose folds this one has, from scores or metrics; None: none.

    Parts and rows are in the order of the tables, that of `rows`.
    """
    path = folder / COMPARISONS / ACROSS
    if not lexists(path):
        return None
    return read_result(path, AcrossScreens, remedy).ordered(table_parts(), rows)


def read_contributions(
    folder: Path, rows: Sequence[str], remedy: str = REMEDY
) -> dict[str, dict[str, ContributionResult]]:
    """What carries the predictions, by part and row, from data/contributions or metrics."""
    found = {
        part: {
            row: read_result(folder / part / f"{row}.json", ContributionResult, remedy)
            for row in rows
            if lexists(folder / part / f"{row}.json")
        }
        for part in table_parts()
    }
    return {part: of_part for part, of_part in found.items() if of_part}


def write_metrics(results: ScreenResults, folder: Path) -> None:
    """Write all of metrics/<screen> but the headline and what is plotted."""
    write_result(folder / PROVENANCE, results.provenance)
    for part, rows in results.parts.items():
        for row, result in rows.items():
            write_json(folder / part / f"{row}.json", flatten.flat_row(result))
            if result.doses:
                doses = flatten.flat_doses(result.doses, result.scorer)
                write_json(folder / DOSES / part / f"{row}.json", doses)
    for part, rows in results.variants.items():
        for row, result in rows.items():
            write_json(folder / part / VARIANTS / f"{row}.json", flatten.flat_row(result))
    write_json(folder / SERIES, {"n_concentrations": results.n_concentrations})
    for part, comparisons in results.comparisons.items():
        flat = flatten.flat_comparisons(comparisons)
        write_json(folder / COMPARISONS / f"{part}.json", flat)
    for task, top in results.top.items():
        write_json(
            folder / top_file(task),
            [target.model_dump(mode="json", exclude_none=True) for target in top],
        )
    for part, explained in results.contributions.items():
        for row, contribution in explained.items():
            write_result(folder / CONTRIBUTIONS / part / f"{row}.json", contribution)
    if results.labels:
        write_json(folder / COUNTS, results.labels)
    if results.truth is not None:
        write_json(folder / TRUTH, flatten.flat_truth(results.truth))
    if results.across is not None:
        write_result(folder / COMPARISONS / ACROSS, results.across)
    write_result(folder / ACTIVITY, results.activity)
    write_json(folder / IMAGES, results.images)
    # DVC asks for the folders of all parts that the screen has, with rows or without.
    for name in (*parts_of(results.provenance.has, results.provenance.without_rows), COMPARISONS):
        if not (folder / name).is_dir() or not any((folder / name).iterdir()):
            write_json(folder / name / EMPTY, {})


def read_metrics(folder: Path) -> ScreenResults:
    """Read the committed metrics of one screen: no cache, no heavy import.

    Raises
    ------
    UserError
        There are none, or a file is damaged.
    """
    if not (folder / PROVENANCE).exists():
        raise UserError(
            "no metrics here", where=str(folder), remedy="Run `make reproduce` or `dvc repro`."
        )
    known = read_result(folder / PROVENANCE, Provenance, REMEDY)
    truth, images, active = (folder / name for name in (TRUTH, IMAGES, ACTIVITY))
    parts, variants = (
        {name: _read_part(folder, part, known, below) for name, part in table_parts().items()}
        for below in ("", VARIANTS)
    )
    return ScreenResults(
        provenance=known,
        parts=parts,
        labels=_read_numbers(folder / COUNTS) if known.has.labels else {},
        truth=_read_truth(truth, known) if lexists(truth) else None,
        comparisons=_read_comparisons(folder, known),
        top={
            part.task: _read_top(folder / top_file(part.task))
            for part in parts_of(known.has, known.without_rows).values()
            if part.poster_top
        },
        variants={part: rows for part, rows in variants.items() if rows},
        activity=read_result(active, ActivityCounts, REMEDY) if lexists(active) else NO_ACTIVITY,
        images=_read_numbers(images) if lexists(images) else {},
        contributions=read_contributions(folder / CONTRIBUTIONS, known.rows),
        across=read_across(folder, known.rows),
    )


@contextmanager
def _checked(path: Path) -> Iterator[None]:
    """Name the file and the first key at fault."""
    try:
        yield
    except ValidationError as error:
        raise damaged(path, first_fault(error), REMEDY) from None


def _read_part(
    folder: Path, part: TablePart, known: Provenance, below: str
) -> dict[str, RowResult]:
    """Rows whose files are there, in the order of params.yaml; of a part, or its variants."""
    rows = {}
    for row in known.variants if below else known.rows:
        path = folder / part.name / below / f"{row}.json"
        if lexists(path):
            file = folder / DOSES / part.name / f"{row}.json"
            doses = [] if below else _read_doses(file, part, known)
            flat = _read_flat(path)
            with _checked(path):
                rows[row] = flatten.nested_row(flat, part.scorer, known, doses)
    return rows


def _read_doses(path: Path, part: TablePart, known: Provenance) -> list[DoseScores]:
    if not lexists(path):
        return []
    flat = _read_flat(path, depth=1)
    with _checked(path):
        return flatten.nested_doses(flat, part.scorer, known)


def _read_comparisons(folder: Path, known: Provenance) -> dict[str, list[RowComparison]]:
    found = {}
    for part in table_parts():
        path = folder / COMPARISONS / f"{part}.json"
        if lexists(path):
            flat = _read_flat(path, depth=2)
            with _checked(path):
                found[part] = flatten.nested_comparisons(flat, known)
    return found


def _read_truth(path: Path, known: Provenance) -> LabelTruth:
    flat = _read_flat(path)
    with _checked(path):
        return flatten.nested_truth(flat, known)


def _read_top(path: Path) -> list[TopTarget]:
    with remedied(REMEDY):
        content = read_json(path)
    if not isinstance(content, list):
        raise damaged(path, f"holds a {type(content).__name__}, expected a list", REMEDY)
    with _checked(path):
        return [TopTarget.model_validate(entry) for entry in content]


def _read_numbers(path: Path) -> Numbers:
    return _read_flat(path)


def _read_flat(path: Path, depth: int = 0) -> dict[str, Any]:
    """A file of metrics: numbers under names, below `depth` levels of names."""
    content = read_object(path, remedy=REMEDY)
    strange = _no_numbers(content, depth)
    if strange:
        raise damaged(path, f"{len(strange)} value(s) are no numbers: {listed(strange)}", REMEDY)
    return content


def _no_numbers(content: dict[str, Any], depth: int, above: str = "") -> list[str]:
    """Keys that hold something else than numbers, or than names at a smaller depth."""
    found = []
    for key, value in content.items():
        if depth and isinstance(value, dict):
            found += _no_numbers(value, depth - 1, f"{above}{key}.")
        elif depth or isinstance(value, bool) or not isinstance(value, int | float):
            found.append(f"{above}{key}")
    return found
