"""Two methods on the same treatments, folds and targets: which reads which protein better?

Per target, DeLong's test for two correlated ROC curves (DeLong, DeLong & Clarke-Pearson 1988,
Biometrics 44:837), with two changes that our scores ask for. All doses of a compound share its fate
and are no independent cases: the placements of a compound's rows are summed first, as for clustered
data (Obuchowski 1997, Biometrics 53:567). The score is a mean over test folds with as few as one
or two positive compounds each: the variance is that of the placements around their fold's mean,
pooled over the folds, and the degrees of freedom of the smaller class go into Student's t instead
of the normal distribution. (Welch-Satterthwaite's are too many: they trust the variance of two or
three positives just when it is small by chance.) One fold with one row per compound is DeLong's own
variance.

The mean over all targets is compared by resampling the compounds, which keeps the correlation
between targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import rankdata

from phenoprot.core.errors import UserError
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.evaluation.folds import (
    aligned_labels,
    folds_of,
    interval,
    mean_of_present,
    mean_over_folds,
)
from phenoprot.evaluation.results import RowComparison, defined, estimate
from phenoprot.evaluation.score import auc_scores
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns
from phenoprot.tasks.columns import FOLD

ROUNDING = 1e-20
"""Variances below this are rounding: every compound gains the same."""


@dataclass(frozen=True)
class Differences:
    """AUC of one method minus that of another, target by target; all arrays (targets,)."""

    difference: np.ndarray
    """Mean over the folds with both classes; NaN where none has."""
    variance: np.ndarray
    """Of the difference; NaN where a class has one compound in every fold."""
    df: np.ndarray
    """Degrees of freedom of the variance, those of the smaller class; NaN where it is unknown."""

    @property
    def p(self) -> np.ndarray:
        """Two-sided p of no difference; NaN where the variance is unknown, or 0 and cannot tell.

        Equal scores throughout are no difference: p = 1.
        """
        error = np.sqrt(self.variance)
        t = np.divide(
            np.abs(self.difference), error, out=np.full_like(error, np.nan), where=error > 0
        )
        same = (self.difference == 0) & (self.variance == 0)
        return np.where(same, 1.0, 2 * stats.t.sf(t, self.df))


def placements(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of the other class that each row is on the right side of, ties by half.

    From ranks within all rows and within the own class, in O(n log n) (Sun & Xu 2014, IEEE Signal
    Processing Letters 21:1389).

    Parameters
    ----------
    labels
        (rows, targets): 1, 0, or NaN for a masked value.
    scores
        (rows, targets): higher means more likely 1.

    Returns
    -------
    numpy.ndarray
        (rows, targets): for a positive the share of the negatives below it, for a negative the
        share of the positives above it; their means over either class are the AUC. 0 where masked
        or where the other class is empty.
    """
    result = np.zeros(scores.shape)
    there = ~np.isnan(labels)
    ranks = _ranks_among(there, scores)
    for label, other in ((1, 0), (0, 1)):
        own, n_other = labels == label, (labels == other).sum(axis=0)
        below = (ranks - _ranks_among(own, scores)) / np.maximum(n_other, 1)
        right = below if label == 1 else 1 - below
        result = np.where(own & (n_other > 0), right, result)
    return result


