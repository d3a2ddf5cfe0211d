"""Numbers of CellProfiler's objects: keys and features, each column read exactly or refused."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.core.tables import parse_numbers
from phenoprot.features.cellprofiler.shape import POSITION_NAMES
from phenoprot.features.exports import IMAGE, Export, Span
from phenoprot.features.numbers import Cells, Floats, Integers, Numbers
from phenoprot.screens.contract import FIELD_KEY, PLATE, SITE, WELL
from phenoprot.screens.tables import canonical_well, faulty_wells

IMAGE_NUMBER, TABLE_NUMBER = "ImageNumber", "TableNumber"
OBJECT_NUMBERS = ("ObjectNumber", "Number_Object_Number")
"""Names of the number of an object in its image; the first that is there counts."""
NOT_FEATURES = (
    "Location", "Number", "Parent", "Children", "ObjectNumber", "ImageNumber", "TableNumber",
    "Metadata", "FileName", "PathName", "URL",
)  # fmt: skip
"""Groups of columns that say where a cell lies, which one it is, or what image it is from."""
LARGEST_NUMBER = 2**53
"""Whole numbers up to here are exact in float64."""
_FOLDER = re.compile(r"(?P<plate>.+)-(?P<well>[A-Za-z]{1,2}[0-9]{1,2})-(?P<site>[0-9]+)")
"""JUMP's name of a site's folder."""


@dataclass
class Columns:
    """What was found in the columns of features, over all exports of a compartment."""

    missing: dict[str, Counter[str]] = field(default_factory=dict)
    """Words for missing values, and numbers that are infinite, by column."""
    wrong: dict[str, list[Any]] = field(default_factory=dict)
    """Cells of text, by column: how many, the first one, and where it is."""
    numbers: set[str] = field(default_factory=set)
    """Columns that have a number."""

    def note(self, names: list[str], numbers: Numbers, where: str) -> None:
        """Add the cells of some rows."""
        maybe = np.flatnonzero(np.isnan(numbers.values[:1]).all(axis=0))
        empty = maybe[np.isnan(numbers.values[:, maybe]).all(axis=0)]
        self.numbers |= set(names) - {names[at] for at in empty}
        for (row, column), cell in sorted(numbers.odd.items()):
            name, word = names[column], str(cell).strip()
            if is_missing_word(word) or not math.isnan(numbers.values[row, column]):
                self.missing.setdefault(name, Counter())[word] += 1
            else:
                self.wrong.setdefault(name, [0, str(cell), where])[0] += 1

    def add(self, other: Columns) -> None:
        """Add what was found elsewhere."""
        self.numbers.update(other.numbers)
        for name, words in other.missing.items():
            self.missing.setdefault(name, Counter()).update(words)
        for name, (count, cell, where) in other.wrong.items():
            self.wrong.setdefault(name, [0, cell, where])[0] += count

    def text_columns(self) -> list[str]:
        """Columns that have text and no number; stops at those that have both.

        Raises
        ------
        UserError
            Columns have text among numbers; they are counted and the first few named.
        """
        mixed = [column for column in self.wrong if column in self.numbers]
        if mixed:
            shown = [f"{column} ({self._said(column)})" for column in mixed]
            raise UserError(
                f"{len(mixed)} feature(s) have text among their numbers: {listed(shown, 3)}",
                remedy="Export the tables again, or leave cells without a value empty.",
            )
        return list(self.wrong)

    def _said(self, column: str) -> str:
        count, cell, where = self.wrong[column]
        first = "" if count == 1 else "first "
        return f"{count} cell(s): {first}{quoted(cell)} in {where}"


@dataclass(frozen=True)
class Objects:
    """One compartment of one export."""

    image: Integers
    """(N,) row of the table of images; -1: none of them."""
    unknown: list[str]
    """The numbers of images that are not in that table, as they are written."""
    number: Integers
    """(N,) number of the object in its image."""
    parents: dict[str, Integers]
    """(N,) number of the parent of a kind; -1: none."""
    features: list[str]
    """(F,) names, with the compartment."""
    values: Floats
    """(N, F), NaN where missing or infinite."""


def read_images(export: Export) -> pd.DataFrame:
    """Number and field key of every image of an export.

    Returns
    -------
    pandas.DataFrame
        ``TableNumber`` (text, empty where there is none), ``ImageNumber`` (int64), plate, well and
        site as strings. What the table of one image does not say of these is told from the name of
        a folder ``<plate>-<well>-<site>``.

    Raises
    ------
    UserError
        A column or a cell is missing, there is no row, a well is none, or a number occurs twice.
    """
    table, where = export.read(IMAGE), export.where(IMAGE)
    columns, known = {}, set(table.columns)
    for key in (TABLE_NUMBER, IMAGE_NUMBER, *FIELD_KEY):
        names = [column for column in (key, f"{IMAGE}_{key}") if column in known]
        if len(names) > 1:
            raise UserError(
                f"{' and '.join(names)} are the same", where=where, remedy="Keep one of them."
            )
        if names:
            columns[key] = names[0]
    # Lists, not frames: there is a table of one row for each of thousands of sites.
    cells = table.cells(list(columns.values()))
    images: dict[str, Any] = {key: [*map(_as_text, cells[:, at])] for at, key in enumerate(columns)}
    images[TABLE_NUMBER] = [text or "" for text in images.get(TABLE_NUMBER, [""] * len(cells))]
    if len(cells) == 1:
        _name_by_folder(images, export)
    missing = [key for key in (IMAGE_NUMBER, *FIELD_KEY) if key not in images]
    if missing:
        raise UserError(
            f"column(s) missing: {', '.join(missing)}",
            where=where,
            remedy="They come from the Metadata_ columns of LoadData.",
        )
    texts = images[IMAGE_NUMBER]
    if all(text is not None and text.isascii() and text.isdigit() for text in texts):
        numbers = np.array(texts, dtype=np.float64)
    else:
        numbers, _ = parse_numbers(pd.Series(texts, dtype=object))
    images[IMAGE_NUMBER] = whole_numbers(numbers, IMAGE_NUMBER, where)
    if not len(cells):
        raise UserError("the table has no row", where=where, remedy="Export it again.")
    keys = zip(images[IMAGE_NUMBER].tolist(), *(images[key] for key in FIELD_KEY), strict=True)
    empty = [number for number, *key in keys if None in key]
    if empty:
        raise UserError(
            f"{len(empty)} image(s) without plate, well or site: {IMAGE_NUMBER} {listed(empty)}",
            where=where,
            remedy="Fill these cells.",
        )
    images[WELL] = [*map(canonical_well, images[WELL])]
    if faults := faulty_wells(images[WELL]):
        raise UserError(
            f"{len(faults)} name(s) of Metadata_Well are no wells: {listed(faults)}",
            where=where,
            remedy="Write wells as row and column; a plate has at most 1536: A01 to AF48.",
        )
    counts = Counter(zip(images[TABLE_NUMBER], images[IMAGE_NUMBER].tolist(), strict=True))
    twice = [number for (_, number), count in counts.items() for _ in range(count - 1)]
    if twice:
        raise UserError(
            f"{len(twice)} row(s) repeat an earlier {IMAGE_NUMBER}: {listed(twice)}",
            where=where,
            remedy="Import one analysis at a time.",
        )
    return pd.DataFrame(images)


def _name_by_folder(images: dict[str, Any], export: Export) -> None:
    name = _FOLDER.fullmatch(export.source.name)
    if name is not None and export.source.is_dir():
        for key, what in ((PLATE, "plate"), (WELL, "well"), (SITE, "site")):
            if images.get(key, [None]) == [None]:
                images[key] = [name[what]]


def _as_text(cell: object) -> str | None:
    """A cell of a key: numbers as they are written, None where a value is missing."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = "" if cell is None or isinstance(cell, bytes) else str(cell).strip()
    return None if not text or is_missing_word(text) else text


