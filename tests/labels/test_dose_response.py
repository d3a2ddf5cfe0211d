"""Fitted curves and ratios in the schema of labels and levels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.long import long_readout
from phenoprot.curves.position import without_position
from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.dose_response import ratio_levels
from phenoprot.readout.screen import label_screen
from phenoprot.readout.settings import LabelSettings, SingleDoseSettings
from phenoprot.screens.contract import ScreenInfo
from phenoprot.screens.loader import Screen

KEY = ["Metadata_Plate", "Metadata_Well"]
WELLS = pd.DataFrame(
    [
        ("P", "A01", "DMSO", 0.0),
        ("P", "A02", "DMSO", 0.0),
        ("P", "B01", "a", 1.0),
        ("P", "B02", "a", 10.0),
        ("P", "B03", "a", 100.0),
        ("Q", "A01", "DMSO", 0.0),
        ("Q", "B01", "a", 1.0),
        ("Q", "B02", "a", 10.0),
    ],
    columns=[*KEY, "Metadata_Compound", "Metadata_Concentration"],
)
PROTEOMICS = WELLS[KEY].assign(
    Metadata_Protein="g", Value=[100.0, 300, 400, 50, 20, 1000, 3000, 250]
)


SCREEN = {
    "name": "tiny",
    "title": "Tiny",
    "organism": "human",
    "cell_line": "U2OS",
    "stains": ["DNA"],
    "concentration_unit": "uM",
    "negative_control": "DMSO",
    "sources": [{"repository": "r", "commit": "c", "licence": "CC0-1.0", "content": "all"}],
    "caveats": [],
    "tables": {
        "wells": "wells.csv",
        "proteomics": {
            "path": "proteomics.csv",
            "content": "intensities",
            "cell_line": "U2OS",
            "kind": "intensity",
            "design": "dose_response",
        },
    },
}
CURVES = pd.DataFrame(
    {
        "Metadata_Compound": ["a", "a", "b"],
        "Metadata_Protein": ["g", "h", "g"],
        "Filter": "",
        "pEC50": [6.0, 5.0, 7.0],
        "Effect": [1.5, 0.2, 0.0],
        "P": [0.01, 0.5, 0.9],
        "Label": ["up", "", "not"],
    }
)
RATIOS = pd.DataFrame(
    [("a", "g", 10.0, 2.0), ("a", "g", 1.0, 1.5), ("b", "h", 1.0, 0.5)],
    columns=["Metadata_Compound", "Metadata_Protein", "Metadata_Concentration", "Ratio"],
)
LABELS = LabelSettings(
    position_correction="none", single_dose=SingleDoseSettings(alpha=0.05, min_effect=1.0)
)


RATIO_LEVELS = LABELS.model_copy(update={"levels": "ratio"})
FITS = CurveSettings(control_group=("Metadata_Plate",))


def write_curves(folder: Path) -> None:
    """What the stage ``curves`` leaves."""
    CURVES.to_parquet(folder / "curves.parquet")
    RATIOS.to_parquet(folder / "ratios.parquet")
    (folder / "counts.json").write_text(json.dumps({"curves": 3, "position_terms": 4}))


def tiny(folder: Path) -> Screen:
    """The screen of `WELLS` and `PROTEOMICS`."""
    control = np.where(WELLS["Metadata_Compound"] == "DMSO", "negcon", "")
    WELLS.assign(Metadata_Control=control).to_csv(folder / "wells.csv", index=False)
    PROTEOMICS.to_csv(folder / "proteomics.csv", index=False)
    return Screen(folder, ScreenInfo.model_validate(SCREEN))


def test_labels_and_levels_come_from_the_curves(tmp_path: Path) -> None:
    screen = tiny(tmp_path)
    write_curves(tmp_path)
    labelled = label_screen(screen, tmp_path, LABELS, FITS)
    labels, levels = labelled.labels, labelled.levels
    columns = ["Metadata_Compound", "Metadata_Protein", "Label", "Effect", "P", "pEC50"]
    pd.testing.assert_frame_equal(labels, CURVES[columns])
    expected = pd.DataFrame(
        [("a", 1.0, np.log2(1.5), np.nan), ("a", 10.0, 1.0, np.nan), ("b", 1.0, np.nan, -1.0)],
        columns=["Metadata_Compound", "Metadata_Concentration", "g", "h"],
    ).astype({"g": np.float32, "h": np.float32})
    pd.testing.assert_frame_equal(levels, expected)
    assert labelled.ceiling.empty  # three doses are no curve
    assert labelled.counts == {
        "n_up": 1, "n_down": 0, "n_not": 1, "n_unclassified": 1, "n_compounds": 2,
        "n_proteins": 2, "position_terms": 4,
    }  # fmt: skip
    ratios = label_screen(screen, tmp_path, RATIO_LEVELS, FITS).levels
    assert ratios["g"].tolist()[:2] == [1.5, 2.0]


@pytest.mark.parametrize("table", ["curves", "ratios"])
def test_curves_of_an_earlier_version_are_named(table: str, tmp_path: Path) -> None:
    screen = Screen(tmp_path, ScreenInfo.model_validate(SCREEN))
    write_curves(tmp_path)
    path = tmp_path / f"{table}.parquet"
    pd.read_parquet(path).rename(columns={"Metadata_Protein": "gene"}).to_parquet(path)
    with pytest.raises(UserError, match=rf"{table}\.parquet.* Metadata_Protein.*dvc repro"):
        label_screen(screen, tmp_path, LABELS, FITS)


def test_ratios_beyond_single_precision_are_refused() -> None:
    with pytest.raises(UserError, match=r"1 of 2 column\(s\) have infinite values .*: h"):
        ratio_levels(RATIOS.assign(Ratio=[1.0, 1.0, 1e300]), "ratio")


def test_counts_of_an_earlier_version_are_named(tmp_path: Path) -> None:
    write_curves(tmp_path)
    (tmp_path / "counts.json").write_text('{"curves": 3}')
    screen = Screen(tmp_path, ScreenInfo.model_validate(SCREEN))
    with pytest.raises(UserError, match=r"counts\.json.* lacks 1 key\(s\): position_terms"):
        label_screen(screen, tmp_path, LABELS, FITS)


def test_ratios_without_a_logarithm_are_named() -> None:
    bad = RATIOS.assign(Ratio=[2.0, 0.0, -1.0])
    with pytest.raises(UserError) as error:
        ratio_levels(bad, "log2")
    assert str(error.value) == (
        "proteomics: 2 of 3 ratio(s) to the negative controls are 0 or less and have no logarithm, "
        "e.g. 0 of 'g' under 'a' at 1. Set labels.levels: ratio, or curves.ratio_range to clip "
        "ratios from above 0."
    )
    assert ratio_levels(bad, "ratio")["g"].tolist()[:2] == [0.0, 2.0]


def test_replicates_are_numbered_within_their_treatment() -> None:
    long = long_readout(PROTEOMICS.sample(frac=1, random_state=0), WELLS)
    assert long.columns.tolist() == [
        *("Metadata_Compound", "Metadata_Concentration", "Metadata_Replicate", "Metadata_Protein"),
        *("Value", "Metadata_Plate"),
    ]
    by_well = {(row.Metadata_Plate, row.Value): row.Metadata_Replicate for row in long.itertuples()}
    assert by_well == {
        ("P", 100.0): 1,
        ("P", 300.0): 2,
        ("Q", 1000.0): 3,
        ("P", 400.0): 1,
        ("Q", 3000.0): 2,
        ("P", 50.0): 1,
        ("Q", 250.0): 2,
        ("P", 20.0): 1,
    }


def test_levels_are_ratios_to_the_plate_s_controls() -> None:
    settings = CurveSettings(control_group=("Metadata_Plate",))
    curves = screen_curves(long_readout(PROTEOMICS, WELLS), settings)
    levels = ratio_levels(mean_ratios(curves, settings), "ratio")
    treated = levels[levels["Metadata_Compound"] == "a"]
    assert treated["Metadata_Concentration"].tolist() == [1, 10, 100]
    # Controls 200 on P and 1000 on Q; single controls or a mean over plates would give others.
    assert treated["g"].tolist() == pytest.approx([2.5, 0.25, 0.1])
    assert levels["g"].dtype == np.float32


def plates_with_a_gradient() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two plates whose intensities double from the left to the right, one well without any."""
    names = [(f"{row}{column:02d}", column) for row in "ABCDEFGH" for column in range(1, 13)]
    rng = np.random.default_rng(0)
    wells, readout = [], []
    for plate in "PQ":
        control = rng.permutation(len(names)) < 40
        for (name, column), is_control in zip(names, control, strict=True):
            compound = "DMSO" if is_control else "a"
            wells.append((plate, name, compound, 0.0 if is_control else 1.0))
            for protein in "gh":
                level = 100 if compound == "DMSO" or protein == "g" else 800
                readout.append((plate, name, protein, level * 2 ** (column / 12)))
    layout = pd.DataFrame(wells, columns=[*KEY, "Metadata_Compound", "Metadata_Concentration"])
    layout["Metadata_Control"] = np.where(layout["Metadata_Compound"] == "DMSO", "negcon", "")
    return pd.DataFrame(readout, columns=[*KEY, "Metadata_Protein", "Value"]), layout


