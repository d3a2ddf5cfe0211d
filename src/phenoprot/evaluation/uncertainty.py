"""How far a score may be from what the procedure gives on average: one rule for all of them.

The score is a mean over repeats of the cross-validation. What is asked for is its distribution over
fresh data sets of the same size, models trained anew in each. Two parts of its variance are seen:

- that between compounds with the predictions as they are: the jackknife (Efron & Stein 1981, Annals
  of Statistics 9:586) over each compound's influence, see :mod:`phenoprot.evaluation.repeated`;
- that between the repeats, folds and seeds drawn anew: its mean over R repeats has 1 / R of it.

What is not seen is that a compound is a training case too. A score of a model without signal is to
first order a sum over pairs of compounds, one in training and one tested, and each pair is met both
ways round. Its variance is twice the sum of the squared influences as a test case: the other half
is the influence as a training case (:data:`TRAINING`). With signal the two are of similar size:
``benchmarks/coverage`` measures what the intervals cover, docs/coverage.md has its table.

Of a row with shuffled labels, which are shuffled anew in each repeat, the rule counts the variance
between data sets in both parts: its interval is too wide rather than too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

TRAINING = 2.0
"""Variance of a mean over repeats over data sets, in units of that with the models held fixed."""
BESIDE_REPEATS = 1.9
"""The same where the variance between the repeats is added apart: a part of that is in the
jackknife's already. For K folds and R repeats 2 / (1 + 1 / ((K - 1) R)), K = R = 5."""
ROUNDING = 1e-20
"""Variances below this are rounding: no compound makes a difference."""
LEVEL, POWER = 0.95, 0.8
"""Of intervals, two-sided; of the smallest difference that can be seen."""


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors and their degrees of freedom; numbers, or arrays of one shape."""

    error: np.ndarray
    """NaN where it is unknown."""
    df: np.ndarray
    """Infinite where the error is 0."""

    def interval(
        self, value: np.ndarray | float, low: float = -np.inf, high: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval around a value; its ends stay between the possible values."""
        reach = stats.t.ppf((1 + LEVEL) / 2, self.df) * self.error
        return np.clip(value - reach, low, high), np.clip(value + reach, low, high)

    def p(self, difference: np.ndarray | float) -> np.ndarray:
        """Two-sided p of no difference by Student's t.

        No difference at all is p = 1; a difference without any error cannot be tested: NaN.
        """
        size = np.abs(difference)
        t = np.divide(size, self.error, out=np.full_like(self.error, np.nan), where=self.error > 0)
        same = (size == 0) & (self.error == 0)
        return np.where(same, 1.0, 2 * stats.t.sf(t, self.df))

    @property
    def smallest_difference(self) -> np.ndarray:
        """The difference that is found in 80 % of the data sets, two-sided at 5 %."""
        return self.error * (stats.t.ppf((1 + LEVEL) / 2, self.df) + stats.t.ppf(POWER, self.df))


def uncertainty(changes: np.ndarray, by_repeat: np.ndarray) -> Uncertainty:
    """Uncertainty of a score from what each compound and each repeat do to it.

    Parameters
    ----------
    changes
        (compounds, ...): score without the compound, minus score.
    by_repeat
        (repeats, ...): score in each repeat; NaN where a repeat has none.
    """
    return combined(*jackknife(changes), by_repeat)


def jackknife(changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance between compounds, models held fixed, and its degrees of freedom.

    The degrees of freedom follow from the fourth moment: a handful of compounds that make all of
    the variance tell no more of it than a handful.

    Parameters
    ----------
    changes
        (compounds, ...): score without the compound, minus score.
    """
    n = len(changes)
    squares = (changes - changes.mean(axis=0)) ** 2
    total = squares.sum(axis=0)
    spread = (squares**2).sum(axis=0) - total**2 / n
    df = np.divide(2 * total**2, spread, out=np.full_like(total, n - 1.0), where=spread > 0)
    return total * (n - 1) / n, np.clip(df, 1, max(n - 1, 1))


def combined(variance: np.ndarray, df: np.ndarray, by_repeat: np.ndarray) -> Uncertainty:
    """Add the training and the repeats to the variance with the models held fixed.

    Parameters
    ----------
    variance, df
        Between compounds, and its degrees of freedom; NaN where unknown.
    by_repeat
        (repeats, ...): score in each repeat; NaN where a repeat has none.
    """
    there = ~np.isnan(by_repeat)
    n = there.sum(axis=0)
    mean = np.where(there, by_repeat, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = np.where(there, (by_repeat - mean) ** 2, 0.0).sum(axis=0)
    drawn = squares / np.maximum(n - 1, 1) / np.maximum(n, 1)
    fixed = BESIDE_REPEATS * variance
    total = fixed + drawn
    # Satterthwaite (1946), Biometrics Bulletin 2:110.
    weight = fixed**2 / df + drawn**2 / np.maximum(n - 1, 1)
    known = np.where(total < ROUNDING, 0.0, total)
    joint = np.divide(
        total**2, weight, out=np.full_like(np.asarray(total, dtype=float), np.inf),
        where=known > 0,
    )  # fmt: skip
    return Uncertainty(np.sqrt(known), joint)