def is_feature(column: str, compartment: str) -> bool:
    """Whether a column of a compartment's table is measured, by its name."""
    name = column.removeprefix(f"{compartment}_")
    return (
        name.split("_")[0] not in NOT_FEATURES
        and name not in {f"AreaShape_{position}" for position in POSITION_NAMES}
        and "ObjectNumber" not in name
    )


def read_objects(
    export: Export,
    compartment: str,
    parents: Iterable[str],
    images: pd.DataFrame,
    found: Columns,
    span: Span | None = None,
) -> Objects:
    """Read a compartment's table.

    Parameters
    ----------
    export
        Where it is.
    compartment
        E.g. ``Cells``.
    parents
        Compartments whose numbers of parents are wanted.
    images
        See :func:`read_images`.
    found
        Gets what is to be said of the features.
    span
        Rows of an SQLite table that are wanted.

    Raises
    ------
    UserError
        A key is missing, no whole number, or occurs twice; or a column occurs under two names.
    """
    table, where = export.read(compartment, span), export.where(compartment)
    together = export.holds_all(compartment)
    columns, measured, names = _told_apart(tuple(table.columns), compartment, together)
    keys = {IMAGE_NUMBER: _key(columns, compartment, [IMAGE_NUMBER], where)}
    keys["number"] = _key(columns, compartment, OBJECT_NUMBERS, where)
    for parent in parents:
        keys[parent] = _key(columns, compartment, [f"Parent_{parent}"], where)
    if len(set(names)) < len(names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        raise UserError(
            f"{len(twice)} feature(s) occur twice: {listed(twice)}",
            where=where,
            remedy="Keep one column of each.",
        )
    numbers = table.numbers([*keys.values(), *measured])
    tables = table.cells([TABLE_NUMBER])[:, 0] if TABLE_NUMBER in columns else None
    if together:  # a row without an object of this kind has no number of it
        there = np.isfinite(numbers.values[:, 1])
        numbers = _rows_of(numbers, there)
        tables = None if tables is None else tables[there]
    at = {name: np.where(np.isinf(column), np.nan, column)
          for name, column in zip(keys, numbers.values.T, strict=False)}  # fmt: skip
    image_numbers = whole_numbers(at[IMAGE_NUMBER], keys[IMAGE_NUMBER], where)
    image = rows_of_images(image_numbers, tables, images)
    objects = Objects(
        image=image,
        unknown=sorted({str(number) for number in image_numbers[image < 0]}),
        number=whole_numbers(at["number"], keys["number"], where),
        parents={
            parent: whole_numbers(np.nan_to_num(at[parent], nan=-1), keys[parent], where)
            for parent in parents
        },
        features=names,
        values=numbers.values[:, len(keys) :],
    )
    _require_once(objects, image_numbers, keys["number"], where)
    features = {(row, at - len(keys)): cell for (row, at), cell in numbers.odd.items()
                if at >= len(keys)}  # fmt: skip
    found.note(names, Numbers(objects.values, features), where)
    if features:
        objects.values[np.isinf(objects.values)] = np.nan
    return objects


@lru_cache(maxsize=64)
def _told_apart(
    columns: tuple[str, ...], compartment: str, together: bool
) -> tuple[list[str], list[str], list[str]]:
    """Columns that concern a compartment, those of them that are measured, and these features."""
    if together:
        own = (f"{compartment}_", IMAGE_NUMBER, TABLE_NUMBER)
        columns = tuple(column for column in columns if column.startswith(own))
    measured = [column for column in columns if is_feature(column, compartment)]
    names = [
        column if column.startswith(compartment) else f"{compartment}_{column}"
        for column in measured
    ]
    return list(columns), measured, names


def _rows_of(numbers: Numbers, chosen: npt.NDArray[np.bool_]) -> Numbers:
    place = np.cumsum(chosen) - 1
    odd = {(int(place[row]), at): cell for (row, at), cell in numbers.odd.items() if chosen[row]}
    return Numbers(numbers.values[chosen], odd)


def rows_of_images(numbers: Integers, tables: Cells | None, images: pd.DataFrame) -> Integers:
    """Row of the table of images for each image number and, where there is one, table number."""
    if tables is None:
        own = images[IMAGE_NUMBER].to_numpy(dtype=np.int64)
        order = np.argsort(own, kind="stable")
        if (own[order][1:] == own[order][:-1]).any():  # told apart by their table numbers only
            return np.full(len(numbers), -1)
        row = order[np.searchsorted(own, numbers, sorter=order).clip(max=len(own) - 1)]
        return np.where(own[row] == numbers, row, -1)
    known = {key: row for row, key in enumerate(
        zip(images[TABLE_NUMBER], images[IMAGE_NUMBER], strict=True))}  # fmt: skip
    codes, of = pd.factorize(tables, use_na_sentinel=False)
    texts = [_as_text(of[code]) or "" for code in range(len(of))]
    keys = zip(codes.tolist(), numbers.tolist(), strict=True)
    return np.array([known.get((texts[code], number), -1) for code, number in keys], np.int64)


def _key(columns: list[str], compartment: str, names: Iterable[str], where: str) -> str:
    """The column of a key, with or without the compartment before its name."""
    names = list(names)
    for name in names:
        for column in (name, f"{compartment}_{name}"):
            if column in columns:
                return column
    raise UserError(
        f"column missing: {' or '.join(names)}",
        where=where,
        remedy="Export all measurements of the objects, their numbers and parents too.",
    )


def whole_numbers(numbers: Floats, column: str, where: str) -> Integers:
    """Numbers as integers.

    Raises
    ------
    UserError
        Some are missing, not finite or not whole; they are counted.
    """
    whole = np.isfinite(numbers) & (np.abs(numbers) <= LARGEST_NUMBER)
    whole[whole] = numbers[whole] == np.floor(numbers[whole])
    if not whole.all():
        raise UserError(
            f"{int((~whole).sum())} value(s) of {column} are no whole numbers",
            where=where,
            remedy="Export the tables again.",
        )
    return numbers.astype(np.int64)


def _require_once(objects: Objects, images: Integers, column: str, where: str) -> None:
    its = objects.image >= 0  # the others are of no image, or of one that is read elsewhere
    keys = [
        *zip(*(of[its].tolist() for of in (objects.image, images, objects.number)), strict=True)
    ]
    if len(set(keys)) < len(keys):
        counts = Counter(keys)
        twice = [
            f"{image}/{number}" for key, count in counts.items() for _ in range(count - 1)
            for _, image, number in [key]
        ]  # fmt: skip
        raise UserError(
            f"{len(twice)} row(s) repeat an earlier {IMAGE_NUMBER} / {column}: {listed(twice)}",
            where=where,
            remedy="Import one analysis at a time.",
        )
