"""The torch search, on the CPU, against the compiled one."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.curves.simulate import make_design, make_table

from phenoprot.core.errors import UserError
from phenoprot.curves import engine_torch
from phenoprot.curves.curvecurator import fit_table
from phenoprot.curves.settings import FitSettings


@pytest.mark.parametrize(
    "settings", [FitSettings(), FitSettings(front=1.0, slope=1.2)], ids=["free", "fixed"]
)
def test_same_minima_and_calls(settings: FitSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_torch, "SLICE", 300)
    design = make_design(6)
    table = make_table(design, 700, seed=11)
    compiled = fit_table(table, design, settings)
    searched = fit_table(table, design, settings, device="cpu")
    np.testing.assert_allclose(compiled["Curve RMSE"], searched["Curve RMSE"], rtol=1e-6)
    left, right = (x["Curve Regulation"].fillna("") for x in (compiled, searched))
    assert left.tolist() == right.tolist()
    called = left.isin(["up", "down"])
    assert called.sum() > 50
    difference = (compiled["Curve Fold Change"] - searched["Curve Fold Change"])[called].abs()
    assert difference.quantile(0.99) < 1e-4


def test_interpolation_is_refused() -> None:
    design = make_design(5)
    with pytest.raises(UserError, match="interpolation is not supported on a torch device"):
        fit_table(
            make_table(design, 5, seed=1), design, FitSettings(interpolation=True), device="cpu"
        )
