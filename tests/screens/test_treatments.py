"""A screen of treatments: its tables, the concentrations it takes, and what it cannot have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.validation.published import COMPOUNDS, Published, published

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.pipeline.params import ScreenParams
from phenoprot.pipeline.presence import require_rows
from phenoprot.pipeline.screen_files import screen_parts
from phenoprot.screens.contents import Contents
from phenoprot.screens.contract import ScreenInfo
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.summary import describe
from phenoprot.wells.treatments import screen_profiles


def loaded(draft: Published, folder: Path) -> Screen:
    return load_screen(draft.write(folder / "pub"))


def test_layout_holds_the_chosen_concentrations(tmp_path: Path) -> None:
    screen = loaded(published(), tmp_path)
    layout = screen.layout()
    assert layout["Metadata_Compound"].tolist() == COMPOUNDS
    assert layout["Metadata_Concentration"].eq(10.0).all()
    assert layout["Metadata_Control"].eq("").all()
    assert list(layout)[2:] == ["Metadata_SMILES", "Metadata_Control"]
    assert len(screen.treatments(chosen=False)) == 32


def test_a_concentration_may_differ_by_arithmetic(tmp_path: Path) -> None:
    draft = published()
    draft.treatments["Metadata_Concentration"] *= 0.1
    draft.info["tables"]["treatments"]["concentrations"] = [0.1 + 0.2 - 0.2, 1.0]
    assert len(loaded(draft, tmp_path).layout()) == 32


def test_profiles(tmp_path: Path) -> None:
    draft = published()
    screen = loaded(draft, tmp_path)
    assert set(screen.info.tables.profiles) == {"similarity", "cell_count", "deep"}
    tables = screen_profiles(
        screen, ["similarity", "cell_count", "deep", "structure"], "standardise"
    )
    at_ten = draft.treatments["Metadata_Concentration"] == 10
    expected = draft.treatments.loc[at_ten, [f"Cluster_{i}" for i in range(3)]]
    found = tables["similarity"]
    assert found["Metadata_Compound"].tolist() == COMPOUNDS
    np.testing.assert_array_equal(found.iloc[:, 2:], expected.astype(np.float32))
    count = draft.treatments.loc[at_ten, "Count"]
    assert tables["cell_count"]["Count"].tolist() == count.tolist()
    assert [len(table) for table in tables.values()] == [16] * 4


def test_profile_of_no_treatment(tmp_path: Path) -> None:
    draft = published()
    draft.deep["Metadata_Concentration"] = 3.0
    with pytest.raises(UserError, match="none of the 32 treatments with features is a treatment"):
        screen_profiles(loaded(draft, tmp_path), ["deep"], "standardise")


def test_parts_and_contents(tmp_path: Path) -> None:
    screen = loaded(published(), tmp_path)
    has = Contents.of(screen.info)
    assert list(has.lacking(["wells", "images", "readout", "labels", "levels", "targets"])) == [
        "wells", "images", "readout", "levels",
    ]  # fmt: skip
    parts = screen_parts("pub", screen.folder)
    assert [path.name for path in parts["treatments"]] == ["treatments.csv"]
    assert [path.name for path in parts["labels"]] == ["labels.csv"]
    assert [path.name for path in parts["profiles"]] == ["deep.csv", "treatments.csv"]
    assert parts["wells"] == parts["proteomics"] == ()


def test_a_row_of_plate_positions_is_refused(tmp_path: Path) -> None:
    screen = loaded(published(), tmp_path)
    rows = {"place": {"features": ["plate_position"], "model": "linear"}}
    block = parse_settings(ScreenParams, {"folder": str(screen.folder), "rows": rows}, "params")
    with pytest.raises(UserError, match="'place' has the features plate_position"):
        require_rows("pub", block, Contents.of(screen.info))


def test_description(tmp_path: Path) -> None:
    text = describe(loaded(published(), tmp_path).folder)
    assert "treatments: 16, without wells; 16 compounds at 1-1 concentration(s)" in text
    assert "labels: 4 of mRNA x 16 compounds" in text


def test_wells_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"screen\.yaml: the screen has no wells table"):
        loaded(published(), tmp_path).wells()


Z = {"kind": "z", "called": 4.0, "quiet": 2.0}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"wells": "wells.csv"}, "treatments have no wells: leave out wells"),
        ({"images": "images.csv"}, "leave out images"),
        ({"profiles": {"similarity": {"path": "a.csv", "content": "x"}}}, "similarity comes from"),
        ({"labels": {"kind": "z"}}, "kind 'z' needs the thresholds called and quiet"),
        ({"labels": {"kind": "state", "quiet": 1.0}}, "kind 'state' takes no threshold: leave out"),
        ({"labels": Z | {"quiet": 5.0}}, r"quiet \(5\) is above called \(4\)"),
        ({"treatments": {"method": "cell_count"}}, "give method another name"),
        ({"treatments": {"concentrations": []}}, "'tables.treatments.concentrations'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_goes_together(tables: dict[str, Any], message: str) -> None:
    info = published("state").info
    for name, block in tables.items():
        own = info["tables"].get(name)
        info["tables"][name] = own | block if isinstance(own, dict) else block
    info["stains"] = ["DNA"]
    with pytest.raises(UserError, match=message):
        parse_settings(ScreenInfo, info, "screen.yaml")


def test_labels_or_a_readout() -> None:
    info = published().info | {"negative_control": "DMSO"}
    readout = {"path": "p.csv", "content": "x", "cell_line": "c", "kind": "level"}
    info["tables"] = {
        "wells": "wells.csv",
        "labels": info["tables"]["labels"],
        "proteomics": readout | {"design": "single_dose"},
    }
    with pytest.raises(UserError, match="labels come from proteomics, or are given"):
        parse_settings(ScreenInfo, info, "screen.yaml")


def test_a_parquet_of_treatments(tmp_path: Path) -> None:
    draft = published()
    folder = draft.write(tmp_path / "pub")
    pd.read_csv(folder / "treatments.csv").to_parquet(folder / "t.parquet", index=False)
    text = (folder / "screen.yaml").read_text().replace("treatments.csv", "t.parquet")
    (folder / "screen.yaml").write_text(text)
    assert load_screen(folder).layout()["Metadata_Compound"].tolist() == COMPOUNDS
