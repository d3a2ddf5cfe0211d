"""Scores of levels at each concentration against scikit-learn and plain sums on the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from phenoprot.evaluation.level_data import LevelData
from phenoprot.evaluation.level_doses import mean_r2_over_doses, regression_by_dose
from phenoprot.evaluation.level_influence import Influence, PooledAtDose
from phenoprot.evaluation.levels import level_scores
from phenoprot.evaluation.settings import EvaluationSettings

from .level_screen import DOSES, NAMES, joined, screen, standardised

SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)


def r2_by_hand(predictions: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """R2 (doses x proteins) over the compounds of all folds, mean over the repeats."""
    values: dict[float, list[float]] = {}
    for dose, at in joined(predictions, levels).groupby("Metadata_Concentration"):
        values[dose] = []
        for name in NAMES:
            there = at.dropna(subset=[f"{name} true"]).groupby("Metadata_Repeat")
            scores = [r2_score(rows[f"{name} true"], rows[name]) for _, rows in there]
            values[dose].append(float(np.mean(scores)))
    return pd.DataFrame(values, index=NAMES).T


def skill_by_hand(table: pd.DataFrame, dose: float) -> float:
    """1 - SSE / SST over all proteins, SST around each protein's mean at the dose."""
    means = []
    for repeat in sorted(set(table["Metadata_Repeat"])):
        sse = sst = 0.0
        for name in NAMES:
            rows = standardised(table, name)
            rows = rows[
                (rows["Metadata_Repeat"] == repeat) & (rows["Metadata_Concentration"] == dose)
            ]
            sse += ((rows["y"] - rows["p"]) ** 2).sum()
            sst += ((rows["y"] - rows["y"].mean()) ** 2).sum()
        means.append(1 - sse / sst)
    return float(np.mean(means))


def test_scores_are_those_of_plain_loops() -> None:
    predictions, levels = screen(compounds=20)
    r2 = r2_by_hand(predictions, levels)
    found = regression_by_dose(predictions, levels, SETTINGS)
    assert [line.concentration for line in found] == DOSES
    for dose, line in zip(DOSES, found, strict=True):
        assert line.median == pytest.approx(r2.loc[dose].median(), abs=1e-6)
        skill = line.means["skill"]
        expected = skill_by_hand(joined(predictions, levels), dose)
        assert skill.value == pytest.approx(expected, abs=1e-6)
        assert skill.low is not None
        assert skill.high is not None
        assert skill.low < skill.value < skill.high
        assert (line.n_compounds, line.n_targets_scored) == (20, 4)
    skills = [line.means["skill"].value for line in found]
    assert skills == sorted(skills)


def test_r2_averaged_over_the_concentrations() -> None:
    predictions, levels = screen(compounds=20)
    expected = r2_by_hand(predictions, levels).mean()
    np.testing.assert_allclose(level_scores(predictions, levels)["r2_over_doses"], expected)


def pooled_skill_at_dose(data: LevelData) -> Influence:
    """Of all targets as one block."""
    return PooledAtDose(data).add(data).skill()


def test_changes_are_those_of_literal_leave_one_out() -> None:
    data = LevelData.of(*screen()).standardised()
    at = data.take(data.concentration == DOSES[1])
    skill = pooled_skill_at_dose(at)
    for compound in range(at.n_compounds):
        left = pooled_skill_at_dose(at.take(at.compound != compound)).by_repeat.mean()
        assert skill.changes[compound] == pytest.approx(left - skill.by_repeat.mean(), abs=1e-12)


@pytest.mark.parametrize("levels", [(0.6, 1.2), (-0.2, 0.9), (0.6, -1.3)])
def test_one_level_that_is_left_has_nothing_to_explain(levels: tuple[float, float]) -> None:
    """Its square less its square is rounding, not a spread to divide by."""
    zeros = np.zeros(2, dtype=np.int64)
    truth = np.array(levels)[:, None]
    data = LevelData(["t"], truth, truth + 0.5, zeros, zeros, np.arange(2), np.ones(2))
    skill = pooled_skill_at_dose(data)
    assert skill.by_repeat == pytest.approx([1 - 0.5 / (np.diff(levels) ** 2 / 2)[0]])
    assert skill.changes.tolist() == [0.0, 0.0]


def test_the_mean_of_a_dose_has_no_skill_and_a_common_shift_has_less() -> None:
    data = LevelData.of(*screen(missing=0, repeats=1)).standardised()
    at = data.take(data.concentration == DOSES[2])
    mean = np.broadcast_to(at.truth.mean(axis=0), at.truth.shape)
    for predicted, expected in ((mean, 0.0), (at.truth, 1.0), (mean + 1, None)):
        (skill,) = pooled_skill_at_dose(LevelData(**{**vars(at), "predicted": predicted})).by_repeat
        if expected is None:
            assert skill < 0
        else:
            assert skill == pytest.approx(expected, abs=1e-12)


def test_a_protein_that_hardly_varies_does_not_make_the_skill() -> None:
    """An R2 of -10,000 of one protein: the pooled skill is that of the others, the mean R2 lost."""
    predictions, levels = screen(compounds=30, missing=0, repeats=1)
    low = levels["Metadata_Concentration"] == DOSES[0]
    levels.loc[low, "t"] = 3 + 1e-3 * np.random.default_rng(0).normal(size=low.sum())
    before = regression_by_dose(predictions, levels, SETTINGS)[0]
    assert r2_by_hand(predictions, levels).loc[DOSES[0]].mean() < -1000
    assert before.means["skill"].value > -1
    assert before.median is not None
    assert before.median > -1


def test_one_dose_of_each_compound_is_no_series() -> None:
    predictions, levels = screen()
    single = predictions[predictions["Metadata_Concentration"] == 0.5].reset_index(drop=True)
    numbers = pd.factorize(single["Metadata_Compound"])[0]
    # Two concentrations, but never of one compound.
    mixed = single.assign(Metadata_Concentration=np.where(numbers % 2, 0.5, 10.0))
    for table in (single, mixed):
        assert regression_by_dose(table, levels, SETTINGS) == []
        assert np.isnan(mean_r2_over_doses(LevelData.of(table, levels))).all()
