"""The few numbers of a screen that a change is judged by: DVC's metrics, ``headline.json``.

All else in metrics/ is files that the tables, the pages and ``phenoprot compare`` read: as metrics
of DVC they would be thousands of columns of ``dvc exp show``.
"""

from __future__ import annotations

from statistics import fmean

from phenoprot.evaluation.results import tidy
from phenoprot.report.choose_rows import best_baseline, shown_parts
from phenoprot.report.findings import first_row
from phenoprot.report.parts import TablePart
from phenoprot.report.results import Numbers, ScreenResults


def headline(results: ScreenResults) -> dict[str, Numbers]:
    """Numbers of the first row under the name of the screen: ``phantom.up`` is a column.

    Returns
    -------
    dict
        By the short name of each part (``up``, ``down``, ``regression``, ``targets``) the mean AUC
        or pooled skill. Over the parts of the first task together: ``of_ceiling`` (mean share of
        the way from chance to the ceiling), ``over_baseline`` (mean AUC above the best baseline),
        ``leak`` (largest gap of the gauge), ``n_targets`` (targets with an AUC, summed: means over
        other targets do not compare). What is not known is left out.
    """
    found: Numbers = {}
    shown = [part for part in shown_parts(results) if _has_first(results, part)]
    for part in shown:
        mean = results.parts[part.name][first_row(results)].means.get(part.scores.means[0])
        if mean is not None:
            found[part.short.lower()] = mean.value
    if shown:
        found |= _together(results, [part for part in shown if part.task == shown[0].task])
    return {results.provenance.screen: found}


def _has_first(results: ScreenResults, part: TablePart) -> bool:
    return first_row(results) in results.parts[part.name]


def _together(results: ScreenResults, parts: list[TablePart]) -> Numbers:
    """What is said of the parts of one task together."""
    first = first_row(results)
    rows = [results.parts[part.name][first] for part in parts]
    shares = [row.ceiling.share for row in rows if row.ceiling and row.ceiling.share is not None]
    gains = [gain for part in parts if (gain := _gain(results, part, first)) is not None]
    gaps = [
        row.leak.gap.value
        for part in parts
        for row in results.parts[part.name].values()
        if row.leak and row.leak.gap
    ]
    found: Numbers = {"n_targets": sum(row.n_targets_scored or 0 for row in rows)}
    found |= {"of_ceiling": tidy(fmean(shares))} if shares else {}
    found |= {"over_baseline": tidy(fmean(gains))} if gains else {}
    return found | ({"leak": max(gaps)} if gaps else {})


def _gain(results: ScreenResults, part: TablePart, first: str) -> float | None:
    """Mean AUC of the first row above that of the best baseline."""
    best, rows = best_baseline(results, part.name), results.parts[part.name]
    mean = rows[first].means.get("auc")
    return None if best is None or mean is None else mean.value - rows[best].means["auc"].value
