"""Numbers of CellProfiler's objects: keys and features, each column read exactly or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.core.tables import parse_numbers
from phenoprot.features.cellprofiler.shape import POSITION_NAMES
from phenoprot.features.exports import IMAGE, Cells, Export
from phenoprot.screens.contract import FIELD_KEY, WELL
from phenoprot.screens.tables import canonical_well, faulty_wells

IMAGE_NUMBER = "ImageNumber"
OBJECT_NUMBERS = ("ObjectNumber", "Number_Object_Number")
"""Names of the number of an object in its image; the first that is there counts."""
NOT_FEATURES = (
    "Location", "Number", "Parent", "Children", "ObjectNumber", "ImageNumber", "TableNumber",
    "Metadata", "FileName", "PathName", "URL",
)  # fmt: skip
"""Groups of columns that say where a cell lies, which one it is, or what image it is from."""
LARGEST_NUMBER = 2**53
"""Whole numbers up to here are exact in float64."""
UNDEFINED = "nan"
"""What CellProfiler itself writes where a feature is not defined: no word about it."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass
class Columns:
    """What was found in the columns of features, over all exports of a compartment."""

    missing: dict[str, Counter[str]] = field(default_factory=dict)
    """Words for missing values, and numbers that are infinite, by column."""
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """Text, and where, by column."""
    numbers: Counter[str] = field(default_factory=Counter)
    """How many numbers each column has."""

    def text_columns(self) -> list[str]:
        """Columns that have text and no number; stops at those that have both.

        Raises
        ------
        UserError
            Columns have text among numbers; they are counted and the first few named.
        """
        mixed = [column for column in self.wrong if self.numbers[column]]
        if mixed:
            shown = [
                f"{column} ({len(self.wrong[column])} cell(s): {listed(self.wrong[column], 1)})"
                for column in mixed
            ]
            raise UserError(
                f"{len(mixed)} feature(s) have text among their numbers: {listed(shown, 3)}",
                remedy="Export the tables again, or leave cells without a value empty.",
            )
        return list(self.wrong)


