"""Plate maps: every column under its names, units, controls, and what two wells disagree on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.imports.columns import EXPONENT, find, find_dose, text, unit_of
from phenoprot.imports.layout import LayoutOptions, read_layout
from phenoprot.imports.maps import read_plate_maps
from phenoprot.imports.settle import settled

from . import workbooks

WELLS = ["A01", "A02", "B01", "B02"]
NAMES = ["DMSO", "aspirin", "imatinib", "imatinib"]


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"Well": WELLS, "Compound": NAMES} | columns)


@pytest.mark.parametrize(
    ("columns", "options", "unit", "doses"),
    [
        ({"dose_uM": ["", "1", "2.5", "10"]}, {}, "uM", [0, 1, 2.5, 10]),
        ({"Dose (nM)": ["0", "100", "250", "1000"]}, {}, "nM", [0, 100, 250, 1000]),
        ({"Dose (nM)": ["0", "100", "250", "1000"]}, {"unit": "uM"}, "uM", [0, 0.1, 0.25, 1]),
        ({"conc [µM]": ["5", "1", "2", "3"]}, {}, "uM", [0, 1, 2, 3]),
        ({"Concentration": ["", "1 uM", "500 nM", "3 uM"]}, {}, "uM", [0, 1, 0.5, 3]),
        (
            {"pert_dose": ["-666", "1", "0.1", "10"], "pert_dose_unit": ["", "uM", "mM", "uM"]},
            {}, "uM", [0, 1, 100, 10],
        ),
        ({}, {"concentration": 5.0, "unit": "uM"}, "uM", [0, 5, 5, 5]),
        ({"mmoles_per_liter": ["0", "1.11", "3.33", "10"]}, {}, "uM", [0, 1.11, 3.33, 10]),
    ],
    ids=["suffix", "brackets", "converted", "micro", "cells", "unit-column", "one", "broad"],
)  # fmt: skip
def test_doses(
    columns: dict[str, list[str]], options: dict[str, object], unit: str, doses: list[float]
) -> None:
    layout = read_layout(table(**columns), "map.csv", LayoutOptions(**options))  # type: ignore[arg-type]
    assert layout.unit == unit
    assert layout.wells["Metadata_Concentration"].tolist() == doses


@given(st.integers(1, 10**6), st.sampled_from(list(EXPONENT)), st.sampled_from(list(EXPONENT)))
@settings(max_examples=10, deadline=None)
def test_a_unit_there_and_back(amount: int, one: str, other: str) -> None:
    dose = amount / 1000
    there = read_layout(
        table(**{f"dose_{one}": ["0", *[str(dose)] * 3]}), "m", LayoutOptions(unit=other)
    ).wells["Metadata_Concentration"][1]
    assert there == pytest.approx(dose * 10.0 ** (EXPONENT[one] - EXPONENT[other]), rel=1e-12)
    back = read_layout(
        table(**{f"dose_{other}": ["0", *[repr(float(there))] * 3]}), "m", LayoutOptions(unit=one)
    ).wells["Metadata_Concentration"][1]
    assert back == dose


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, ["negcon", "", "", ""]),
        ({"control_type": ["negcon", "poscon_cp", "trt", ""]}, ["negcon", "poscon", "", ""]),
        ({"pert_type": ["control", "control", "trt", "trt"]}, ["negcon", "poscon", "", ""]),
        (
            {"pert_type": ["control"] * 4, "control_type": ["negcon", "poscon_diverse", "NA", ""]},
            ["negcon", "poscon", "poscon", "poscon"],
        ),
    ],
    ids=["by-name", "jump", "kind", "both"],
)
def test_controls(columns: dict[str, list[str]], expected: list[str]) -> None:
    layout = read_layout(table(dose_uM=["1"] * 4, **columns), "map.csv")
    assert layout.wells["Metadata_Control"].tolist() == expected
    assert layout.negative_control == "DMSO"
    assert layout.wells["Metadata_Concentration"].tolist() == [0, 1, 1, 1]


def test_empty_wells_and_a_compound_at_dose_0() -> None:
    given = table(dose_uM=["1", "0", "1", "1"], role=["", "", "empty", ""])
    layout = read_layout(given, "map.csv")
    assert layout.wells["Metadata_Well"].tolist() == ["A01", "A02", "B02"]
    assert layout.wells["Metadata_Compound"].tolist() == ["DMSO", "DMSO", "imatinib"]
    assert "1 empty well(s) left out" in layout.lines


def test_rows_and_columns_are_wells() -> None:
    given = table(dose_uM=["1"] * 4, Row=[1, 1, 2, 27], Col=[1, 2, 1, 3]).drop(columns="Well")
    assert read_layout(given, "m").wells["Metadata_Well"].tolist() == ["A01", "A02", "AA03", "B01"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (table(), "map.csv: no column names the concentrations; there are: Well, Compound"),
        (table(dose=["1"] * 4), "nothing says the unit of the concentrations.*--unit"),
        (table(dose_uM=["0", "", "x", "1"]), r"no concentration in 2 treated well.s.: row 3 ''"),
        (table(dose_uM=["1"] * 4).drop(columns="Well"), "no column names the wells"),
        (table(dose_uM=["1"] * 4).drop(columns="Compound"), "no column names the compounds"),
        (table(dose_uM=["1"] * 4, role=["", "odd", "", ""]), "1 word.s. that are no .*: 'odd'"),
        (table(dose_uM=["1"] * 4, Well=["A01", "A01", "B01", "B02"]), r"1 well.s.*: A01"),
        (table(dose_uM=["1"] * 4, Well=["A01", "Q99", "B01", "B02"]), "'Q99' lies beyond"),
        (table(dose_uM=["1"] * 4, Compound=["w", "x", "y", "z"]), "no well is a negative control"),
        (table(dose=["1"] * 4, dose_unit=["mg"] * 4), r"1 unit.s. are not known: 'mg'"),
    ],
)
def test_what_is_not_said_is_asked_for(given: pd.DataFrame, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_layout(given, "map.csv")


def test_one_spelling_structure_and_rounding() -> None:
    wells = pd.DataFrame(
        {
            "Metadata_Plate": "P",
            "Metadata_Well": [f"A{i:02d}" for i in range(1, 7)],
            "Metadata_Compound": ["Aspirin", "aspirin", "aspirin", "X", "X", "X"],
            "Metadata_Concentration": [1.0, 1.0, 3.0, 3.333, 3.33, 3.33],
            "Metadata_Control": "",
            "Metadata_SMILES": ["CC(=O)Oc1ccccc1C(=O)O"] * 3 + [None, "C", "CC"],
        }
    )
    lines: list[str] = []
    out = settled(wells, lines)
    assert set(out["Metadata_Compound"]) == {"aspirin", "X"}
    assert out["Metadata_Concentration"].tolist() == [1.0, 1.0, 3.0, 3.33, 3.33, 3.33]
    assert out["Metadata_SMILES"].tolist()[3:] == ["C"] * 3
    # InChIKeys of aspirin and methane, as PubChem has them.
    assert out["Metadata_InChIKey"][0] == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert out["Metadata_InChIKey"][3] == "VNWKTOKETHGBQD-UHFFFAOYSA-N"
    assert len(lines) == 4


def test_maps_find_their_plates(tmp_path: Path) -> None:
    given = table(dose_uM=["1"] * 4)
    for name in ("P1_layout.csv", "map of P2.csv"):
        given.to_csv(tmp_path / name, index=False)
    wells = read_plate_maps([tmp_path], ["P1", "P2"]).wells
    assert wells.groupby("Metadata_Plate").size().to_dict() == {"P1": 4, "P2": 4}
    barcodes = pd.DataFrame(
        {"Assay_Plate_Barcode": ["X", "Y", "Z"], "Plate_Map_Name": ["P1_layout"] * 2 + ["no"]}
    )
    barcodes.to_csv(tmp_path / "bar.txt", index=False)
    one = read_plate_maps([tmp_path / "P1_layout.csv"], ["X", "Z"], barcodes=tmp_path / "bar.txt")
    assert set(one.wells["Metadata_Plate"]) == {"X"}
    with pytest.raises(UserError, match="stands for 0 of the 1 plates"):
        read_plate_maps([tmp_path / "P1_layout.csv", tmp_path / "map of P2.csv"], ["Q"])


def test_names_of_columns() -> None:
    assert find(["Metadata_Plate", "plate"], "plate") == "Metadata_Plate"
    assert (
        find(["Metadata_pert_iname", "Metadata_broad_sample"], "compound") == "Metadata_pert_iname"
    )
    assert find(["x"], "plate") is None
    assert find_dose(["Conc (uM)", "x"]) == ("Conc (uM)", "uM")
    assert unit_of("mg") is None
    shown = text(pd.Series([7.0, 0.5, np.nan, "NA", " x "], dtype=object))
    assert shown.tolist() == ["7", "0.5", None, None, "x"]


def test_a_workbook_is_a_plate_map(tmp_path: Path) -> None:
    given = table(dose_uM=["0", "1", "2", "3"])
    given.to_csv(tmp_path / "map.csv", index=False)
    workbooks.write(tmp_path / "map.xlsx", given)
    one, other = (read_plate_maps([tmp_path / f"map.{e}"], ["P"]) for e in ("csv", "xlsx"))
    pd.testing.assert_frame_equal(one.wells, other.wells)
