"""Read tables exactly: no value moves to another column, row or type without a word.

Text tables are read as text first. Every line must have as many fields as the header, the header
must name each column once, quotes must be closed where they were opened. Numbers are parsed
afterwards, column by column, by those who know which columns hold numbers.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from phenoprot.core.errors import UserError, listed, quoted, shortened
from phenoprot.core.files import decode_text, require_file

LARGEST_EXPANSION = 100
"""Times its size that a gzipped table may unpack to; numbers reach 5, repeated names 30."""
SMALL_UNPACKED = 256 * 2**20
"""Bytes that a gzipped table may unpack to in any case."""


def read_delimited(path: Path, separator: str = ",", *, quotes: bool = True) -> pd.DataFrame:
    """Read a delimited text table, every cell as text.

    Parameters
    ----------
    path
        UTF-8, with or without a byte-order mark; lines end in LF, CRLF or CR; ``.gz`` is unpacked.
    separator
        Between the fields of a line.
    quotes
        True: a field may be enclosed in double quotes, as in RFC 4180. False: a quote is a
        character like any other, as in the tab-separated tables of search engines.

    Returns
    -------
    pandas.DataFrame
        Columns of strings; an empty cell, and nothing else, is missing (None). Lines without any
        character are passed over.

    Raises
    ------
    UserError
        The file is missing, not a file, empty, not UTF-8 or damaged; a column name occurs twice;
        lines have more or fewer fields than the header, or a quote is not closed. Lines are
        counted and the first few named.
    """
    return parse_delimited(unpacked_text(path), str(path), separator, quotes=quotes)


def unpacked_text(path: Path) -> str:
    """Read a text file, that of a ``.gz`` unpacked; raises like :func:`read_delimited`."""
    return decode_text(_unpacked(path), str(path))


def parse_delimited(
    text: str, where: str, separator: str = ",", *, quotes: bool = True
) -> pd.DataFrame:
    """Read a delimited table from text; see :func:`read_delimited`.

    Lines above the header that are no part of the table are to be made empty: so the lines that
    messages name stay right.
    """
    if not text.strip():
        raise UserError("the file is empty", where=where, remedy="Export it again.")
    quoting = quotes and '"' in text
    header = _header(text, separator, quoting, where)
    if quoting:
        _check_quoted(text, separator, len(header), where)
    bad: list[tuple[int, int]] = []

    def note(row: pa.csv.InvalidRow) -> str:
        bad.append((row.number, row.actual_columns))
        return "skip"

    content = text.encode()
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(content),
            read_options=pa.csv.ReadOptions(
                use_threads=False,  # else bad lines have no number
                block_size=min(len(content) + 1, 2**31 - 1),
                column_names=[str(number) for number in range(len(header))],
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=separator,
                quote_char='"' if quoting else False,
                double_quote=quoting,
                newlines_in_values=quoting,
                invalid_row_handler=note,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types={str(number): pa.string() for number in range(len(header))},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _damaged(where, error) from None
    if bad:
        # Arrow does not count lines without a character.
        lines = [n for n, line in enumerate(re.split("\r\n|\r|\n", text), 1) if line]
        raise _ragged([(lines[row - 1], fields) for row, fields in bad], len(header), text, where)
    frame = table.slice(1).to_pandas()
    frame.columns = pd.Index(header, dtype=object)
    return frame


def _unpacked(path: Path) -> bytes:
    """Bytes of a file; those of a ``.gz`` unpacked, within limits."""
    require_file(path)
    if path.suffix != ".gz":
        return path.read_bytes()
    content = path.read_bytes()
    limit = max(SMALL_UNPACKED, len(content) * LARGEST_EXPANSION)
    parts: list[bytes] = []
    size = 0
    try:
        while content:
            unpack = zlib.decompressobj(wbits=31)
            parts.append(unpack.decompress(content, max_length=limit - size + 1))
            size += len(parts[-1])
            if size > limit:
                raise UserError(
                    f"unpacks to more than {limit} bytes",
                    where=str(path),
                    remedy="Give the table unpacked, if it is really that large.",
                )
            if not unpack.eof:
                raise UserError(
                    "the gzip file is cut", where=str(path), remedy="Copy or export it again."
                )
            content = unpack.unused_data
    except zlib.error as error:
        raise _damaged(str(path), error) from None
    return b"".join(parts)


def _header(text: str, separator: str, quoting: bool, where: str) -> list[str]:
    """Names of the columns, each of them once."""
    lines = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        strict=True,
    )
    try:
        names = next(line for line in lines if line)
    except (csv.Error, StopIteration) as error:
        raise UserError(
            f"the header cannot be read: {error}", where=where, remedy="Export the table again."
        ) from None
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = [quoted(name) if name else "without a name" for name in twice]
        raise UserError(
            f"{len(twice)} column name(s) occur more than once: {listed(shown)}",
            where=f"{where}, header",
            remedy="Give each column a name of its own.",
        )
    return names


def _check_quoted(text: str, separator: str, width: int, where: str) -> None:
    """Check quotes and the number of fields as strictly as RFC 4180 has them."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    remedy = 'Enclose fields that hold " or the separator in quotes, and double a " in them.'
    bad: list[tuple[int, int]] = []
    start = 1
    try:
        for fields in lines:
            if fields and len(fields) != width:
                bad.append((start, len(fields)))
            start = lines.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"line {start}: a quote is not where quotes belong ({error})",
            where=where,
            remedy=remedy,
        ) from None
    if bad:
        raise _ragged(bad, width, text, where)
    # The csv module takes a quote inside a field for a character: RFC 4180 does not.
    if stray := _stray_quotes(text, separator):
        raise UserError(
            f"{len(stray)} line(s) have a quote that is not where quotes belong: line "
            f"{listed(stray)}",
            where=where,
            remedy=remedy,
        )


