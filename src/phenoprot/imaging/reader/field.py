"""The images of a field of view as one array, divided by their illumination functions."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from phenoprot.core.errors import UserError
from phenoprot.imaging.reader.fetch import ImageError, read_bytes
from phenoprot.imaging.reader.tiff import LARGEST_IMAGE, Image, decode_image, size_text
from phenoprot.screens.contract import PLATE, SITE, STAINS, WELL, illumination_column, url_column

Floats = npt.NDArray[np.float32]


def field_name(row: Mapping[str, str]) -> str:
    """``<plate>/<well>/<site>`` of a row of the images table."""
    return f"{row[PLATE]}/{row[WELL]}/{row[SITE]}"


def read_field(row: Mapping[str, str], stains: Sequence[str] = STAINS) -> Floats:
    """Read the images of a field of view, divided by the illumination functions if there are any.

    Parameters
    ----------
    row
        ``URL_<stain>`` and, optionally, ``Illum_<stain>`` of each stain: a row of
        :func:`phenoprot.screens.load_data.read_load_data`.
    stains
        Channels to read, in this order.

    Returns
    -------
    numpy.ndarray
        (C, Y, X) float32 in [0, 1]: the counts divided by the largest of their type, 255 or
        65535. Divided by an illumination function, values above 1 become 1, as CellProfiler's
        CorrectIlluminationApply has it by default.

    Raises
    ------
    UserError
        A file is missing, cannot be read, is no single 8- or 16-bit grey image, or has another
        shape than the others. The message names it.
    """
    return correct_field(row, read_images(row, stains), stains)


def read_images(row: Mapping[str, str], stains: Sequence[str] = STAINS) -> list[Image]:
    """Read the images of a field of view as they are stored: (Y, X) uint8 or uint16, by stain.

    Raises
    ------
    UserError
        As of :func:`read_field`.
    """
    images: list[Image] = []
    for stain in stains:
        place = row[url_column(stain)]
        image = read_image(place)
        if images and image.shape != images[0].shape:
            raise UserError(
                f"is {size_text(image.shape)}, but the image of {stains[0]} is "
                f"{size_text(images[0].shape)}",
                where=place,
                remedy="All channels of a field of view need one size.",
            )
        images.append(image)
    return images


def correct_field(
    row: Mapping[str, str], images: Sequence[Image], stains: Sequence[str] = STAINS
) -> Floats:
    """Make what :func:`read_field` gives of images that have been read."""
    functions = (row.get(illumination_column(stain)) for stain in stains)
    return np.stack([corrected(*pair) for pair in zip(images, functions, strict=True)])


def corrected(image: Image, illumination: str | None) -> Floats:
    """Scale counts by the largest of their type; divide by an illumination function.

    Parameters
    ----------
    image
        (Y, X) uint8 or uint16.
    illumination
        Path or URL of the illumination function; None: there is none.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32 in [0, 1].

    Raises
    ------
    ImageError
        The illumination function cannot be used.
    """
    return np.minimum(divided(image, illumination), 1)


def divided(image: Image, illumination: str | None) -> Floats:
    """Like :func:`corrected`, but values above 1 stay what they are."""
    channel = image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
    if illumination is not None:
        with np.errstate(over="ignore"):  # infinity is above 1, too
            channel /= read_illumination(illumination, channel.shape)
    return channel


def read_image(place: str) -> Image:
    """Read one grey image as it is stored.

    Parameters
    ----------
    place
        Path or URL of a TIFF file.

    Returns
    -------
    numpy.ndarray
        (Y, X) uint8 or uint16.

    Raises
    ------
    ImageError
        The file is missing, no TIFF, damaged, or no single 8- or 16-bit grey image.
    """
    return decode_image(read_bytes(place), place)


@lru_cache(maxsize=2 * len(STAINS))
def read_illumination(place: str, shape: tuple[int, ...]) -> Floats:
    """Read an illumination function, as CellProfiler's CorrectIlluminationCalculate saves it.

    Parameters
    ----------
    place
        Path or URL of an ``.npy`` file.
    shape
        Shape of the images it corrects.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, read-only; images are divided by it. A plate's images share it: the last
        few are kept.

    Raises
    ------
    ImageError
        The file is missing or no ``.npy`` of numbers, has another shape, or holds a value that
        is not finite and above 0.
    """
    with np.errstate(over="ignore"):
        function = _read_npy(place, shape).astype(np.float32)
    wrong = int((~(np.isfinite(function) & (function > 0))).sum())
    if wrong:
        raise _unusable(place, f"has {wrong} value(s) that are not finite and above 0")
    function.flags.writeable = False
    return function


def _read_npy(place: str, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """Numbers of an ``.npy`` file; what its header declares is checked before they are read."""
    try:
        content = io.BytesIO(read_bytes(place))
    except ImageError as error:
        raise _unusable(place, f"cannot be had: {error.what}") from None
    npy = np.lib.format
    try:
        version = npy.read_magic(content)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        declared, _, dtype = read(content)
    except MemoryError:
        raise
    # NumPy's messages quote the header, which may be any file's; ast raises what it will.
    except Exception:
        raise _unusable(place, "cannot be read as .npy: it is none, or damaged") from None
    if dtype.kind not in "fiu":
        raise _unusable(place, f"holds {dtype.name}, expected numbers")
    if declared != shape or math.prod(declared) > LARGEST_IMAGE:
        raise _unusable(place, f"is {size_text(declared)}, the image {size_text(shape)}")
    content.seek(0)
    try:
        return np.asarray(npy.read_array(content, allow_pickle=False))
    except ValueError:
        raise _unusable(place, "cannot be read as .npy: it is cut or damaged") from None


def _unusable(place: str, what: str) -> ImageError:
    return ImageError(
        f"the illumination function {what}",
        where=place,
        remedy="Make it again, from images of the same size; images are divided by it.",
        kind="illumination",
    )
