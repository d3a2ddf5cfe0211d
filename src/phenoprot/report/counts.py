"""Cells of the counts at each threshold."""

from __future__ import annotations

from phenoprot.evaluation.results import RowResult, ThresholdCount


def thresholds_of(rows: dict[str, RowResult]) -> list[float]:
    """Thresholds at which the targets of a part are counted."""
    return [count.threshold for count in next(iter(rows.values())).thresholds]


def count_cells(row: RowResult) -> list[str]:
    """One cell for each threshold."""
    return [_count(count) for count in row.thresholds]


def _count(count: ThresholdCount) -> str:
    """``"24, 59 % (0.3±0.7; 0.002)"``: number, share, what chance gives, and p."""
    chance = _short(count.expected_by_chance)
    if count.chance_sd is not None and count.p is not None:
        chance += f"±{_short(count.chance_sd)}; {count.p:.2g}"
    return f"{count.n}, {count.percent:.0f} % ({chance})"


def _short(value: float) -> str:
    """One decimal, none from 10 on."""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
