"""The error of a treatment's mean: against a t test of position means, brute force, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from phenoprot.readout.components import compare_with_controls, variance_components

NAN = np.nan


def fixed_layout(
    n_controls: int, n_treated: int, n_plates: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, plates and treatments of a layout that is the same on all plates."""
    wells = n_controls + n_treated
    position = np.tile(np.arange(wells), n_plates)
    plate = np.repeat(np.arange(n_plates), wells)
    treatment = np.where(position < n_controls, -1, position - n_controls)
    return position, plate, treatment


def centred(values: np.ndarray, plate: np.ndarray, control: np.ndarray) -> np.ndarray:
    """Values less the mean of the plate's controls."""
    out = values.copy()
    for one in np.unique(plate):
        out[plate == one] -= np.nanmean(values[(plate == one) & control], axis=0)
    return out


def noise(rng: np.random.Generator, position: np.ndarray, sd: float, proteins: int) -> np.ndarray:
    """Wells with a position effect of `sd` and single-well noise of 1."""
    shared = sd * rng.normal(size=(position.max() + 1, proteins))
    return np.asarray(shared[position] + rng.normal(size=(len(position), proteins)))


def test_one_position_on_all_plates_is_a_t_test_of_position_means() -> None:
    position, plate, treatment = fixed_layout(12, 7, 4)
    values = noise(np.random.default_rng(0), position, 0.3, 30)
    values = centred(values, plate, treatment < 0)
    found = compare_with_controls(values, position, plate, treatment)
    means = values.reshape(4, -1, 30).mean(axis=0)
    for k in range(7):
        # One new mean against 12: Student's test with the variance of the 12 alone.
        spread = means[:12].std(axis=0, ddof=1) * np.sqrt(1 + 1 / 12)
        effect = means[12 + k] - means[:12].mean(axis=0)
        p = 2 * stats.t.sf(np.abs(effect) / spread, df=11)
        np.testing.assert_allclose(found.effect[k], effect, atol=1e-12)
        np.testing.assert_allclose(found.p[k], p, rtol=1e-9)


def test_mean_squares_are_those_of_the_two_way_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(5, 3)) + 3 * rng.normal(size=(5, 1))  # positions x plates
    cells = table - table.mean(axis=0)
    position, plate = np.repeat(range(5), 3), np.tile(range(3), 5)
    found = variance_components(cells.reshape(-1, 1), position, plate)
    by_position = table.mean(axis=1)
    residual = table - by_position[:, None] - table.mean(axis=0) + table.mean()
    assert found.between[0] == pytest.approx(3 * by_position.var(ddof=1))
    assert found.within[0] == pytest.approx((residual**2).sum() / (4 * 2))
    assert (found.df_between[0], found.df_within[0]) == pytest.approx((4, 8))
    assert found.wells[0] == pytest.approx(3)
    assert found.position[0] == pytest.approx((found.between[0] - found.within[0]) / 3)


def test_random_positions_on_one_plate_are_students_test_of_single_wells() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(20, 6))
    treatment = np.array([-1] * 11 + [0] * 4 + [1] * 5)
    values -= values[:11].mean(axis=0)
    found = compare_with_controls(values, np.arange(20), np.zeros(20, dtype=int), treatment)
    for k, n in ((0, 4), (1, 5)):
        mean = values[treatment == k].mean(axis=0)
        spread = values[:11].std(axis=0, ddof=1) * np.sqrt(1 / n + 1 / 11)
        np.testing.assert_allclose(found.p[k], 2 * stats.t.sf(np.abs(mean) / spread, 10), rtol=1e-9)


def test_wells_at_one_position_count_as_one_where_controls_cannot_tell() -> None:
    # Controls lie at positions of their own on two plates: nothing says what a position shares.
    rng = np.random.default_rng(3)
    position = np.array([0, 1, 2, 3, 4, 5, 6, 7, 9, 9])
    plate = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1])
    treatment = np.array([-1] * 8 + [0, 0])
    values = centred(rng.normal(size=(10, 3)), plate, treatment < 0)
    found = compare_with_controls(values, position, plate, treatment)
    variance = (values[:8] ** 2).sum(axis=0) / 6
    t = np.abs(values[8:].mean(axis=0)) / np.sqrt(variance * (1 + 1 / 8))
    np.testing.assert_allclose(found.p[0], 2 * stats.t.sf(t, 6), rtol=1e-9)


