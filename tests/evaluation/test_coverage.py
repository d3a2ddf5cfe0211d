"""Intervals and tests with models trained in each fold: the small version of benchmarks/coverage.

Seeds are fixed; the full run, with its table, is ``python benchmarks/coverage/run.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.coverage.candidates import CANDIDATES, collect
from benchmarks.coverage.simulate import Design

used, held_fixed = CANDIDATES["used"], CANDIDATES["models held fixed"]


@pytest.mark.parametrize("signal", [0.0, 0.6])
def test_intervals_cover(signal: float) -> None:
    """Of 30 data sets all but three or fewer: 25 or fewer of 30 has p 0.016 at 95 %."""
    found = collect(Design("small", 100, 1, 6, 10, signal), 30, permute=False)
    for means, truth in ((found.mean, 0.5), (found.difference, 0.0)):
        expected = means.value.mean() if signal and truth else truth
        assert used(means).covers(means.value, expected).sum() >= 26
        assert (used(means).error > 1.3 * held_fixed(means).error).all()
    assert (found.p <= 0.05).sum() <= 4


def test_training_doubles_the_variance_where_there_is_no_signal() -> None:
    """By theory, 2; held fixed, the models' part is missing from the interval."""
    found = collect(Design("small", 100, 1, 6, 10, 0.0), 40, permute=False, seed=2)
    for means in (found.mean, found.difference):
        ratio = means.value.var(ddof=1) / means.fixed.mean()
        assert 1.3 < ratio < 3.0
        # The repeats show it too: their variance is half of it, times n_test / n_train.
        assert means.between.mean() / means.fixed.mean() == pytest.approx(0.5, abs=0.2)


def test_chance_is_that_of_trained_models() -> None:
    """Targets above 0.7 without signal: as many as the permutations say, not a fifth of them."""
    found = collect(Design("small", 100, 1, 20, 10, 0.0), 20)
    counts = {threshold: (n, expected) for threshold, n, expected, _, _ in found.counts()}
    for n, expected in counts.values():
        assert 0.5 * n.mean() < expected.mean() < 2 * n.mean()
    held = np.mean([(drawn >= 0.7).sum(axis=1).mean() for drawn in found.drawn])
    assert held < 0.6 * counts[0.7][1].mean()
