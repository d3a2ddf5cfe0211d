"""Tables of curves as files: typed reading and compiled writing give what the slow ways give."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.core.tables import parse_numbers, read_parquet
from phenoprot.curves.cli import app
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.lines import ROWS_AT_ONCE, write_delimited
from phenoprot.curves.readers import read_intensities
from phenoprot.imports.tsv import parse_plain_tsv, parse_tsv

SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(folder: Path, table: pd.DataFrame) -> bytes:
    write_delimited(folder / "out.txt", table)
    return (folder / "out.txt").read_bytes()


def edges() -> np.ndarray:
    """Powers of 2 and 10 with their neighbours: where gaps of doubles and digits change."""
    powers = np.array(
        [2.0**e for e in range(-1074, 1024)] + [float(f"1e{e}") for e in range(-323, 309)]
    )
    around = [powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf), -0.75 * powers]
    return np.concatenate([*around, [0.0, -0.0, np.inf, -np.inf, np.finfo(float).max]])


def test_edges_are_written_as_repr_writes_them(tmp_path: Path) -> None:
    values = edges()
    lines = written(tmp_path, pd.DataFrame({"x": values})).decode().split("\n")
    assert lines[1:-1] == [repr(value) for value in values.tolist()]


@SOME
@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=40), st.integers(0, 2**52))
def test_any_number_is_written_as_repr_writes_it(
    tmp_path: Path, values: list[float], small: int
) -> None:
    subnormal = float(np.array([small], dtype=np.uint64).view(np.float64)[0])
    values = [*values, subnormal]
    lines = written(tmp_path, pd.DataFrame({"x": values})).decode().split("\n")
    assert lines[1:-1] == ["" if math.isnan(value) else repr(value) for value in values]


def test_random_bits_over_many_parts_are_written_as_pandas_writes_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = 2 * ROWS_AT_ONCE + 7
    bits = rng.integers(0, 2**64, (rows, 2), dtype=np.uint64, endpoint=False)
    table = pd.DataFrame(bits.view(np.float64), columns=["a", 'b "quoted"'])
    table.insert(1, "n", rng.integers(-(10**9), 10**15, rows))
    table.insert(0, "Name", [f"P{i}" for i in range(rows)])
    table.loc[3:6, "Name"] = ['5" UTR', "a\tb", None, "\u03b1\n"]
    assert written(tmp_path, table) == table.to_csv(sep="\t", index=False).encode()


def test_a_column_without_a_text_form_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'x' of float32"):
        write_delimited(tmp_path / "out.txt", pd.DataFrame({"x": np.zeros(1, np.float32)}))
    assert not list(tmp_path.iterdir())


CELLS = st.sampled_from(
    ["", "1", "-2.5", "1e3", "+7", ".5", "5.", " 6 ", "NaN", "NA", "nAn", "None", "inf",
     "-Infinity", "nan(1)", "1e400", "1e-400", "1e00003", "1e-99999", "1_0", "0x10", "1,5", "true",
     "x", "\u0661", "\u00a07", "9007199254740993", "0.1000000000000000055511151231257827"]
)  # fmt: skip


@SOME
@given(st.lists(st.tuples(st.text("ab \u00e9", max_size=3), CELLS, CELLS), min_size=1, max_size=4))
def test_a_plain_table_is_read_as_the_strict_reader_reads_it(
    rows: list[tuple[str, str, str]],
) -> None:
    text = "".join("\t".join(row) + "\n" for row in [("Name", "x", "skip"), *rows])
    plain = parse_plain_tsv(text, "Name", ["x"])
    strict = parse_tsv(text, "in.tsv")
    missing = strict["x"].str.strip().str.lower().isin(["", "na", "nan", "none", "null"])
    numbers, wrong = parse_numbers(strict["x"].where(~missing, None))
    if plain is None:
        return
    assert not wrong.any()
    np.testing.assert_array_equal(plain["x"], numbers)
    assert plain["Name"].tolist() == strict["Name"].fillna("").tolist()


def test_plain_numbers_take_the_fast_way() -> None:
    text = "\n\nskip\tName\tx\r\nz\tA\t1.5\r\n\r\nz\tB\t\nz\tC\tnan"
    plain = parse_plain_tsv(text, "Name", ["x"])
    assert plain is not None
    assert plain["Name"].tolist() == ["A", "B", "C"]
    np.testing.assert_array_equal(plain["x"], [1.5, np.nan, np.nan])


LEFT = {
    "a quote": 'Name\tx\n"A\t1\n',
    "a ragged line": "Name\tx\nA\t1\t2\n",
    "a column twice": "Name\tx\tx\nA\t1\t2\n",
    "no column": "Name\ty\nA\t1\n",
    "infinite": "Name\tx\nA\tinf\n",
    "no number": "Name\tx\nA\tone\n",
    "an exponent of five digits": "Name\tx\nA\t1e00001\n",
}


@pytest.mark.parametrize("fault", LEFT)
def test_what_is_not_plain_is_left_to_the_strict_reader(fault: str) -> None:
    assert parse_plain_tsv(LEFT[fault], "Name", ["x"]) is None


def fitted(job: Path, *options: str) -> None:
    result = CliRunner().invoke(app, ["fit", str(job), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_parquet_in_and_out_gives_the_numbers_of_text(job: Path) -> None:
    folder = job.parent
    fitted(job)
    text = pd.read_csv(folder / "curves.txt", sep="\t", float_precision="round_trip")
    exact = {"sep": "\t", "float_precision": "round_trip"}
    pd.read_csv(folder / "in.tsv", **exact).to_parquet(folder / "in.parquet")
    job.write_text(job.read_text().replace("in.tsv", "in.parquet"))
    fitted(job, "--output", str(folder / "curves.parquet"))
    table = read_parquet(folder / "curves.parquet")
    assert set(table["Curve Regulation"].dropna()) <= {"up", "down", "not"}
    pd.testing.assert_frame_equal(table, text, check_exact=True, check_dtype=False)


def test_faults_of_a_parquet_input_are_told(tmp_path: Path, design: DoseDesign) -> None:
    path = tmp_path / "in.parquet"
    columns = [f"Raw {name}" for name in design.experiments]
    good = pd.DataFrame({"Name": ["A", "B"], **{name: [1.0, 2.0] for name in columns}})
    good.drop(columns="Raw d1").to_parquet(path)
    with pytest.raises(UserError, match=r"1 column\(s\) are missing: Raw d1"):
        read_intensities(path, design)
    good.assign(**{"Raw d1": [1.0, -2.0]}).to_parquet(path)
    with pytest.raises(UserError, match=r"1 negative .*'Raw d1'.*'B'"):
        read_intensities(path, design)
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read"):
        read_intensities(path, design)
