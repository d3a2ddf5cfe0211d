"""docs/results-<screen>.svg: scores by concentration, or by row where there is one dose.

Of a screen without scores it shows the share of active treatments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from phenoprot.core.files import atomic_path
from phenoprot.evaluation.results import (
    SCORE_NAMES,
    ActivityCounts,
    DoseScores,
    Estimate,
    RowResult,
)
from phenoprot.report.flatten import dose_key
from phenoprot.report.parts import table_parts
from phenoprot.report.results import NO_ACTIVITY, ScreenResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
"""Okabe and Ito: told apart by every eye. Rows beyond them repeat with another line."""
LINES = ("-", "--", ":")
CHANCE = {names.means[0]: names.chance for names in SCORE_NAMES.values()}
"""By the score that is drawn, the first of the means."""
AXIS = {"auc": "mean ROC AUC", "skill": "pooled skill"}


def draw(results: ScreenResults, path: Path) -> None:
    """Draw the scores with their intervals. Equal results give equal bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    by_dose = results.doses
    parts = list(by_dose) or [part for part, rows in results.parts.items() if rows]
    activity = results.activity if not parts else NO_ACTIVITY
    with mpl.rc_context():
        # A salt for the names of its parts, and letters as shapes: the same on every machine.
        mpl.rcdefaults()  # whatever a user's matplotlibrc says
        mpl.rcParams["svg.hashsalt"] = "phenoprot"
        mpl.rcParams["svg.fonttype"] = "path"
        mpl.rcParams["font.size"] = 9
        figure = Figure(figsize=(4.0 * max(len(parts), 1), 3.8), layout="constrained")
        scales: dict[str, Axes] = {}
        for i, part in enumerate(parts):
            score = table_parts()[part].scores.means[0]
            shared = "sharey" if by_dose else "sharex"
            axes = figure.add_subplot(1, len(parts), i + 1, **{shared: scales.get(score)})
            scales.setdefault(score, axes)
            if by_dose:
                _draw_doses(axes, by_dose[part], score, results.provenance.rows)
                axes.set_xlabel(f"concentration ({results.provenance.concentration_unit})")
                axes.set_ylabel(AXIS[score])
            else:
                _draw_rows(axes, results.parts[part], score)
                axes.set_xlabel(AXIS[score])
            axes.set_title(table_parts()[part].short)
            axes.spines[["top", "right"]].set_visible(False)
        if activity.doses:
            _draw_activity(figure.add_subplot(), activity, results.provenance.concentration_unit)
        lines = {
            line.get_label(): line
            for axes in figure.axes
            for line in axes.get_legend_handles_labels()[0]
        }
        if lines:
            figure.legend(
                handles=list(lines.values()), loc="outside lower center", ncols=6, frameon=False
            )
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def _draw_activity(axes: Axes, counts: ActivityCounts, unit: str) -> None:
    """Share of the tested treatments that are active, by concentration."""
    names = [dose_key(dose.concentration) for dose in counts.doses]
    axes.bar(names, [100 * dose.n_active / dose.n for dose in counts.doses], color=COLOURS[0])
    axes.set_xlabel(f"concentration ({unit})")
    axes.set_ylabel("active treatments (%)")
    axes.spines[["top", "right"]].set_visible(False)


def _ends(estimate: Estimate) -> tuple[float, float]:
    """The interval; the value itself where there is none."""
    return (
        estimate.value if estimate.low is None else estimate.low,
        estimate.value if estimate.high is None else estimate.high,
    )


def _draw_doses(
    axes: Axes, rows: dict[str, list[DoseScores]], score: str, order: list[str]
) -> None:
    """One line with its interval for each row."""
    for row, doses in rows.items():
        number = order.index(row)
        colour = COLOURS[number % len(COLOURS)]
        scored = {dose.concentration: dose.means[score] for dose in doses if score in dose.means}
        axes.plot(
            list(scored),
            [mean.value for mean in scored.values()],
            LINES[number // len(COLOURS) % len(LINES)],
            color=colour,
            marker="o",
            markersize=3,
            label=row,
        )
        ends = [_ends(mean) for mean in scored.values()]
        low, high = [end[0] for end in ends], [end[1] for end in ends]
        axes.fill_between(list(scored), low, high, color=colour, alpha=0.12, linewidth=0)
    axes.axhline(CHANCE[score], color="0.6", linewidth=0.8, zorder=0)
    if any(score in dose.means for doses in rows.values() for dose in doses):
        axes.set_xscale("log")  # of no data at all matplotlib has no logarithm


def _draw_rows(axes: Axes, rows: dict[str, RowResult], score: str) -> None:
    """One dot with its interval for each row that has the score, the first on top."""
    for height, row in enumerate(reversed(rows.values())):
        mean = row.means.get(score)
        if mean is not None:
            axes.plot(_ends(mean), [height, height], color=COLOURS[0], linewidth=1.5)
            axes.plot(mean.value, height, "o", color=COLOURS[0], markersize=4)
    axes.axvline(CHANCE[score], color="0.6", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(rows)), list(reversed(rows)))
