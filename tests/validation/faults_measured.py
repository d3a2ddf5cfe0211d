"""Faults of profiles and of the readout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .faults_layout import Break, tables_of


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
    tables_of(draft)["proteomics"]["kind"] = "intensity"
    draft.proteomics["Value"] = 2.0 ** draft.proteomics["Value"]
    draft.set("proteomics", [5], "Value", -1.0)


def lost_plate(draft: Any) -> None:
    on_p1 = draft.cell_count["Metadata_Plate"] == "P1"
    draft.cell_count = draft.cell_count[on_p1]


def lost_readout_plate(draft: Any) -> None:
    draft.proteomics = draft.proteomics[draft.proteomics["Metadata_Plate"] == "P1"]


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
    tables_of(draft)["proteomics"]["kind"] = "intensity"
    draft.proteomics["Value"] += 20.0


def reserved_protein(draft: Any) -> None:
    is_tnf = draft.proteomics["Metadata_Protein"] == "TNF alpha"
    draft.proteomics.loc[is_tnf, "Metadata_Protein"] = "Metadata_TNF"


MEASURED: list[tuple[Break, str, str, list[str]]] = [
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
]  # fmt: skip
"""What breaks, the check, the table, and parts of the message."""
