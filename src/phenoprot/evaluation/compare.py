"""Two methods on the same treatments, folds and targets: which reads which protein better?

The mean over all targets is compared by the rule that gives every interval, on the paired scores,
see :mod:`phenoprot.evaluation.uncertainty`.

Per target, DeLong's test for two correlated ROC curves (DeLong, DeLong & Clarke-Pearson 1988,
Biometrics 44:837) with the changes that our scores ask for. A compound is one case, all its doses,
folds and repeats together, as for clustered data (Obuchowski 1997, Biometrics 53:567): the variance
within each class is the jackknife's, from the influence of each compound on the difference of the
two repeat-averaged AUCs. One fold of single rows in one repeat is DeLong's own variance. To it
comes what training and repeats add, by the same rule as for the mean, and the degrees of freedom of
the smaller class go into Student's t instead of the normal distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.evaluation.blocks import Wide, key_of, labels_of_compounds, targets_of
from phenoprot.evaluation.means import difference_estimate
from phenoprot.evaluation.repeated import RepeatedAuc
from phenoprot.evaluation.results import RowComparison, defined
from phenoprot.evaluation.score import aucs_of_parts, part_of
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.uncertainty import Uncertainty, combined
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY
from phenoprot.tasks.columns import FOLD, REPEAT


def class_variance(changes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance of each target's AUC with the models held fixed, and its degrees of freedom.

    Parameters
    ----------
    changes
        (compounds, targets): AUC, or a difference of two, without the compound minus with it.
    labels
        (compounds, targets): 1, 0 or NaN.

    Returns
    -------
    variance, df
        (targets,) each: sum of the jackknife variances within the classes, degrees of freedom of
        the smaller one; NaN where a class has a single compound.
    """
    variance, df = np.zeros(labels.shape[1]), np.full(labels.shape[1], np.inf)
    for label in (1, 0):
        own = labels == label
        n = own.sum(axis=0)
        mean = np.where(own, changes, 0.0).sum(axis=0) / np.maximum(n, 1)
        squares = np.where(own, (changes - mean) ** 2, 0.0).sum(axis=0)
        variance += np.where(n > 1, squares * (n - 1) / np.maximum(n, 1), np.nan)
        df = np.minimum(df, np.where(n > 1, n - 1, np.nan))
    return variance, df


def target_uncertainty(gain: RepeatedAuc, labels: np.ndarray) -> Uncertainty:
    """Uncertainty of each target's difference.

    Parameters
    ----------
    gain
        Difference of two rows.
    labels
        (compounds, targets): 1, 0 or NaN, compounds as in `gain`.
    """
    return combined(*class_variance(gain.changes, labels), gain.by_repeat)


@dataclass(frozen=True)
class Comparison:
    """One row of a table against another."""

    targets: pd.DataFrame
    """One line per target."""
    result: RowComparison
    """Difference of the means, and targets that differ."""


def compare(
    names: tuple[str, str],
    one: Wide,
    other: Wide,
    labels: Wide,
    settings: EvaluationSettings,
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
        False discovery rate.

    Returns
    -------
    Comparison
        Per target: ``Row``, ``Against``, ``difference``, ``standard_error``, ``p``, ``q``
        (Benjamini-Hochberg over the targets), ``smallest_difference`` (80 % power at 5 %). A target
        is better or worse at a q at or below the false discovery rate. The q of the means is for
        :func:`corrected`.

    Raises
    ------
    UserError
        A compound is in different folds, or no treatment is common to both.
    """
    rows = _common(key_of(one), key_of(other))
    (first,) = aucs_of_parts(one, labels, [part_of(one, rows[0])])
    (second,) = aucs_of_parts(other, labels, [part_of(other, rows[1])])
    gain = first.minus(second)
    targets, compounds = targets_of(labels), np.unique(key_of(one)[COMPOUND].iloc[rows[0]])
    of_compound = labels_of_compounds(labels, compounds)
    difference, errors = gain.auc, target_uncertainty(gain, of_compound)
    p = errors.p(difference)
    q = benjamini_hochberg(p)
    tested = ~np.isnan(q)
    found = q <= settings.false_discovery_rate
    mean = gain.mean()
    seen = errors.smallest_difference[tested]
    return Comparison(
        pd.DataFrame(
            {
                "Target": targets,
                "difference": difference,
                "standard_error": errors.error,
                "p": p,
                "q": q,
                "smallest_difference": errors.smallest_difference,
                "Row": names[0],
                "Against": names[1],
            }
        ),
        RowComparison(
            row=names[0],
            against=names[1],
            n_compounds=len(compounds),
            n_targets_tested=int(tested.sum()),
            n_better=int((found & (difference > 0)).sum()),
            n_worse=int((found & (difference < 0)).sum()),
            mean_auc_difference=difference_estimate(mean),
            p=defined(float(mean.uncertainty.p(mean.value))),
            smallest_difference=defined(float(mean.uncertainty.smallest_difference)),
            smallest_target_difference=defined(float(np.median(seen)) if len(seen) else np.nan),
        ),
    )


def corrected(comparisons: Sequence[RowComparison]) -> list[RowComparison]:
    """The comparisons of a part, with q: their p corrected over all of them."""
    p = np.array([np.nan if one.p is None else one.p for one in comparisons])
    return [
        one.model_copy(update={"q": defined(float(q))})
        for one, q in zip(comparisons, benjamini_hochberg(p), strict=True)
    ]


def _common(one: pd.DataFrame, other: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows that hold the treatments of both in each repeat, in one order."""
    key = [*TREATMENT_KEY, REPEAT]
    first, second = (
        table[[*key, FOLD]].assign(number=np.arange(len(table))) for table in (one, other)
    )
    both = first.merge(second, on=key)
    if both.empty:
        raise UserError("two rows have no treatment in common", where="predictions")
    moved = both.loc[both[f"{FOLD}_x"] != both[f"{FOLD}_y"], COMPOUND].nunique()
    if moved:
        raise UserError(
            f"{moved} compound(s) are in different folds in two rows",
            where="predictions",
            remedy="Predict both with the same folds: `dvc repro`.",
        )
    return both["number_x"].to_numpy(), both["number_y"].to_numpy()
