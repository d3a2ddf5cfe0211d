"""Read one table of a screen: typed columns, wells and compounds in one canonical spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from phenoprot.errors import UserError

_WELL = re.compile(r"^([A-Za-z]{1,2})0*(\d{1,2})$")


def canonical_well(name: str) -> str:
    """``"a1"`` -> ``"A01"``. Another name is only stripped: validation finds it."""
    match = _WELL.match(name.strip())
    return f"{match[1].upper()}{int(match[2]):02d}" if match else name.strip()


def canonical_compound(name: str) -> str:
    """A compound's name without surrounding or repeated white space."""
    return " ".join(name.split())


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV (all columns as text but floats outside ``Metadata_``) or a parquet table.

    Raises
    ------
    UserError
        The file is missing, empty, damaged, or of another kind.
    """
    if path.suffix == ".parquet":
        try:
            return pd.read_parquet(path)
        except FileNotFoundError:
            raise _no_file(path) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(path, error) from None
    if path.name.endswith((".csv", ".csv.gz")):
        header = read_csv(path, nrows=0).columns
        return read_csv(path, dtype={c: str for c in header if c.startswith("Metadata_")})
    raise UserError(
        "unknown kind of table", where=str(path), remedy="Use .csv, .csv.gz or .parquet."
    )


def read_csv(
    path: Path,
    *,
    dtype: Mapping[str, type[str]] | type[str] | None = None,
    nrows: int | None = None,
) -> pd.DataFrame:
    """Read a CSV in which an empty cell, and nothing else, is a missing value.

    Parameters
    ----------
    path
        May be compressed, as its name says.
    dtype
        Columns that are text: a mapping, or ``str`` for all.
    nrows
        Rows to read; None: all.

    Raises
    ------
    UserError
        The file is missing, empty or damaged.
    """
    try:
        return pd.read_csv(path, dtype=dtype, nrows=nrows, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise _no_file(path) from None
    except pd.errors.EmptyDataError:
        raise UserError("the file is empty", where=str(path)) from None
    except (pd.errors.ParserError, UnicodeDecodeError, EOFError, OSError) as error:
        raise _damaged(path, error) from None


def _no_file(path: Path) -> UserError:
    return UserError(
        "no such file", where=str(path), remedy="Add it, or take the table out of screen.yaml."
    )


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot be read: {' '.join(str(error).split())}", where=str(path))
