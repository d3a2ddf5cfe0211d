"""The benchmark of seeds on made-up rows: it counts what the test of the tables calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
from benchmarks.models.seeds import line, pairs, trained

from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION
from phenoprot.tasks.columns import FOLD, GROUP, REPEAT
from phenoprot.tasks.settings import TaskSettings

N = 60
NAMES = [f"c{i:02d}" for i in range(N)]
SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)


def test_seeds_of_a_model_are_paired_by_compound_and_fold(tiny: TaskSettings) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3))
    profile = pd.DataFrame(x, columns=list("abc")).assign(**{COMPOUND: NAMES, CONCENTRATION: 1.0})
    folds = pd.concat(
        pd.DataFrame({REPEAT: r, COMPOUND: NAMES, GROUP: NAMES, FOLD: rng.permutation(N) % 3})
        for r in range(2)
    )
    labels = pd.DataFrame({COMPOUND: NAMES, "P": (x[:, 0] > 0).astype(np.float32)})
    rows = [trained(profile, labels, folds, 2, seed, tiny) for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(rows[0], rows[1])
    assert not rows[0]["P"].equals(rows[2]["P"])
    # The same seed twice is no difference.
    assert pairs(rows[:2], labels, SETTINGS)[0].p == 1.0
    assert len(pairs(rows, labels, SETTINGS)) == 3


def test_pairs_that_differ_are_counted() -> None:
    rng = np.random.default_rng(1)
    truth = (np.arange(N) % 2).astype(float)
    key = pd.DataFrame({COMPOUND: NAMES, CONCENTRATION: 1.0, FOLD: np.arange(N) // 20,
                        "Metadata_LabelsOf": NAMES})  # fmt: skip
    labels = pd.DataFrame({COMPOUND: NAMES, "P": truth})

    def row(strength: float) -> pd.DataFrame:
        tables = [
            key.assign(**{REPEAT: r}, P=strength * truth + rng.normal(size=N)) for r in range(3)
        ]
        return pd.concat(tables, ignore_index=True)

    good, bad = row(8.0), row(0.0)
    found = pairs([good, bad, good], labels, SETTINGS)
    assert [one.p is not None and one.p < 0.01 for one in found] == [True, False, True]
    assert line(found).startswith("2 of 3 pairs at p <= 0.05 (66.7 %), 2 of 3 single targets")
