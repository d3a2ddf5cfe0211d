"""From wells to treatments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from phenoprot.core.errors import UserError
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.wells.treatments import defined, screen_profiles, treatment_profiles

WELLS = pd.DataFrame(
    [
        ("P", "A01", "DMSO", 0.0, "negcon"),
        ("P", "A02", "vehicle", 5.0, "negcon"),
        ("P", "A03", "b", 1.0, ""),
        ("P", "A04", "a", 5.0, "poscon"),
        ("P", "A05", "a", 1.0, ""),
        ("Q", "A01", "b", 1.0, ""),
        ("Q", "A02", "DMSO", 0.0, "negcon"),
        ("Q", "A03", "DMSO", 0.0, "negcon"),
        ("Q", "A04", "", np.nan, ""),
        ("Q", "A05", "c", 1.0, ""),
    ],
    columns=["Metadata_Plate", "Metadata_Well", "Metadata_Compound", "Metadata_Concentration",
             "Metadata_Control"],
)  # fmt: skip
X = [0, 2, 5, 7, 1, 9, 10, 30, 99, np.nan]
PROFILE = WELLS[["Metadata_Plate", "Metadata_Well"]].assign(x=X, y=1.0)


def test_means_over_replicate_wells() -> None:
    treatments = treatment_profiles(PROFILE, WELLS)
    assert treatments["Metadata_Compound"].tolist() == ["a", "a", "b", "c"]
    assert treatments["Metadata_Concentration"].tolist() == [1, 5, 1, 1]
    # b: wells P/A03 and Q/A01; controls and the empty well are left out.
    np.testing.assert_array_equal(treatments["x"], [1, 7, (5 + 9) / 2, np.nan])
    assert treatments["x"].dtype == np.float32


def test_a_missing_replicate_is_left_out_of_the_mean() -> None:
    profile = PROFILE.assign(x=PROFILE["x"].where(PROFILE["x"] != 9))
    assert treatment_profiles(profile, WELLS)["x"].tolist()[2] == 5


def test_wells_without_a_profile_are_no_fault() -> None:
    treatments = treatment_profiles(PROFILE.iloc[:5], WELLS)
    assert treatments["Metadata_Compound"].tolist() == ["a", "a", "b"]
    assert treatments["x"].tolist() == [1, 7, 5]


@pytest.fixture
def toy(tmp_path: Path) -> Screen:
    """A screen with a raw and a normalised profile of the same numbers."""
    folder = tmp_path / "toy"
    folder.mkdir()
    WELLS.to_csv(folder / "wells.csv", index=False)
    PROFILE.fillna({"x": 0}).to_parquet(folder / "x.parquet")
    profiles = {
        name: {"path": "x.parquet", "content": "x", "normalised": name == "ready"}
        for name in ("raw", "ready")
    }
    source = {"repository": "r", "commit": "c", "licence": "l", "content": "x"}
    (folder / "screen.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "toy",
                "title": "Toy",
                "organism": "none",
                "cell_line": "none",
                "stains": ["DNA"],
                "concentration_unit": "uM",
                "negative_control": "DMSO",
                "sources": [source],
                "caveats": [],
                "tables": {"wells": "wells.csv", "profiles": profiles},
            }
        )
    )
    return load_screen(folder)


def test_profiles_of_a_screen(toy: Screen) -> None:
    methods = ["raw", "ready", "plate_position", "proteome"]
    tables = screen_profiles(toy, methods, "standardise")
    # The proteome comes from the labels.
    assert list(tables) == ["raw", "ready", "plate_position"]
    # Plate P: mean 1, sd 1. Plate Q: mean 20, sd 10.
    expected = [0, 6, ((5 - 1) + (9 - 20) / 10) / 2, -2]
    np.testing.assert_allclose(tables["raw"]["x"], expected, rtol=1e-6)
    np.testing.assert_array_equal(tables["ready"]["x"], [1, 7, 7, 0])
    assert tables["plate_position"]["Position_Column"].tolist() == [5, 4, 2, 5]
    keys = ["Metadata_Compound", "Metadata_Concentration"]
    for table in tables.values():
        pd.testing.assert_frame_equal(table[keys], tables["raw"][keys])


def test_profiles_that_the_layout_makes(toy: Screen) -> None:
    smiles = {"a": "CCO", "b": "CCN"}
    WELLS.assign(Metadata_SMILES=WELLS["Metadata_Compound"].map(smiles)).to_csv(
        toy.folder / "wells.csv", index=False
    )
    tables = screen_profiles(toy, ["structure", "raw", "concentration"], "standardise")
    assert list(tables) == ["structure", "raw", "concentration"]
    # Compound c has no SMILES. Structures are not normalised to the controls.
    assert tables["structure"]["Metadata_Compound"].tolist() == ["a", "a", "b"]
    bits = tables["structure"].drop(columns=["Metadata_Compound", "Metadata_Concentration"])
    assert set(np.unique(bits)) == {0, 1}
    np.testing.assert_allclose(
        tables["concentration"]["Concentration_Log10"], np.log10([1, 5, 1, 1]), rtol=1e-6
    )


def test_an_unknown_profile_table_is_named(toy: Screen) -> None:
    with pytest.raises(UserError, match="no profile table 'mae'; there are: raw, ready"):
        screen_profiles(toy, ["mae"], "standardise")


def test_features_taken_from_images(toy: Screen) -> None:
    extracted = PROFILE[["Metadata_Plate", "Metadata_Well"]].assign(x=PROFILE["x"].fillna(0.0))
    tables = screen_profiles(toy, ["mine", "raw"], "standardise", {"mine": extracted})
    np.testing.assert_allclose(tables["mine"]["x"], tables["raw"]["x"])


def test_a_method_has_one_source(toy: Screen) -> None:
    with pytest.raises(
        UserError, match=r"1 profile table\(s\) have the name of what is made from the"
    ):
        screen_profiles(toy, ["raw"], "standardise", {"raw": PROFILE})


def test_wells_without_a_cell_and_undefined_features_are_left_out() -> None:
    profile = pd.DataFrame(
        {
            "Metadata_Plate": ["P", "P", "P"],
            "Metadata_Well": ["A01", "A02", "A03"],
            "whole": [1.0, 2.0, np.nan],
            "lacking": [np.nan, 2.0, np.nan],
        }
    )
    kept = defined(profile)
    assert kept["Metadata_Well"].tolist() == ["A01", "A02"]  # A03 has no cell
    assert kept.columns.tolist() == ["Metadata_Plate", "Metadata_Well", "whole"]
