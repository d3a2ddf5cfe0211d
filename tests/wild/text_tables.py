"""What befalls a text table."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from .mutations import TEXT, Change, Mutation, Sheet, cut_in_line, of_bytes

Grid = list[list[str]]


def of_cells(
    change: Callable[[Grid, Sheet, random.Random], Grid | None], encoding: str = "utf-8"
) -> Change:
    """A change of a text table: a list of lines of fields, the header first."""

    def apply(path: Path, sheet: Sheet, rng: random.Random) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        grid = [line.split(sheet.separator) for line in lines]
        grid = change(grid, sheet, rng) or grid
        text = "".join(sheet.separator.join(line) + "\n" for line in grid)
        path.write_bytes(text.encode(encoding))

    return apply


def some_line(grid: Grid, rng: random.Random) -> int:
    """A line below the header."""
    return rng.randrange(1, len(grid))


def set_cell(column: Literal["name", "number"], value: str, encoding: str = "utf-8") -> Change:
    """Write a value into one cell of the column of names or of numbers."""

    def change(grid: Grid, sheet: Sheet, rng: random.Random) -> None:
        place = grid[0].index(getattr(sheet, column))
        grid[some_line(grid, rng)][place] = value

    return of_cells(change, encoding)


def drop_column(which: Literal["name", "number"]) -> Change:
    def change(grid: Grid, sheet: Sheet, _: random.Random) -> Grid:
        place = grid[0].index(getattr(sheet, which))
        return [line[:place] + line[place + 1 :] for line in grid]

    return of_cells(change)


def rename_column(new: Callable[[str], str]) -> Change:
    def change(grid: Grid, sheet: Sheet, _: random.Random) -> None:
        grid[0] = [new(name) if name == sheet.name else name for name in grid[0]]

    return of_cells(change)


def column_twice(other_values: bool) -> Change:
    def change(grid: Grid, sheet: Sheet, _: random.Random) -> Grid:
        place = grid[0].index(sheet.number or sheet.name)
        rows = [[*line, f"{line[place]}{'9' * other_values}"] for line in grid[1:]]
        return [grid[0] + [grid[0][place]], *rows]

    return of_cells(change)


def shuffle_columns(grid: Grid, sheet: Sheet, rng: random.Random) -> Grid:
    order = rng.sample(range(len(grid[0])), len(grid[0]))
    return [[line[place] for place in order] for line in grid]


def shuffle_rows(grid: Grid, sheet: Sheet, rng: random.Random) -> Grid:
    return [grid[0], *rng.sample(grid[1:], len(grid) - 1)]


def change_line(change: Callable[[list[str]], list[str]], lines: int = 1) -> Change:
    def apply(grid: Grid, sheet: Sheet, rng: random.Random) -> None:
        for line in rng.sample(range(1, len(grid)), lines):
            grid[line] = change(grid[line])

    return of_cells(apply)


def join_lines(grid: Grid, sheet: Sheet, rng: random.Random) -> Grid:
    line = rng.randrange(1, len(grid) - 1)
    return [*grid[:line], grid[line] + grid[line + 1], *grid[line + 2 :]]


def split_line(grid: Grid, sheet: Sheet, rng: random.Random) -> Grid:
    line = some_line(grid, rng)
    return [*grid[:line], grid[line][:1], grid[line][1:], *grid[line + 1 :]]


def quote_all(grid: Grid, sheet: Sheet, rng: random.Random) -> Grid:
    return [[f'"{field}"' for field in line] for line in grid]


def open_quote(grid: Grid, sheet: Sheet, rng: random.Random) -> None:
    line = some_line(grid, rng)
    place = grid[0].index(sheet.name)
    grid[line][place] = f'"{grid[line][place]}'


def stray_quote(grid: Grid, sheet: Sheet, rng: random.Random) -> None:
    line = some_line(grid, rng)
    place = grid[0].index(sheet.name)
    grid[line][place] = f'{grid[line][place]}"x'


def other_separator(new: str, lines: int | None = None) -> Change:
    def apply(path: Path, sheet: Sheet, rng: random.Random) -> None:
        rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        chosen = range(len(rows)) if lines is None else rng.sample(range(1, len(rows)), lines)
        for line in chosen:
            rows[line] = rows[line].replace(sheet.separator, new)
        path.write_text("".join(rows), encoding="utf-8")

    return apply


def keep_header(grid: Grid, sheet: Sheet, rng: random.Random) -> Grid:
    return grid[:1]


SHAPES = (
    Mutation("cr-only", of_bytes(lambda c, r: c.replace(b"\n", b"\r")), "same"),
    Mutation("no-last-newline", of_bytes(lambda c, r: c.rstrip(b"\n")), "same"),
    Mutation("blank-lines-at-end", of_bytes(lambda c, r: c + b"\n\n\n"), "same"),
    Mutation("columns-shuffled", of_cells(shuffle_columns), "same"),
    Mutation("header-only", of_cells(keep_header)),
    Mutation("no-header", of_cells(lambda g, s, r: g[1:])),
    Mutation("header-twice", of_cells(lambda g, s, r: [g[0], *g])),
    Mutation("header-short", of_cells(lambda g, s, r: [g[0][:-1], *g[1:]])),
    Mutation("header-long", of_cells(lambda g, s, r: [[*g[0], ""], *g[1:]])),
    Mutation("cut-in-a-line", lambda p, s, r: _write(p, cut_in_line(p.read_bytes(), s.separator))),
    Mutation("cut-in-the-header", lambda p, s, r: _write(p, p.read_bytes()[:7])),
    Mutation("one-field-too-many", change_line(lambda line: [*line, "x"]), counted="1"),
    Mutation("three-fields-too-many", change_line(lambda line: [*line, "x"], 3), counted="3"),
    Mutation("one-field-too-few", change_line(lambda line: line[1:]), counted="1"),
    Mutation("three-lines-too-short", change_line(lambda line: line[:-1], 3), counted="3"),
    Mutation("trailing-separator", of_cells(lambda g, s, r: [g[0], *([*x, ""] for x in g[1:])])),
    Mutation("two-lines-joined", of_cells(join_lines), counted="1"),
    Mutation("a-line-split", of_cells(split_line), counted="2"),
    Mutation("semicolons", other_separator(";")),
    Mutation("spaces-between", other_separator("  ")),
    Mutation("one-line-of-semicolons", other_separator(";", 1), counted="1"),
    Mutation("a-number-column-missing", drop_column("number")),
    Mutation("a-name-column-missing", drop_column("name")),
    Mutation("lower-case-header", rename_column(str.lower)),
    Mutation("space-in-header", rename_column(lambda name: f"{name} ")),
    Mutation("column-twice", column_twice(False), counted="1"),
    Mutation("column-twice-other-values", column_twice(True), counted="1"),
    Mutation("line-of-separators", of_cells(lambda g, s, r: [*g, [""] * len(g[0])])),
    Mutation("long-header", of_cells(lambda g, s, r: [["x" * 10**6, *g[0][1:]], *g[1:]])),
)
ORDER = (Mutation("rows-shuffled", of_cells(shuffle_rows), "same"),)
TWICE = (
    Mutation("a-line-twice", of_cells(lambda g, s, r: [*g, g[some_line(g, r)]])),
    Mutation("all-lines-twice", of_cells(lambda g, s, r: [*g, *g[1:]])),
    Mutation("file-twice", of_cells(lambda g, s, r: [*g, *g])),
)
QUOTES = (
    Mutation("all-quoted", of_cells(quote_all), "same"),
    Mutation("open-quote", of_cells(open_quote)),
    Mutation("quote-in-a-field", of_cells(stray_quote)),
)
WORDS = tuple(
    Mutation(f"name-{word.replace('/', '~') or 'blank'}", set_cell("name", word))
    for word in ("", "nan", "NaN", "None", "NA", "N/A", "#N/A", "null", "<NA>")
)
"""Missing values written as names."""
ESCAPES = tuple(
    Mutation(name, set_cell("name", value))
    for name, value in {
        "name-parent": "../x",
        "name-dots": "..",
        "name-dot": ".",
        "name-absolute": "/tmp/x",
        "name-deep": "a/../../b",
        "name-slash-at-end": "x/",
        "name-backslash": "a\\b",
        "name-bell": "a\x07b",
        "name-escape-sequence": "\x1b[2Jx",
        "name-300-characters": "x" * 300,
        "name-a-million-characters": "x" * 10**6,
    }.items()
)
"""Names that cannot be parts of paths."""
LATIN = (
    Mutation("name-latin1", set_cell("name", "\u00b5x", "latin-1")),
    Mutation("name-cp1252", set_cell("name", "x\u2019y", "cp1252")),
)
NUMBERS = tuple(
    Mutation(f"number-{name}", set_cell("number", value))
    for name, value in {
        "a-word": "high",
        "decimal-comma": "1,5",
        "with-a-unit": "5 uM",
        "with-spaces": "1 000",
        "with-underscores": "1_000",
        "percent": "12%",
        "division": "#DIV/0!",
        "hexadecimal": "0x1F",
        "two-points": "1.2.3",
        "two-signs": "--1",
        "arabic": "\u0661\u0662\u0663",
        "full-width": "\uff15",
        "infinite": "inf",
        "minus-infinite": "-Infinity",
        "too-large": "1e999",
        "5000-digits": "9" * 5000,
        "true": "True",
        "a-million-characters": "7x" * 500_000,
        "control-characters": "1\x1b[31m",
    }.items()
)
"""What is no number. (A comma inside a comma-separated line is a field too many.)"""


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def text_table(sheet: Sheet) -> tuple[Mutation, ...]:
    """All that may befall a text table of this kind."""
    chosen = [*TEXT, *SHAPES, *LATIN]
    if sheet.unordered:
        chosen += ORDER
    if sheet.unique:
        chosen += TWICE
    if sheet.quoted:
        chosen += QUOTES
    if sheet.name:
        chosen += WORDS
    if sheet.paths:
        chosen += ESCAPES
    if sheet.number:
        chosen += NUMBERS
    else:
        chosen = [m for m in chosen if m.name != "a-number-column-missing"]
    return tuple(chosen)
