"""Means over targets as the results state them."""

from __future__ import annotations

from phenoprot.evaluation.repeated import Mean
from phenoprot.evaluation.results import Estimate, estimate


def auc_estimate(mean: Mean) -> Estimate | None:
    """A mean AUC with its 95 % interval and its spread over the repeats; None without a score."""
    low, high = mean.uncertainty.interval(mean.value, 0.0, 1.0)
    return estimate(mean.value, float(low), float(high), mean.repeat_sd)


def difference_estimate(mean: Mean) -> Estimate | None:
    """The same of a difference of two mean AUCs."""
    low, high = mean.uncertainty.interval(mean.value, -1.0, 1.0)
    return estimate(mean.value, float(low), float(high), mean.repeat_sd)
