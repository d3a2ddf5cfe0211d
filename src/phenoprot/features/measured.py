"""Features that CellProfiler has measured, of a whole plate or more.

The cells of an image are joined with their cytoplasms and nuclei as CytoTable (Cytomining) joins
them, and then averaged like those of any other method. Sites are read by several processes, some at
a time, and what is finished is kept: a run that was killed resumes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core import notices
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import fingerprint, read_json
from phenoprot.core.paths import WORK
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.features import sites
from phenoprot.features.cellprofiler.names import COMPARTMENTS
from phenoprot.features.exports import IMAGE, Export, SqliteTable, find_exports
from phenoprot.features.numbers import Floats, Integers
from phenoprot.features.objects import (
    IMAGE_NUMBER,
    TABLE_NUMBER,
    Columns,
    read_images,
    rows_of_images,
    whole_numbers,
)
from phenoprot.features.sites import FOUND, MEANS, ORDER, Part, measure_parts, require_known
from phenoprot.screens.contract import CELL_COUNT, FIELD_KEY

TITLE = "features import"
MOST_SITES, FEWEST_SHARDS = 32, 16
"""A shard has so many folders at most; so many shards at least, if there are as many folders."""
LARGE = 256 * 2**20
"""Bytes of an SQLite file that is read image by image."""
PART = 64 * 2**20
"""Bytes of it that a shard reads, about."""

Warn = Callable[[str], None]


def import_cellprofiler(
    source: Path,
    work: Path = WORK / "measured",
    execution: ExecutionSettings = LOCAL,
    warn: Warn = notices.warn,
) -> pd.DataFrame:
    """Average the cells of every field of view that CellProfiler has measured.

    Parameters
    ----------
    source
        Folder with ``Image.csv``, ``Nuclei.csv``, ``Cells.csv`` and ``Cytoplasm.csv``, or with such
        folders, one per site, at any depth; an SQLite file of CellProfiler with ``Per_Image``,
        ``Per_Nuclei`` and so on, or with ``Per_Image`` and ``Per_Object``; or one of
        cytominer-database. A prefix such as ``MyExpt_`` may stand before these names.
    work
        Work folder, kept between runs. Files are known there by size and time of change.
    execution
        Where and how many at a time; no number depends on it.
    warn
        Gets what was left out, one line each.

    Returns
    -------
    pandas.DataFrame
        One row per image, those without a cell too, sorted by field: the key,
        ``Metadata_CellCount``, and float64 means over the cells. Columns that say where a cell
        lies or which one it is are left out, and, with a warning, those that hold text only.

    Raises
    ------
    UserError
        Tables or keys are missing, keys do not fit each other, a field of view occurs twice, a
        feature has text among its numbers, or the tables of several folders differ in features.
        Sites that cannot be read are counted, and the first few named.
    """
    source = source.absolute()
    exports = find_exports(source)
    shards = plan(exports)
    folders = run_shards(measure_parts, shards, work, TITLE, execution)
    found = _gathered(folders)
    if found.faults:
        raise _all_of(found.faults, len(exports), source)
    features = _common_features(found, source)
    table = pd.DataFrame(found.fields, columns=[*FIELD_KEY, CELL_COUNT])
    _require_once(table, exports, source)
    counts = table[CELL_COUNT] = table[CELL_COUNT].astype(np.int32)
    cytoplasms = int(counts.sum())
    if cytoplasms == 0 < found.cells:
        raise UserError(
            f"{found.cells} cells, and no cytoplasm",
            where=str(source),
            remedy="Export the table Cytoplasm again: cells without a cytoplasm are not counted.",
        )
    if found.cells > cytoplasms:
        missing = found.cells - cytoplasms
        warn(f"{source}: {missing} of {found.cells} cells have no cytoplasm: left out")
    text = {
        column
        for name in COMPARTMENTS
        for column in _say_what_is_missing(name, found.columns[name], source, warn)
    }
    means = pd.DataFrame(_stacked(found, features), columns=features, index=table.index)
    table = pd.concat([table, means.drop(columns=[*text & set(features)])], axis=1)
    return table.sort_values(FIELD_KEY, kind="stable", ignore_index=True)


def plan(exports: list[Export]) -> list[Shard]:
    """Shards: some folders each, or some images of a large file."""
    size = min(MOST_SITES, max(1, math.ceil(len(exports) / FEWEST_SHARDS)))
    groups: list[tuple[Part, ...]] = []
    whole: list[Part] = []
    for export in exports:
        if export.source.is_file() and export.size > LARGE:
            groups += [(part,) for part in _cut(export)]
            continue
        whole.append(Part(export))
        if len(whole) == size:
            groups.append(tuple(whole))
            whole = []
    groups += [tuple(whole)] if whole else []
    code = code_fingerprint(sites.__name__)
    return [
        Shard(f"sites {number}", fingerprint(number, [*map(_state, group)], code), group)
        for number, group in enumerate(groups, start=1)
    ]


def _state(part: Part) -> list[object]:
    export = part.export
    paths = [export.source]
    if export.source.is_dir():
        paths = [export.source / name for name in export.names.values()]
    known = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    images = None if part.images is None else part.images.to_numpy().tolist()
    return [known, export.names, images, part.spans]


def _cut(export: Export) -> list[Part]:
    """Some images of an SQLite file each, and the rows of its tables that hold their objects."""
    images = read_images(export)
    rows: dict[str, tuple[Integers, Integers]] = {}
    for name in COMPARTMENTS:
        rows[name] = _rows_of_objects(export, name, images)
    ids, image = rows["Cells"]
    first = pd.Series(ids).groupby(image).min().reindex(range(len(images)), fill_value=-1)
    order = np.argsort(first.to_numpy(), kind="stable")
    chunks = np.array_split(order, min(len(images), math.ceil(export.size / PART)))
    parts = [
        Part(
            export,
            images.iloc[np.sort(chunk)].reset_index(drop=True),
            {name: _span(*its, chunk) for name, its in rows.items()},
        )
        for chunk in chunks
    ]
    spanned = sum(
        int(np.diff(np.searchsorted(ids, span))[0])
        for part in parts
        for span, (ids, _) in zip((part.spans or {}).values(), rows.values(), strict=True)
    )
    # Images whose objects lie scattered over the file are read at once.
    scattered = spanned > 1.5 * sum(len(ids) for ids, _ in rows.values())
    return [Part(export)] if scattered else parts


def _rows_of_objects(export: Export, name: str, images: pd.DataFrame) -> tuple[Integers, Integers]:
    """Row id and image of every object, by row id."""
    table, where = export.read(name), export.where(name)
    assert isinstance(table, SqliteTable)
    numbers = [c for c in table.columns if c in {IMAGE_NUMBER, f"{name}_{IMAGE_NUMBER}"}]
    if not numbers:
        raise UserError(
            f"column missing: {IMAGE_NUMBER}", where=where, remedy="Export the table again."
        )
    numbered = TABLE_NUMBER in table.columns
    ids, cells = table.row_ids([numbers[0], *([TABLE_NUMBER] if numbered else [])])
    given = pd.to_numeric(pd.Series(cells[:, 0]), errors="coerce").to_numpy(np.float64)
    known = whole_numbers(given, numbers[0], where)
    image = rows_of_images(known, cells[:, 1] if numbered else None, images)
    require_known(sorted({str(number) for number in known[image < 0]}), where)
    order = np.argsort(ids, kind="stable")
    return ids[order], image[order]


def _span(ids: Integers, image: Integers, chunk: Integers) -> tuple[int, int]:
    its = ids[np.isin(image, chunk)]
    return (int(its[0]), int(its[-1]) + 1) if len(its) else (0, 0)


@dataclass
class _Found:
    """What the shards hold together."""

    faults: list[UserError]
    columns: dict[str, Columns]
    sets: list[tuple[list[str], list[str], bool, Path]]
    """Sets of features: their names, the sources that have them, whether any has a cell, means."""
    fields: list[list[object]]
    """Plate, well, site and cells, in the order of the means."""
    cells: int


def _gathered(folders: list[Path]) -> _Found:
    found = _Found([], {name: Columns() for name in ORDER}, [], [], 0)
    for folder in folders:
        its = read_json(folder / FOUND)
        found.faults += [UserError(**fault) for fault in its["faults"]]
        for name, columns in its["columns"].items():
            words = {column: Counter(counts) for column, counts in columns["missing"].items()}
            found.columns[name].add(Columns(words, columns["wrong"], set(columns["numbers"])))
        for number, one in enumerate(its["sets"]):
            filled = any(row[-1] for row in one["fields"])
            path = folder / MEANS.format(number)
            found.sets.append((one["features"], one["sources"], filled, path))
            found.fields += one["fields"]
            found.cells += one["cells"]
    return found


def _all_of(faults: list[UserError], exports: int, source: Path) -> UserError:
    if len(faults) == 1:
        return faults[0]
    shown = [f"{fault.where.removeprefix(f'{source}/')}: {fault.what}" for fault in faults]
    return UserError(
        f"{len(faults)} of {exports} sites cannot be read: {listed(shown)}",
        where=str(source),
        remedy="Export these sites again, or move their folders away.",
    )


def _common_features(found: _Found, source: Path) -> list[str]:
    """The features that all sites with cells have; a table without an object may lack columns."""
    sets = [one for one in found.sets if one[2]] or found.sets[:1]
    sizes: Counter[tuple[str, ...]] = Counter()
    for features, sources, _, _ in sets:
        sizes[tuple(features)] += len(sources)
    common = list(sizes.most_common(1)[0][0])
    odd = sorted({name for features, *_ in sets for name in set(features) ^ set(common)})
    if not odd:
        return common
    table = next(name for name in COMPARTMENTS if any(f.startswith(f"{name}_") for f in odd))
    its = [feature for feature in odd if feature.startswith(f"{table}_")]
    others = [place for features, places, *_ in sets if features != common for place in places]
    raise UserError(
        f"{len(its)} feature(s) are not in the tables of all folders: {listed(its, 3)}; "
        f"{len(others)} of {sizes.total()} differ from the rest: {listed(others, 3)}",
        where=f"{source}, table {table}",
        remedy="Import folders of one pipeline at a time.",
    )


def _stacked(found: _Found, features: list[str]) -> Floats:
    """The means of all images, in the order of their fields."""
    blocks = []
    for its, _, _, path in found.sets:
        means = np.load(path, allow_pickle=False)
        if its != features:  # without a cell
            means = np.full((len(means), len(features)), np.nan)
        blocks.append(means)
    return np.concatenate(blocks)


def _require_once(table: pd.DataFrame, exports: list[Export], source: Path) -> None:
    twice = table.loc[table.duplicated(FIELD_KEY), FIELD_KEY].agg("/".join, axis=1)
    if len(twice):
        raise UserError(
            f"{len(twice)} row(s) repeat an earlier {' / '.join(FIELD_KEY)}: "
            f"{listed(twice.tolist())}",
            where=exports[0].where(IMAGE) if len(exports) == 1 else str(source),
            remedy="Import one analysis at a time.",
        )


def _say_what_is_missing(name: str, found: Columns, source: Path, warn: Warn) -> list[str]:
    """Warn of what is not read as a number; returns the features that hold text only."""
    try:
        text = found.text_columns()
    except UserError as error:
        raise UserError(error.what, where=f"{source}, table {name}", remedy=error.remedy) from None
    if text:
        shown = [f"{column} ({quoted(found.wrong[column][1])})" for column in text]
        warn(
            f"{source}, table {name}: {len(text)} column(s) hold text only: left out: "
            f"{listed(shown, 3)}"
        )
    missing = {column: words for column, words in found.missing.items() if column not in text}
    if missing:
        every: Counter[str] = sum(missing.values(), Counter())
        words = listed([quoted(word) for word in every])
        warn(
            f"{source}, table {name}: {every.total()} cell(s) of {len(missing)} feature(s) hold "
            f"{words}: read as missing: {listed(list(missing), 3)}"
        )
    return text
