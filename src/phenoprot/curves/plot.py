"""Draw fitted curves."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenoprot.core.errors import UserError, listed, quoted, shortened
from phenoprot.core.files import atomic_path, require_file
from phenoprot.core.names import is_missing_word
from phenoprot.core.outputs import require_output
from phenoprot.core.tables import parse_numbers
from phenoprot.curves.curvecurator import ratio
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.model import logistic
from phenoprot.curves.readers import read_design
from phenoprot.curves.values import required_names
from phenoprot.imports.tsv import read_tsv

PARAMETERS = ["pEC50", "Curve Slope", "Curve Front", "Curve Back"]
DEFAULT_CURVES = 6
MOST_CURVES = 30
COLUMNS_OF_PLOTS = 3
LONGEST_TITLE = 40
"""Characters of a name."""
LARGEST_NUMBER = 1e100
"""Above this, axes overflow."""
# Colour-blind safe (Okabe & Ito).
COLOURS = {"up": "#D55E00", "down": "#0072B2", "not": "#666666", "unclassified": "#AAAAAA"}


def plot_file(parameters: Path, curves_file: Path, names: list[str], output: Path) -> Path:
    """Draw the curves `names` of a curves.txt, the most relevant ones if empty.

    Raises
    ------
    UserError
        A file cannot be read, is not a curves.txt of these parameters, or lacks a name; the
        output is an input, or not a picture format.
    """
    inputs = {"parameter file": parameters, "curves.txt": curves_file}
    require_output(output, inputs)
    kinds = Figure().canvas.get_supported_filetypes()
    if output.suffix.lower().lstrip(".") not in kinds:
        raise UserError(
            f"{quoted(output.suffix)} is not a picture format",
            where=str(output),
            remedy="Use .png, .svg or .pdf.",
        )
    if len(names) > MOST_CURVES:
        raise UserError(
            f"{len(names)} curves are too many for one picture",
            where="names",
            remedy=f"Ask for up to {MOST_CURVES}",
        )
    design = read_design(parameters)
    curves = read_curves(curves_file, design)
    if names:
        unknown = [name for name in names if name not in set(curves["Name"])]
        if unknown:
            raise UserError(
                f"{len(unknown)} curve(s) are not there: {listed(unknown)}",
                where=str(curves_file),
                remedy="Names are those of the column Name",
            )
        chosen = curves.set_index("Name", drop=False).loc[names]
    else:
        chosen = curves.sort_values("Curve Relevance Score", ascending=False, kind="stable")
        chosen = chosen.head(DEFAULT_CURVES)
    figure = draw(chosen, design)
    with atomic_path(output) as temporary, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary, dpi=150)
    return output


def read_curves(path: Path, design: DoseDesign) -> pd.DataFrame:
    """Read a curves.txt: Name and Curve Regulation as strings, what is drawn as numbers.

    Raises
    ------
    UserError
        It cannot be read, lacks a column, has no row, or holds values that are neither numbers
        nor calls.
    """
    require_file(path, remedy="Make it with `phenoprot curves fit`")
    where = str(path)
    table = read_tsv(path)
    drawn = [*ratio(design.treated), *PARAMETERS, "Curve Fold Change", "Curve Relevance Score"]
    missing = [name for name in ["Name", *drawn, "Curve Regulation"] if name not in table]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy="Give the curves.txt that was made from these parameters",
        )
    if table.empty:
        raise UserError("the table has no row", where=where, remedy="Fit the curves again.")
    names = required_names(table["Name"], "Name", where)
    out: dict[str, object] = {"Name": names.to_numpy(dtype=object)}
    for column in drawn:
        given = table[column].where(~table[column].fillna("").map(is_missing_word), None)
        numbers, wrong = parse_numbers(given)
        wrong = wrong | (np.abs(numbers) > LARGEST_NUMBER)
        if wrong.any():
            raise UserError(
                f"{int(wrong.sum())} value(s) in {column!r} are no number that can be drawn, "
                f"e.g. {quoted(given[wrong].iloc[0])} of {quoted(names[wrong].iloc[0])}",
                where=where,
                remedy="Fit the curves again.",
            )
        out[column] = numbers
    calls = table["Curve Regulation"].fillna("")
    strange = ~calls.isin(["", *COLOURS])
    if strange.any():
        raise UserError(
            f"{int(strange.sum())} value(s) in 'Curve Regulation' are no call, "
            f"e.g. {quoted(calls[strange].iloc[0])} of {quoted(names[strange].iloc[0])}",
            where=where,
            remedy="Fit the curves again.",
        )
    out["Curve Regulation"] = calls.to_numpy(dtype=object)
    return pd.DataFrame(out)


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
    unit = shortened(design.dose_unit, LONGEST_TITLE)
    figure.supxlabel(f"log10 concentration ({unit})", fontsize=10, parse_math=False)
    figure.supylabel("Ratio to control", fontsize=10)
    return figure


def draw_curve(axis: Axes, curve: pd.Series, design: DoseDesign) -> None:
    """Points, control and fit of one curve, with its numbers as title."""
    x = design.log_doses
    state = curve["Curve Regulation"] or "unclassified"
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
    title = f"{shortened(curve['Name'], LONGEST_TITLE)}: {state}\n{numbers}"
    axis.set_title(title, fontsize=8, parse_math=False)  # a $ is no formula
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
