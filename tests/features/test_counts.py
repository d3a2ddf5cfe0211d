"""Cells per well, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.features.counts import count_cells


def test_the_count_of_a_well_is_the_mean_over_its_fields() -> None:
    objects = pd.DataFrame(
        {
            "Metadata_Plate": ["P", "P", "P"],
            "Metadata_Well": ["B02", "A01", "B02"],
            "Metadata_Site": ["2", "1", "1"],
            "Count_Cells": np.array([4, 10, 7], dtype=np.int32),
            "Count_Border": 0,
        }
    )
    counts = count_cells(objects)
    assert counts["Metadata_Well"].tolist() == ["A01", "B02"]
    assert counts["Cells_Count"].tolist() == [10, 5.5]
    assert counts["Cells_Count"].dtype == np.float32
