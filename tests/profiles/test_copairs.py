"""Mean average precision and its p are those of copairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from copairs.map import average_precision, mean_average_precision
from tests.profiles.test_activity import made_screen

from phenoprot.wells.activity import screen_activity
from phenoprot.wells.settings import ActivitySettings

SIZE = 20_000


@pytest.mark.parametrize("plates", [2, 3, 4])
def test_scores_and_p_are_those_of_copairs(plates: int, tmp_path: Path) -> None:
    profile, wells = made_screen(
        np.random.default_rng(plates), plates, 20, [0.0, 0.5, 1.0, 2.0] * 5, shared=False
    )
    meta = wells.copy()
    control = meta["Metadata_Control"] == "negcon"
    # Each control is a group of its own: no positive of any other, a negative of all treatments.
    meta["Metadata_Reference"] = np.where(control, np.arange(len(meta)), -1)
    values = profile[[name for name in profile if name.startswith("f")]].to_numpy()
    key = ["Metadata_Compound", "Metadata_Reference"]
    scores = average_precision(meta, values, key, [], [], key, progress_bar=False)
    theirs = mean_average_precision(
        scores[~control], ["Metadata_Compound"], SIZE, 0.05, 0, progress_bar=False,
        cache_dir=tmp_path,
    ).sort_values("Metadata_Compound", ignore_index=True)  # fmt: skip
    ours = screen_activity(profile, wells, ActivitySettings(permutations=SIZE)).treatments
    np.testing.assert_allclose(ours["map"], theirs["mean_average_precision"], atol=1e-6)
    if plates == 2:
        # One positive: copairs counts rankings above the score, not those at it, as a p must.
        above = (ours["map"] < 1) & (ours["n_replicates"] > 0)
        assert (ours["p_rankings"] >= theirs["p_value"] - 0.01)[above].all()
        return
    spread = np.sqrt(ours["p_rankings"] * (1 - ours["p_rankings"]) / SIZE)
    assert (np.abs(ours["p_rankings"] - theirs["p_value"]) <= 6 * spread + 2 / SIZE).all()
