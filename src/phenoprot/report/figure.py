"""docs/results-<screen>.svg: scores by concentration, or by row where there is one dose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from phenoprot.core.files import atomic_path
from phenoprot.report.tables import TASKS, Dosed, Metrics, ScreenMetrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
"""Okabe and Ito: told apart by every eye. Rows beyond them repeat with another line."""
LINES = ("-", "--", ":")
CHANCE = {"mean_auc": 0.5, "mean_pearson_r2": 0.0}
LABELS = {"mean_auc": "mean ROC AUC", "mean_pearson_r2": "mean squared Pearson r"}


def draw(metrics: ScreenMetrics, path: Path) -> None:
    """Draw the scores with their intervals. Equal metrics give equal bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    parts = list(metrics.doses) or [part for part in metrics.parts if metrics.parts[part]]
    with mpl.rc_context():
        # A salt for the names of its parts, and letters as shapes: the same on every machine.
        mpl.rcdefaults()  # whatever a user's matplotlibrc says
        mpl.rcParams["svg.hashsalt"] = "phenoprot"
        mpl.rcParams["svg.fonttype"] = "path"
        mpl.rcParams["font.size"] = 9
        figure = Figure(figsize=(4.0 * len(parts), 3.8), layout="constrained")
        scales: dict[str, Axes] = {}
        for i, part in enumerate(parts):
            score = "mean_pearson_r2" if part == "regression" else "mean_auc"
            shared = "sharey" if metrics.doses else "sharex"
            axes = figure.add_subplot(1, len(parts), i + 1, **{shared: scales.get(score)})
            scales.setdefault(score, axes)
            if metrics.doses:
                _draw_doses(axes, metrics.doses[part], score, metrics.provenance["rows"])
                axes.set_xlabel(f"concentration ({metrics.provenance['concentration_unit']})")
                axes.set_ylabel(LABELS[score])
            else:
                _draw_rows(axes, metrics.parts[part], score)
                axes.set_xlabel(LABELS[score])
            axes.set_title(TASKS[part])
            axes.spines[["top", "right"]].set_visible(False)
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


def _draw_doses(axes: Axes, rows: Dosed, score: str, order: list[str]) -> None:
    """One line with its interval for each row."""
    for row, by_dose in rows.items():
        number = order.index(row)
        colour = COLOURS[number % len(COLOURS)]
        scored = {float(dose): line for dose, line in by_dose.items() if score in line}
        doses = list(scored)
        axes.plot(
            doses,
            [line[score] for line in scored.values()],
            LINES[number // len(COLOURS) % len(LINES)],
            color=colour,
            marker="o",
            markersize=3,
            label=row,
        )
        low, high = (
            [line.get(f"{score}_ci_{end}", line[score]) for line in scored.values()]
            for end in ("low", "high")
        )
        axes.fill_between(doses, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.axhline(CHANCE[score], color="0.6", linewidth=0.8, zorder=0)
    axes.set_xscale("log")


def _draw_rows(axes: Axes, rows: dict[str, Metrics], score: str) -> None:
    """One dot with its interval for each row, the first on top."""
    for height, line in enumerate(reversed(rows.values())):
        ends = [line.get(f"{score}_ci_{end}", line[score]) for end in ("low", "high")]
        axes.plot(ends, [height, height], color=COLOURS[0], linewidth=1.5)
        axes.plot(line[score], height, "o", color=COLOURS[0], markersize=4)
    axes.axvline(CHANCE[score], color="0.6", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(rows)), list(reversed(rows)))