def _ranks_among(members: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average ranks among the members of each column; others rank behind them all."""
    return rankdata(np.where(members, scores, np.inf), method="average", axis=0)


def auc_differences(
    labels: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    compounds: np.ndarray,
    folds: Sequence[np.ndarray],
) -> Differences:
    """Difference of the fold-averaged AUCs of two methods, and its variance.

    Parameters
    ----------
    labels
        (rows, targets): 1, 0 or NaN; the same for all rows of a compound.
    one, other
        (rows, targets): scores of the two methods.
    compounds
        (rows,): compound of each row; a compound is in one fold.
    folds
        Row numbers of each test fold.
    """
    targets = labels.shape[1]
    by_fold = np.full((len(folds), targets), np.nan)
    squares, degrees, inverse = (np.zeros((2, targets)) for _ in range(3))
    for i, rows in enumerate(folds):
        y = labels[rows]
        gain = placements(y, one[rows]) - placements(y, other[rows])
        codes, names = pd.factorize(compounds[rows])
        member = np.equal.outer(np.arange(len(names)), codes).astype(np.float64)
        is_class = [y == 1, y == 0]
        n_rows = [there.sum(axis=0) for there in is_class]
        both = (n_rows[0] > 0) & (n_rows[1] > 0)
        mean = np.where(is_class[0], gain, 0.0).sum(axis=0) / np.maximum(n_rows[0], 1)
        by_fold[i] = np.where(both, mean, np.nan)
        for k, there in enumerate(is_class):
            size = member @ there
            n_compounds = (size > 0).sum(axis=0)
            # Sums per compound around the fold's mean, in units of a compound of average size.
            rest = member @ np.where(there, gain, 0.0) - size * mean
            rest *= n_compounds / np.maximum(n_rows[k], 1)
            squares[k] += np.where(both, (rest**2).sum(axis=0), 0.0)
            degrees[k] += np.where(both, n_compounds - 1, 0)
            inverse[k] += np.where(both, 1 / np.maximum(n_compounds, 1), 0.0)
    counted = np.maximum((~np.isnan(by_fold)).sum(axis=0), 1)
    known = (degrees > 0).all(axis=0)
    variance = (squares / np.maximum(degrees, 1) * inverse / counted**2).sum(axis=0)
    variance = np.where(variance < ROUNDING, 0.0, variance)
    return Differences(
        mean_over_folds(list(by_fold)),
        np.where(known, variance, np.nan),
        np.where(known, degrees.min(axis=0), np.nan),
    )


@dataclass(frozen=True)
class Comparison:
    """One row of a table against another."""

    targets: pd.DataFrame
    """One line per target."""
    result: RowComparison
    """Difference of the means, and targets that differ."""


def compare(
    names: tuple[str, str],
    one: pd.DataFrame,
    other: pd.DataFrame,
    labels: pd.DataFrame,
    settings: EvaluationSettings,
    draws: tuple[np.ndarray, np.ndarray] | None = None,
) -> Comparison:
    """Compare two rows on the treatments that both predict.

    Parameters
    ----------
    names
        Of the two rows.
    one, other
        Predictions of the two rows, labels not shuffled.
    labels
        By compound.
    settings
        False discovery rate, bootstraps and seed.
    draws
        (bootstraps, targets) AUCs of the two rows with the compounds resampled, if at hand: used
        where no treatment is left out.

    Returns
    -------
    Comparison
        Per target: ``Row``, ``Against``, ``difference``, ``standard_error``, ``p``, ``q``
        (Benjamini-Hochberg over the targets). A target is better or worse at a q at or below the
        false discovery rate; interval and p of the mean are from resampling the compounds.

    Raises
    ------
    UserError
        A compound is in different folds, or no treatment is common to both.
    """
    first, second = _common(one, other)
    if draws is None or not len(one) == len(other) == len(first):
        draws = (
            auc_scores(first, labels, settings).draws,
            auc_scores(second, labels, settings).draws,
        )
    targets = feature_columns(labels)
    scores_of = [table[targets].to_numpy(dtype=np.float64) for table in (first, second)]
    differences = auc_differences(
        aligned_labels(first, labels),
        scores_of[0],
        scores_of[1],
        first[COMPOUND].to_numpy(dtype=str),
        folds_of(first),
    )
    q = benjamini_hochberg(differences.p)
    found = q <= settings.false_discovery_rate
    gains = mean_of_present(draws[0] - draws[1], axis=1)
    low, high = interval(gains)
    return Comparison(
        pd.DataFrame(
            {
                "Target": targets,
                "difference": differences.difference,
                "standard_error": np.sqrt(differences.variance),
                "p": differences.p,
                "q": q,
                "Row": names[0],
                "Against": names[1],
            }
        ),
        RowComparison(
            row=names[0],
            against=names[1],
            n_compounds=int(first[COMPOUND].nunique()),
            n_targets_tested=int((~np.isnan(q)).sum()),
            n_better=int((found & (differences.difference > 0)).sum()),
            n_worse=int((found & (differences.difference < 0)).sum()),
            mean_auc_difference=estimate(
                float(mean_of_present(differences.difference, axis=0)), low, high
            ),
            p=defined(bootstrap_p(gains)),
        ),
    )


def _common(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The treatments of both, in one order."""
    both = one[[*TREATMENT_KEY, FOLD]].merge(other[[*TREATMENT_KEY, FOLD]], on=TREATMENT_KEY)
    if both.empty:
        raise UserError("two rows have no treatment in common", where="predictions")
    moved = both.loc[both[f"{FOLD}_x"] != both[f"{FOLD}_y"], COMPOUND].nunique()
    if moved:
        raise UserError(
            f"{moved} compound(s) are in different folds in two rows",
            where="predictions",
            remedy="Predict both with the same folds: `dvc repro`.",
        )
    key = both[TREATMENT_KEY]
    return one.merge(key, on=TREATMENT_KEY), key.merge(other, on=TREATMENT_KEY)


def bootstrap_p(gains: np.ndarray) -> float:
    """Two-sided p of no gain: twice the smaller share of the draws on either side of 0.

    The observed value counts as a draw on both sides, so that p is never 0: with B draws it is at
    least 2 / (B + 1). NaN without draws.
    """
    there = gains[~np.isnan(gains)]
    if not len(there):
        return np.nan
    tail = min((there <= 0).sum(), (there >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(there) + 1)))