def test_position_effects_leave_the_intensities_and_effects_stay() -> None:
    readout, wells = plates_with_a_gradient()
    treated = readout.merge(wells)["Metadata_Compound"].eq("a").to_numpy()
    gone = np.flatnonzero(treated)[:3]
    readout.loc[gone, "Value"] = [0.0, np.nan, -5.0]
    corrected, terms = without_position(readout, wells)
    assert terms
    np.testing.assert_array_equal(corrected.loc[gone, "Value"], readout.loc[gone, "Value"])
    pd.testing.assert_frame_equal(corrected.drop(columns="Value"), readout.drop(columns="Value"))
    left = corrected.drop(index=gone).assign(treated=np.delete(treated, gone))
    logs = np.log2(left["Value"])
    groups = [left["Metadata_Plate"], left["Metadata_Protein"], left["treated"]]
    assert logs.groupby(groups).std().max() < 1e-4
    means = logs.groupby(groups).mean().unstack()
    np.testing.assert_allclose(means[True] - means[False], [0, 3, 0, 3], atol=1e-4)


def test_intensities_without_position_effects_stay_as_they_are() -> None:
    readout, wells = plates_with_a_gradient()
    noise = np.random.default_rng(1).normal(size=len(readout))
    plain = readout.assign(Value=2**noise)
    corrected, terms = without_position(plain, wells)
    assert terms == ()
    assert corrected is plain
