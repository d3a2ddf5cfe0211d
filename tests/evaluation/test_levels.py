"""Scores of levels against plain loops over scikit-learn, and literal leave-one-out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, pearsonr
from sklearn.metrics import mean_squared_error, r2_score

from phenoprot.evaluation.level_chance import draw_orders, permuted_scores
from phenoprot.evaluation.level_data import LevelData, mean_and_sd
from phenoprot.evaluation.level_influence import Influence, Pooled, concordance
from phenoprot.evaluation.levels import (
    LevelScores,
    level_groups,
    level_result,
    level_scores,
    repeated_mean,
    score_regression,
)
from phenoprot.evaluation.results import Group
from phenoprot.evaluation.score import RowScores
from phenoprot.evaluation.settings import EvaluationSettings

from .level_screen import NAMES, joined, screen, standardised

SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6], r2_thresholds=[-1, 0.2], permutations=50, seed=0
)


def by_hand(table: pd.DataFrame, name: str, score: str) -> float:
    """One score of one protein: folds weigh by their levels, then the mean over the repeats."""
    rows = standardised(table, name)
    means = []
    for _, repeat in rows.groupby("Metadata_Repeat"):
        values, weights = [], []
        for _, fold in repeat.groupby("Fold"):
            y, p = fold[f"{name} true"], fold[name]
            z, q = fold["y"], fold["p"]
            values.append(
                {
                    "r2": lambda y=y, p=p: r2_score(y, p),
                    "pearson_r2": lambda y=y, p=p: pearsonr(y, p).statistic ** 2,
                    "concordance": lambda y=y, p=p: (kendalltau(y, p).statistic + 1) / 2,
                    "rmse": lambda z=z, q=q: mean_squared_error(z, q) ** 0.5,
                    "smape": lambda z=z, q=q: 100 * (abs(z - q) / (abs(z) + abs(q))).mean(),
                }[score]()
            )
            weights.append(len(fold))
        means.append(np.average(values, weights=weights))
    return float(np.mean(means))


@pytest.mark.parametrize("score", ["r2", "pearson_r2", "concordance", "rmse", "smape"])
def test_scores_are_those_of_plain_loops(score: str) -> None:
    predictions, levels = screen()
    table = level_scores(predictions, levels)
    expected = [by_hand(joined(predictions, levels), name, score) for name in NAMES]
    assert table["Target"].tolist() == NAMES
    np.testing.assert_allclose(table[score], expected, atol=1e-9)
    assert table["n_levels"].tolist() == levels[NAMES].notna().sum().tolist()
    assert (table["folds_skipped"] == 0).all()


def pooled_skill(data: LevelData) -> Influence:
    """Of all targets as one block."""
    return Pooled(data).add(data).skill()


def of_two_folds(truth: list[float], predicted: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One protein t; the first half of the compounds are fold 0, the others fold 1."""
    compounds = [f"c{i}" for i in range(len(truth))]
    key = {"Metadata_Compound": compounds, "Metadata_Concentration": 5.0}
    predictions = pd.DataFrame(
        {
            **key,
            "Fold": np.repeat([0, 1], len(truth) // 2),
            "Metadata_LabelsOf": compounds,
            "Metadata_Repeat": 0,
            "t": predicted,
        }
    )
    return predictions, pd.DataFrame({**key, "t": truth})


def test_standardised_by_hand() -> None:
    # The other fold of fold 0 has mean 11 and sd 1: -11 and -9, both predicted as -10. That of
    # fold 1 has mean 1 and sd 1: 9 and 11, both predicted as 10.
    predictions, levels = of_two_folds([0, 2, 10, 12], [1, 1, 11, 11])
    line = level_scores(predictions, levels).iloc[0]
    assert line["smape"] == pytest.approx(100 * (1 / 21 + 1 / 19) / 2)
    assert line["rmse"] == 1
    # Within a fold the predictions are the mean.
    assert (line["r2"], line["pearson_r2"], line["folds_skipped"]) == (0, 0, 0)
    skill = pooled_skill(LevelData.of(predictions, levels).standardised())
    assert skill.by_repeat == pytest.approx([1 - 4 / (121 + 81 + 81 + 121)])


def test_a_fold_weighs_by_its_levels() -> None:
    scores = [np.array([1.0, np.nan]), np.array([0.0, 3.0]), np.array([0.5, np.nan])]
    weights = [np.array([3, 9]), np.array([1, 2]), np.array([7, 7])]
    # Repeat 0: (3 * 1 + 1 * 0) / 4; repeat 1: 0.5. The other target: fold 1 alone.
    assert repeated_mean(scores, weights, [0, 0, 1]).tolist() == [0.625, 3.0]
    assert np.isnan(repeated_mean([np.array([np.nan])], [np.array([4])], [0])).all()


def test_no_test_level_enters_the_scale() -> None:
    predictions, levels = screen(missing=0)
    before = LevelData.of(predictions, levels)
    rows = (before.repeat == 0) & (before.fold == 1)
    truth = before.truth.copy()
    truth[rows] = 1e6
    poisoned = LevelData(**{**vars(before), "truth": truth}).standardised()
    np.testing.assert_array_equal(poisoned.predicted[rows], before.standardised().predicted[rows])
    others = (before.repeat == 0) & (before.fold != 1)
    assert not np.allclose(poisoned.predicted[others], before.standardised().predicted[others])


def test_scores_do_not_depend_on_the_unit_of_the_levels() -> None:
    predictions, levels = screen()
    other_levels, other = levels.copy(), predictions.copy()
    for table in (other_levels, other):
        table[NAMES] = table[NAMES] * 0.01 - 7
    one = score_regression(predictions, levels, SETTINGS)
    two = score_regression(other, other_levels, SETTINGS)
    pd.testing.assert_frame_equal(one.targets, two.targets, atol=1e-9)
    np.testing.assert_allclose(one.skill.by_repeat, two.skill.by_repeat, atol=1e-9)
    assert one.chance is not None
    assert two.chance is not None
    np.testing.assert_allclose(one.chance, two.chance, atol=1e-9)


def test_a_constant_training_part_has_no_scale() -> None:
    mean, sd = mean_and_sd(np.array([[0.1, 1, np.nan, 3], [0.1, 3, np.nan, np.nan]] * 3)[:5])
    np.testing.assert_array_equal(np.isnan(sd), [True, False, True, True])
    assert mean[1] == pytest.approx(9 / 5)
    assert sd[1] == pytest.approx(np.std([1, 3, 1, 3, 1]))
    predictions, levels = of_two_folds([0, 2, 5, 5], [1, 1, 4, 6])
    line = level_scores(predictions, levels).iloc[0]
    # Fold 0 has no scale; fold 1 has one, but no R2.
    assert line["rmse"] == 1
    assert (line["r2"], line["folds_skipped"]) == (0, 1)


def skill_by_hand(table: pd.DataFrame) -> float:
    """Mean over the repeats of 1 - SSE / SST, each one sum over all proteins."""
    means = []
    for repeat in sorted(set(table["Metadata_Repeat"])):
        rows = pd.concat([standardised(table, name) for name in NAMES])
        rows = rows[rows["Metadata_Repeat"] == repeat]
        means.append(1 - ((rows["y"] - rows["p"]) ** 2).sum() / (rows["y"] ** 2).sum())
    return float(np.mean(means))


def test_pooled_skill_is_that_of_plain_sums() -> None:
    predictions, levels = screen()
    found = pooled_skill(LevelData.of(predictions, levels).standardised())
    assert found.by_repeat.mean() == pytest.approx(skill_by_hand(joined(predictions, levels)))
    # The training part's mean scores 0, a perfect prediction 1.
    data = LevelData.of(predictions, levels).standardised()
    for predicted, skill in ((0.0 * data.truth, 0), (data.truth, 1)):
        assert pooled_skill(LevelData(**{**vars(data), "predicted": predicted})).by_repeat == (
            pytest.approx([skill, skill])
        )


def without(data: LevelData, compound: int) -> LevelData:
    """The rows of all other compounds: the literal leave-one-out."""
    return data.take(data.compound != compound)


@pytest.mark.parametrize("doses", [[5.0], [0.01, 0.5, 10.0]], ids=["one dose", "series"])
def test_changes_are_those_of_literal_leave_one_out(doses: list[float]) -> None:
    predictions, levels = screen(doses=doses)
    data = LevelData.of(predictions, levels)
    scaled = data.standardised()
    skill, ordered = pooled_skill(scaled), concordance(data)
    for compound in range(data.n_compounds):
        left = pooled_skill(without(scaled, compound)).by_repeat.mean()
        assert skill.changes[compound] == pytest.approx(left - skill.by_repeat.mean(), abs=1e-12)
        left = concordance(without(data, compound)).by_repeat.mean(axis=0)
        np.testing.assert_allclose(
            ordered.changes[compound], left - ordered.by_repeat.mean(axis=0), atol=1e-12
        )
    assert np.abs(ordered.changes).max() > 0.005


def test_leave_one_out_of_treatments_in_several_folds() -> None:
    """Leaking folds tear a compound apart: it counts in each fold that has a dose of it."""
    predictions, levels = screen()
    predictions["Fold"] = np.random.default_rng(1).integers(0, 3, len(predictions))
    data = LevelData.of(predictions, levels)
    ordered = concordance(data)
    for compound in range(data.n_compounds):
        left = concordance(without(data, compound)).by_repeat.mean(axis=0)
        np.testing.assert_allclose(
            ordered.changes[compound], left - ordered.by_repeat.mean(axis=0), atol=1e-12
        )


def test_a_compound_that_leaves_nothing_changes_nothing() -> None:
    nan = np.nan
    value, left = np.array([0.5, nan]), np.array([[0.75, nan], [nan, nan]])
    found = Influence.over_repeats([(value, left), (np.array([nan, nan]), left)])
    assert found.changes.tolist() == [[0.25, 0.0], [0.0, 0.0]]
    assert found.mean().by_repeat[0] == 0.5


def test_the_summary_of_a_row() -> None:
    predictions, levels = screen(compounds=30)
    scores = score_regression(predictions, levels, SETTINGS)
    found, table = level_result(scores, SETTINGS), scores.targets
    assert (found.n_targets, found.n_compounds) == (4, 30)
    assert set(found.means) == {"skill", "pearson_r2", "smape", "rmse", "concordance"}
    for name in ("pearson_r2", "smape", "rmse", "concordance"):
        assert found.means[name].value == pytest.approx(table[name].mean(), abs=1e-6)
    assert found.median == pytest.approx(table["r2"].median(), abs=1e-6)
    assert found.maximum == pytest.approx(table["r2"].max(), abs=1e-6)
    assert found.median_over_doses == pytest.approx(table["r2_over_doses"].median(), abs=1e-6)
    assert found.maximum_over_doses == pytest.approx(table["r2_over_doses"].max(), abs=1e-6)
    assert [count.n for count in found.thresholds] == [4, int((table["r2"] >= 0.2).sum())]
    for name in ("skill", "concordance"):
        mean = found.means[name]
        assert mean.low is not None
        assert mean.high is not None
        assert mean.low < mean.value < mean.high
    with pytest.raises(TypeError, match="no scores of levels"):
        level_result(RowScores(table, 30), SETTINGS)


@pytest.mark.filterwarnings("error")
def test_what_is_not_defined_is_left_out() -> None:
    predictions, levels = of_two_folds([np.nan] * 4, [1, 1, 2, 2])
    found = level_result(score_regression(predictions, levels, SETTINGS), SETTINGS)
    assert (found.means, found.median, found.maximum) == ({}, None, None)
    assert (found.median_over_doses, found.thresholds[0].n) == (None, 0)


def test_groups_of_planted_effects() -> None:
    predictions, levels = screen(compounds=30)
    scores = score_regression(predictions, levels, SETTINGS)
    null, strong = Group(kind="null"), Group(low=1.0)
    groups = level_groups(scores, {"t": null, "u": strong, "w": null})
    assert [(one.group, one.n) for one in groups] == [(strong, 1), (null, 2)]
    table = scores.targets.set_index("Target")
    for one, names in zip(groups, (["u"], ["t", "w"]), strict=True):
        for name in ("pearson_r2", "concordance"):
            expected = table.loc[names, name].mean()
            assert one.means[name].value == pytest.approx(expected, abs=1e-6)
        assert one.means["concordance"].low is not None


def test_shuffled_labels_are_those_of_another_compound() -> None:
    predictions, levels = screen()
    names = sorted(set(predictions["Metadata_Compound"]))
    other = dict(zip(names, np.roll(names, 1), strict=True))
    shuffled = predictions.assign(Metadata_LabelsOf=predictions["Metadata_Compound"].map(other))
    table = level_scores(shuffled, levels)
    expected = [by_hand(joined(shuffled, levels), name, "r2") for name in NAMES]
    np.testing.assert_allclose(table["r2"], expected, atol=1e-9)


def every_permutation(predictions: pd.DataFrame, levels: pd.DataFrame) -> list[np.ndarray]:
    """R2 of all proteins under each permutation of the compounds, by the score itself."""
    names = sorted(set(predictions["Metadata_Compound"]))
    found = []
    for order in itertools.permutations(names):
        owner = predictions["Metadata_Compound"].map(dict(zip(names, order, strict=True)))
        table = level_scores(predictions.assign(Metadata_LabelsOf=owner), levels)
        found.append(table["r2"].to_numpy())
    return found


@pytest.mark.parametrize("missing", [0.0, 0.2])
# Five concentrations fill one table of the compiled loop, seven need a second one.
@pytest.mark.parametrize("n_doses", [2, 5, 7])
def test_chance_is_that_of_all_permutations(missing: float, n_doses: int) -> None:
    doses = [0.1 * 2**number for number in range(n_doses)]
    predictions, levels = screen(compounds=4, doses=doses, folds=2, missing=missing, seed=4)
    brute = np.stack(every_permutation(predictions, levels))
    data = LevelData.of(predictions, levels)
    permuted = permuted_scores(data, draw_orders(data, 3001, 0))  # two at a time, and one more
    # Every draw is one of the 24, with all proteins at once.
    rows = {tuple(row) for row in np.nan_to_num(brute, nan=-99).round(9)}
    drawn = [tuple(row) for row in np.nan_to_num(permuted, nan=-99).round(9)]
    assert set(drawn) == rows
    share = max(drawn.count(row) for row in rows) / 3001
    assert share < 3.5 / len(rows)


def test_doses_of_a_compound_stay_together_by_hand() -> None:
    # Two compounds of two doses trade places or not; the one with a single dose stays.
    compounds, doses = ["a", "a", "b", "b", "c", "d"], [1.0, 2, 1, 2, 1, 1]
    key = {"Metadata_Compound": compounds, "Metadata_Concentration": doses}
    truth = [1.0, 2, 3, 5, 9, 9]
    levels = pd.DataFrame({**key, "t": truth})
    predictions = pd.DataFrame(
        {**key, "Fold": 0, "Metadata_LabelsOf": compounds, "Metadata_Repeat": 0, "t": truth}
    )
    data = LevelData.of(predictions, levels)
    drawn = permuted_scores(data, draw_orders(data, 50, 0))
    sst = 6 * np.var(truth)
    # Swapped: errors 2, 3, 2, 3 and 0.
    assert set(drawn[:, 0].round(9)) == {round(1 - 26 / sst, 9), 1.0}
    # The scores' own: twice the variance around the same mean.
    chance = score_regression(predictions, levels, SETTINGS).chance
    assert chance is not None
    assert chance[:, 0].mean() == pytest.approx(drawn[:, 0].mean())
    assert chance[:, 0].var() == pytest.approx(2 * drawn[:, 0].var())


def test_repeats_of_other_treatments_are_refused() -> None:
    predictions, levels = screen(missing=0)
    lacking = predictions.drop(predictions.index[predictions["Metadata_Repeat"] == 1][:1])
    with pytest.raises(ValueError, match="different treatments"):
        score_regression(lacking, levels, SETTINGS)


def test_scores_of_the_other_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="no scores of levels"):
        LevelScores.checked(RowScores(pd.DataFrame(), 0))
