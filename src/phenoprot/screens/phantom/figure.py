"""Draw the default phantom: ``python -m phenoprot.screens.phantom.figure docs/phantom.png``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenoprot.files import atomic_path
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    WELL,
)
from phenoprot.screens.phantom.layout import ROWS, draw_wells
from phenoprot.screens.phantom.programmes import Compounds, draw_compounds, well_activities
from phenoprot.screens.phantom.proteome import (
    draw_proteins,
    measured_intensities,
    missing_probability,
    planted_regulation,
)
from phenoprot.screens.phantom.settings import PhantomSettings

GREY = "0.6"


def draw_activities(axes: Axes, compounds: Compounds, settings: PhantomSettings) -> None:
    """Curve of the first compound of each programme; dots are the tested doses."""
    doses = np.array(settings.concentrations)
    fine = np.geomspace(doses[0] / 3, doses[-1] * 3, 200)
    for index, name in enumerate(compounds.programmes):
        first = int(np.flatnonzero(compounds.main == index)[0])
        line = axes.plot(fine, compounds.activity(np.full(200, first), fine)[:, index], lw=1.4)[0]
        tested = compounds.activity(np.full(len(doses), first), doses)[:, index]
        axes.plot(doses, tested, "o", ms=3.5, color=line.get_color(), label=name.replace("_", " "))
    axes.set(xscale="log", xlabel="concentration (uM)", ylabel="programme activity")
    axes.legend(
        fontsize=6, frameon=False, handletextpad=0.1, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    axes.set_title("One compound per programme", fontsize=9)


def draw_plate_map(axes: Axes, wells: pd.DataFrame) -> None:
    """Dose of every well of the first plate; controls as crosses, empty wells blank."""
    plate = wells[wells[PLATE] == wells[PLATE].iloc[0]]
    row = plate[WELL].str[0].map(ROWS.index).to_numpy()
    column = plate[WELL].str[1:].astype(int).to_numpy()
    control = (plate[CONTROL] == NEGATIVE_CONTROL).to_numpy()
    dose = np.log10(plate[CONCENTRATION].to_numpy()[~control])
    axes.scatter(column[~control], row[~control], c=dose, cmap="viridis", marker="s", s=22)
    axes.scatter(column[control], row[control], c="crimson", marker="x", s=18)
    axes.set_yticks(range(len(ROWS)), ROWS, fontsize=6)
    axes.set(ylim=(len(ROWS) - 0.5, -0.5), xlabel="column")
    axes.set_title(f"Plate {plate[PLATE].iloc[0]}: dose dark to light, DMSO crosses", fontsize=9)


def draw(settings: PhantomSettings) -> Figure:
    """Draw activities, a plate, measured against planted fold changes, and missing values."""
    compounds, proteins = draw_compounds(settings), draw_proteins(settings)
    wells = draw_wells(settings, compounds.names)
    activities = well_activities(wells, compounds)
    intensities = measured_intensities(activities, proteins, settings)
    chance = missing_probability(intensities, settings.missing_share, settings.missing_scale)

    figure = Figure(figsize=(9, 6.4), layout="constrained")
    panels = figure.subplots(2, 2)
    draw_activities(panels[0, 0], compounds, settings)
    draw_plate_map(panels[0, 1], wells)

    # One replicate at the highest dose against the mean control of its plate.
    first = (wells[PLATE] == wells[PLATE].iloc[0]).to_numpy()
    control = first & (wells[CONTROL] == NEGATIVE_CONTROL).to_numpy()
    highest = first & (wells[CONCENTRATION] == settings.concentrations[-1]).to_numpy()
    measured = np.log2(intensities[highest] / intensities[control].mean(axis=0))
    planted = planted_regulation(compounds, proteins, settings.concentrations)
    wide = planted.pivot_table(
        index=COMPOUND, columns="Metadata_Protein", values="log2_fold_change"
    )
    truth = wide.loc[wells[COMPOUND][highest], proteins.names].to_numpy()
    axes = panels[1, 0]
    axes.plot(truth.ravel(), measured.ravel(), ".", ms=2, alpha=0.4)
    axes.axline((0, 0), slope=1, color=GREY, lw=0.8)
    axes.set(xlabel="planted log2 fold change", ylabel="measured, one well")
    axes.set_title(f"Highest dose, {settings.concentrations[-1]:g} uM", fontsize=9)

    axes = panels[1, 1]
    scatter = axes.scatter(
        proteins.intensity, chance.mean(axis=0), c=proteins.noise, s=8, cmap="viridis"
    )
    figure.colorbar(scatter, ax=axes, label="noise sd (log2)")
    axes.set(xlabel="untreated intensity (log10)", ylabel="share missing")
    axes.set_title("Every protein", fontsize=9)
    return figure


def main(path: Path) -> None:
    """Write the figure of the default settings as a PNG without a date in it."""
    with atomic_path(path) as temporary:
        draw(PhantomSettings()).savefig(temporary, dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
