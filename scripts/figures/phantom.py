"""Draw the default phantom.

``python scripts/figures/phantom.py docs IMAGES_CSV`` writes ``phantom.png``,
``phantom-images.png`` and ``phantom-programmes.png`` into ``docs``. IMAGES_CSV is the LoadData
table of a real screen: its first field stands beside those of the phantom.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenoprot.core.files import atomic_path
from phenoprot.phantom.imaging import (
    REMAINING,
    SEEDED,
    Field,
    draw_field,
    field_table,
    image_settings,
)
from phenoprot.phantom.layout import ROWS, draw_wells
from phenoprot.phantom.programmes import Compounds, draw_compounds, well_activities
from phenoprot.phantom.proteome import (
    draw_proteins,
    measured_intensities,
    missing_probability,
    planted_regulation,
)
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.traits import EFFECTS
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    SITE,
    STAINS,
    WELL,
    WELL_KEY,
    url_column,
)
from phenoprot.screens.load_data import read_load_data

GREY = "0.6"
COMPOSITE = ("AGP", "ER", "DNA")
"""Stains that are red, green and blue."""
SHOWN_STAIN = {
    "cell_cycle_arrest": "DNA",
    "er_stress": "ER",
    "mitochondrial_stress": "Mito",
    "cytoskeleton_spreading": "AGP",
    "nucleolar_stress": "RNA",
    "proliferation_loss": "AGP",
    "vacuolation": "ER",
}
"""Stain in which a programme is seen best."""


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


Limits = dict[str, tuple[float, float]]
"""Counts that are black and white, for each stain."""


def limits_of(counts: np.ndarray) -> Limits:
    """Contrast that shows nearly all of a field's range."""
    return {
        stain: (float(np.percentile(channel, 0.5)), float(np.percentile(channel, 99.7)))
        for stain, channel in zip(STAINS, counts, strict=True)
    }


def grey_levels(counts: np.ndarray, stain: str, limits: Limits) -> np.ndarray:
    """One stain of a field between black (0) and white (1), gamma 0.7."""
    black, white = limits[stain]
    channel = counts[STAINS.index(stain)].astype(float)
    return np.clip((channel - black) / (white - black), 0, 1) ** 0.7


def composite(counts: np.ndarray, limits: Limits) -> np.ndarray:
    """Red, green and blue picture of a field, (Y, X, 3)."""
    return np.stack([grey_levels(counts, stain, limits) for stain in COMPOSITE], axis=-1)


def read_real(images_csv: Path, size: int) -> np.ndarray:
    """Middle of the first field of a LoadData table, (5, Y, X) counts, `size` px or less wide."""
    row = read_load_data(images_csv).iloc[0]
    counts = np.stack([tifffile.imread(row[url_column(stain)]) for stain in STAINS])
    top, left = (max(0, (side - size) // 2) for side in counts.shape[1:])
    return counts[:, top : top + size, left : left + size]


def show(axes: Axes, picture: np.ndarray, title: str = "", label: str = "") -> None:
    """Draw a picture without axes."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=8)
    axes.set_ylabel(label, fontsize=8)


def strongest_field(fields: pd.DataFrame, programme: str) -> pd.Series:
    """The field in which a programme is driven most."""
    return fields.loc[fields[programme].idxmax()]


def draw_images(settings: PhantomSettings, real: np.ndarray) -> Figure:
    """Draw fields of the screen: DMSO, two treated ones, and `real` counts (5, Y, X) below."""
    compounds = draw_compounds(settings)
    wells = draw_wells(settings, compounds.names)
    fields = field_table(well_activities(wells, compounds), settings)
    table = fields.merge(wells, on=WELL_KEY, validate="m:1")
    shown = {"DMSO": table.loc[(table[CONTROL] == NEGATIVE_CONTROL).idxmax()]}
    for programme in ("mitochondrial_stress", "cell_cycle_arrest"):
        row = strongest_field(table, programme)
        name = f"{row[COMPOUND]}, {row[CONCENTRATION]:g} uM"
        shown[f"{name}\n{programme.replace('_', ' ')}"] = row
    images = image_settings(settings)
    drawn = {
        name: draw_field(row.to_dict(), images, settings.seed).counts for name, row in shown.items()
    }
    limits = limits_of(drawn["DMSO"])
    rows = [(name, counts, limits) for name, counts in drawn.items()]
    rows.append(("real: CPJUMP1", real, limits_of(real)))

    figure = Figure(figsize=(12, 2.03 * len(rows) + 0.3), layout="constrained")
    for line, (name, counts, contrast) in zip(
        figure.subplots(len(rows), 1 + len(STAINS)), rows, strict=True
    ):
        titles = ["AGP, ER, DNA" if name == "DMSO" else "", *(STAINS if name == "DMSO" else "")]
        titles += [""] * (len(line) - len(titles))
        show(line[0], composite(counts, contrast), titles[0], name)
        for axes, stain, title in zip(line[1:], STAINS, titles[1:], strict=True):
            show(axes, grey_levels(counts, stain, contrast), title)
    return figure


def field_at(activities: dict[str, float], settings: PhantomSettings) -> Field:
    """One and the same field at other activities, with the untreated number of cells."""
    row = {PLATE: "PH01R1", WELL: "A01", SITE: "1", SEEDED: 1.0, REMAINING: 1.0} | activities
    return draw_field(row, image_settings(settings), settings.seed)


def draw_programmes(settings: PhantomSettings) -> Figure:
    """Draw a field without and with each programme, at half and full activity, losses aside."""
    levels = (0.0, 0.5, 1.0)
    limits = limits_of(field_at({}, settings).counts)
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    panels = figure.subplots(len(levels), len(EFFECTS))
    for column, programme in enumerate(EFFECTS):
        stain = SHOWN_STAIN[programme]
        for level, axes in zip(levels, panels[:, column], strict=True):
            counts = field_at({programme: level}, settings).counts
            side = counts.shape[1]
            part = counts[:, side // 4 : side * 3 // 4, side // 4 : side * 3 // 4]
            title = f"{programme.replace('_', ' ')}\n{stain}" if level == 0 else ""
            label = f"activity {level:g}" if column == 0 else ""
            show(axes, grey_levels(part, stain, limits), title, label)
    return figure


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write a figure as a PNG without a date in it."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})


def main(folder: Path, images_csv: Path) -> None:
    """Write the figures of the default settings."""
    settings = PhantomSettings()
    save(draw(settings), folder / "phantom.png", dpi=80)
    real = read_real(images_csv, image_settings(settings).size)
    save(draw_images(settings, real), folder / "phantom-images.png", dpi=110)
    save(draw_programmes(settings), folder / "phantom-programmes.png", dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
