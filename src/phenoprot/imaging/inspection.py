"""Read images and note what they are like: what a worker process of the images check does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.files import write_parquet
from phenoprot.imaging.reader import (
    ImageError,
    decode_image,
    divided,
    read_bytes,
    read_illumination,
)
from phenoprot.imaging.statistics import STAIN, Moments
from phenoprot.screens.contract import FIELD_KEY, STAINS, illumination_column, url_column

RESULT = "files.parquet"
"""The file of a shard."""


def inspect_row(rows: list[dict[str, str]], folder: Path) -> None:
    """In a worker process: inspect the images of one plate row."""
    found = [image for row in rows for image in inspect_field(row)]
    write_parquet(folder / RESULT, pd.DataFrame(found))


def inspect_field(row: Mapping[str, str]) -> list[dict[str, Any]]:
    """Read the images of a field of view; a row of the table of images for each."""
    found: list[dict[str, Any]] = []
    first = ""
    for stain in STAINS:
        image = inspect_image(row, stain)
        first = first or image["format"]
        if image["kind"] == "" and image["format"] != first:
            image |= {"kind": "mismatch", "fault": f"is {image['format']}, not {first}"}
        found.append({**{key: row[key] for key in FIELD_KEY}, STAIN: stain, **image})
    return found


def inspect_image(row: Mapping[str, str], stain: str) -> dict[str, Any]:
    """Read one image; what it is like, or what is wrong with it."""
    place = row[url_column(stain)]
    result = {
        "place": place, "format": "", "sha256": "", "lowest": 0, "highest": 0, "saturated": 0.0,
        "lower_half": 1.0, "pixels": 0, "mean": 0.0, "deviations": 0.0, "floor": 1.0,
        "clipped": 0.0, "kind": "", "fault": "",
    }  # fmt: skip
    try:
        content = read_bytes(place)
        image = decode_image(content, place)
        highest = image.max()
        result |= {
            "format": f"{image.shape[0]} x {image.shape[1]} {image.dtype}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "lowest": int(image.min()),
            "highest": int(highest),
            "saturated": float(np.mean(image == highest)),
            "lower_half": float(np.mean(image <= np.iinfo(image.dtype).max // 2)),
        }
        illumination = row.get(illumination_column(stain))
        values = divided(image, illumination)
        if illumination is not None:
            floor = float(read_illumination(illumination, values.shape).min())
            result |= {"floor": floor, "clipped": float(np.mean(values > 1))}
        moments = Moments.of(np.minimum(values, 1, out=values))
    except ImageError as error:
        what = error.what if error.where == place else f"{error.where}: {error.what}"
        return {**result, "kind": error.kind, "fault": what}
    return {
        **result,
        "pixels": moments.count,
        "mean": moments.mean,
        "deviations": moments.deviations,
    }
