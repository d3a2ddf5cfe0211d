"""From a long table to labels and ratios; the command line."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image as mpimg
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.curves.cli import app
from phenoprot.curves.labels import count_states, label_matrix, ratio_targets
from phenoprot.curves.prepare import TOO_MANY_MISSING
from phenoprot.curves.screen import FEW_DOSES, FEW_SAMPLES, FITTED, fit_screen
from phenoprot.curves.settings import CurveSettings

GENES = {"up": 3.0, "down": 0.2, "flat": 1.0}
SETTINGS = CurveSettings(control_group=("plate",))


def screen(seed: int = 0) -> pd.DataFrame:
    """Three designs over two plates, the second twice as bright; plus one single-dose compound."""
    rng = np.random.default_rng(seed)
    doses = {
        "a": ("p1", [0.01, 0.1, 1, 10, 100]),
        "b": ("p2", [0.01, 0.1, 1, 10, 100]),
        "c": ("p2", [100, 30, 10, 3, 1, 0.3, 0.1]),
        "d": ("p1", [1.0]),
        "DMSO": ("p1", [0.0]),
        "DMSO ": ("p2", [0.0]),
    }
    rows = [
        (compound.strip(), dose, replicate, gene, plate, base * bright * effect)
        for compound, (plate, levels) in doses.items()
        for bright in [2.0 if plate == "p2" else 1.0]
        for dose in levels
        for replicate in range(4 if dose == 0 else 1)
        for gene, back in GENES.items()
        for base in [1e6 * rng.normal(1, 0.02)]
        for effect in [1 + (back - 1) * dose / (dose + 1)]
    ]
    columns = ["compound", "concentration", "replicate", "gene", "plate", "intensity"]
    return pd.DataFrame(rows, columns=columns)


def test_planted_effects_are_called() -> None:
    curves = fit_screen(screen(), SETTINGS)
    assert curves["compound"].tolist() == sorted([*"abcd"] * 3)
    called = curves[curves["compound"] != "d"]
    assert called["Curve Regulation"].tolist() == ["down", "not", "up"] * 3
    np.testing.assert_allclose(called["pEC50"][called["gene"] != "flat"], 6.0, atol=0.3)
    assert called["Valid Doses"].tolist() == [5] * 6 + [7] * 3
    counts = count_states(curves)
    assert counts["curves"] == 12
    assert (counts["up"], counts["down"], counts["not"], counts["unclassified"]) == (3, 3, 3, 3)
    assert counts[f"removed: {FEW_SAMPLES}"] == 3


def test_labels_mask_the_other_direction_and_the_unclassified() -> None:
    curves = fit_screen(screen(), SETTINGS)
    up, down = label_matrix(curves, "up"), label_matrix(curves, "down")
    assert up.columns.tolist() == ["down", "flat", "up"]
    np.testing.assert_array_equal(up.loc["a"], [np.nan, 0.0, 1.0])
    np.testing.assert_array_equal(down.loc["a"], [1.0, 0.0, np.nan])
    assert up.loc["d"].isna().all()


def test_filters_are_named_and_counted() -> None:
    table = screen()
    table.loc[(table["gene"] == "up") & (table["concentration"] == 0.01), "intensity"] = np.nan
    two = table["concentration"].isin([0.01, 0.1]) & (table["gene"] == "flat")
    table.loc[two & (table["compound"] == "a"), "intensity"] = np.nan
    curves = fit_screen(table, SETTINGS.model_copy(update={"max_missing": 1}))
    counts = count_states(curves)
    assert counts[f"removed: {FEW_DOSES}"] == 2
    assert counts[f"removed: {TOO_MANY_MISSING}"] == 1
    row = curves[(curves["compound"] == "a") & (curves["gene"] == "flat")].iloc[0]
    assert row[list(FITTED)].isna().all()


def test_ratios_are_to_the_controls_of_their_own_group() -> None:
    table = screen()
    ratios = ratio_targets(table, SETTINGS)
    assert ratios.columns.tolist() == ["compound", "gene", "concentration", "ratio"]
    assert set(ratios["compound"]) == set("abc")
    # by hand: b is on the bright plate
    controls = table[(table["compound"] == "DMSO") & (table["plate"] == "p2")]
    level = controls[controls["gene"] == "up"]["intensity"].mean()
    value = table[(table["compound"] == "b") & (table["gene"] == "up")]["intensity"].iloc[2]
    row = ratios[(ratios["compound"] == "b") & (ratios["gene"] == "up")].iloc[2]
    assert row["concentration"] == 1.0
    assert row["ratio"] == pytest.approx(value / level)


def test_replicated_doses_are_averaged_as_targets_and_fitted_one_by_one() -> None:
    table = screen()
    again = table[table["compound"] == "a"].assign(replicate=1)
    again["intensity"] *= 1.2
    both = pd.concat([table, again], ignore_index=True)
    row = fit_screen(both, SETTINGS)
    assert (row[row["compound"] == "a"]["Valid Doses"] == 10).all()
    one, two = ratio_targets(table, SETTINGS), ratio_targets(both, SETTINGS)
    a = one["compound"] == "a"
    np.testing.assert_allclose(two["ratio"][a], 1.1 * one["ratio"][a])


def test_normalisation_removes_the_brightness_of_a_sample() -> None:
    table = screen()
    settings = CurveSettings(control_group=("plate",), normalization=True)
    dim = (table["compound"] == "a") & (table["concentration"] == 1.0)
    dimmed = table.assign(intensity=table["intensity"].where(~dim, table["intensity"] / 8))
    plain = fit_screen(table, settings)["Curve RMSE"]
    np.testing.assert_allclose(
        fit_screen(dimmed, settings)["Curve RMSE"], plain, rtol=1e-6, atol=1e-9
    )


@pytest.mark.slow
def test_both_engines_give_the_same_screen() -> None:
    table = screen(1)
    batched = fit_screen(table, SETTINGS)
    reference = fit_screen(table, SETTINGS, "curvecurator")
    assert batched.columns.tolist() == reference.columns.tolist()
    for column in ["compound", "gene", "Filter", "Curve Regulation"]:
        assert batched[column].fillna("").tolist() == reference[column].fillna("").tolist()
    np.testing.assert_allclose(
        batched["Curve Fold Change"], reference["Curve Fold Change"], atol=5e-3
    )


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
