"""A table with one damaged line is refused or read right: no value moves to another row or column.

Names and numbers of the tables are unique, so that a shifted value is seen wherever it went.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError

from .observe import faults_of

Cells = dict[tuple[str, str], object]
"""Value by row and column."""
ROWS = 6
ALPHABET = '"\t,;\n\r x1-.\x00\ufeff\u00b5'
SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Kind:
    """A kind of text table."""

    separator: str
    header: list[str]
    lines: list[list[str]]
    read: Callable[[Path], Cells]


def load_data_kind() -> Kind:
    from phenoprot.screens.contract import STAINS
    from phenoprot.screens.load_data import read_load_data

    header = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", *(f"URL_{s}" for s in STAINS)]
    lines = [
        [f"plate{n}", f"A0{n + 1}", f"site{n}", *(f"/images/{n}_{stain}.tif" for stain in STAINS)]
        for n in range(ROWS)
    ]

    def read(path: Path) -> Cells:
        table = read_load_data(path)
        return cells(table, table["Metadata_Plate"])

    return Kind(",", header, lines, read)


def screen_kind() -> Kind:
    from phenoprot.screens.tables import read_table

    header = ["Metadata_Plate", "Metadata_Well", "Cells_A", "Cells_B"]
    lines = [[f"plate{n}", f"A0{n + 1}", f"{n}.25", f"{n + 100}.5"] for n in range(ROWS)]

    def read(path: Path) -> Cells:
        table = read_table(path)
        if "Metadata_Plate" not in table:  # the loader asks for the key
            raise UserError("no key", where=str(path), remedy="Give it.")
        return cells(table, table["Metadata_Plate"])

    return Kind(",", header, lines, read)


def intensities_kind() -> Kind:
    from phenoprot.curves.design import DoseDesign
    from phenoprot.curves.readers import read_intensities

    names = tuple(str(n) for n in range(5))
    design = DoseDesign(names, (0.0, 0.1, 1.0, 10.0, 100.0), ("0",))
    header = ["Name", *(f"Raw {name}" for name in names)]
    lines = [[f"gene{n}", *(f"{1000 + 10 * n + m}.5" for m in range(5))] for n in range(ROWS)]

    def read(path: Path) -> Cells:
        table = read_intensities(path, design)
        return cells(table, table["Name"])

    return Kind("\t", header, lines, read)


def wide_kind() -> Kind:
    from phenoprot.curves.settings import CurveSettings
    from phenoprot.curves.wide import read_wide

    samples = pd.DataFrame(
        {
            "column": [f"s{m}.raw" for m in range(3)],
            "Metadata_Compound": ["DMSO", "X", "X"],
            "Metadata_Concentration": [0.0, 1.0, 10.0],
            "Metadata_Replicate": "1",
        }
    )
    header = ["Protein.Group", "Genes", *samples["column"]]
    lines = [
        [f"P0000{n}", f"gene{n}", *(f"{1000 + 10 * n + m}.5" for m in range(3))]
        for n in range(ROWS)
    ]

    def read(path: Path) -> Cells:
        long = read_wide(path, "diann", samples, CurveSettings())
        table = long.pivot(
            index="Metadata_Protein", columns="Metadata_Concentration", values="Value"
        )
        return cells(table.set_axis(["s0", "s1", "s2"], axis=1), table.index.to_series())

    return Kind("\t", header, lines, read)


KINDS = {kind.__name__: kind for kind in (load_data_kind, screen_kind, intensities_kind, wide_kind)}


def cells(table: pd.DataFrame, names: pd.Series) -> Cells:
    """Value by name of the row and of the column, missing ones left out.

    A column of numbers with a word in it is still text: its numbers are compared as such.
    """
    table = table.set_axis(names.astype(str), axis=0)
    return {
        (str(row), str(column)): number_of(value)
        for column in table
        for row, value in table[column].items()
        if not pd.isna(value)
    }


def number_of(value: object) -> object:
    """The number that a text is."""
    with contextlib.suppress(ValueError, TypeError):
        return float(str(value))
    return value


def text_of(kind: Kind, lines: list[str]) -> str:
    return "\n".join([kind.separator.join(kind.header), *lines]) + "\n"


def read_or_refused(kind: Kind, content: bytes) -> Cells | None:
    """The cells, or None for a refusal."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        path = Path(folder) / ("table.csv" if kind.separator == "," else "table.tsv")
        path.write_bytes(content)
        try:
            return kind.read(path)
        except UserError as error:
            refusal = error
    assert not faults_of(refusal, (path.name,))
    return None


@SOME
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_one_damaged_line_moves_no_value(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]()
    lines = [kind.separator.join(line) for line in kind.lines]
    whole = read_or_refused(kind, text_of(kind, lines).encode())
    assert whole
    number = data.draw(st.integers(0, ROWS - 1), label="line")
    line = lines[number]
    begin = data.draw(st.integers(0, len(line)), label="begin")
    end = data.draw(st.integers(begin, min(len(line), begin + 12)), label="end")
    new = data.draw(st.text(ALPHABET, max_size=4), label="new")
    lines[number] = line[:begin] + new + line[end:]
    got = read_or_refused(kind, text_of(kind, lines).encode())
    if got is None:
        return
    damaged = kind.lines[number][1 if name == "wide_kind" else 0]
    for (row, column), value in whole.items():
        if row != damaged:
            assert got.get((row, column)) == value, "another row has changed"
    strange = {key: value for key, value in got.items() if key not in whole}
    own = {value for (row, _), value in whole.items() if row == damaged}
    others = {value for value in whole.values() if isinstance(value, float)} - own
    assert not others & set(strange.values()), "values of another row"
    # Within the line: a value is in its own column or in none.
    for column in {column for _, column in whole}:
        for (row, other), value in whole.items():
            if row == damaged and other != column and value not in (row, damaged):
                assert got.get((damaged, column)) != value, "a value of another column"


@SOME
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_cut_table_is_refused_or_has_its_first_rows(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]()
    content = text_of(kind, [kind.separator.join(line) for line in kind.lines]).encode()
    whole = read_or_refused(kind, content)
    cut = data.draw(st.integers(0, len(content)), label="bytes")
    got = read_or_refused(kind, content[:cut])
    if got is None:
        return
    assert whole
    last = content[:cut].decode().rstrip("\n").rsplit("\n", 1)[-1].split(kind.separator)[-1]
    for key, value in got.items():
        # A number, name or path at the very end may have lost its last characters: nothing tells.
        assert whole.get(key) == value or str(value).startswith(last.rstrip("./"))