def _stray_quotes(text: str, separator: str) -> list[int]:
    """Lines with a quote in a field that no quotes enclose; all other quotes are right."""
    enclosed = re.compile(rf'(?:^|(?<=[{re.escape(separator)}\r\n]))"[^"]*(?:""[^"]*)*"')
    if '"' not in enclosed.sub("", text):
        return []
    # Line breaks in enclosed fields stay: they count as lines.
    rest = enclosed.sub(lambda field: field[0].replace('"', ""), text)
    return [n for n, line in enumerate(re.split("\r\n|\r|\n", rest), 1) if '"' in line]


def _ragged(bad: list[tuple[int, int]], width: int, text: str, where: str) -> UserError:
    lines = [f"line {line} has {count}" for line, count in bad]
    cut = len(bad) == 1 and bad[0][1] < width and not text.endswith(("\n", "\r"))
    return UserError(
        f"{len(bad)} line(s) do not have the {width} fields of the header: {listed(lines)}",
        where=where,
        remedy="The file looks cut: copy or export it again."
        if cut
        else "Export the table again, or fix these lines.",
    )


def holds_numbers(values: pd.Series) -> bool:
    """Whether a column's type is that of real numbers; booleans and complex numbers are none."""
    kind = values.dtype
    return bool(
        pd.api.types.is_numeric_dtype(kind)
        and not pd.api.types.is_bool_dtype(kind)
        and not pd.api.types.is_complex_dtype(kind)
    )


def parse_numbers(values: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Turn a column into numbers, exactly as written.

    Parameters
    ----------
    values
        Text or numbers. Numbers in text have a decimal point and no other sign than ``+ - e E``.

    Returns
    -------
    numbers
        float64, NaN where missing and where the text is no number.
    wrong
        True where the text is no finite or infinite number; ``nan`` is none.
    """
    if pd.api.types.is_bool_dtype(values):
        return np.full(len(values), np.nan), values.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, np.zeros(len(values), dtype=bool)
    absent = values.isna().to_numpy()
    text = pa.array(values.where(~absent, None).astype(object), pa.string(), from_pandas=True)
    text = pc.utf8_trim_whitespace(text)
    plain = pc.match_substring_regex(
        text, r"^(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?|[+-]?inf(?:inity)?)$",
        ignore_case=True,
    )  # fmt: skip
    good = pc.fill_null(plain, False)
    kept = pc.if_else(good, text, pa.scalar(None, pa.string()))
    # float() rounds correctly, arrow's cast does not know a leading + or a bare point
    numbers = np.array([np.nan if cell is None else float(cell) for cell in kept.to_pylist()])
    return numbers.astype(np.float64), ~absent & ~good.to_numpy(zero_copy_only=False)


def read_parquet(
    path: Path,
    columns: list[str] | None = None,
    *,
    rows: tuple[str, Collection[str]] | None = None,
) -> pd.DataFrame:
    """Read a parquet table: dictionary-encoded and categorical columns as plain strings.

    An unnamed index that pandas has written beside the columns is left out, a named one is a
    column like the others.

    Parameters
    ----------
    path
        The table.
    columns
        Read these alone; None: all.
    rows
        Keep the rows alone that hold one of these names in this column. Row groups are read one
        after another, so that no more than one is held besides what is kept.

    Raises
    ------
    UserError
        The file is missing, not a file, damaged, or names a column twice.
    """
    require_file(path)
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = file.schema_arrow.names
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise UserError(
                f"{len(twice)} column name(s) occur more than once: {listed(twice)}",
                where=str(path),
                remedy="Give each column a name of its own.",
            )
        wanted = [name for name in columns or names if not name.startswith("__index_level_")]
        if rows is None:
            table = _plain(file.read(columns=wanted))
        else:
            column, held = rows[0], pa.array(sorted(rows[1]), pa.string())
            groups = (_plain(file.read_row_group(i, wanted)) for i in range(file.num_row_groups))
            kept = [g.filter(pc.is_in(g[column].cast(pa.string()), held)) for g in groups]
            table = pa.concat_tables(kept) if kept else _plain(file.read(columns=wanted))
        return table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _damaged(str(path), error) from None


def parquet_columns(path: Path) -> list[str]:
    """Names of the columns of a parquet table, without reading it; raises like `read_parquet`."""
    return list(_metadata(path).schema.to_arrow_schema().names)


def parquet_rows(path: Path) -> int:
    """Number of rows of a parquet table, without reading it; raises like `read_parquet`."""
    return int(_metadata(path).num_rows)


def _metadata(path: Path) -> pyarrow.parquet.FileMetaData:
    require_file(path)
    try:
        return pyarrow.parquet.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _damaged(str(path), error) from None


def _plain(table: pa.Table) -> pa.Table:
    """The table with its dictionary-encoded columns decoded."""
    return pa.table([_decoded(column) for column in table.columns], names=table.column_names)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _damaged(where: str, error: Exception) -> UserError:
    return UserError(
        f"cannot be read: {shortened(str(error), 300)}",
        where=where,
        remedy="Export or copy it again.",
    )
