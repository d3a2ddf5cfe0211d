"""The benchmark of models on a tiny run: what it prints is the score of the model itself."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from benchmarks.models.run import _scored

from phenoprot.screens.contract import COMPOUND, CONCENTRATION
from phenoprot.tasks.columns import FOLD, GROUP, REPEAT
from phenoprot.tasks.settings import TaskSettings


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_planted_signal_is_scored_and_noise_is_not(tiny: TaskSettings, share: float) -> None:
    rng = np.random.default_rng(0)
    names = [f"c{i:03d}" for i in range(120)]
    x = rng.normal(size=(120, 3))
    profile = pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        **{COMPOUND: names, CONCENTRATION: 1.0}
    )
    folds = pd.concat(
        pd.DataFrame({REPEAT: r, COMPOUND: names, GROUP: names, FOLD: rng.permutation(120) % 3})
        for r in range(2)
    )
    planted = pd.DataFrame({COMPOUND: names, "P": (x[:, 0] > 0).astype(np.float32)})
    noise = planted.assign(P=rng.permutation(planted["P"]))
    auc = []
    for labels in (planted, noise):
        line = _scored("linear", profile, labels, folds, 2, share, tiny)
        printed = re.fullmatch(r"(\d\.\d{3}) \(sd \d\.\d{3}\), [\d.]+ s of CPU a repeat", line)
        assert printed is not None
        auc.append(float(printed[1]))
    assert auc[0] > 0.95
    # 120 compounds: standard error about 0.05 in each draw.
    assert auc[1] == pytest.approx(0.5, abs=0.17)