@dataclass(frozen=True)
class Objects:
    """One compartment of one export."""

    image: Integers
    """(N,) image number."""
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
        ``ImageNumber`` (int64), plate, well and site as strings.

    Raises
    ------
    UserError
        A column or a cell is missing, there is no row, a well is none, or a number occurs twice.
    """
    table, where = export.read(IMAGE), export.where(IMAGE)
    columns = {}
    for key in (IMAGE_NUMBER, *FIELD_KEY):
        names = [column for column in table.columns if column in {key, f"{IMAGE}_{key}"}]
        if len(names) > 1:
            raise UserError(
                f"{' and '.join(names)} are the same", where=where, remedy="Keep one of them."
            )
        columns[key] = names[0] if names else None
    missing = [key for key, column in columns.items() if column is None]
    if missing:
        raise UserError(
            f"column(s) missing: {', '.join(missing)}",
            where=where,
            remedy="They come from the Metadata_ columns of LoadData.",
        )
    chunks = [np.empty((0, len(columns)), dtype=object)]
    chunks += table.chunks([str(column) for column in columns.values()])
    images = pd.DataFrame(np.concatenate(chunks), columns=list(columns)).map(_as_text)
    numbers, _ = parse_numbers(images[IMAGE_NUMBER])
    images[IMAGE_NUMBER] = whole_numbers(numbers, IMAGE_NUMBER, where)
    if images.empty:
        raise UserError("the table has no row", where=where, remedy="Export it again.")
    empty = images[FIELD_KEY].isna().to_numpy().any(axis=1)
    if empty.any():
        raise UserError(
            f"{int(empty.sum())} image(s) without plate, well or site: {IMAGE_NUMBER} "
            f"{listed(images.loc[empty, IMAGE_NUMBER].tolist())}",
            where=where,
            remedy="Fill these cells.",
        )
    images[WELL] = images[WELL].map(canonical_well)
    if faults := faulty_wells(images[WELL]):
        raise UserError(
            f"{len(faults)} name(s) of Metadata_Well are no wells: {listed(faults)}",
            where=where,
            remedy="Write wells as row and column; a plate has at most 1536: A01 to AF48.",
        )
    twice = images.loc[images.duplicated(IMAGE_NUMBER), IMAGE_NUMBER]
    if len(twice):
        raise UserError(
            f"{len(twice)} row(s) repeat an earlier {IMAGE_NUMBER}: {listed(twice.tolist())}",
            where=where,
            remedy="Import one analysis at a time.",
        )
    return images


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
    export: Export, compartment: str, parents: Iterable[str], found: Columns
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
    found
        Gets what is to be said of the features.

    Raises
    ------
    UserError
        A key is missing, no whole number, or occurs twice; or a column occurs under two names.
    """
    table, where = export.read(compartment), export.where(compartment)
    keys = {IMAGE_NUMBER: _key(table.columns, compartment, [IMAGE_NUMBER], where)}
    keys["number"] = _key(table.columns, compartment, OBJECT_NUMBERS, where)
    for parent in parents:
        keys[parent] = _key(table.columns, compartment, [f"Parent_{parent}"], where)
    measured = [column for column in table.columns if is_feature(column, compartment)]
    names = [
        column if column.startswith(compartment) else f"{compartment}_{column}"
        for column in measured
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(
            f"{len(twice)} feature(s) occur twice: {listed(twice)}",
            where=where,
            remedy="Keep one column of each.",
        )
    key_columns = [*dict.fromkeys(keys.values())]
    numbers: list[Floats] = [np.empty((0, len(key_columns)))]
    values: list[Floats] = [np.empty((0, len(measured)))]
    for cells in table.chunks([*key_columns, *measured]):
        parsed, wrong = _parsed(cells)
        numbers.append(np.where(wrong, np.nan, parsed)[:, : len(key_columns)])
        inner = slice(len(key_columns), None)
        _note(found, names, cells[:, inner], parsed[:, inner], wrong[:, inner], where)
        values.append(np.where(np.isfinite(parsed[:, inner]), parsed[:, inner], np.nan))
    every = np.concatenate(numbers)
    at = {name: every[:, key_columns.index(column)] for name, column in keys.items()}
    objects = Objects(
        image=whole_numbers(at[IMAGE_NUMBER], keys[IMAGE_NUMBER], where),
        number=whole_numbers(at["number"], keys["number"], where),
        parents={
            parent: whole_numbers(np.nan_to_num(at[parent], nan=-1), keys[parent], where)
            for parent in parents
        },
        features=names,
        values=np.concatenate(values),
    )
    _require_once(objects, keys["number"], where)
    return objects


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


def _require_once(objects: Objects, column: str, where: str) -> None:
    keys = pd.DataFrame({IMAGE_NUMBER: objects.image, column: objects.number})
    twice = keys[keys.duplicated()].astype(str).agg("/".join, axis=1)
    if len(twice):
        raise UserError(
            f"{len(twice)} row(s) repeat an earlier {IMAGE_NUMBER} / {column}: "
            f"{listed(twice.tolist())}",
            where=where,
            remedy="Import one analysis at a time.",
        )


def _parsed(cells: Cells) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Numbers of cells, and which are neither a number nor missing."""
    flat = cells.ravel()
    kinds = set(map(type, flat.tolist()))
    if kinds <= {int, float, type(None)}:  # SQLite's numbers
        return cells.astype(np.float64), np.zeros(cells.shape, dtype=bool)
    texts = np.fromiter((isinstance(cell, str) for cell in flat), bool, len(flat))
    odd = np.fromiter(
        (not isinstance(cell, str | int | float | None) for cell in flat), bool, len(flat)
    )
    numbers = np.full(len(flat), np.nan)
    numbers[~texts & ~odd] = flat[~texts & ~odd].astype(np.float64)
    numbers[texts], bad = parse_numbers(pd.Series(flat[texts], dtype=object))
    odd[texts] = bad
    words = [at for at in np.flatnonzero(odd & texts) if _is_missing(flat[at])]
    odd[words] = False
    return numbers.reshape(cells.shape), odd.reshape(cells.shape)


_is_text = np.frompyfunc(lambda cell: isinstance(cell, str), 1, 1)
"""Which cells are text, as objects."""


def _is_missing(text: str) -> bool:
    return not text.strip() or is_missing_word(text)


def _note(
    found: Columns,
    names: list[str],
    cells: Cells,
    parsed: Floats,
    wrong: npt.NDArray[np.bool_],
    where: str,
) -> None:
    """Add the cells of some rows to what is known of the columns."""
    has = ~np.isnan(parsed)
    found.numbers.update({name: int(n) for name, n in zip(names, has.sum(axis=0), strict=True)})
    for row, column in np.argwhere(wrong):
        text = f"{quoted(cells[row, column])} in {where}"
        found.wrong.setdefault(names[column], []).append(text)
    infinite = np.isinf(parsed)  # also written as a number too large for float64
    for row, column in np.argwhere(infinite | (~has & ~wrong & _is_text(cells).astype(bool))):
        word = str(cells[row, column]).strip()
        if word and word.lower() != UNDEFINED:
            found.missing.setdefault(names[column], Counter())[word] += 1
