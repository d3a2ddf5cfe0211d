"""What must hold for any table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.curves.simulate import make_design, make_table
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curves.conftest import noisy_ratios, table_of

from phenoprot.core.errors import UserError
from phenoprot.curves.curvecurator import fit_table
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.engine import fit_ratios
from phenoprot.curves.kernel import fit_blocks
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.stream import fit_parquet

DESIGN = make_design(6)
SEEDS = st.integers(0, 2**31)
QUICK = settings(max_examples=25, deadline=None)


def labels(curves: pd.DataFrame) -> list[str]:
    return curves["Curve Regulation"].fillna("unclassified").tolist()


@QUICK
@given(SEEDS, st.floats(1e-6, 1e6))
def test_scaling_the_intensities_of_a_protein_changes_no_label(seed: int, factor: float) -> None:
    table = make_table(DESIGN, 30, seed=seed)
    scaled = table.copy()
    scaled.iloc[:, 1:] *= factor
    plain = fit_table(table, DESIGN, FitSettings())
    assert labels(fit_table(scaled, DESIGN, FitSettings())) == labels(plain)


@QUICK
@given(SEEDS)
def test_flipping_the_effect_flips_up_and_down(seed: int) -> None:
    x = DoseDesign(("c", "d1", "d2", "d3", "d4", "d5"), (0, 0.01, 0.1, 1, 10, 100), ("c",), 1e-6)
    rng = np.random.default_rng(seed)
    ratios = np.clip(noisy_ratios(seed, 30, noise=0.05), 0.2, 1.8)
    ratios = 1 + (ratios - 1) * rng.choice([-1, 1], (30, 1))
    plain = fit_table(table_of(ratios, x), x, FitSettings())
    flipped = fit_table(table_of(2 - ratios, x), x, FitSettings())
    opposite = {"up": "down", "down": "up"}
    for left, right in zip(labels(plain), labels(flipped), strict=True):
        if left in opposite and right in opposite:
            assert right == opposite[left]
        assert not (left in opposite and right == "not")
    # Where no bound of the plateaus is met, the residual sum is the same.
    inside = (plain["Curve Back"].between(0.01, 1.99)) & (plain["Curve Front"].between(0.01, 1.99))
    np.testing.assert_allclose(
        plain["Curve RMSE"][inside], flipped["Curve RMSE"][inside], rtol=1e-5, atol=1e-9
    )
    sign = np.sign(plain["Curve Fold Change"]) * np.sign(flipped["Curve Fold Change"])
    called = plain["Curve Regulation"].isin(["up", "down"]) & inside
    assert (sign[called] <= 0).all()


@QUICK
@given(SEEDS)
def test_permuting_rows_permutes_the_output(seed: int) -> None:
    table = make_table(DESIGN, 40, seed=seed)
    order = np.random.default_rng(seed).permutation(len(table))
    plain = fit_table(table, DESIGN, FitSettings())
    permuted = fit_table(table.iloc[order].reset_index(drop=True), DESIGN, FitSettings())
    pd.testing.assert_frame_equal(
        permuted, plain.iloc[order].reset_index(drop=True), check_exact=True
    )


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_byte(threads: int) -> None:
    table = make_table(DESIGN, 3000, seed=5)
    one = fit_table(table, DESIGN, FitSettings())
    many = fit_table(table, DESIGN, FitSettings(), threads)
    assert one.to_csv() == many.to_csv()


def test_the_fits_have_one_compiled_variant() -> None:
    ratios = noisy_ratios(2, 600)
    x = np.log10([1e-8, 1e-7, 1e-6, 1e-5, 1e-4])
    fixed = ratios.copy()
    fixed.flags.writeable = False
    answers = {
        fit_ratios(table, x, FitSettings(), threads).tobytes()
        for table in (ratios, fixed, np.asfortranarray(ratios), np.repeat(ratios, 2, 1)[:, ::2])
        for threads in (1, 3)
    }
    assert len(answers) == 1
    assert len(getattr(fit_blocks, "kernel", fit_blocks).signatures) == 1


def test_a_curve_does_not_depend_on_its_neighbours() -> None:
    ratios = noisy_ratios(1, 500)
    x = np.log10([1e-8, 1e-7, 1e-6, 1e-5, 1e-4])
    whole = fit_ratios(ratios, x, FitSettings())
    parts = [fit_ratios(part, x, FitSettings()) for part in np.array_split(ratios, 7)]
    assert whole.tobytes() == np.concatenate(parts).tobytes()


def test_chunks_and_threads_change_no_byte_of_the_file(tmp_path: Path) -> None:
    source = tmp_path / "raw.parquet"
    make_table(DESIGN, 2500, seed=6).to_parquet(source, index=False)
    files = []
    for chunk, threads in [(2500, 1), (700, 2), (333, 3)]:
        files.append(tmp_path / f"{chunk}.parquet")
        fitted = fit_parquet(
            source, files[-1], DESIGN, FitSettings(), threads=threads, chunk_curves=chunk
        )
        assert fitted == 2500
    assert len({file.read_bytes() for file in files}) == 1
    expected = fit_table(pd.read_parquet(source), DESIGN, FitSettings())
    pd.testing.assert_frame_equal(pd.read_parquet(files[0]), expected, check_exact=True)


def test_streaming_refuses_what_needs_the_whole_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="need all curves at once"):
        fit_parquet(
            tmp_path / "raw.parquet",
            tmp_path / "out.parquet",
            DESIGN,
            FitSettings(normalization=True),
        )


def test_nothing_is_written_when_streaming_fails(tmp_path: Path) -> None:
    source, output = tmp_path / "raw.parquet", tmp_path / "out.parquet"
    make_table(DESIGN, 5, seed=6).drop(columns="Raw d1").to_parquet(source, index=False)
    with pytest.raises(UserError, match="1 column\\(s\\) are missing: Raw d1"):
        fit_parquet(source, output, DESIGN, FitSettings())
    assert [file.name for file in tmp_path.iterdir()] == ["raw.parquet"]


def test_null_curves_are_called_no_more_often_than_alpha() -> None:
    design = make_design(5)
    table = make_table(design, 20_000, seed=9, null=True, most_missing=0)
    curves = fit_table(table, design, FitSettings(), threads=2)
    called = curves["Curve Regulation"].isin(["up", "down"]).mean()
    assert called < 0.002  # 0.05 % of 100,000, as with CurveCurator (docs/curves.md)
