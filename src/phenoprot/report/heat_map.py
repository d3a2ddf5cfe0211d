"""docs/results-<screen>-contributions.svg: targets against the places that carry them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import atomic_path
from phenoprot.evaluation.contribution_results import COLUMNS
from phenoprot.report.parts import table_parts
from phenoprot.report.results import ScreenResults

MOST = 30
"""Targets shown, those with the highest ROC AUC."""
MEASURE = "alone"


def draw_heat_map(results: ScreenResults, contributions: Path, path: Path) -> None:
    """Draw the first row of each part that has contributions. Equal results give equal bytes.

    Parameters
    ----------
    results
        Of the screen.
    contributions
        Folder of the tables of targets and groups.
    path
        The SVG.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    parts = {part: next(iter(rows)) for part, rows in results.contributions.items() if rows}
    tables = {
        part: heat_table(read_table(contributions / part / f"{row}.parquet", COLUMNS))
        for part, row in parts.items()
    }
    tables = {part: table for part, table in tables.items() if len(table)}
    # One scale for all, up to the next 0.05.
    most = max((float(np.nanmax(table)) for table in tables.values()), default=1.0)
    highest = max(0.6, float(np.ceil(20 * most)) / 20)
    tallest = max((len(table) for table in tables.values()), default=1)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "phenoprot"
        mpl.rcParams["svg.fonttype"] = "path"
        mpl.rcParams["font.size"] = 8
        size = (6.0 * max(len(parts), 1), 1.8 + 0.17 * tallest)
        figure = Figure(figsize=size, layout="constrained")
        for i, (part, table) in enumerate(tables.items()):
            axes = figure.add_subplot(1, len(tables), i + 1)
            # What is below chance carries nothing: all of it is as dark as chance.
            image = axes.imshow(table, cmap="cividis", vmin=0.5, vmax=highest, aspect="auto")
            axes.set_xticks(np.arange(table.shape[1]), table.columns, rotation=90)
            axes.set_yticks(np.arange(len(table)), table.index)
            axes.set_title(f"{table_parts()[part].short}, {parts[part]}")
            figure.colorbar(image, ax=axes, label="ROC AUC of the group alone")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def heat_table(table: pd.DataFrame) -> pd.DataFrame:
    """Targets by places, those with the highest AUC first.

    Parameters
    ----------
    table
        One line per target and group: ``COLUMNS``.

    Returns
    -------
    pandas.DataFrame
        AUC of each place alone; the index is the target with its AUC, the columns are the places
        in the order of the features.
    """
    places = table[table["Grouping"] == "place"]
    wide = places.pivot(index=["auc", "Target"], columns="Group", values=MEASURE)
    wide = wide[list(dict.fromkeys(places["Group"]))].dropna(how="all")
    best = wide.sort_index(level=["auc", "Target"], ascending=[False, True]).head(MOST)
    best.index = pd.Index([f"{target} {auc:.2f}" for auc, target in best.index])
    return best.rename_axis(columns=None)
