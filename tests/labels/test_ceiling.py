"""The ceiling against a second run of the assay, and its parts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from phenoprot.readout.ceiling import (
    CEILING_COLUMNS,
    at_size,
    number_replicates,
    replicate_reliability,
    single_dose_ceiling,
    spearman_brown,
    splits,
)
from phenoprot.readout.settings import SingleDoseSettings
from phenoprot.readout.single_dose import compare_treatments, label_single_dose, standardised

RULE = SingleDoseSettings(alpha=0.05, min_effect=1.0)
COMPOUNDS, CONTROLS, PROTEINS = 200, 48, 24
NAMES = [f"p{i:02d}" for i in range(PROTEINS)]
KEY = ["Metadata_Plate", "Metadata_Well"]


def layout(plates: int) -> pd.DataFrame:
    wells = [f"{'ABCDEFGHIJKLMNOP'[i // 24]}{i % 24 + 1:02d}" for i in range(COMPOUNDS + CONTROLS)]
    parts = [
        pd.DataFrame(
            {
                "Metadata_Plate": f"P{plate}",
                "Metadata_Well": wells,
                "Metadata_Compound": [f"c{i:03d}" for i in range(COMPOUNDS)] + ["DMSO"] * CONTROLS,
                "Metadata_Concentration": [1.0] * COMPOUNDS + [0.0] * CONTROLS,
                "Metadata_Control": [""] * COMPOUNDS + ["negcon"] * CONTROLS,
            }
        )
        for plate in range(plates)
    ]
    return pd.concat(parts, ignore_index=True)


def assay(wells: pd.DataFrame, true: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """One run of the assay: true effects of the compounds, noise of sd 1 in every well."""
    plates = wells["Metadata_Plate"].nunique()
    effects = np.concatenate([true, np.zeros((CONTROLS, PROTEINS))])
    values = np.tile(effects, (plates, 1))
    values = values + rng.normal(size=values.shape)
    matrix = pd.concat([wells[KEY], pd.DataFrame(values, columns=NAMES)], axis=1)
    return standardised(matrix, wells)


def true_effects(rng: np.random.Generator, share: float, size: float, rest: float) -> np.ndarray:
    hit = rng.random((COMPOUNDS, PROTEINS)) < share
    large = size * rng.exponential(size=hit.shape) * rng.choice([-1, 1], hit.shape)
    return np.where(hit, large, rest * rng.normal(size=hit.shape))


def repeat_auc(one: pd.DataFrame, two: pd.DataFrame, wells: pd.DataFrame, kind: str) -> pd.Series:
    """AUC of the effects of a second run against the labels of the first, by scikit-learn."""
    labels = label_single_dose(one, wells, RULE)
    treatments, tested = compare_treatments(two, wells)
    effect = pd.DataFrame(tested.effect, index=treatments["Metadata_Compound"], columns=NAMES)
    found = {}
    for name, rows in labels.groupby("Metadata_Protein"):
        scored = rows[rows["Label"].isin([kind, "not"])]
        if scored["Label"].nunique() == 2:
            score = effect[name][scored["Metadata_Compound"]] * (1 if kind == "up" else -1)
            found[name] = roc_auc_score(scored["Label"] == kind, score)
    return pd.Series(found)


@pytest.mark.parametrize("plates", [3, 4])
@pytest.mark.parametrize(("share", "size", "rest"), [(0.2, 2.5, 0.3), (0.3, 1.5, 0.3), (0.2, 3, 0)])
def test_the_ceiling_is_what_a_second_run_scores(
    plates: int, share: float, size: float, rest: float
) -> None:
    rng = np.random.default_rng(0)
    wells = layout(plates)
    true = true_effects(rng, share, size, rest)
    one, two = assay(wells, true, rng), assay(wells, true, rng)
    ceiling = single_dose_ceiling(one, wells, RULE)
    assert ceiling.columns.tolist() == CEILING_COLUMNS
    found, expected = [], []
    for kind in ("up", "down"):
        known = ceiling[(ceiling["Kind"] == kind) & (ceiling["N"] >= 2)]
        known = known.set_index("Metadata_Protein")["Ceiling"]
        again = repeat_auc(one, two, wells, kind)
        shared = known.index.intersection(again.index)
        found.append(known[shared])
        expected.append(again[shared])
    assert len(pd.concat(found)) > 30
    # Larger simulations put the difference at -0.03 to 0.02; the second run is one draw.
    assert pd.concat(found).mean() == pytest.approx(pd.concat(expected).mean(), abs=0.035)


@pytest.mark.parametrize("plates", [2, 3, 4])
def test_reliability_is_the_correlation_with_a_second_run(plates: int) -> None:
    rng = np.random.default_rng(1)
    wells = layout(plates)
    true = rng.normal(size=(COMPOUNDS, PROTEINS)) * np.linspace(0.1, 2, PROTEINS)
    runs = [assay(wells, true, rng) for _ in range(2)]
    level = single_dose_ceiling(runs[0], wells, RULE).query("Kind == 'level'")
    effects = [compare_treatments(run, wells)[1].effect for run in runs]
    again = [np.corrcoef(effects[0][:, i], effects[1][:, i])[0, 1] for i in range(PROTEINS)]
    variance = np.linspace(0.1, 2, PROTEINS) ** 2
    known = variance / (variance + 1 / plates)
    assert level["Metadata_Protein"].tolist() == NAMES
    assert (level["N"] == COMPOUNDS).all()
    np.testing.assert_array_equal(level["Ceiling"], level["Reliability"])
    np.testing.assert_allclose(level["Reliability"], known, atol=0.2)
    assert level["Reliability"].mean() == pytest.approx(known.mean(), abs=0.03)
    assert level["Reliability"].mean() == pytest.approx(np.mean(again), abs=0.04)


def test_spearman_brown_by_hand() -> None:
    assert spearman_brown(pd.Series([0.0, 0.25, 1.0]), 4).tolist() == pytest.approx([0, 4 / 7, 1])


def test_correction_of_an_auc_between_normal_classes() -> None:
    # True values -1 and 1, nothing else: means of m replicates of noise 2 have d' = sqrt(m).
    # Against all compounds the reliability is 1 / (1 + 4 / m); within a class noise is all.
    single = pd.Series([0.2])
    half = pd.Series([stats.norm.cdf(np.sqrt(2) / np.sqrt(2))])
    full = at_size(half, pd.Series([1e9]), single, 2, 4)[0]
    gain = np.sqrt(spearman_brown(single, 4) / spearman_brown(single, 2))[0]
    assert full == pytest.approx(stats.norm.cdf(gain))
    assert at_size(half, pd.Series([1e9]), pd.Series([0.0]), 2, 4)[0] == pytest.approx(
        stats.norm.cdf(np.sqrt(2))  # no reliability: noise is all
    )
    assert at_size(half, pd.Series([1e9]), pd.Series([1.0]), 2, 4)[0] == pytest.approx(half[0])


def test_a_perfect_half_stays_finite() -> None:
    full = at_size(pd.Series([1.0, 0.0]), pd.Series([100, 100]), pd.Series([0.5, 0.5]), 2, 4)
    assert 0.995 < full[0] < 1
    assert full[1] == pytest.approx(1 - full[0])


def test_splits_into_halves() -> None:
    assert splits(2) == [((0,), (1,)), ((1,), (0,))]
    four = splits(4)
    assert len(four) == 6
    assert {frozenset(map(frozenset, split)) for split in four} == {
        frozenset({frozenset({0, i}), frozenset({1, 2, 3} - {i})}) for i in (1, 2, 3)
    }
    assert sorted(len(score) for score, _ in splits(3)) == [1, 1, 1, 2, 2, 2]
    assert len(splits(10)) <= 40


def test_replicates_are_plates_or_wells_of_one_plate() -> None:
    wells = pd.DataFrame(
        [("P", "A01", "a"), ("Q", "A01", "a"), ("P", "B01", "b"), ("P", "B02", "b")],
        columns=[*KEY, "Metadata_Compound"],
    ).assign(Metadata_Concentration=1.0, Metadata_Control="")
    numbered = number_replicates(wells.assign(g=1.0), wells)
    assert numbered["replicate"].tolist() == [0, 1, 0, 1]


def test_reliability_against_numpy() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(3, 50)) + rng.normal(size=50)
    table = pd.DataFrame(
        {
            "Metadata_Compound": np.tile([f"c{i:02d}" for i in range(50)], 3),
            "Metadata_Concentration": 1.0,
            "replicate": np.repeat(range(3), 50),
            "g": values.ravel(),
        }
    )
    correlation = np.corrcoef(values)
    expected = (correlation[0, 1] + correlation[0, 2] + correlation[1, 2]) / 3
    assert replicate_reliability(table, ["g"])["g"] == pytest.approx(expected)


def test_single_replicates_have_no_ceiling() -> None:
    wells = layout(1)
    one = assay(wells, np.zeros((COMPOUNDS, PROTEINS)), np.random.default_rng(3))
    assert single_dose_ceiling(one, wells, RULE).empty
