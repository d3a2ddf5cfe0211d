"""Read every image once, before any work: find what is wrong, and sum up what is there.

All faults are found, not the first one. The same pass yields the moments from which
:mod:`phenoprot.imaging.statistics` has the channels' means and standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import fingerprint
from phenoprot.core.paths import WORK
from phenoprot.execution.planning import plate_rows
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard, remove
from phenoprot.imaging import inspection
from phenoprot.imaging.inspection import RESULT, inspect_row
from phenoprot.imaging.reader import field_name
from phenoprot.imaging.settings import ImageSettings
from phenoprot.imaging.statistics import STAIN
from phenoprot.screens.contract import FIELD_KEY, STAINS, WELL_KEY, illumination_column
from phenoprot.screens.places import is_remote

HIGHEST_FLOOR = 10.0
"""Lowest value that an illumination function may have: rescaled as CellProfiler does it, 1."""
FEW = 0.001
"""Share of the pixels that may be black where the others have an offset: broken ones."""
SHOWN = 3
"""Faults of each kind that the error names; checks.json has all."""

KINDS = {
    "missing": "missing",
    "unreadable": "cannot be read",
    "not_grey": "not one grey image",
    "not_counts": "not 8- or 16-bit",
    "illumination": "with an unusable illumination function",
    "mismatch": "unlike the first image of their field in size or type",
    "blank": "blank (all pixels equal)",
    "offset": "whose black is not 0",
    "saturated": "saturated",
    "correction": "spoilt by the illumination function",
    "shared": "used more than once",
    "copied": "with the same content as another",
    "duplicate": "of fields that have more than one row",
}
"""Kinds of faults, and how the error says them after the number of images."""


@dataclass(frozen=True)
class ImageReport:
    """What the images of a screen are like."""

    files: pd.DataFrame
    """One row per image, sorted by field and stain: the field's key, ``Metadata_Stain``, ``place``,
    ``format`` (e.g. ``540 x 540 uint16``), ``sha256`` of the file, ``lowest`` and ``highest``
    count, ``saturated`` (share of pixels with the highest), ``lower_half`` (share of pixels below
    half of the type's range), ``pixels``, ``mean`` and ``deviations`` of the values, ``floor``
    (lowest value of the illumination function, 1 without one), ``clipped`` (share of pixels that
    it lifts above 1), ``kind`` and ``fault`` (empty: none)."""
    faults: dict[str, list[str]]
    """Every fault by its kind in :data:`KINDS`."""
    illumination: bool
    """Whether images are divided by illumination functions."""

    def summary(self) -> dict[str, Any]:
        """What was checked and found, for JSON."""
        sound = self.files[self.files["format"] != ""].groupby(STAIN)
        stains = sound.agg(
            lowest_count=("lowest", "min"),
            highest_count=("highest", "max"),
            largest_saturated_share=("saturated", "max"),
        )
        formats = self.files["format"].replace("", "unreadable").value_counts()
        return {
            "images": len(self.files),
            "fields": len(self.files[FIELD_KEY].drop_duplicates()),
            "wells": len(self.files[WELL_KEY].drop_duplicates()),
            "plates": int(self.files[WELL_KEY[0]].nunique()),
            "illumination_functions": self.illumination,
            "formats": {str(name): int(count) for name, count in formats.items()},
            "stains": stains.to_dict("index"),
            "faults": self.faults,
        }

    def require_sound(self, where: str) -> None:
        """Stop if there is a fault.

        Raises
        ------
        UserError
            Counts of all kinds of faults, and the first few of each.
        """
        if self.faults:
            raise UserError(
                "; ".join(
                    f"{len(faults)} image(s) {KINDS[kind]}: {listed(faults, SHOWN)}"
                    for kind, faults in self.faults.items()
                ),
                where=where,
                remedy="Fix or replace these images, or remove their fields from the images table.",
            )


def check_images(
    table: pd.DataFrame,
    settings: ImageSettings,
    execution: ExecutionSettings = LOCAL,
    work: Path = WORK / "images",
    title: str = "images",
) -> ImageReport:
    """Read all images of a screen, in parallel, and find what is wrong with them.

    A file here is taken to be as it was in an earlier, interrupted run if its size and time of
    change are; one behind a URL if the URL is. What could not be read is read again.

    Parameters
    ----------
    table
        Fields of view, as :func:`phenoprot.screens.load_data.read_load_data` gives them.
    settings
        What an image may be like.
    execution
        Where and how many at a time; the report does not depend on it.
    work
        Work folder for unfinished runs.
    title
        For progress lines.
    """
    code = code_fingerprint(inspection.__name__)
    shards = [
        Shard(name, fingerprint(code, _state(rows)), rows.to_dict("records"))
        for name, rows in plate_rows(table)
    ]
    parts = []
    for folder in run_shards(inspect_row, shards, work, title, execution):
        parts.append(pd.read_parquet(folder / RESULT))
        if (parts[-1]["kind"] != "").any():
            remove(folder)
    files = pd.concat(parts).sort_values([*FIELD_KEY, STAIN], ignore_index=True)
    illumination = illumination_column(STAINS[0]) in table
    return ImageReport(files, find_faults(files, settings), illumination)


def find_faults(files: pd.DataFrame, settings: ImageSettings) -> dict[str, list[str]]:
    """Every fault of a table of images, by kind; kinds without a fault are left out.

    Parameters
    ----------
    files
        As in :attr:`ImageReport.files`.
    settings
        What an image may be like.
    """
    faults: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for row in files[files["kind"] != ""].to_dict("records"):
        faults[row["kind"]].append(f"{row['place']} ({_use(row)}): {row['fault']}")
    whole = files[files["format"] != ""]
    blank = whole["lowest"] == whole["highest"]
    for row in whole[blank].to_dict("records"):
        faults["blank"].append(f"{row['place']} ({_use(row)}): all {row['highest']}")
    clipped = ~blank & (whole["saturated"] > settings.max_saturated_share)
    for row in whole[clipped].to_dict("records"):
        share = f"{row['saturated']:.1%} of the pixels have count {row['highest']}"
        faults["saturated"].append(f"{row['place']} ({_use(row)}): {share}")
    offset = ~blank & (whole["lower_half"] <= FEW)
    for row in whole[offset].to_dict("records"):
        what = (
            f"the lowest count is {row['lowest']} of {_range(row)}; 0 was expected to be black "
            "(signed counts read as unsigned?)"
        )
        faults["offset"].append(f"{row['place']} ({_use(row)}): {what}")
    for row in whole[~blank & (whole["kind"] == "")].to_dict("records"):
        if what := _correction_fault(row, settings):
            faults["correction"].append(f"{row['place']} ({_use(row)}): {what}")
    for place, uses in files[files["place"].duplicated(keep=False)].groupby("place"):
        named = " and ".join(map(_use, uses.to_dict("records")))
        faults["shared"].append(f"{place} ({named})")
    for _, copies in whole[~blank].drop_duplicates("place").groupby("sha256"):
        if len(copies) > 1:
            faults["copied"].append(" = ".join(copies["place"]))
    again = files.duplicated([*FIELD_KEY, STAIN])
    faults["duplicate"] += [_use(row) for row in files[again].to_dict("records")]
    return {kind: found for kind, found in faults.items() if found}


def _correction_fault(row: Mapping[str, Any], settings: ImageSettings) -> str:
    """What the illumination function does to an image that was sound without it."""
    if row["clipped"] > settings.max_saturated_share:
        return (
            f"{row['clipped']:.1%} of the pixels are clipped by the correction; the function "
            f"goes down to {row['floor']:.3g}, expected about 1"
        )
    if row["deviations"] == 0:
        return "all pixels are equal after the correction"
    if row["floor"] > HIGHEST_FLOOR:
        return f"the lowest value of the function is {row['floor']:.3g}, expected about 1"
    return ""


def _range(row: Mapping[str, Any]) -> int:
    """Highest count of an image's type."""
    return int(np.iinfo(row["format"].split()[-1]).max)


def _state(rows: pd.DataFrame) -> list[Any]:
    """What is known of the files of some fields without reading them."""
    places = rows.drop(columns=FIELD_KEY).to_numpy().ravel()
    return [rows.to_dict("records"), [_size_and_time(place) for place in places]]


def _size_and_time(place: str) -> tuple[int, int] | None:
    if is_remote(place):
        return None
    try:
        status = Path(place).stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _use(row: Mapping[str, Any]) -> str:
    return f"{field_name(row)} {row[STAIN]}"
