"""Intervals and tests with models trained in each fold: the small version of benchmarks/coverage.

Seeds are fixed; the full run, with its table, is ``python benchmarks/coverage/run.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.coverage.candidates import CANDIDATES, Records, collect
from benchmarks.coverage.simulate import Design
from scipy import stats

used, held_fixed = CANDIDATES["used"], CANDIDATES["models held fixed"]


@pytest.fixture(scope="module")
def without_signal() -> Records:
    """40 data sets that have nothing to predict."""
    return collect(Design("small", 100, 1, 6, 10, 0.0), 40, permute=False, parts=False, seed=2)


@pytest.fixture(scope="module")
def with_signal() -> Records:
    """30 data sets whose features know of the labels."""
    return collect(Design("small", 100, 1, 6, 10, 0.6), 30, permute=False, parts=False)


def misses_allowed(data_sets: int) -> int:
    """4 of 30, 5 of 40: at 95 % more have a probability below 0.02."""
    return int(stats.binom.ppf(0.98, data_sets, 0.05))


@pytest.mark.parametrize("data_sets", ["without_signal", "with_signal"])
def test_intervals_cover(data_sets: str, request: pytest.FixtureRequest) -> None:
    found: Records = request.getfixturevalue(data_sets)
    for means, truth in ((found.mean, 0.5), (found.difference, 0.0)):
        expected = means.value.mean() if found.design.signal and truth else truth
        missed = ~used(means).covers(means.value, expected)
        assert missed.sum() <= misses_allowed(len(missed))
        assert (used(means).error > 1.3 * held_fixed(means).error).all()
    assert (found.p <= 0.05).sum() <= misses_allowed(len(found.p))


def test_training_doubles_the_variance_where_there_is_no_signal(without_signal: Records) -> None:
    """By theory, 2; held fixed, the models' part is missing from the interval."""
    for means in (without_signal.mean, without_signal.difference):
        ratio = means.value.var(ddof=1) / means.fixed.mean()
        assert 1.3 < ratio < 3.0
        # The repeats show it too: their variance is half of it, times n_test / n_train.
        assert means.between.mean() / means.fixed.mean() == pytest.approx(0.5, abs=0.2)


def test_chance_is_that_of_trained_models() -> None:
    """Targets above 0.7 without signal: as many as the permutations say, not a fifth of them."""
    found = collect(Design("small", 100, 1, 20, 10, 0.0), 20, parts=False)
    counts = {threshold: (n, expected) for threshold, n, expected, _, _ in found.counts()}
    for n, expected in counts.values():
        assert 0.5 * n.mean() < expected.mean() < 2 * n.mean()
    held = np.mean([(drawn >= 0.7).sum(axis=1).mean() for drawn in found.drawn])
    assert held < 0.6 * counts[0.7][1].mean()
