"""SQLite files of others, opened to be read only, and only if they are whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from phenoprot.core.errors import UserError, shortened

SQLITE_MAGIC = b"SQLite format 3\0"
"""First bytes of a database."""
LOCK_SECONDS = 5.0
"""How long to wait for another program that writes to the file."""


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as an SQLite database does."""
    with path.open("rb") as stream:
        return stream.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


@contextmanager
def opened_sqlite(path: Path, fault: str, remedy: str) -> Iterator[sqlite3.Connection]:
    """Open a database, for reading only; its errors in the block are the user's.

    Parameters
    ----------
    path
        The file.
    fault
        What it is then, for the message: ``is no release of ChEMBL``.
    remedy
        What to do, unless another program holds it.

    Raises
    ------
    UserError
        It is no database, damaged, locked by another program, or lacks its end.
    """
    try:
        # as_uri() escapes ? and #
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, timeout=LOCK_SECONDS, uri=True)) as connection:
            _require_whole(connection, path, remedy)
            yield connection
    except sqlite3.Error as error:
        raise UserError(
            f"{fault}: {shortened(str(error), 300)}",
            where=str(path),
            remedy="Close the program that writes to it." if "locked" in str(error) else remedy,
        ) from None


def _require_whole(connection: sqlite3.Connection, path: Path, remedy: str) -> None:
    """Stop if a file lacks the end of its last page: SQLite reads zeros there, without a word."""
    pages, page = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    size = path.stat().st_size
    log = Path(f"{path.resolve()}-wal")  # may hold pages that are not in the file yet
    logged = log.is_file() and log.stat().st_size > 0
    if size % page if logged else size < pages * page:
        raise UserError(
            f"is cut: it has {size} bytes, its {pages} pages of {page} bytes are more",
            where=str(path),
            remedy=f"Copy it again. {remedy}",
        )
