"""Fitted curves and ratios in the schema of labels and levels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.dose_response import label_curves, long_readout, ratio_levels

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


def test_unclassified_curves_are_empty_labels() -> None:
    curves = pd.DataFrame(
        {
            "compound": ["a", "a", "b"],
            "gene": ["g", "h", "g"],
            "Curve Regulation": ["up", None, "not"],
            "Curve Fold Change": [1.5, 0.2, 0.0],
            "Curve P_Value": [0.01, 0.5, 0.9],
            "pEC50": [6.0, 5.0, 7.0],
        }
    )
    labels = label_curves(curves)
    assert labels["Label"].tolist() == ["up", "", "not"]
    assert labels["Metadata_Protein"].tolist() == ["g", "h", "g"]
    assert labels["Effect"].tolist() == [1.5, 0.2, 0.0]


def test_replicates_are_numbered_within_their_treatment() -> None:
    long = long_readout(PROTEOMICS.sample(frac=1, random_state=0), WELLS)
    by_well = {(row.plate, row.intensity): row.replicate for row in long.itertuples()}
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
    settings = CurveSettings(control_group=("plate",))
    levels = ratio_levels(long_readout(PROTEOMICS, WELLS), settings)
    treated = levels[levels["Metadata_Compound"] == "a"]
    assert treated["Metadata_Concentration"].tolist() == [1, 10, 100]
    # Controls 200 on P and 1000 on Q; single controls or a mean over plates would give others.
    assert treated["g"].tolist() == pytest.approx([2.5, 0.25, 0.1])
    assert levels["g"].dtype == np.float32
