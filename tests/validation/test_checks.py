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

from .faults_layout import (
    LAYOUT,
    Break,
    N,
    doses_in_nanomolar,
    few_controls,
    no_plate_column,
    other_doses,
    repeated_target,
    rounded_doses,
    tables_of,
    too_few_compounds,
    two_dashes,
    two_normal_forms,
    unmeasured_plate,
    with_smiles,
    without_inchikeys,
)
from .faults_measured import (
    MEASURED,
    date_feature,
    feature_beyond_single_precision,
    infinite_value,
    logged_intensities,
    lost_plate,
    lost_readout_plate,
    nan_feature,
    outlier_among_controls,
    reserved_protein,
    value_beyond_single_precision,
    value_of_another_unit,
)

Validate = Callable[..., ValidationReport]


# Faults of one run, each in its own check: (break, check, table, parts of the message).
FAULTS = LAYOUT + MEASURED

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
    (
        too_few_compounds,
        "enough_compounds",
        ["9 compounds have both", "fewer than 12", "lower validation.min_compounds in params.yaml"],
    ),
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
def test_one_fault_in_severaltables_of(
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


def with_empty_inchikeys(draft: Any) -> None:
    draft.wells["Metadata_InChIKey"] = ""


def with_empty_smiles(draft: Any) -> None:
    draft.wells["Metadata_SMILES"] = ""


def layout_only(draft: Any) -> None:
    for table in ("profiles", "proteomics", "targets"):
        del tables_of(draft)[table]


def raw_readout_only(draft: Any) -> None:
    for table in ("profiles", "targets"):
        del tables_of(draft)[table]
    tables_of(draft)["proteomics"]["kind"] = "intensity"
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
    tables_of(draft)["proteomics"]["kind"] = "intensity"
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


def test_report_is_deterministic_and_written(
    draft: Any, validate: Validate, tmp_path: Any, judged: dict[bytes, Any]
) -> None:
    draft.set("wells", [N], "Metadata_Concentration", -5.0)
    first = validate(draft)
    (tmp_path / "tiny").rename(tmp_path / "first")
    judged.clear()
    second = validate(draft)
    assert first == second
    write_report(first, tmp_path / "out" / "report.json")
    text = (tmp_path / "out" / "report.json").read_text()
    assert '"n_failures": 1' in text
    assert str(tmp_path) not in text
