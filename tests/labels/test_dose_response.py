"""Fitted curves and ratios in the schema of labels and levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.long import long_readout
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


def test_labels_and_levels_come_from_the_curves_without_the_readout(tmp_path: Path) -> None:
    screen = Screen(tmp_path / "no such folder", ScreenInfo.model_validate(SCREEN))
    CURVES.to_parquet(tmp_path / "curves.parquet")
    RATIOS.to_parquet(tmp_path / "ratios.parquet")
    labels, levels = label_screen(screen, tmp_path, LABELS)
    columns = ["Metadata_Compound", "Metadata_Protein", "Label", "Effect", "P", "pEC50"]
    pd.testing.assert_frame_equal(labels, CURVES[columns])
    expected = pd.DataFrame(
        [("a", 1.0, 1.5, np.nan), ("a", 10.0, 2.0, np.nan), ("b", 1.0, np.nan, 0.5)],
        columns=["Metadata_Compound", "Metadata_Concentration", "g", "h"],
    ).astype({"g": np.float32, "h": np.float32})
    pd.testing.assert_frame_equal(levels, expected)


@pytest.mark.parametrize("table", ["curves", "ratios"])
def test_curves_of_an_earlier_version_are_named(table: str, tmp_path: Path) -> None:
    screen = Screen(tmp_path, ScreenInfo.model_validate(SCREEN))
    CURVES.to_parquet(tmp_path / "curves.parquet")
    RATIOS.to_parquet(tmp_path / "ratios.parquet")
    path = tmp_path / f"{table}.parquet"
    pd.read_parquet(path).rename(columns={"Metadata_Protein": "gene"}).to_parquet(path)
    with pytest.raises(UserError, match=rf"{table}\.parquet.* Metadata_Protein.*dvc repro"):
        label_screen(screen, tmp_path, LABELS)


def test_ratios_beyond_single_precision_are_refused() -> None:
    with pytest.raises(UserError, match=r"1 of 2 column\(s\) have infinite values .*: h"):
        ratio_levels(RATIOS.assign(Ratio=[1.0, 1.0, 1e300]))


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
    levels = ratio_levels(mean_ratios(curves, settings))
    treated = levels[levels["Metadata_Compound"] == "a"]
    assert treated["Metadata_Concentration"].tolist() == [1, 10, 100]
    # Controls 200 on P and 1000 on Q; single controls or a mean over plates would give others.
    assert treated["g"].tolist() == pytest.approx([2.5, 0.25, 0.1])
    assert levels["g"].dtype == np.float32