def test_the_variance_of_a_difference_by_brute_force() -> None:
    # The covariance matrix of all wells, and the weights of the difference: w' C w.
    rng = np.random.default_rng(4)
    position, plate = rng.integers(0, 12, 60), np.repeat(np.arange(3), 20)
    treatment = np.where(rng.random(60) < 0.6, -1, rng.integers(0, 4, 60))
    values = centred(noise(rng, position, 3.0, 5), plate, treatment < 0)
    values[rng.random(values.shape) < 0.15] = NAN
    found = compare_with_controls(values, position, plate, treatment)
    control = treatment < 0
    fitted = variance_components(values[control], position[control], plate[control])
    for protein in range(5):
        there = ~np.isnan(values[:, protein])
        covariance = np.where(position[:, None] == position, fitted.position[protein], 0.0)
        covariance += np.eye(60) * fitted.within[protein]
        for k in range(4):
            mine = there & (treatment == k)
            weights = mine / mine.sum() - (there & control) / (there & control).sum()
            variance = weights @ covariance @ weights
            t = np.abs(weights @ np.nan_to_num(values[:, protein])) / np.sqrt(variance)
            # The p value of that t has some degrees of freedom between 1 and all.
            low, high = 2 * stats.t.sf(t, 60), 2 * stats.t.sf(t, 3)
            assert low <= found.p[k, protein] <= high
            squares = sum((weights[position == i].sum()) ** 2 for i in np.unique(position))
            singles = (weights**2).sum()
            given, _ = fitted.of_difference(np.array([[squares]]), np.array([[singles]]))
            assert given[0, protein] == pytest.approx(variance)
            assert found.replicates[k, protein] == mine.sum()


@pytest.mark.parametrize("sd", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("layout", ["fixed", "random", "mixed"])
def test_the_test_keeps_its_level_whatever_positions_share(sd: float, layout: str) -> None:
    rng = np.random.default_rng(5)
    shares, proteins = [], 40
    for _ in range(40):
        position, plate, treatment = fixed_layout(24, 20, 4)
        if layout == "random":  # every plate laid out anew: two treatments of 4 wells share no well
            order = np.concatenate([rng.permutation(44) for _ in range(4)])
            position = order
        if layout == "mixed":  # 10 treatments at two positions on all plates
            treatment = np.where(treatment >= 0, treatment // 2, -1)
        values = centred(noise(rng, position, sd, proteins), plate, treatment < 0)
        p = compare_with_controls(values, position, plate, treatment).p
        shares.append([(p < 0.05).mean(), (p < 0.005).mean()])
    level, tail = np.mean(shares, axis=0)
    # 16,000 or 32,000 tests; those of one run share its controls.
    assert level == pytest.approx(0.05, abs=0.01)
    assert tail == pytest.approx(0.005, abs=0.003)


def test_single_wells_for_independent_would_call_too_much() -> None:
    # The fault that the components mend: Student's test of wells that share a position.
    rng = np.random.default_rng(6)
    position, plate, treatment = fixed_layout(24, 20, 4)
    values = centred(noise(rng, position, 1.0, 200), plate, treatment < 0)
    wells = values[treatment < 0]
    means = values[treatment >= 0].reshape(4, 20, 200).mean(axis=0)
    spread = wells.std(axis=0, ddof=1) * np.sqrt(1 / 4 + 1 / 96)
    assert (2 * stats.t.sf(np.abs(means) / spread, 94) < 0.05).mean() > 0.15
    assert (compare_with_controls(values, position, plate, treatment).p < 0.05).mean() < 0.06


def test_more_wells_of_a_position_than_controls_show() -> None:
    # Controls on two plates, a treatment at one position of eight wells: no negative variance.
    rng = np.random.default_rng(8)
    position = np.concatenate([np.tile(np.arange(10), 2), np.full(8, 10)])
    plate = np.concatenate([np.repeat([0, 1], 10), np.tile([0, 1], 4)])
    treatment = np.where(position < 10, -1, 0)
    values = centred(rng.normal(size=(28, 200)), plate, treatment < 0)
    control = treatment < 0
    fitted = variance_components(values[control], position[control], plate[control])
    negative = fitted.position < 0
    assert 50 < negative.sum() < 150
    squares, singles = np.array([[1 + 1 / 10]]), np.array([[1 / 8 + 1 / 20]])
    variance, df = fitted.of_difference(squares, singles)
    np.testing.assert_allclose(variance[0, negative], (singles * fitted.between)[0, negative])
    np.testing.assert_allclose(df[0, negative], 9)
    given = squares * fitted.position + singles * fitted.within
    np.testing.assert_allclose(variance[0, ~negative], given[0, ~negative])


def test_nothing_is_said_without_variance_or_wells() -> None:
    position, plate, treatment = fixed_layout(4, 2, 2)
    values = np.zeros((12, 3))
    values[:, 1] = np.random.default_rng(7).normal(size=12)
    values[treatment == 1, 1] = NAN
    values[:, 2] = NAN
    found = compare_with_controls(values, position, plate, treatment)
    assert np.isnan(found.p[:, 0]).all()
    assert np.isnan(found.p[:, 2]).all()
    assert np.isnan(found.p[1, 1])
    assert np.isfinite(found.p[0, 1])
    np.testing.assert_array_equal(found.replicates, [[2, 2, 0], [2, 0, 0]])
