"""Draw fitted curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenoprot.curves.design import DoseDesign, ratio
from phenoprot.curves.model import logistic
from phenoprot.curves.readers import read_design
from phenoprot.errors import UserError, listed
from phenoprot.files import atomic_path

PARAMETERS = ["pEC50", "Curve Slope", "Curve Front", "Curve Back"]
DEFAULT_CURVES = 6
MOST_CURVES = 30
COLUMNS_OF_PLOTS = 3
# Colour-blind safe (Okabe & Ito).
COLOURS = {"up": "#D55E00", "down": "#0072B2", "not": "#666666", "unclassified": "#AAAAAA"}


def plot_file(parameters: Path, curves_file: Path, names: list[str], output: Path) -> Path:
    """Draw the curves `names` of a curves.txt, the most relevant ones if empty."""
    design = read_design(parameters)
    try:
        curves = pd.read_csv(curves_file, sep="\t", dtype={"Name": str})
    except FileNotFoundError as error:
        raise UserError(
            "there is no such file",
            where=str(curves_file),
            remedy="Make it with `phenoprot curves fit`",
        ) from error
    wanted = ["Name", *ratio(design.treated), *PARAMETERS, "Curve Relevance Score"]
    missing = [name for name in wanted if name not in curves]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=str(curves_file),
            remedy="Give the curves.txt that was made from these parameters",
        )
    if names:
        unknown = [name for name in names if name not in set(curves["Name"])]
        if unknown:
            raise UserError(
                f"{len(unknown)} curve(s) are not there: {listed(unknown)}",
                where=str(curves_file),
                remedy="Names are those of the column Name",
            )
        if len(names) > MOST_CURVES:
            raise UserError(
                f"{len(names)} curves are more than one picture holds",
                where="names",
                remedy=f"Ask for up to {MOST_CURVES}",
            )
        chosen = curves.set_index("Name", drop=False).loc[names]
    else:
        chosen = curves.sort_values("Curve Relevance Score", ascending=False, kind="stable")
        chosen = chosen.head(DEFAULT_CURVES)
    figure = draw(chosen, design)
    with atomic_path(output) as temporary:
        figure.savefig(temporary, dpi=150)
    return output


def draw(curves: pd.DataFrame, design: DoseDesign) -> Figure:
    """One panel per row of `curves` (CurveCurator's columns)."""
    columns = min(COLUMNS_OF_PLOTS, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.1 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axis, (_, curve) in zip(axes, curves.iterrows(), strict=False):
        draw_curve(axis, curve, design)
    for axis in axes[len(curves) :]:
        axis.set_visible(False)
    figure.supxlabel(f"log10 concentration ({design.dose_unit})", fontsize=10)
    figure.supylabel("Ratio to control", fontsize=10)
    return figure


def draw_curve(axis: Axes, curve: pd.Series, design: DoseDesign) -> None:
    """Points, control and fit of one curve, with its numbers as title."""
    x = design.log_doses
    call = curve.get("Curve Regulation")
    state = call if isinstance(call, str) else "unclassified"
    control = x.min() - 1.0
    y = curve[ratio(design.treated)].to_numpy(dtype=np.float64)
    axis.axhline(1.0, color="0.85", linewidth=1, zorder=0)
    axis.plot([control], [1.0], "s", color="0.4", markersize=5)
    axis.plot(x, y, "o", color="black", markersize=4.5, zorder=3)
    if np.isfinite(curve[PARAMETERS].to_numpy(dtype=np.float64)).all():
        at = np.linspace(control, x.max() + 0.2, 300)
        pec50, slope, front, back = (np.asarray(curve[name]) for name in PARAMETERS)
        fit = logistic(at, pec50, slope, front, back)
        axis.plot(at, fit, color=COLOURS[state], linewidth=2, zorder=2)
        if x.min() <= -curve["pEC50"] <= x.max():
            axis.axvline(-curve["pEC50"], color=COLOURS[state], linewidth=1, linestyle=":")
        numbers = (
            f"pEC50 {curve['pEC50']:.2f}, log2 FC {curve['Curve Fold Change']:+.2f}, "
            f"relevance {abs(curve['Curve Relevance Score']):.2f}"
        )
    else:
        numbers = "not fitted"
    ticks = np.unique(np.round(x).astype(int))
    axis.set_xticks([control, *ticks], ["control", *map(str, ticks)])
    axis.set_ylim(bottom=0, top=max(1.25, 1.1 * float(np.nanmax(np.append(y, 1.0)))))
    axis.set_title(f"{curve['Name']}: {state}\n{numbers}", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
