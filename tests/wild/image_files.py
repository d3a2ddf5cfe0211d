"""What befalls images, illumination functions, and the names of their places."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .binary_files import of_array
from .mutations import Mutation, Right, of_bytes


def of_image(change: Callable[[np.ndarray], np.ndarray], **options: Any) -> Callable[..., None]:
    def apply(path: Path, *_: Any) -> None:
        import tifffile

        tifffile.imwrite(path, change(tifffile.imread(path)), **options)

    return apply


def two_pages(path: Path, *_: Any) -> None:
    import tifffile

    image = tifffile.imread(path)
    with tifffile.TiffWriter(path) as writer:
        writer.write(image, contiguous=False)
        writer.write(image, contiguous=False)


def png(content: bytes, _: random.Random) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + content


def imagej_stack(path: Path, *_: Any) -> None:
    import tifffile

    image = tifffile.imread(path)
    stack = np.stack([image, image[::-1]])
    tifffile.imwrite(path, stack, imagej=True, truncate=True)


TIFF = tuple(
    Mutation(name, change, right)
    for name, change, right in (
        ("written-again", of_image(lambda a: a), "same"),
        ("big-endian", of_image(lambda a: a, byteorder=">"), "same"),
        ("lzw", of_image(lambda a: a, compression="lzw"), "same"),
        ("deflate", of_image(lambda a: a, compression="zlib", predictor=True), "same"),
        ("bigtiff", of_image(lambda a: a, bigtiff=True), "same"),
        ("tiled", of_image(lambda a: a, tile=(16, 16)), "same"),
        ("strips", of_image(lambda a: a, rowsperstrip=1), "same"),
        ("ome", of_image(lambda a: a, ome=True, metadata={"axes": "YX"}), "same"),
        ("float", of_image(lambda a: a.astype(np.float32)), "refused"),
        ("signed", of_image(lambda a: a.astype(np.int16)), "refused"),
        ("32-bit", of_image(lambda a: a.astype(np.uint32)), "refused"),
        ("complex", of_image(lambda a: a.astype(np.complex64)), "refused"),
        ("rgb", of_image(lambda a: np.stack([a] * 3, -1), photometric="rgb"), "refused"),
        ("white-is-zero", of_image(lambda a: a, photometric="miniswhite"), "refused"),
        ("stack", of_image(lambda a: np.stack([a, a])), "refused"),
        ("two-pages", two_pages, "refused"),
        ("imagej-stack", imagej_stack, "refused"),
        ("png", of_bytes(png), "refused"),
    )
)


def one_value(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[0, 0] = value
        return array

    return change


ILLUMINATION = tuple(
    Mutation(name, of_array(change), right)
    for name, change, right in (
        ("nan", one_value(np.nan), "refused"),
        ("zero", one_value(0.0), "refused"),
        ("negative", one_value(-1.0), "refused"),
        ("infinite", one_value(np.inf), "refused"),
        ("another-size", lambda a: a[:, :-1], "refused"),
        ("transposed", lambda a: np.ascontiguousarray(a.T), "refused"),
        ("booleans", lambda a: a > 0, "refused"),
    )
)
"""Illumination functions that images cannot be divided by."""

LOADS: dict[str, Right] = {
    "ftp://example.invalid/a.tif": "refused",
    "local:///etc/hostname": "refused",
    "webhdfs://example.invalid:1/a.tif": "refused",
    "zip://a.tif::images/0_DNA.tif": "refused",
    "simplecache::file:///etc/hostname": "refused",
    "reference://a": "refused",
    "memory://a.tif": "refused",
    "github://a:b@main/c": "refused",
    "data:image/tiff;base64,AAAA": "refused",
    "/etc/hostname": "refused",
    "/etc": "refused",
    "/dev/zero": "refused",
    "/dev/stdin": "refused",
    "images": "refused",
    "nothing.tif": "refused",
    "file:///etc/hostname": "refused",
    "file:////": "refused",
    "://": "refused",
    "nosuchprotocol://a/b.tif": "refused",
    "images/../images/0_DNA.tif": "refused or same",
}
"""Places of images that a LoadData CSV may name, and what is right."""


def place_of_image(value: str) -> Callable[..., None]:
    def apply(path: Path, *_: Any) -> None:
        table = pd.read_csv(path, dtype=str)
        table.loc[0, "URL_DNA"] = value
        table.to_csv(path, index=False)

    return apply


PLACES_OF_IMAGES = tuple(
    Mutation(f"place-{value.replace('/', '~')}", place_of_image(value), right, elsewhere=True)
    for value, right in LOADS.items()
)
