"""Fields of view of the phantom: drawn from the activities, written with their truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.files import write_parquet
from phenoprot.core.random import stream
from phenoprot.execution.planning import plate_rows
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.phantom.annotate import expected_cell_number
from phenoprot.phantom.camera import Counts, draw_optics, expose
from phenoprot.phantom.outlines import (
    Labels,
    draw_outlines,
    margin,
    settle,
    true_masks,
)
from phenoprot.phantom.programmes import relative_cell_number
from phenoprot.phantom.settings import ImageSettings, PhantomSettings
from phenoprot.phantom.stains import StainPainter
from phenoprot.phantom.traits import EFFECTS, draw_traits
from phenoprot.screens.contract import FIELD_KEY, PLATE, SITE, STAINS, WELL

SEEDED = "Expected"
"""Column: cell number relative to a mean untreated well."""
REMAINING = "Remaining"
"""Column: share of the untreated cell number that the activities leave, 0..1."""
STAIN_TRAITS = tuple(stain.lower() for stain in STAINS)


@dataclass(frozen=True)
class Field:
    """A drawn field of view.

    Parameters
    ----------
    counts
        Images, (5, Y, X) uint16, stains in the order of the contract.
    nuclei, cells
        True masks, (Y, X) int32: the same labels 1..n in both, each nucleus inside its cell.
    dead
        Dead cells on the field, which are in no mask (count).
    """

    counts: Counts
    nuclei: Labels
    cells: Labels
    dead: int


def draw_field(row: Mapping[str, Any], settings: ImageSettings, seed: int) -> Field:
    """Draw one field of view.

    Parameters
    ----------
    row
        Plate, well and site; activity of each programme; expected and remaining cell number
        (columns of :func:`field_table`).
    settings
        Cells and microscope.
    seed
        Seed of the screen. A field has streams of its own, named after it.
    """
    plate, well = str(row[PLATE]), str(row[WELL])
    field = f"images/{plate}/{well}/{row[SITE]}"
    activities = {name: float(row[name]) for name in EFFECTS if name in row}
    rng = stream(seed, f"{field}/cells")
    # Cells are placed beyond the border too, at the same density.
    area = (1 + 2 * margin(settings) / settings.size) ** 2
    count = int(rng.poisson(settings.cells * area * float(row[SEEDED])))
    share = settings.dead_share + settings.dead_per_lost * (1 - float(row[REMAINING]))
    dead = int(rng.poisson(settings.cells * share))

    levels = _stain_levels(plate, well, settings, seed)
    traits = draw_traits(activities, levels, count, settings, stream(seed, f"{field}/traits"))
    outlines = draw_outlines(traits, settings, stream(seed, f"{field}/outlines"))
    territory = settle(outlines, settings, stream(seed, f"{field}/ground"))
    texture = stream(seed, f"{field}/textures")
    stains = StainPainter(outlines, territory, traits, settings, texture).paint()
    optics = draw_optics(stream(seed, f"images/{plate}/optics"))
    exposure = stream(seed, f"{field}/exposure")
    counts = expose(stains, dead, optics, settings, exposure)
    return Field(counts, *true_masks(territory), dead)


def _stain_levels(plate: str, well: str, settings: ImageSettings, seed: int) -> dict[str, float]:
    """Staining of a well relative to the mean, for each stain."""
    on_plate = stream(seed, f"images/{plate}/stains").standard_normal(len(STAINS))
    in_well = stream(seed, f"images/{plate}/{well}/stains").standard_normal(len(STAINS))
    log = settings.stain_plate_sd * on_plate + settings.stain_well_sd * in_well
    return dict(zip(STAIN_TRAITS, np.exp(log).tolist(), strict=True))


def field_table(activities: pd.DataFrame, settings: PhantomSettings) -> pd.DataFrame:
    """Fields of view to draw: key, activities, cell number; sorted by the key.

    Parameters
    ----------
    activities
        Plate, well and one column per programme, all wells of the screen.
    settings
        With ``images``.

    Returns
    -------
    fields
        Plate, well, site (``1``, ``2``, ...), the activities, ``Expected`` (cell number relative
        to a mean untreated well, seeding included) and ``Remaining`` (the same without seeding).
    """
    images = image_settings(settings)
    rng = stream(settings.seed, "cell count")
    table = activities.assign(
        **{
            SEEDED: expected_cell_number(activities, settings, rng),
            REMAINING: relative_cell_number(activities),
        }
    )
    replicate = table[PLATE].str.extract(r"R(\d+)$", expand=False).astype(int)
    table = table[replicate <= images.replicates]
    sites = [table.assign(**{SITE: str(site)}) for site in range(1, images.sites + 1)]
    return pd.concat(sites).sort_values(FIELD_KEY, ignore_index=True)


def image_settings(settings: PhantomSettings) -> ImageSettings:
    """Settings of the images, which there must be."""
    if settings.images is None:
        raise ValueError("the settings ask for no images")
    return settings.images


def image_name(well: str, site: str, stain: str) -> str:
    """File name of an image."""
    return f"{well}_s{site}_{stain}.tiff"


def mask_name(well: str, site: str, kind: str) -> str:
    """File name of a true mask; `kind` is nuclei or cells."""
    return f"{well}_s{site}_{kind}.tiff"


def images_csv(fields: pd.DataFrame) -> pd.DataFrame:
    """LoadData table of the fields; folders are relative to that of the images."""
    table = fields[FIELD_KEY].copy()
    for stain in STAINS:
        table[f"PathName_{stain}"] = fields[PLATE]
        table[f"FileName_{stain}"] = [
            image_name(well, site, stain)
            for well, site in zip(fields[WELL], fields[SITE], strict=True)
        ]
    return table


Payload = tuple[PhantomSettings, pd.DataFrame]
"""Settings and the fields of one plate row."""


def draw_shard(payload: Payload, folder: Path) -> None:
    """Draw the fields of one plate row: images, masks, and their numbers (``fields.parquet``)."""
    settings, fields = payload
    images = image_settings(settings)
    truth = []
    for row in fields.to_dict("records"):
        field = draw_field(row, images, settings.seed)
        well, site = str(row[WELL]), str(row[SITE])
        for stain, counts in zip(STAINS, field.counts, strict=True):
            write_tiff(folder / "images" / image_name(well, site, stain), counts)
        for kind, labels in (("nuclei", field.nuclei), ("cells", field.cells)):
            write_tiff(folder / "masks" / mask_name(well, site, kind), labels.astype(np.uint16))
        truth.append({"cells": int(field.cells.max()), "dead": field.dead})
    table = pd.concat([fields, pd.DataFrame(truth)], axis=1)
    write_parquet(folder / "fields.parquet", table.drop(columns=[SEEDED, REMAINING]))


def write_tiff(path: Path, image: np.ndarray) -> None:
    """Write a single-channel TIFF, losslessly compressed; equal images give equal bytes."""
    import tifffile

    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path,
        image,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 4},
        predictor=True,
        software=False,
        metadata=None,
    )


def simulate_images(
    activities: pd.DataFrame,
    settings: PhantomSettings,
    folder: Path,
    work: Path,
    execution: ExecutionSettings,
) -> pd.DataFrame:
    """Draw all imaged fields of the screen, a plate row at a time.

    Parameters
    ----------
    activities
        Plate, well and one column per programme, all wells of the screen.
    settings
        With ``images``.
    folder
        Screen folder: gets ``images/<plate>/``, ``truth/masks/<plate>/`` and
        ``truth/fields.parquet``.
    work
        Work folder on the same file system, not kept.
    execution
        Processes; the bytes do not depend on their number.

    Returns
    -------
    images
        LoadData table of the fields, sorted by plate, well and site.
    """
    fields = field_table(activities, settings)
    rows = plate_rows(fields)
    shards = [Shard(name, "phantom", (settings, part)) for name, part in rows]
    truth = []
    for (name, _), done in zip(
        rows, run_shards(draw_shard, shards, work, "phantom images", execution), strict=True
    ):
        plate = name.split("/")[0]
        for source, target in (("images", "images"), ("masks", "truth/masks")):
            (folder / target / plate).mkdir(parents=True, exist_ok=True)
            for path in sorted((done / source).iterdir()):
                path.rename(folder / target / plate / path.name)
        truth.append(pd.read_parquet(done / "fields.parquet"))
    table = pd.concat(truth).sort_values(FIELD_KEY, ignore_index=True)
    write_parquet(folder / "truth" / "fields.parquet", table)
    return images_csv(fields)
