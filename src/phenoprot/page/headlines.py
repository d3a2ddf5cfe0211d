"""The numbers at the head of a page."""

from __future__ import annotations

from dataclasses import dataclass

from phenoprot.evaluation.results import Estimate
from phenoprot.page.source import AXES
from phenoprot.report.choose_rows import best_baseline, shown_parts
from phenoprot.report.findings import first_row
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults


@dataclass(frozen=True)
class Headline:
    """The first row's score in one part, on a scale from chance to the ceiling."""

    short: str
    name: str
    value: str
    interval: str
    beside: list[str]
    marks: dict[str, float]
    """Places on the scale in percent: ``low``, ``high``, ``value``, ``baseline``, ``ceiling``."""


def headlines(results: ScreenResults) -> list[Headline]:
    """One for each part."""
    return [one for part in shown_parts(results) if (one := _headline(results, part))]


def _headline(results: ScreenResults, part: TablePart) -> Headline | None:
    first, score = first_row(results), part.scores.means[0]
    row = results.parts[part.name].get(first)
    mean = row.means.get(score) if row else None
    if row is None or mean is None:
        return None
    low, high = (0.4, 1.0) if part.scorer == "auc" else (-0.1, 1.0)

    def place(value: float) -> float:
        return round(100 * min(max((value - low) / (high - low), 0), 1), 2)

    marks = {"value": place(mean.value), "chance": place(part.scores.chance)}
    marks |= {name: place(end) for name, end in (("low", mean.low), ("high", mean.high))
              if end is not None}  # fmt: skip
    beside = []
    baseline = best_baseline(results, part.name)
    if baseline is not None and baseline != first:
        known = results.parts[part.name][baseline].means["auc"].value
        marks["baseline"] = place(known)
        beside.append(f"best baseline {known:.3f} ({baseline})")
    if row.ceiling is not None and part.scorer == "auc":
        marks["ceiling"] = place(row.ceiling.value)
        beside.append(f"ceiling {row.ceiling.value:.3f}")
    text = _interval(mean)
    return Headline(part.short, AXES[score], f"{mean.value:.3f}", text, beside, marks)


def _interval(mean: Estimate) -> str:
    """In words; empty: there is none."""
    if mean.low is None or mean.high is None:
        return ""
    return f"{mean.low:.2f} to {mean.high:.2f}"
