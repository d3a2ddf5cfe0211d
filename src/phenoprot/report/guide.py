"""How to read the tables: what every one of them takes for granted, said once."""

from __future__ import annotations

from phenoprot.report import footnotes
from phenoprot.report.choose_rows import shown_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.row_tables import untrained_rows

CHECKED_DRAWS = (5, 5)
"""Folds and repeats that docs/coverage.md has measured the intervals for."""


def guide(results: ScreenResults, *, long: bool = False) -> str:
    """A list of what scores, intervals and further columns are; empty for a page without scores.

    Parameters
    ----------
    results
        Of the screen: what it has not is not explained.
    long
        For the tables of the details.
    """
    parts = shown_parts(results)
    if not parts:
        return ""
    rows = [row for part in parts for row in results.parts[part.name].values()]
    lines = [f"Intervals: {footnotes.INTERVAL}.{_draws(results)}"]
    if any(part.scorer == "auc" for part in parts):
        lines = [
            footnotes.AUC,
            *lines,
            footnotes.P,
            footnotes.COUNTS if long else footnotes.REACHED,
        ]
        lines += [footnotes.ABOVE_CHANCE, footnotes.SPREADS] if long else []
    if any(part.scorer == "levels" for part in parts):
        lines.append(footnotes.LEVELS)
    if any(row.ceiling is not None for row in rows):
        lines.append(footnotes.OF_CEILING)
    if any(results.published(part.name, row) for part in parts for row in results.parts[part.name]):
        lines.append(footnotes.POSTER)
    if any(results.comparisons.get(part.name) for part in parts):
        lines.append(footnotes.Q)
    if not long and (rows_untrained := untrained_rows(results)):
        lines.append(
            f"Networks with random weights: {', '.join(rows_untrained)}; the details say how to "
            "train them."
        )
    return "\n".join(f"- {line}" for line in lines)


def _draws(results: ScreenResults) -> str:
    """A warning where the folds are not those that the intervals were checked for."""
    drawn = {
        (row.n_folds, row.n_repeats)
        for rows in results.parts.values()
        for row in rows.values()
        if row.n_folds is not None and row.n_repeats is not None
    }
    other = sorted(drawn - {CHECKED_DRAWS})
    if not other:
        return ""
    text = ", ".join(f"{folds} folds x {repeats} repeats" for folds, repeats in other)
    return f" {footnotes.OTHER_DRAWS.format(draws=text)}"
