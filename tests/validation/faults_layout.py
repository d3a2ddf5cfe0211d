"""Faults of the layout, its doses and compounds, and of target annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Break = Callable[[Any], None]
"""Puts a fault into a valid screen."""


WELLS = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 7)]


N = 8  # the first 8 wells of each plate are controls; well 8 is B03


def tables_of(draft: Any) -> dict[str, Any]:
    return draft.info["tables"]


SMILES = ["CCO", "CCN", "CC=O", "CC#N"] * 4


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
    tables_of(draft)["targets"] = "elsewhere.csv"


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


def with_smiles(draft: Any) -> None:
    draft.wells["Metadata_SMILES"] = ([""] * N + SMILES) * 2


def without_inchikeys(draft: Any) -> None:
    draft.wells = draft.wells.drop(columns="Metadata_InChIKey")


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


def two_doses(draft: Any) -> None:
    draft.set("wells", [N + 24], "Metadata_Concentration", 10.0)


def too_few_doses(draft: Any) -> None:
    tables_of(draft)["proteomics"]["design"] = "dose_response"


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


def unmeasured_plate(draft: Any) -> None:
    extra = draft.wells[draft.wells["Metadata_Plate"] == "P2"]
    draft.wells = pd.concat([draft.wells, extra.assign(Metadata_Plate="P3")])


LAYOUT: list[tuple[Break, str, str, list[str]]] = [
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
    (two_doses, "one_dose", "proteomics.parquet", ["1 of 16 compounds", "'compound-a' (2)"]),
    (too_few_doses, "enough_doses", "proteomics.parquet",
     ["14 of 14 compounds have fewer than 5", "'compound-a' (1)"]),
    (target_without_name, "target_key", "targets.csv", ["1 of 10 rows", "row 5"]),
    (repeated_target, "target_unique", "targets.csv", ["1 of 11 rows", "'compound-c' EGFR"]),
    (unknown_target_compounds, "target_compounds_unknown", "targets.csv",
     ["2 of 10 compounds are in no well: aspirin, caffeine"]),
]  # fmt: skip
"""What breaks, the check, the table, and parts of the message."""
