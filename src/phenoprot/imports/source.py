"""Any table that a laboratory brings, read strictly by what its name ends in."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted, shortened
from phenoprot.core.files import require_file, write_parquet, write_text
from phenoprot.core.tables import read_delimited, read_parquet
from phenoprot.imports.workbook import read_workbook

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".csv.gz", ".tsv.gz", ".txt.gz", ".tab.gz")
ENDINGS = (".parquet", ".h5ad", ".xlsx", *TEXT_ENDINGS)
_HEAD = 2**16
"""Bytes in which the header's separator is looked for."""


def stem(path: Path) -> str:
    """A file's name without its ending."""
    ending = next((e for e in sorted(ENDINGS, key=len)[::-1] if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)]


def expanded(paths: Sequence[Path], endings: tuple[str, ...] = ENDINGS) -> list[Path]:
    """Files: those named, those in the folders named, and those that a pattern (``*``) stands for.

    Raises
    ------
    UserError
        A folder or pattern holds no table.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found: Iterable[Path] = path.iterdir()
        elif "*" in path.name and not path.exists():
            found = path.parent.glob(path.name)
        else:
            files.append(path)
            continue
        tables = sorted(
            each
            for each in found
            if each.name.lower().endswith(endings) and not each.name.startswith(".")
        )
        if not tables:
            raise UserError(
                "holds no table", where=str(path), remedy=f"Known are {', '.join(endings)}."
            )
        files += tables
    return list(dict.fromkeys(files))


def read_any(path: Path) -> pd.DataFrame:
    """Read a table: parquet with its types, AnnData likewise, text tables and workbooks as text.

    A text table's separator is the tab, the semicolon or the comma, whichever its header holds
    most of.

    Raises
    ------
    UserError
        As of :mod:`phenoprot.core.tables`, or the file is of another kind.
    """
    name = path.name.lower()
    if name.endswith(".parquet"):
        return read_parquet(path)
    if name.endswith(".h5ad"):
        return read_h5ad(path)
    if name.endswith(".xlsx"):
        return read_workbook(path)
    if not name.endswith(TEXT_ENDINGS):
        require_file(path)
        remedy = "Export it as .csv." if name.endswith((".xls", ".ods")) else ""
        remedy = "Unpack it." if name.endswith((".zip", ".7z", ".tar", ".tgz")) else remedy
        raise UserError(
            "unknown kind of table",
            where=str(path),
            remedy=f"{remedy} Known are {', '.join(ENDINGS)}.".strip(),
        )
    return read_delimited(path, _separator(path))


def _separator(path: Path) -> str:
    require_file(path)
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as stream:
            head = stream.read(_HEAD)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return ","  # the reader says what is wrong with the file
    return separator_of(head.lstrip(b"\xef\xbb\xbf").decode("utf-8", "replace"))


def separator_of(content: str) -> str:
    """The comma, the semicolon or the tab, whichever the header of a text holds most of."""
    lines = (found[0] for found in re.finditer(r"[^\r\n]+", content))
    header = next((line for line in lines if line.strip()), "")
    return max(",", ";", "\t", key=header.count)


def write_any(path: Path, table: pd.DataFrame) -> None:
    """Write a table by what its name ends in: parquet, or CSV.

    Raises
    ------
    UserError
        It ends in neither.
    """
    require_written_ending(path)
    if path.suffix == ".parquet":
        write_parquet(path, table)
    else:
        write_text(path, table.to_csv(index=False, lineterminator="\n"))


def require_written_ending(path: Path) -> None:
    """Stop unless a table can be written by what `path` ends in."""
    if path.suffix not in {".csv", ".parquet"}:
        raise UserError(
            "ends in neither .csv nor .parquet", where=f"--output {path}", remedy="Name another."
        )


def read_h5ad(path: Path) -> pd.DataFrame:
    """AnnData as one table: the observations' columns and the variables', side by side.

    Columns of ``obs`` that are not named ``Metadata_...`` get that name: they describe the rows.

    Raises
    ------
    UserError
        The file cannot be read, or a variable has the name of a column.
    """
    import anndata

    require_file(path)
    try:
        data: Any = anndata.read_h5ad(path)
        values = data.X.toarray() if hasattr(data.X, "toarray") else data.X
        features = pd.DataFrame(values, columns=data.var_names.astype(str))
        about = data.obs.reset_index(drop=True)
    except Exception as error:  # h5py and anndata raise errors of many types on damaged files
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
            raise
        raise UserError(
            f"cannot be read as AnnData: {shortened(str(error), 300)}",
            where=str(path),
            remedy="Export or copy it again.",
        ) from None
    about = about.astype(dict.fromkeys(about.select_dtypes("category"), object))
    about.columns = pd.Index(
        [str(c) if str(c).startswith("Metadata_") else f"Metadata_{c}" for c in about], dtype=object
    )
    names = [*about, *features]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"{len(twice)} name(s) occur more than once: {listed([quoted(n) for n in twice])}",
            where=str(path),
            remedy="Give each variable and column of obs a name of its own.",
        )
    return pd.concat([about, features], axis=1)
