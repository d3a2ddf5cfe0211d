"""The mean score of each row at two revisions, and whether the difference is beyond noise.

Noise on the same data is what another draw of the folds and seeds would do. A row's mean is one
over R repeats whose standard deviation is stored, so the difference of two means is tested by
Welch's t (1947, Biometrika 34:28). Revisions mostly share the draws: then the test is too careful
rather than too bold. On other data the stored 95 % intervals count, which hold what other compounds
would do; they are taken as independent. All p are corrected over the rows of a screen
(Benjamini-Hochberg).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.revisions.state import Flat

SCORES = {"mean_auc": "auc", "mean_skill": "skill"}
"""Keys of the score of a row in the headline, the first that it has; and their names."""
TABLE_SCORES = {"mean_auc": ("mean_auc", "auc"), "mean_skill": ("mean_concordance", "concordance")}
"""Key and column of the score that is a plain mean over the targets' table."""
SIZES = ("n_targets", "n_targets_scored", "n_compounds")
"""What a mean is over."""
LEVEL = 0.05
NORMAL = 1.959964
"""Half width of a 95 % interval in standard errors."""


@dataclass(frozen=True)
class RowChange:
    """The mean score of a row at both revisions."""

    part: str
    row: str
    score: str
    old: float
    new: float
    common_targets: int | None = None
    """The means are over these alone; None: over all targets, the same at both."""
    noise: float | None = None
    """A single difference of this size and above is significant at 5 %; None: unknown."""
    p: float | None = None
    """Two-sided p of no difference beyond noise; None: noise is unknown."""
    q: float | None = None
    """The same, corrected over the rows of the screen."""

    @property
    def change(self) -> float:
        """New minus old."""
        return round(self.new - self.old, 6)

    @property
    def beyond_noise(self) -> bool | None:
        """None where noise is unknown."""
        return None if self.q is None else self.q <= LEVEL


@dataclass(frozen=True)
class Refusal:
    """Rows that are not set side by side."""

    part: str
    rows: list[str]
    why: list[str]
    """Beside what differs in the data and labels of the screen."""


def score_key(values: Flat) -> str | None:
    """Key of a row's score in the headline."""
    return next((key for key in SCORES if key in values), None)


def like(part: str, row: str, key: str, old: Flat, new: Flat) -> RowChange:
    """Compare a row over the same targets and compounds.

    Parameters
    ----------
    part, row
        Names.
    key
        The score, in both.
    old, new
        Values of the row's files.
    """
    first, second = _number(old[key]), _number(new[key])
    found = RowChange(part, row, SCORES[key], first, second)
    draws = [_draws(values, key) for values in (old, new)]
    known = [draw for draw in draws if draw is not None]
    if len(known) < len(draws):
        return replace(found, p=1.0) if first == second else found
    variance = sum(share for share, _ in known)
    if variance == 0:  # every draw gives the same
        return replace(found, noise=0.0, p=1.0 if first == second else 0.0)
    df = variance**2 / sum(share**2 / (n - 1) for share, n in known)
    error = math.sqrt(variance)
    p = float(2 * stats.t.sf(abs(second - first) / error, df))
    return replace(found, noise=float(stats.t.ppf(1 - LEVEL / 2, df)) * error, p=p)


def _draws(values: Flat, key: str) -> tuple[float, float] | None:
    """Variance of the mean over the repeats, and their number; None if it is not known."""
    sd, n = _optional(values, f"{key}_repeat_sd"), _optional(values, "n_repeats")
    return None if sd is None or n is None or n < 2 else (sd**2 / n, n)


def over_common(
    part: str, row: str, key: str, means: tuple[float, float, int], old: Flat, new: Flat
) -> RowChange:
    """Compare a row by its mean over the targets that both revisions have, on unlike data.

    Parameters
    ----------
    part, row
        Names.
    key
        The score of the headline.
    means
        Old, new, and the number of common targets.
    old, new
        Values of the row's files; the half widths of their intervals are the noise.
    """
    stored, column = TABLE_SCORES[key]
    found = RowChange(part, row, column, means[0], means[1], means[2])
    widths = [
        (_optional(values, f"{stored}_ci_low"), _optional(values, f"{stored}_ci_high"))
        for values in (old, new)
    ]
    halves = [(high - low) / 2 for low, high in widths if low is not None and high is not None]
    reach = math.hypot(*halves)
    if len(halves) < 2 or reach == 0:
        return found
    p = float(2 * stats.norm.sf(abs(found.change) / reach * NORMAL))
    return replace(found, noise=reach, p=p)


def corrected(rows: list[RowChange]) -> list[RowChange]:
    """The rows with q, over all that have a p."""
    p = np.array([np.nan if row.p is None else row.p for row in rows])
    if not len(p):
        return rows
    q = benjamini_hochberg(p)
    return [
        row if row.p is None else replace(row, q=float(value))
        for row, value in zip(rows, q, strict=True)
    ]


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _optional(values: Flat, key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) else None
