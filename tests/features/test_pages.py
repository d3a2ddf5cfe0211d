"""Numbers from the pages of an SQLite file, against SQLite itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoprot.features.numbers import Floats
from phenoprot.features.pages import read_pages

NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=False),
    st.sampled_from([0, 1, -1, 127, -128, 128, 2**15, -(2**23), 2**31 - 1, -(2**47), 2**63 - 1]),
    st.integers(-(2**63), 2**63 - 1),
)


def write(path: Path, rows: Sequence[Sequence[object]], page: int = 4096) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {page}")
        connection.execute("CREATE TABLE Other (a)")
        names = ", ".join(f'"c{at}" {("REAL", "INT", "")[at % 3]}' for at in range(len(rows[0])))
        connection.execute(f"CREATE TABLE T ({names})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO T VALUES ({marks})", rows)
        connection.commit()
    return path


def read(
    path: Path, columns: Sequence[int], span: tuple[int, int] | None = None, table: str = "T"
) -> Floats | None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN")
        return read_pages(connection, path, table, [f"c{at}" for at in columns], span)


def by_sqlite(
    path: Path, columns: Sequence[int], span: tuple[int, int] = (-(2**62), 2**62)
) -> Floats:
    names = ", ".join(f"c{at}" for at in columns)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            f"SELECT {names} FROM T WHERE rowid >= ? AND rowid < ? ORDER BY rowid", span
        ).fetchall()
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(columns))


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    st.integers(1, 40).flatmap(
        lambda width: st.lists(
            st.lists(NUMBERS, min_size=width, max_size=width), min_size=1, max_size=8
        )
    ),
    st.sampled_from([512, 4096, 65536]),
)
def test_every_number(tmp_path: Path, rows: list[list[object]], page: int) -> None:
    path = write(tmp_path / "x.db", rows, page)
    columns = list(range(len(rows[0])))[::-1]
    found = read(path, columns)
    assert found is not None
    np.testing.assert_array_equal(found, by_sqlite(path, columns))


@pytest.mark.parametrize("page", [512, 4096])
@pytest.mark.parametrize("width", [3, 60, 1500])
def test_many_pages_and_spans(tmp_path: Path, page: int, width: int) -> None:
    """Trees of several levels; rows that reach over many pages."""
    rows = np.random.default_rng(3).normal(size=(300, width)).tolist()
    path = write(tmp_path / "x.db", rows, page)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM T WHERE rowid % 7 = 0")
        connection.execute("UPDATE T SET rowid = rowid + 1000 WHERE rowid > 200")
        connection.commit()
    columns = [0, width - 1, width // 2]
    for span in ((-5, 2000), (1, 2), (14, 15), (7, 8), (90, 1250), (1299, 1300), (5, 5)):
        found = read(path, columns, span)
        assert found is not None
        np.testing.assert_array_equal(found, by_sqlite(path, columns, span))


def changed(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE T SET c1 = 'x'"],
        ["UPDATE T SET c1 = x'01' WHERE rowid = 2"],
        ["ALTER TABLE T ADD COLUMN d REAL DEFAULT 5"],
        ["ALTER TABLE T ADD COLUMN d AS (c0 + 1)"],
        ["ALTER TABLE T RENAME TO U", "CREATE TABLE T (c0 INTEGER PRIMARY KEY, c1, c2)"],
        ["ALTER TABLE T RENAME TO U", "CREATE VIEW T AS SELECT * FROM U"],
        ["PRAGMA journal_mode = WAL"],
    ],
)
def test_what_is_not_plain_is_left_to_sqlite(tmp_path: Path, statements: list[str]) -> None:
    path = write(tmp_path / "x.db", [[1.5, 2, 3]] * 4)
    assert read(path, [0, 1, 2]) is not None
    assert read(changed(path, *statements), [0, 1, 2]) is None


def test_text_in_columns_that_nobody_asks_for(tmp_path: Path) -> None:
    path = changed(write(tmp_path / "x.db", [[1.5, 2, 3]] * 4), "UPDATE T SET c1 = 'some text'")
    found = read(path, [2, 0])
    assert found is not None
    np.testing.assert_array_equal(found, [[3, 1.5]] * 4)


def test_damage_is_left_to_sqlite_and_does_no_harm(tmp_path: Path) -> None:
    """Any byte, anywhere: numbers or nothing, in the memory that the file is worth."""
    generator = np.random.default_rng(5)
    path = write(tmp_path / "x.db", generator.normal(size=(60, 150)).tolist(), 512)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM sqlite_master").fetchall()
        good = path.read_bytes()
        whole = read_pages(connection, path, "T", ["c0", "c149"])
        assert whole is not None
        left = 0
        for _ in range(1500):
            content = bytearray(good)
            page = int(generator.integers(2, len(good) // 512)) * 512
            for at in generator.integers(0, 40, size=2):
                content[page + int(at)] = int(generator.integers(256))
            path.write_bytes(content)
            found = read_pages(connection, path, "T", ["c0", "c149"])
            left += found is None
            assert found is None or found.shape[1] == 2
    assert left > 50
