"""The measure of what a profile tells, on profiles of which the answer is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.screens_phantom.measure import score_profile

DOSES = (0.1, 1.0)


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    """40 compounds at two doses on two replicate plates; two programmes at random."""
    rng = np.random.default_rng(0)
    rows, planted = [], []
    for number in range(40):
        for dose in DOSES:
            activity = rng.uniform(0, 1, 2)
            for plate in ("R1", "R2"):
                well = f"{'AB'[dose > 0.5]}{number + 1:02d}"
                rows.append((plate, well, f"c{number:02d}", dose, None))
                planted.append((plate, well, *activity))
    key = ["Metadata_Plate", "Metadata_Well"]
    columns = [*key, "Metadata_Compound", "Metadata_Concentration", "Metadata_Control"]
    wells = pd.DataFrame(rows, columns=columns)
    wells.loc[len(wells)] = ["R1", "P24", "DMSO", 0.0, "negcon"]
    wells.to_csv(tmp_path / "wells.csv", index=False)
    planted.append(("R1", "P24", 0.0, 0.0))
    (tmp_path / "truth").mkdir()
    truth = pd.DataFrame(planted, columns=[*key, "er_stress", "vacuolation"])
    truth.to_parquet(tmp_path / "truth" / "activities.parquet")
    return tmp_path


def test_a_profile_tells_what_it_holds_and_no_more(screen: Path) -> None:
    truth = pd.read_parquet(screen / "truth" / "activities.parquet")
    treatment = ["Metadata_Compound", "Metadata_Concentration"]
    wells = pd.read_csv(screen / "wells.csv").merge(truth)
    profile = wells[wells.Metadata_Control.isna()].drop_duplicates(treatment)
    noise = np.random.default_rng(1).normal(size=len(profile))
    profile = profile[treatment].assign(f0=3 * profile.er_stress - 1, f1=noise)
    profile.to_parquet(screen / "profile.parquet")
    found = score_profile(screen, screen / "profile.parquet")
    assert list(found.index) == ["er_stress", "vacuolation"]
    assert list(found.columns) == ["all", "0.1 uM", "1 uM"]
    assert (found.loc["er_stress"] > 0.99).all()
    assert (found.loc["vacuolation"] < 0.1).all()
