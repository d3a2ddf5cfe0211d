"""Which rows of a table fit on one screen: the best of each kind, in the order that they are kept.

What counts is the first mean of a part, its AUC or pooled skill; over the parts of a table, their
average. It decides what is shown, and is not shown itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from phenoprot.features.method import UNTRAINED
from phenoprot.features.registry import describe
from phenoprot.report.choose_rows import BASELINES, ORACLE
from phenoprot.report.findings import first_row, linear_of
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults

OTHER = "best other"
"""Kind of the best row of those that are of no other kind."""


def telling_rows(results: ScreenResults, parts: Sequence[TablePart]) -> dict[str, str]:
    """Kind of the rows that matter, what matters most first.

    Parameters
    ----------
    results
        Of the screen.
    parts
        Those of one table.

    Returns
    -------
    dict
        By row, a key of `KINDS` or `OTHER`. A row is of the first kind that it fits; a kind without
        a row in the table is left out.
    """
    scores = _scores(results, parts)
    chosen: dict[str, str] = {}
    for kind, fits in KINDS.items():
        best = _best(scores, [row for row in scores if fits(results, row)])
        if best is not None:
            chosen.setdefault(best, kind)
    rest = [row for row in scores if not any(fits(results, row) for fits in KINDS.values())]
    best = _best(scores, rest)
    return chosen if best is None else {**chosen, best: OTHER}


def _scores(results: ScreenResults, parts: Sequence[TablePart]) -> dict[str, float | None]:
    """Average of the first mean over the parts, by row in the order of params.yaml.

    None: the row is in the table, and a part has no score of it.
    """
    scores: dict[str, float | None] = {}
    for row in results.provenance.rows:
        there = [
            (part.scores.means[0], results.parts[part.name][row])
            for part in parts
            if row in results.parts[part.name]
        ]
        known = [result.means[score].value for score, result in there if score in result.means]
        if there:
            scores[row] = sum(known) / len(known) if len(known) == len(parts) else None
    return scores


def _best(scores: dict[str, float | None], rows: Sequence[str]) -> str | None:
    """Of the highest score; one without a score comes after all that have one."""

    def height(row: str) -> float:
        score = scores[row]
        return float("-inf") if score is None else score

    return max(rows, key=height, default=None)


def _of(*features: str) -> Callable[[ScreenResults, str], bool]:
    """Rows of these features alone, labels as they are."""

    def fits(results: ScreenResults, row: str) -> bool:
        method = results.provenance.methods[row]
        return method.features == list(features) and not method.shuffled

    return fits


def _is_first(results: ScreenResults, row: str) -> bool:
    return row == first_row(results)


def _is_linear_of_first(results: ScreenResults, row: str) -> bool:
    return row == linear_of(results, first_row(results))


def _is_baseline(results: ScreenResults, row: str) -> bool:
    method = results.provenance.methods[row]
    known = bool(method.features) and set(method.features) <= BASELINES
    return known and not method.shuffled


def _is_shuffled(results: ScreenResults, row: str) -> bool:
    return results.provenance.methods[row].shuffled


def _is_trained_network(results: ScreenResults, row: str) -> bool:
    method = results.provenance.methods[row]
    known = bool(method.features) and all(map(_has_untrained_twin, method.features))
    return known and not method.shuffled


@lru_cache(maxsize=256)  # every look for a method goes through the installed packages
def _has_untrained_twin(feature: str) -> bool:
    """Whether features are those of a network with trained weights."""
    twin = describe(f"{feature}{UNTRAINED}")
    return twin is not None and bool(twin.trained)


KINDS: dict[str, Callable[[ScreenResults, str], bool]] = {
    "first row": _is_first,
    "best baseline": _is_baseline,
    "shuffled labels": _is_shuffled,
    "planted truth": _of(ORACLE),
    "trained network": _is_trained_network,
    "structure": _of("structure"),
    "linear model": _is_linear_of_first,
    "proteome": _of("proteome"),
}
"""Kinds of rows, what matters most first: the last are left out where lines are few."""
