"""The batched engine against CurveCurator itself."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from benchmarks.curves.simulate import make_design, make_table
from tests.curves.conftest import CTRP, noisy_ratios, table_of

from phenoprot.curves.curvecurator import fit_table, ratio
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.readers import read_curvecurator
from phenoprot.curves.reference import fit_reference
from phenoprot.curves.settings import FitSettings


def labels(curves: pd.DataFrame) -> list[str]:
    return curves["Curve Regulation"].fillna("unclassified").tolist()


def residual_sums(curves: pd.DataFrame, design: DoseDesign) -> np.ndarray:
    points = curves[ratio(design.treated)].notna().sum(axis=1) + 1
    return (curves["Curve RMSE"] ** 2 * points).to_numpy()


def test_the_example_is_the_one_its_source_names() -> None:
    lines = (CTRP / "SOURCE.txt").read_text().splitlines()
    sums = dict(reversed(line.split()) for line in lines[lines.index("sha256") + 1 :])
    assert len(sums) == 3
    for name, expected in sums.items():
        assert hashlib.sha256((CTRP / name).read_bytes()).hexdigest() == expected


def test_ctrp_example_gives_its_shipped_labels() -> None:
    golden = pd.read_csv(CTRP / "curves_40.0.txt", sep="\t")
    job = read_curvecurator(CTRP / "parameters_40.0.toml", sum_duplicates=True)
    curves = fit_table(job.table, job.design, job.settings, threads=2)
    assert list(curves.columns) == list(golden.columns)
    assert curves["Name"].tolist() == golden["Name"].tolist()
    assert len(golden) == 1211
    assert labels(curves) == labels(golden)
    called = golden["Curve Regulation"].isin(["up", "down"])
    for column, tolerance in {
        "Null Model": 1e-12,
        "Null RMSE": 1e-12,
        "Curve Fold Change": 2e-2,
        "Curve Relevance Score": 2e-2,
    }.items():
        difference = (curves[column] - golden[column])[called].abs()
        assert difference.quantile(0.99) < tolerance, column
    assert (curves["pEC50"] - golden["pEC50"])[called].abs().quantile(0.95) < 1e-3


@pytest.mark.slow
def test_ctrp_example_through_the_reference_engine() -> None:
    golden = pd.read_csv(CTRP / "curves_40.0.txt", sep="\t")
    job = read_curvecurator(CTRP / "parameters_40.0.toml", sum_duplicates=True)
    (curves,) = fit_reference([(job.table, job.design)], job.settings, processes=2)
    assert list(curves.columns) == list(golden.columns)
    assert labels(curves) == labels(golden)


# What each option changes is compared on tables that exercise it.
OPTIONS: dict[str, FitSettings] = {
    "plain": FitSettings(),
    "control fold change, interpolation": FitSettings(control_fold_change=True, interpolation=True),
    "missing, imputed, normalised": FitSettings(
        max_missing=1, imputation=True, imputation_pct=0.2, normalization=True
    ),
    "clipped, classic degrees of freedom": FitSettings(
        ratio_range=(0.1, 4.0), optimized_dofs=False, loc=0.0
    ),
    "filters of the call": FitSettings(
        quality_min=24.0, pec50_filter=(4.0, 7.0), not_rmse_limit=0.2, dfn=4.0, dfd=6.0
    ),
    "replicates, interpolation": FitSettings(interpolation=True, fc_lim=0.3),
    "replicates": FitSettings(fc_lim=0.3),
    "fixed front": FitSettings(front=1.0),
    "fixed slope and back": FitSettings(slope=1.0, back=0.5),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, tuple[pd.DataFrame, DoseDesign, pd.DataFrame]]:
    """Table, design and CurveCurator's answer for every option."""
    out = {}
    for seed, (name, settings) in enumerate(OPTIONS.items()):
        design = make_design(5 + seed % 3)
        if "replicates" in name:  # of 5 doses, out of order
            doses = (0.0, 0.0, 0.0, *(10.0 ** (i % 5 - 2) for i in range(10)))
            names = (*design.controls, *(f"d{i}" for i in range(10)))
            design = DoseDesign(names, doses, design.controls, 1e-6)
        table = make_table(design, 600 if name == "plain" else 45, seed=seed)
        table.iloc[3, 1:] = 0.0
        table.iloc[4, 2] = np.nan
        (answer,) = fit_reference([(table, design)], settings, processes=2)
        out[name] = table, design, answer
    return out


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_same_columns_calls_and_no_higher_residual_sum(option: str, cases: dict) -> None:
    table, design, theirs = cases[option]
    ours = fit_table(table, design, OPTIONS[option])
    assert list(ours.columns) == list(theirs.columns)
    assert ours["Name"].tolist() == theirs["Name"].tolist()
    assert labels(ours) == labels(theirs)
    fits = ["Imputation N", "Control Ratio Std", "Signal Quality", "Null Model", "Null RMSE"]
    for column in [*ratio(design.experiments), *(name for name in fits if name in ours)]:
        np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-9, err_msg=column)
    if "Imputation Position" in ours:
        assert ours["Imputation Position"].tolist() == theirs["Imputation Position"].tolist()
    mine, their = residual_sums(ours, design), residual_sums(theirs, design)
    np.testing.assert_array_equal(np.isnan(mine), np.isnan(their))
    if not OPTIONS[option].interpolation:  # there the minimum is over more points than the data
        assert (mine <= their * (1 + 1e-6) + 1e-12)[np.isfinite(their)].all()
    same_fit = np.abs(mine - their) <= 1e-4 * their
    assert same_fit.sum() > 0.7 * np.isfinite(their).sum()
    for column in ["Curve Fold Change", "Curve Log P_Value", "Curve R2", "Curve RMSE"]:
        difference = (ours[column] - theirs[column])[same_fit].abs()
        assert difference.quantile(0.95) < 1e-3, column


def test_standard_errors_are_those_of_the_pseudoinverse(design: DoseDesign) -> None:
    curves = fit_table(table_of(noisy_ratios(5, 60), design), design, FitSettings())
    x, checked = design.log_doses, 0
    for _, curve in curves.iterrows():
        p, s, f, b = curve[["pEC50", "Curve Slope", "Curve Front", "Curve Back"]].astype(float)
        e = 10 ** (s * (x + p))
        jacobian = np.zeros((6, 4))
        jacobian[0, 2] = 1.0
        flank = np.log(10) * (b - f) * e / (1 + e) ** 2
        jacobian[1:] = np.stack([flank * s, flank * (x + p), 1 / (1 + e), e / (1 + e)], axis=1)
        if np.linalg.cond(jacobian) > 1e5:
            continue
        residual = curve["Curve RMSE"] ** 2 * 6
        covariance = np.linalg.inv(jacobian.T @ jacobian) * residual / (6 - 4)
        names = ["pEC50 Error", "Curve Slope Error", "Curve Front Error", "Curve Back Error"]
        np.testing.assert_allclose(
            curve[names].astype(float), np.sqrt(np.diag(covariance)), rtol=1e-5
        )
        checked += 1
    assert checked > 20
