"""What the report says of the segmentation."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from phenoprot.report.account import images
from phenoprot.report.publish import image_counts


def test_counts_are_summed_over_fields(tmp_path: Path) -> None:
    assert image_counts(tmp_path) == {}  # a screen without images
    objects = pd.DataFrame(
        {"Count_Cells": [10, 0, 5], "Count_Border": [2, 0, 1], "Count_Dead": [0, 1, 0]}
    )
    objects.to_parquet(tmp_path / "objects.parquet")
    counts = image_counts(tmp_path)
    assert counts == {
        "n_fields": 3,
        "n_cells": 15,
        "n_cells_at_border": 3,
        "n_dead_cells_left_out": 1,
        "n_fields_without_cell": 1,
    }
    said = (
        "3 fields of view with 15 cells, 3 of them cut by the border; 1 dead cells left out; 1 "
        "fields without a cell."
    )
    assert images(counts) == said
    score = {"nuclei": {"average_precision": 0.9875}, "cells": {"average_precision": 0.91}}
    (tmp_path / "score.json").write_text(json.dumps(score))
    assert images(image_counts(tmp_path)) == (
        f"{said} Average precision at an overlap (IoU) of 0.5 with the true masks: nuclei 0.988, "
        "cells 0.910."
    )
