"""A computation that worker processes of the tests import."""

from __future__ import annotations

from pathlib import Path

from phenoprot.evaluation.compute import RowsToCompare, RowToScore, compare_rows, score_row


def score_or_compare(payload: RowToScore | RowsToCompare, folder: Path) -> None:
    """Both kinds of shards in one pool: to start a worker takes longer than what it does here."""
    if isinstance(payload, RowToScore):
        score_row(payload, folder)
    else:
        compare_rows(payload, folder)
