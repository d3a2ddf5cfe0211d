"""Groups of targets by what was planted, on a truth small enough to group by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenoprot.tasks.registry import all_parts


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    pd.DataFrame(
        {
            "Metadata_Protein": ["both", "hidden", "weak", "nothing"],
            "intensity_log10": 6.0,
            "noise_sd": 0.1,
            # Shows in both; in proteins only.
            "loading_er_stress": [1.2, -0.8, -0.5, 0.0],
            "loading_antioxidant_response": [-2.0, 1.7, 0.0, 0.0],
        }
    ).to_parquet(tmp_path / "proteins.parquet")
    pd.DataFrame(
        {
            "Metadata_Compound": ["a", "b", "a", "a", "b"],
            "Metadata_Target": ["VCP", "VCP", "KEAP1", "FIG4", "OR1A1"],
            "Metadata_Programme": [
                "er_stress", "er_stress", "antioxidant_response", "vacuolation", "",
            ],
        }
    ).to_parquet(tmp_path / "targets.parquet")  # fmt: skip
    return tmp_path


@pytest.mark.parametrize(
    ("part", "groups"),
    [
        # Up: er_stress 1.2; the hidden programme alone; nothing raises it; nothing.
        ("classification/up", ["1_1.5", "proteins_only", "null", "null"]),
        # Down: the hidden programme alone; er_stress 0.8; 0.5.
        ("classification/down", ["proteins_only", "0.7_1", "0.45_0.7", "null"]),
        # Either way: 2.0, 1.7, 0.5.
        ("regression", ["1.5_inf", "1.5_inf", "0.45_0.7", "null"]),
    ],
)
def test_groups_of_proteins(truth: Path, part: str, groups: list[str]) -> None:
    found = all_parts()[part].planted_groups(truth, part)
    assert found[["both", "hidden", "weak", "nothing"]].tolist() == groups


def test_groups_of_targets(truth: Path) -> None:
    found = all_parts()["targets"].planted_groups(truth, "targets")
    assert found[["VCP", "KEAP1", "FIG4", "OR1A1"]].tolist() == [
        "both", "proteins_only", "images_only", "null"
    ]  # fmt: skip
