"""Plate maps: a number of each well, rows x columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phenoprot.core.errors import UserError
from phenoprot.core.files import atomic_path
from phenoprot.imaging.crops.store import CELL_COUNT
from phenoprot.imaging.quality.measure import (
    AREA_RATIO,
    BACKGROUND,
    FOCUS,
    MEDIAN,
    SATURATED,
    TOP,
)
from phenoprot.imaging.quality.outliers import OUTLIER, OVERFLOW
from phenoprot.screens.contract import WELL

FORMATS = ((2, 3), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of the plates there are."""
COLOURS, MISSING, MARK = "cividis", "#E6E6E6", "#D55E00"
"""Colours that the colour-blind tell apart; of wells without a number; of outliers."""
LEAST = 0.001
"""Upper end of the colours of shares that are smaller."""
OF_CELLS = {
    CELL_COUNT: "cells per field",
    AREA_RATIO: "cell area / nucleus area",
    OVERFLOW: "share of cells larger than the crop",
}
OF_A_STAIN = {
    MEDIAN: "median (count)",
    TOP: "99.9 % point (count)",
    BACKGROUND: "background, 5 % point (count)",
    FOCUS: "focus, power log-log slope",
    SATURATED: "share at the highest count",
}
"""Panels of a map, by the beginning of their columns."""


def well_place(well: str) -> tuple[int, int]:
    """Row and column of a well, from 0: ``B03`` is (1, 2), ``AA01`` (26, 0)."""
    letters = well.rstrip("0123456789")
    row = 0
    for letter in letters:
        row = 26 * row + ord(letter) - ord("A") + 1
    return row - 1, int(well[len(letters) :]) - 1


def row_name(row: int) -> str:
    """Letters of a row, from 0."""
    return chr(ord("A") + row) if row < 26 else f"A{chr(ord('A') + row - 26)}"


def plate_grid(wells: pd.Series) -> npt.NDArray[np.float64]:
    """Lay the numbers of wells out as on the plate.

    Parameters
    ----------
    wells
        Number by well, e.g. ``B03``.

    Returns
    -------
    numpy.ndarray
        (rows, columns) of the smallest plate format that has all wells; NaN where there is none.

    Raises
    ------
    UserError
        A well lies beyond the largest format.
    """
    places = [well_place(well) for well in wells.index]
    last = np.max(places, axis=0)
    shape = next((f for f in FORMATS if (last < f).all()), None)
    if shape is None:
        beyond = wells.index[int(np.argmax(np.max(places, axis=1)))]
        raise UserError(
            f"well {beyond} lies beyond a plate of {FORMATS[-1][0]} x {FORMATS[-1][1]} wells",
            where=WELL,
            remedy="Check the names of the wells.",
        )
    grid = np.full(shape, np.nan)
    for (row, column), value in zip(places, wells.to_numpy(dtype=np.float64), strict=True):
        grid[row, column] = value
    return grid


def write_maps(folder: Path, plate: str, fields: pd.DataFrame, stains: Sequence[str]) -> list[Path]:
    """Draw the maps of a plate: ``<plate>_cells.png``, and ``<plate>_<stain>.png`` of each stain.

    A well shows the mean over its fields. A well with an outlier in a panel's number has a frame
    there.

    Parameters
    ----------
    folder
        Where they go.
    plate
        Name of the plate.
    fields
        Its rows of the table of fields.
    stains
        Which to draw.
    """
    panels = {"cells": OF_CELLS} | {
        stain: {f"{name}_{stain}": words for name, words in OF_A_STAIN.items()} for stain in stains
    }
    paths = []
    for name, columns in panels.items():
        figure = _figure(f"{plate} · {name}", fields, columns)
        paths.append(folder / f"{plate}_{name}.png")
        with atomic_path(paths[-1]) as temporary:
            # Without the version of matplotlib: equal maps give equal bytes.
            figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
    return paths


def _figure(title: str, fields: pd.DataFrame, columns: dict[str, str]) -> Figure:
    wells = fields.groupby(WELL)
    grids = {name: plate_grid(wells[name].mean()) for name in columns}
    rows, across = next(iter(grids.values())).shape
    width, wide = 0.8 + 4.2 * max(across / 24, 0.5), 3 if len(columns) > 2 else len(columns)
    high = -(-len(columns) // wide)
    figure = Figure(figsize=(wide * (width + 0.7), high * (1.0 + 4.2 * max(rows / 24, 0.4)) + 0.3),
                    layout="constrained")  # fmt: skip
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots(high, wide, squeeze=False).ravel()
    for axis, (name, grid) in zip(axes, grids.items(), strict=False):
        marked = fields.loc[fields[OUTLIER].str.contains(f"{name} ", regex=False), WELL].unique()
        share = name.partition("_")[0] in (SATURATED, OVERFLOW)
        _panel(axis, grid, columns[name], [well_place(well) for well in marked], share)
    for axis in axes[len(grids) :]:
        axis.set_axis_off()
    return figure


def _panel(
    axis: Axes,
    grid: npt.NDArray[np.float64],
    title: str,
    marked: Sequence[tuple[int, int]],
    share: bool,
) -> None:
    rows, columns = grid.shape
    axis.set_facecolor(MISSING)
    # Shares begin at 0, and a plate without saturation is not a plate full of colours.
    low, high = (0.0, max(float(np.nanmax(grid, initial=0)), LEAST)) if share else (None, None)
    image = axis.imshow(
        grid, cmap=COLOURS, interpolation="nearest", aspect="equal", vmin=low, vmax=high
    )
    axis.figure.colorbar(image, ax=axis, shrink=0.8, pad=0.02).ax.tick_params(labelsize=8)
    axis.set_title(title, fontsize=10)
    step = 1 if columns <= 12 else 2
    axis.set_xticks(range(0, columns, step), [str(i + 1) for i in range(0, columns, step)])
    axis.set_yticks(range(0, rows, step), [row_name(i) for i in range(0, rows, step)])
    axis.tick_params(labelsize=8, length=2)
    for row, column in marked:
        axis.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=MARK, linewidth=1.5)
        )
