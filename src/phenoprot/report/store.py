"""Results on disk: nested in data/scores, flat in metrics/."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phenoprot.core.artefacts import damaged, read_object, remedied
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import read_json, write_json
from phenoprot.evaluation.results import (
    COMPARISONS,
    LABELS,
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
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import Numbers, Provenance, ScreenResults, TopTarget

PROVENANCE, IMAGES, DOSES = "provenance.json", "images.json", "doses"
"""Files and folders of metrics/<screen>, besides those that data/scores has too."""
COUNTS, TRUTH = f"{LABELS}/counts.json", f"{LABELS}/truth.json"
SERIES = f"{DOSES}/series.json"
REMEDY = "Bring it back with `git checkout`, or make it again with `dvc repro`."


def top_file(task: str) -> str:
    """File of the best predicted proteins of a task."""
    return f"top_{task}.json"


def read_rows(scores: Path, rows: list[str]) -> dict[str, dict[str, RowResult]]:
    """Results by part and row from data/scores, rows in the order of `rows`."""
    return {
        part: {
            row: read_result(scores / part / f"{row}.json", RowResult)
            for row in rows
            if (scores / part / f"{row}.json").exists()
        }
        for part in table_parts()
    }


def read_comparisons(scores: Path) -> dict[str, list[RowComparison]]:
    """Comparisons by part from data/scores."""
    files = {part: scores / COMPARISONS / f"{part}.json" for part in table_parts()}
    return {
        part: read_result(file, Comparisons).comparisons
        for part, file in files.items()
        if file.exists()
    }


def read_truth(scores: Path) -> LabelTruth | None:
    """Labels against what was planted, from data/scores; None where nothing was."""
    path = scores / TRUTH
    return read_result(path, LabelTruth) if path.exists() else None


def write_metrics(results: ScreenResults, folder: Path) -> None:
    """Write all of metrics/<screen> but ``doses.csv``."""
    write_result(folder / PROVENANCE, results.provenance)
    for part, rows in results.parts.items():
        (folder / part).mkdir(parents=True, exist_ok=True)  # DVC asks for it, with rows or without
        for row, result in rows.items():
            write_json(folder / part / f"{row}.json", flatten.flat_row(result))
            if result.doses:
                doses = flatten.flat_doses(result.doses, result.scorer)
                write_json(folder / DOSES / part / f"{row}.json", doses)
    write_json(folder / SERIES, {"n_concentrations": results.n_concentrations})
    for part, comparisons in results.comparisons.items():
        flat = flatten.flat_comparisons(comparisons)
        write_json(folder / COMPARISONS / f"{part}.json", flat)
    for task, top in results.top.items():
        write_json(
            folder / top_file(task),
            [target.model_dump(mode="json", exclude_none=True) for target in top],
        )
    write_json(folder / COUNTS, results.labels)
    if results.truth is not None:
        write_json(folder / TRUTH, flatten.flat_truth(results.truth))
    write_json(folder / IMAGES, results.images)


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
    truth, images = folder / TRUTH, folder / IMAGES
    parts = {name: _read_part(folder, part, known) for name, part in table_parts().items()}
    return ScreenResults(
        provenance=known,
        parts=parts,
        labels=_read_numbers(folder / COUNTS),
        truth=_read_truth(truth, known) if truth.exists() else None,
        comparisons=_read_comparisons(folder, known),
        top={
            part.task: _read_top(folder / top_file(part.task))
            for part in table_parts().values()
            if part.poster_top
        },
        images=_read_numbers(images) if images.exists() else {},
    )


@contextmanager
def _checked(path: Path) -> Iterator[None]:
    """Name the file and the first key at fault."""
    try:
        yield
    except ValidationError as error:
        raise damaged(path, first_fault(error), REMEDY) from None


def _read_part(folder: Path, part: TablePart, known: Provenance) -> dict[str, RowResult]:
    """Rows whose files are there, in the order of params.yaml."""
    rows = {}
    for row in known.rows:
        path = folder / part.name / f"{row}.json"
        if path.exists():
            doses = _read_doses(folder / DOSES / part.name / f"{row}.json", part, known)
            flat = _read_flat(path)
            with _checked(path):
                rows[row] = flatten.nested_row(flat, part.scorer, known, doses)
    return rows


def _read_doses(path: Path, part: TablePart, known: Provenance) -> list[DoseScores]:
    if not path.exists():
        return []
    flat = _read_flat(path, depth=1)
    with _checked(path):
        return flatten.nested_doses(flat, part.scorer, known)


def _read_comparisons(folder: Path, known: Provenance) -> dict[str, list[RowComparison]]:
    found = {}
    for part in table_parts():
        path = folder / COMPARISONS / f"{part}.json"
        if path.exists():
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
