"""Read what earlier stages left in ``data/``: whole, or a line that says what to do.

All that is read here was written by this project, and appeared whole. What is wrong with it has
happened since: it was removed, cut by a copy or a full disk, or is something else.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenoprot.core.errors import UserError, as_user_error, listed, shortened
from phenoprot.core.files import read_json, require_file

REMEDY = "Bring it back with `dvc checkout`, or make it again with `dvc repro`."
"""Against a damaged file of ``data/``."""
PIECES = 50_000
"""Columns times row groups of a table beyond which pyarrow reads its groups one by one: all at
once, it takes some 30 KB for each piece."""
OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES),
    *(errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.EAGAIN, errno.EINTR),
}
"""Numbers of errors that say nothing about the content of a file."""


def is_of_the_machine(error: BaseException) -> bool:
    """Whether reading failed for want of memory, file handles or rights: the file may be whole."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, OSError) and error.errno in OF_THE_MACHINE


def damaged(path: Path, reason: object, remedy: str = REMEDY) -> UserError:
    """The line about a file that is not what a stage wrote."""
    return UserError(
        f"is damaged: {shortened(str(reason) or type(reason).__name__, 300)}",
        where=str(path),
        remedy=remedy,
    )


@contextmanager
def remedied(remedy: str = REMEDY) -> Iterator[None]:
    """Have errors in the block say what helps against damaged files of ``data/``."""
    try:
        yield
    except UserError as error:
        raise UserError(error.what, where=error.where, remedy=remedy) from None


def read_table(
    path: Path,
    needed: Sequence[str] = (),
    *,
    columns: Sequence[str] | None = None,
    remedy: str = REMEDY,
) -> pd.DataFrame:
    """Read a parquet table that a stage wrote.

    Parameters
    ----------
    path
        The table.
    needed
        Columns that it must have.
    columns
        Read these alone, which it must have too; None: all.
    remedy
        What to do if it is damaged or missing.

    Returns
    -------
    pandas.DataFrame
        As :func:`pandas.read_parquet` gives it.

    Raises
    ------
    UserError
        The file is missing, cut, empty, no parquet, or lacks columns.
    """
    require_file(path, remedy)
    try:
        table = _read_parquet(path, None if columns is None else list(columns))
    except Exception as error:
        # Of pyarrow, of pandas that reads its own notes in the file, of whatever they call.
        if is_of_the_machine(error) or isinstance(error, ImportError):
            raise as_user_error(error) or error from None
        raise damaged(path, error, remedy) from None
    lacking = [name for name in (*needed, *(columns or ())) if name not in table.columns]
    if lacking:
        raise damaged(path, f"lacks {len(lacking)} column(s): {listed(lacking)}", remedy)
    return table


def _read_parquet(path: Path, columns: list[str] | None) -> pd.DataFrame:
    with pq.ParquetFile(path) as file:
        wide = file.metadata.num_columns if columns is None else len(columns)
        if file.num_row_groups * wide > PIECES:
            groups = [file.read_row_group(i, columns) for i in range(file.num_row_groups)]
            table: pd.DataFrame = pa.concat_tables(groups).to_pandas()
            return table
    return pd.read_parquet(path, columns=columns)


def read_object(path: Path, needed: Sequence[str] = (), *, remedy: str = REMEDY) -> dict[str, Any]:
    """Read a JSON object that a stage wrote.

    Parameters
    ----------
    path
        The file.
    needed
        Keys that it must have.
    remedy
        What to do if it is damaged or missing.

    Raises
    ------
    UserError
        The file is missing, cut, empty, no JSON, no object, or lacks keys.
    """
    with remedied(remedy):
        content = read_json(path)
    if not isinstance(content, dict):
        raise damaged(path, f"holds a {type(content).__name__}, expected an object", remedy)
    lacking = [name for name in needed if name not in content]
    if lacking:
        raise damaged(path, f"lacks {len(lacking)} key(s): {listed(lacking)}", remedy)
    return content
