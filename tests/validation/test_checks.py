"""Broken copies of a valid screen: each fails the one check that names its fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import LONGEST_MESSAGE, UserError
from phenoprot.validation.report import ValidationReport, require_valid, write_report
from phenoprot.validation.settings import ValidationSettings

Break = Callable[[Any], None]
Validate = Callable[..., ValidationReport]

WELLS = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 7)]
N = 8  # the first 8 wells of each plate are controls; well 8 is B03


def _tables(draft: Any) -> dict[str, Any]:
    return draft.info["tables"]


def no_plate_column(draft: Any) -> None:
    draft.wells = draft.wells.drop(columns="Metadata_Plate")


def two_faults_in_one_table(draft: Any) -> None:
    draft.proteomics = draft.proteomics.drop(columns="Metadata_Protein").assign(
        Value=lambda rows: rows["Value"].astype(str).where(rows.index != 3, "n.d.")
    )


def numeric_plates(draft: Any) -> None:
    draft.cellprofiler["Metadata_Plate"] = (draft.cellprofiler["Metadata_Plate"] == "P2").astype(
        int
    )


def text_concentration(draft: Any) -> None:
    draft.wells["Metadata_Concentration"] = draft.wells["Metadata_Concentration"].astype(object)
    draft.set("wells", [N, N + 1], "Metadata_Concentration", "5 uM")


def lost_table(draft: Any) -> None:
    _tables(draft)["targets"] = "elsewhere.csv"


def unknown_yaml_key(draft: Any) -> None:
    draft.info["cell_lines"] = ["U2OS"]


def empty_targets(draft: Any) -> None:
    draft.targets = draft.targets.iloc[:0]


def no_well_name(draft: Any) -> None:
    # The readout and the profiles keep no row of it, so that only the name is at fault.
    draft.set("wells", [N], "Metadata_Well", "Z99")
    for table in ("cellprofiler", "cell_count", "proteomics"):
        frame = getattr(draft, table)
        here = (frame["Metadata_Plate"] == "P1") & (frame["Metadata_Well"] == "B03")
        setattr(draft, table, frame[~here])


def unknown_control(draft: Any) -> None:
    draft.set("wells", [N, N + 1], "Metadata_Control", "positive")


def no_compound(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Compound", "")


def compound_in_control_well(draft: Any) -> None:
    draft.set("wells", [2], "Metadata_Compound", "compound-a")


def unmarked_control(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Compound", "DMSO")


def missing_dose(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Concentration", np.nan)


def infinite_dose(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Concentration", np.inf)


def negative_dose(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Concentration", -5.3)


def zero_dose(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Concentration", 0.0)


def dosed_control(draft: Any) -> None:
    draft.set("wells", [0], "Metadata_Concentration", 5.0)


def molar_doses(draft: Any) -> None:
    draft.wells["Metadata_Concentration"] *= 1e-6


def cut_inchikey(draft: Any) -> None:
    draft.set("wells", [N, N + 24], "Metadata_InChIKey", "IIIIIIIIIIIIII")


def two_spellings(draft: Any) -> None:
    draft.set("wells", [N + 24], "Metadata_Compound", "Compound- A")


def two_structures(draft: Any) -> None:
    draft.set("wells", [N + 24], "Metadata_InChIKey", "ZZZZZZZZZZZZZZ-UHFFFAOYSA-N")


SMILES = ["CCO", "CCN", "CC=O", "CC#N"] * 4


def with_smiles(draft: Any) -> None:
    draft.wells["Metadata_SMILES"] = ([""] * N + SMILES) * 2


def two_molecules(draft: Any) -> None:
    with_smiles(draft)
    without_inchikeys(draft)
    # Another writing of the same structure is no fault.
    draft.set("wells", [N + 1, N + 24], "Metadata_SMILES", ["NCC", "CCC"])


def repeated_well(draft: Any) -> None:
    draft.wells = pd.concat([draft.wells, draft.wells.iloc[[N]]])


def repeated_profile(draft: Any) -> None:
    draft.cellprofiler = pd.concat([draft.cellprofiler, draft.cellprofiler.iloc[:3]])


def repeated_readout(draft: Any) -> None:
    draft.proteomics = pd.concat([draft.proteomics, draft.proteomics.iloc[:1]])


def missing_key(draft: Any) -> None:
    extra = draft.cellprofiler.iloc[[0]].assign(Metadata_Well=None)
    draft.cellprofiler = pd.concat([draft.cellprofiler, extra])


def foreign_profile_row(draft: Any) -> None:
    extra = draft.cellprofiler.iloc[[0]].assign(Metadata_Well="P24")
    draft.cellprofiler = pd.concat([draft.cellprofiler, extra])


def foreign_readout_plate(draft: Any) -> None:
    extra = draft.proteomics[draft.proteomics["Metadata_Plate"] == "P1"]
    draft.proteomics = pd.concat([draft.proteomics, extra.assign(Metadata_Plate="P9")])


def cut_plate(draft: Any) -> None:
    lost = draft.cell_count["Metadata_Well"].isin(WELLS[20:])
    lost &= draft.cell_count["Metadata_Plate"] == "P1"
    draft.cell_count = draft.cell_count[~lost]


def few_controls(draft: Any) -> None:
    # Two control wells become treatments on P2.
    draft.set("wells", [24, 25], "Metadata_Control", "")
    draft.set("wells", [24, 25], "Metadata_Compound", "compound-a")
    draft.set("wells", [24, 25], "Metadata_Concentration", 5.0)
    draft.set("wells", [24, 25], "Metadata_InChIKey", draft.wells["Metadata_InChIKey"][N])


def raw_profile(draft: Any) -> None:
    on_p2 = draft.cellprofiler["Metadata_Plate"] == "P2"
    draft.cellprofiler.loc[on_p2, "Cells_Feature_0":] += 7.0


def one_raw_feature(draft: Any) -> None:
    draft.cellprofiler["Cells_Feature_3"] += 2.0


def raw_readout(draft: Any) -> None:
    draft.proteomics["Value"] += 20.0


def unscaled_profile(draft: Any) -> None:
    draft.cellprofiler.loc[:, "Cells_Feature_0":] *= 0.1


def text_feature(draft: Any) -> None:
    draft.cellprofiler["Cells_Note"] = "fine"


def nan_feature(draft: Any) -> None:
    draft.set("cellprofiler", [10, 30], "Cells_Feature_1", np.nan)


def infinite_feature(draft: Any) -> None:
    draft.set("cellprofiler", [10], "Cells_Feature_2", -np.inf)


def constant_feature(draft: Any) -> None:
    draft.cellprofiler["Cells_Feature_4"] = np.float32(0.0)


def exploding_feature(draft: Any) -> None:
    draft.set("cellprofiler", [10], "Cells_Feature_5", 4.2e6)


def exploding_after_normalisation(draft: Any) -> None:
    # The controls hardly vary: their spread is a poor unit.
    controls = draft.wells["Metadata_Control"] == "negcon"
    draft.cell_count["Cells_Count"] = np.where(controls, 1000 + np.arange(48) % 2 * 0.01, 1500.0)


def no_features(draft: Any) -> None:
    draft.cellprofiler = draft.cellprofiler[["Metadata_Plate", "Metadata_Well"]]


def protein_spellings(draft: Any) -> None:
    on_p2 = draft.proteomics["Metadata_Plate"] == "P2"
    is_tnf = draft.proteomics["Metadata_Protein"] == "TNF alpha"
    draft.proteomics.loc[on_p2 & is_tnf, "Metadata_Protein"] = "TNF Alpha"


def undetected_protein(draft: Any) -> None:
    rows = np.flatnonzero(draft.proteomics["Metadata_Protein"] == "IL-8")
    controls = draft.wells["Metadata_Control"].to_numpy() == "negcon"
    draft.set("proteomics", rows[~controls][:30], "Value", np.nan)


def infinite_value(draft: Any) -> None:
    draft.set("proteomics", [10], "Value", np.inf)


def constant_protein(draft: Any) -> None:
    draft.proteomics.loc[draft.proteomics["Metadata_Protein"] == "VEGF", "Value"] = 0.0


def negative_intensity(draft: Any) -> None:
    _tables(draft)["proteomics"]["kind"] = "intensity"
    draft.proteomics["Value"] = 2.0 ** draft.proteomics["Value"]
    draft.set("proteomics", [5], "Value", -1.0)


def two_doses(draft: Any) -> None:
    draft.set("wells", [N + 24], "Metadata_Concentration", 10.0)


def too_few_doses(draft: Any) -> None:
    _tables(draft)["proteomics"]["design"] = "dose_response"


def other_doses(draft: Any) -> None:
    # Profiles from P1 at 5, readout from P2 at 5.5: nothing matches.
    on_p1 = (draft.wells["Metadata_Plate"] == "P1").to_numpy()
    dosed = (draft.wells["Metadata_Concentration"] > 0).to_numpy()
    draft.wells.loc[~on_p1 & dosed, "Metadata_Concentration"] = 5.5
    draft.cellprofiler, draft.cell_count = draft.cellprofiler[on_p1], draft.cell_count[on_p1]
    draft.proteomics = draft.proteomics[draft.proteomics["Metadata_Plate"] == "P2"]


def too_few_compounds(draft: Any) -> None:
    for table in ("wells", "cellprofiler", "cell_count", "proteomics"):
        frame = getattr(draft, table)
        setattr(draft, table, frame[frame["Metadata_Well"] < "C06"])
    draft.targets = draft.targets[draft.targets["Metadata_Compound"] < "compound-j"]


def target_without_name(draft: Any) -> None:
    draft.set("targets", [3], "Metadata_Target", None)


def repeated_target(draft: Any) -> None:
    draft.targets = pd.concat([draft.targets, draft.targets.iloc[[2]]])


def unknown_target_compounds(draft: Any) -> None:
    draft.set("targets", [0, 1], "Metadata_Compound", ["aspirin", "caffeine"])


def doses_in_nanomolar(draft: Any) -> None:
    draft.wells["Metadata_Concentration"] *= 2000


def two_normal_forms(draft: Any) -> None:
    draft.set("wells", [N], "Metadata_Compound", "\u00e9stradiol")
    draft.set("wells", [N + 24], "Metadata_Compound", "e\u0301stradiol")
    draft.targets = draft.targets.iloc[1:]


def two_dashes(draft: Any) -> None:
    draft.set("wells", [N + 24], "Metadata_Compound", "compound\u2010a\u200b")


def rounded_doses(draft: Any) -> None:
    draft.set("wells", [N + 25], "Metadata_Concentration", 5.002)


def lost_plate(draft: Any) -> None:
    on_p1 = draft.cell_count["Metadata_Plate"] == "P1"
    draft.cell_count = draft.cell_count[on_p1]


def lost_readout_plate(draft: Any) -> None:
    draft.proteomics = draft.proteomics[draft.proteomics["Metadata_Plate"] == "P1"]


def unmeasured_plate(draft: Any) -> None:
    extra = draft.wells[draft.wells["Metadata_Plate"] == "P2"]
    draft.wells = pd.concat([draft.wells, extra.assign(Metadata_Plate="P3")])


def feature_beyond_single_precision(draft: Any) -> None:
    draft.cellprofiler = draft.cellprofiler.astype({"Cells_Feature_2": float})
    draft.set("cellprofiler", [10], "Cells_Feature_2", 1e300)


def date_feature(draft: Any) -> None:
    draft.cellprofiler["Cells_Date"] = pd.Timestamp("2024-01-01")


def value_of_another_unit(draft: Any) -> None:
    draft.set("proteomics", [10], "Value", 1e6)


def outlier_among_controls(draft: Any) -> None:
    draft.set("proteomics", [1], "Value", -1e6)


def value_beyond_single_precision(draft: Any) -> None:
    draft.set("proteomics", [10], "Value", 1e300)


def logged_intensities(draft: Any) -> None:
    _tables(draft)["proteomics"]["kind"] = "intensity"
    draft.proteomics["Value"] += 20.0


def reserved_protein(draft: Any) -> None:
    is_tnf = draft.proteomics["Metadata_Protein"] == "TNF alpha"
    draft.proteomics.loc[is_tnf, "Metadata_Protein"] = "Metadata_TNF"


# break, check, table, parts of the message
FAULTS: list[tuple[Break, str, str, list[str]]] = [
    (no_plate_column, "readable", "wells.csv", ["1 required column(s)", "Metadata_Plate"]),
    (two_faults_in_one_table, "readable", "proteomics.parquet",
     ["missing: Metadata_Protein", "1 value(s) that are no number: row 5 'n.d.'"]),
    (numeric_plates, "readable", "cellprofiler.parquet",
     ["'Metadata_Plate' holds int64, expected strings"]),
    (text_concentration, "readable", "wells.csv", ["2 value(s) that are no number", "'5 uM'"]),
    (lost_table, "readable", "elsewhere.csv", ["no such file"]),
    (unknown_yaml_key, "readable", "screen.yaml", ["unknown key 'cell_lines'"]),
    (empty_targets, "filled", "targets.csv", ["no rows"]),
    (no_well_name, "well_name", "wells.csv", ["1 of 48 rows", "P1 'Z99'"]),
    (unknown_control, "control_known", "wells.csv", ["2 of 48 wells", "P1 B03 'positive'"]),
    (no_compound, "compound_named", "wells.csv", ["1 of 48 wells", "P1 B03"]),
    (compound_in_control_well, "compound_in_control_well", "wells.csv",
     ["1 of 48 wells are marked negcon but hold a compound: P1 A03 'compound-a'"]),
    (unmarked_control, "control_not_marked", "wells.csv", ["1 of 48 wells", "P1 B03"]),
    (missing_dose, "dose_given", "wells.csv", ["1 of 48 wells", "P1 B03 'compound-a'"]),
    (infinite_dose, "dose_given", "wells.csv", ["1 of 48 wells", "infinite", "P1 B03"]),
    (negative_dose, "dose_negative", "wells.csv", ["1 of 48 wells", "P1 B03 (-5.3)"]),
    (zero_dose, "dose_zero", "wells.csv", ["1 of 48 wells", "P1 B03 'compound-a'"]),
    (dosed_control, "dose_of_control", "wells.csv", ["1 of 48 wells", "P1 A01 (5)"]),
    (molar_doses, "dose_unit", "wells.csv", ["5e-06 uM", "molar values need 'M'"]),
    (cut_inchikey, "inchikey_form", "wells.csv", ["2 of 32 InChIKeys", "'IIIIIIIIIIIIII'"]),
    (two_spellings, "compound_spelling", "wells.csv",
     ["1 of 17 compounds", "'Compound- A' = 'compound-a'"]),
    (two_structures, "compound_structures", "wells.csv", ["1 of 17", "'compound-a' (2)"]),
    (two_molecules, "compound_smiles", "wells.csv",
     ["1 of 17 compounds have SMILES of more than one structure: 'compound-a' (2)"]),
    (repeated_well, "key_unique", "wells.csv", ["1 of 48 wells", "P1 B03 (1 repeated)"]),
    (repeated_profile, "key_unique", "cellprofiler.parquet", ["3 of 48 wells", "P1 A01"]),
    (repeated_readout, "key_unique", "proteomics.parquet", ["1 of 48 wells", "P1 A01"]),
    (missing_key, "key_present", "cellprofiler.parquet", ["1 of 49 wells", "P1"]),
    (foreign_profile_row, "row_has_well", "cellprofiler.parquet", ["1 of 49 wells", "P1 P24"]),
    (foreign_readout_plate, "row_has_well", "proteomics.parquet",
     ["24 of 72 wells", "P9 A01", "and 19 more"]),
    (cut_plate, "wells_missing", "cell_count.csv", ["1 of 2 plates", "10%", "P1 (4 of 24)"]),
    (raw_profile, "control_mean", "cellprofiler.parquet", ["1 of 2 plates", "P2 ("]),
    (one_raw_feature, "control_mean_feature", "cellprofiler.parquet",
     ["2 of 2 plates", "P1 (1 features, most Cells_Feature_3: 1.87 sd)"]),
    (raw_readout, "control_mean", "proteomics.parquet", ["2 of 2 plates", "P1 ("]),
    (unscaled_profile, "control_spread", "cellprofiler.parquet", ["2 of 2 plates", "P1 (0.107)"]),
    (text_feature, "feature_numeric", "cellprofiler.parquet", ["1 of 9 features", "Cells_Note"]),
    (nan_feature, "feature_nan", "cellprofiler.parquet",
     ["1 of 8 features", "Cells_Feature_1 (2 wells)"]),
    (infinite_feature, "feature_infinite", "cellprofiler.parquet",
     ["1 of 8 features", "Cells_Feature_2 (1 wells)"]),
    (constant_feature, "features_constant", "cellprofiler.parquet",
     ["1 of 8 features are constant: Cells_Feature_4", "5%"]),
    (exploding_feature, "feature_exploding", "cellprofiler.parquet",
     ["1 of 8 features exceed 1000", "Cells_Feature_5 (4.2e+06)"]),
    (exploding_after_normalisation, "feature_exploding", "cell_count.csv",
     ["1 of 1 features exceed 1000", "Cells_Count"]),
    (no_features, "feature_exists", "cellprofiler.parquet", ["no column is a feature"]),
    (protein_spellings, "protein_spelling", "proteomics.parquet", ["'TNF Alpha' = 'TNF alpha'"]),
    (undetected_protein, "readout_missing", "proteomics.parquet",
     ["1 of 4 proteins lack more than 50% of their values", "IL-8 (limit: 20%)"]),
    (infinite_value, "readout_infinite", "proteomics.parquet", ["1 of 4 proteins", "IL-6 (1)"]),
    (constant_protein, "readout_constant", "proteomics.parquet", ["1 of 4 proteins", "VEGF"]),
    (negative_intensity, "intensity_positive", "proteomics.parquet",
     ["1 of 4 proteins", "IL-6 (1)"]),
    (two_doses, "one_dose", "proteomics.parquet", ["1 of 16 compounds", "'compound-a' (2)"]),
    (too_few_doses, "enough_doses", "proteomics.parquet",
     ["14 of 14 compounds have fewer than 5", "'compound-a' (1)"]),
    (target_without_name, "target_key", "targets.csv", ["1 of 10 rows", "row 5"]),
    (repeated_target, "target_unique", "targets.csv", ["1 of 11 rows", "'compound-c' EGFR"]),
    (unknown_target_compounds, "target_compounds_unknown", "targets.csv",
     ["2 of 10 compounds are in no well: aspirin, caffeine"]),
]  # fmt: skip

# Faults of one run, each in its own check: (break, check, table, parts of the message).
FAULTS_AT_ONCE: list[list[tuple[Break, str, str, list[str]]]] = [
    [
        (doses_in_nanomolar, "dose_unit", "wells.csv", ["10000 uM", "below 10000", "'nM'"]),
        (two_normal_forms, "compound_spelling", "wells.csv",
         ["1 of 17 compounds", r"'e\u0301stradiol'", r"'\xe9stradiol'"]),
        (lost_plate, "plates_missing", "cell_count.csv", ["1 of 2 plates are", "P2", "10%"]),
        (feature_beyond_single_precision, "feature_infinite", "cellprofiler.parquet",
         ["Cells_Feature_2 (1 wells)"]),
        (date_feature, "feature_numeric", "cellprofiler.parquet", ["dates", "Cells_Date"]),
        (value_of_another_unit, "readout_outlier", "proteomics.parquet",
         ["1 of 4 proteins", "IL-6", "1e+06 in P1 B05"]),
        (reserved_protein, "protein_reserved", "proteomics.parquet", ["'Metadata_TNF'"]),
    ],
    [
        (two_dashes, "compound_spelling", "wells.csv", ["1 of 17 compounds", "compound-a"]),
        (rounded_doses, "dose_rounding", "wells.csv", ["'compound-b' (5 and 5.002)"]),
        (unmeasured_plate, "plates_measured", "wells.csv", ["1 of 3 plates", "P3 (16 treated"]),
        (lost_readout_plate, "plates_missing", "proteomics.parquet", ["1 of 2 plates", "P2"]),
        (outlier_among_controls, "readout_outlier", "proteomics.parquet", ["-1e+06 in P1 A02"]),
    ],
    [
        (logged_intensities, "intensity_logged", "proteomics.parquet", ["above 20", "logarithm"]),
        (value_beyond_single_precision, "readout_infinite", "proteomics.parquet", ["IL-6 (1)"]),
    ],
]  # fmt: skip

# The same fault shows in several tables, in one check.
SHARED_FAULTS: list[tuple[Break, str, list[str]]] = [
    (few_controls, "negative_controls", ["1 of 2 plates have fewer than 8", "P2 (6)"]),
    (other_doses, "treatments_unmatched", ["16 of 16 treatments", "compound-a at 5, "]),
    (too_few_compounds, "enough_compounds", ["9 compounds have both", "fewer than 12"]),
]


def test_valid_screen_passes(draft: Any, validate: Validate) -> None:
    report = validate(draft)
    assert report.lines() == []
    assert report.warning_lines() == []
    assert report.ok
    require_valid(report)


@pytest.mark.parametrize(
    ("fault", "check", "table", "parts"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS]
)
def test_one_fault_one_message(
    draft: Any, validate: Validate, fault: Break, check: str, table: str, parts: list[str]
) -> None:
    fault(draft)
    report = validate(draft)
    assert [(r.check, r.table) for r in report.failures] == [(check, table)], report.lines()
    for part in parts:
        assert part in report.lines()[0]
    with pytest.raises(UserError, match=rf"\[{check}\]"):
        require_valid(report)


@pytest.mark.parametrize(
    ("fault", "check", "parts"), SHARED_FAULTS, ids=[fault[0].__name__ for fault in SHARED_FAULTS]
)
def test_one_fault_in_several_tables(
    draft: Any, validate: Validate, fault: Break, check: str, parts: list[str]
) -> None:
    fault(draft)
    report = validate(draft)
    assert {r.check for r in report.failures} == {check}, report.lines()
    for part in parts:
        assert part in report.lines()[0]


@pytest.mark.parametrize("faults", FAULTS_AT_ONCE, ids=["first", "second", "third"])
def test_faults_at_once(
    draft: Any, validate: Validate, faults: list[tuple[Break, str, str, list[str]]]
) -> None:
    for fault, _, _, _ in faults:
        fault(draft)
    report = validate(draft)
    lines = {(result.check, result.table): result.line for result in report.failures}
    assert set(lines) == {(check, table) for _, check, table, _ in faults}, report.lines()
    for _, check, table, parts in faults:
        for part in parts:
            assert part in lines[check, table]


def without_inchikeys(draft: Any) -> None:
    draft.wells = draft.wells.drop(columns="Metadata_InChIKey")


def with_empty_inchikeys(draft: Any) -> None:
    draft.wells["Metadata_InChIKey"] = ""


def with_empty_smiles(draft: Any) -> None:
    draft.wells["Metadata_SMILES"] = ""


def layout_only(draft: Any) -> None:
    for table in ("profiles", "proteomics", "targets"):
        del _tables(draft)[table]


def raw_readout_only(draft: Any) -> None:
    for table in ("profiles", "targets"):
        del _tables(draft)[table]
    _tables(draft)["proteomics"]["kind"] = "intensity"
    draft.proteomics["Value"] = 2.0 ** (20 + draft.proteomics["Value"])


@pytest.mark.parametrize(
    "change",
    [without_inchikeys, with_empty_inchikeys, with_empty_smiles, layout_only, raw_readout_only],
)
def test_optional_parts_may_be_absent(draft: Any, validate: Validate, change: Break) -> None:
    change(draft)
    report = validate(draft)
    assert report.lines() == []
    assert report.results


def test_all_faults_in_one_run(draft: Any, validate: Validate) -> None:
    for fault in (no_plate_column, nan_feature, infinite_value, repeated_target):
        fault(draft)
    report = validate(draft)
    checks = [r.check for r in report.failures]
    assert checks == ["readable", "target_unique", "feature_nan", "readout_infinite"]
    assert all("\n" not in line for line in report.lines())


def test_warnings_do_not_stop(draft: Any, validate: Validate) -> None:
    draft.cellprofiler = draft.cellprofiler.drop(index=[9])  # one well of a plate
    draft.set("proteomics", [10], "Value", np.nan)
    draft.set("wells", [N + 1, N + 25], "Metadata_InChIKey", draft.wells["Metadata_InChIKey"][N])
    report = validate(draft)
    assert report.ok
    assert [r.check for r in report.warnings] == [
        "structure_names",
        "wells_incomplete",
        "readout_gaps",
    ]
    require_valid(report)


def test_smiles_are_compared_with_keys(draft: Any, validate: Validate) -> None:
    with_smiles(draft)
    ethanol, benzene = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "UHOVQNZJYSORNB-UHFFFAOYSA-N"
    draft.set("wells", slice(N, 24), "Metadata_InChIKey", "")
    draft.set("wells", slice(24 + N, 48), "Metadata_InChIKey", "")
    draft.set("wells", [N, N + 24], "Metadata_InChIKey", ethanol)  # fits its SMILES
    draft.set("wells", [N + 1, N + 25], "Metadata_InChIKey", benzene)
    draft.set("wells", [N + 2, N + 26], "Metadata_SMILES", "c1cc(")
    report = validate(draft)
    assert report.ok
    said = {result.check: result.line for result in report.warnings}
    assert set(said) == {"smiles_readable", "smiles_key"}
    assert "1 of 16 SMILES cannot be read: 'compound-c' 'c1cc('" in said["smiles_readable"]
    assert "1 of 16 SMILES are of another structure" in said["smiles_key"]
    assert "'compound-b' 'CCN'" in said["smiles_key"]


def test_more_warnings(draft: Any, validate: Validate) -> None:
    draft.wells["Metadata_Concentration"] *= 300  # 1500 uM
    draft.cellprofiler["Unnamed: 0"] = draft.cellprofiler["Cells_Feature_1"]
    draft.cellprofiler["Cells_Location_Center_X"] = draft.cellprofiler["Cells_Feature_0"]
    draft.cell_count = draft.cell_count.drop(index=[N, N + 24])  # all of compound-a
    is_il6 = draft.proteomics["Metadata_Protein"] == "IL-6"
    draft.proteomics.loc[is_il6, "Metadata_Protein"] = "CON__P00761"
    empty = draft.proteomics[is_il6].assign(Metadata_Protein="empty", Value=np.nan)
    draft.proteomics = pd.concat([draft.proteomics, empty])
    draft.set("proteomics", [60], "Value", 3000.0)
    report = validate(draft, ValidationSettings(min_compounds=12, max_sparse_proteins=0.5))
    assert report.lines() == []
    said = {result.check: result.line for result in report.warnings}
    assert "1500 uM" in said["dose_usual"]
    assert "2 of 10 features" in said["features_of_place"]
    assert "'Unnamed: 0', 'Cells_Location_Center_X'" in said["features_of_place"]
    assert "1 of 16 treatments lack more than half" in said["treatments_thinned"]
    assert "compound-a at 1500" in said["treatments_thinned"]
    assert "1 of 5 proteins have no value in any well: empty" in said["readout_empty"]
    assert "left out" in said["readout_empty"]
    assert "1 of 5 proteins are contaminants" in said["protein_contaminants"]
    assert "'CON__P00761'" in said["protein_contaminants"]
    assert "1 of 5 proteins have values unusually far" in said["readout_far"]
    assert "readout_gaps" not in said


def test_small_intensities_and_close_doses(draft: Any, validate: Validate) -> None:
    _tables(draft)["proteomics"]["kind"] = "intensity"
    draft.proteomics["Value"] = 2.0 ** draft.proteomics["Value"]  # ratios around 1
    draft.set("wells", [N + 24], "Metadata_Concentration", 5.3)
    report = validate(draft)
    assert [result.check for result in report.failures] == ["one_dose"]
    assert {"intensity_small", "dose_close"} <= {result.check for result in report.warnings}


def test_messages_are_bounded(draft: Any, validate: Validate) -> None:
    draft.wells["Metadata_Compound"] = [f"{n}" + "x" * 5000 for n in range(48)]
    draft.wells["Metadata_Control"] = "y\n" * 3000
    report = validate(draft)
    assert not report.ok
    for line in report.lines() + report.warning_lines():
        assert len(line) <= LONGEST_MESSAGE
        assert "\n" not in line
    with pytest.raises(UserError) as error:
        require_valid(report)
    assert len(str(error.value)) <= LONGEST_MESSAGE
    for result in report.failures:
        assert f"[{result.check}]" in str(error.value)


def test_report_is_deterministic_and_written(draft: Any, validate: Validate, tmp_path: Any) -> None:
    draft.set("wells", [N], "Metadata_Concentration", -5.0)
    first = validate(draft)
    (tmp_path / "tiny").rename(tmp_path / "first")
    second = validate(draft)
    assert first == second
    write_report(first, tmp_path / "out" / "report.json")
    text = (tmp_path / "out" / "report.json").read_text()
    assert '"n_failures": 1' in text
    assert str(tmp_path) not in text
