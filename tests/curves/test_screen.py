"""From a long table to labels and ratios; the command line."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image as mpimg
import numpy as np
import pandas as pd
import pytest
from tests.curves.screens import COMPOUND, DOSE, PLATE, PROTEIN, REPLICATE, SETTINGS, screen
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.curves.blocks import FITTED
from phenoprot.curves.cli import app
from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.prepare import TOO_MANY_MISSING
from phenoprot.curves.screen import FEW_DOSES, FEW_SAMPLES, count_states, fit_screen
from phenoprot.curves.settings import CurveSettings


def fitted(table: pd.DataFrame, settings: CurveSettings = SETTINGS) -> pd.DataFrame:
    return fit_screen(screen_curves(table, settings), settings)


def ratios_of(table: pd.DataFrame) -> pd.DataFrame:
    return mean_ratios(screen_curves(table, SETTINGS), SETTINGS)


def test_planted_effects_are_called() -> None:
    curves = fitted(screen())
    assert curves[COMPOUND].tolist() == sorted([*"abcd"] * 3)
    called = curves[curves[COMPOUND] != "d"]
    assert called["Label"].tolist() == ["down", "not", "up"] * 3
    np.testing.assert_allclose(called["pEC50"][called[PROTEIN] != "flat"], 6.0, atol=0.3)
    assert called["Valid_Doses"].tolist() == [5] * 6 + [7] * 3
    counts = count_states(curves)
    assert counts["curves"] == 12
    assert (counts["up"], counts["down"], counts["not"], counts["unclassified"]) == (3, 3, 3, 3)
    assert counts[f"removed: {FEW_SAMPLES}"] == 3


def test_filters_are_named_and_counted() -> None:
    table = screen()
    table.loc[(table[PROTEIN] == "up") & (table[DOSE] == 0.01), "Value"] = np.nan
    two = table[DOSE].isin([0.01, 0.1]) & (table[PROTEIN] == "flat")
    table.loc[two & (table[COMPOUND] == "a"), "Value"] = np.nan
    curves = fitted(table, SETTINGS.model_copy(update={"max_missing": 1}))
    counts = count_states(curves)
    assert counts[f"removed: {FEW_DOSES}"] == 2
    assert counts[f"removed: {TOO_MANY_MISSING}"] == 1
    row = curves[(curves[COMPOUND] == "a") & (curves[PROTEIN] == "flat")].iloc[0]
    assert row[[name for name in FITTED if name != "Label"]].isna().all()
    assert row["Label"] == ""


def test_ratios_are_to_the_controls_of_their_own_group() -> None:
    table = screen()
    ratios = ratios_of(table)
    assert ratios.columns.tolist() == [COMPOUND, PROTEIN, DOSE, "Ratio"]
    assert set(ratios[COMPOUND]) == set("abc")
    # by hand: b is on the bright plate
    controls = table[(table[COMPOUND] == "DMSO") & (table[PLATE] == "p2")]
    level = controls[controls[PROTEIN] == "up"]["Value"].mean()
    value = table[(table[COMPOUND] == "b") & (table[PROTEIN] == "up")]["Value"].iloc[2]
    row = ratios[(ratios[COMPOUND] == "b") & (ratios[PROTEIN] == "up")].iloc[2]
    assert row[DOSE] == 1.0
    assert row["Ratio"] == pytest.approx(value / level)


def test_replicated_doses_are_averaged_as_targets_and_fitted_one_by_one() -> None:
    table = screen()
    again = table[table[COMPOUND] == "a"].assign(**{REPLICATE: 1})
    again["Value"] *= 1.2
    both = pd.concat([table, again], ignore_index=True)
    row = fitted(both)
    assert (row[row[COMPOUND] == "a"]["Valid_Doses"] == 10).all()
    one, two = ratios_of(table), ratios_of(both)
    a = one[COMPOUND] == "a"
    np.testing.assert_allclose(two["Ratio"][a], 1.1 * one["Ratio"][a])


def test_normalisation_removes_the_brightness_of_a_sample() -> None:
    table = screen()
    settings = CurveSettings(control_group=(PLATE,), normalization=True)
    dim = (table[COMPOUND] == "a") & (table[DOSE] == 1.0)
    dimmed = table.assign(Value=table["Value"].where(~dim, table["Value"] / 8))
    plain, same = (fitted(each, settings)["RMSE"] for each in (table, dimmed))
    np.testing.assert_allclose(same, plain, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_both_engines_give_the_same_screen() -> None:
    table = screen(1)
    batched = fitted(table)
    reference = fitted(table, SETTINGS.model_copy(update={"engine": "curvecurator"}))
    assert batched.columns.tolist() == reference.columns.tolist()
    same = [COMPOUND, PROTEIN, "Valid_Doses", "Filter", "Label"]
    pd.testing.assert_frame_equal(batched[same], reference[same])
    np.testing.assert_allclose(batched["Effect"], reference["Effect"], atol=5e-3)


def test_fit_and_plot_commands(job: Path) -> None:
    done = CliRunner().invoke(app, ["fit", str(job), "--output", str(job.parent / "mine.txt")])
    assert done.exception is None, done.exception
    assert "12 of 12 curves fitted" in done.output
    picture = job.parent / "curves.png"
    arguments = ["plot", str(job), str(job.parent / "mine.txt"), "--output", str(picture)]
    done = CliRunner().invoke(app, arguments)
    assert done.exception is None, done.exception
    six = mpimg.imread(picture)
    assert six[..., :3].min() < 0.3  # something dark was drawn
    done = CliRunner().invoke(app, [*arguments[:3], "g01", *arguments[3:]])
    assert done.exception is None, done.exception
    assert mpimg.imread(picture).shape[0] < six.shape[0]


def test_plot_faults(job: Path) -> None:
    arguments = ["plot", str(job), str(job.parent / "curves.txt")]
    result = CliRunner().invoke(app, arguments)
    with pytest.raises(UserError, match=r"no such file.*phenoprot curves fit"):
        raise result.exception
    CliRunner().invoke(app, ["fit", str(job)])
    result = CliRunner().invoke(app, [*arguments, "nobody"])
    with pytest.raises(UserError, match=r"1 curve\(s\) are not there: nobody"):
        raise result.exception
    (job.parent / "curves.txt").write_text("Name\npEC50\n")
    result = CliRunner().invoke(app, arguments)
    with pytest.raises(UserError, match="column\\(s\\) are missing: Ratio 1"):
        raise result.exception
