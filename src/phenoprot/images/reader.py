"""Read a field of view: five TIFF files, here or at a URL, as one array in [0, 1]."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phenoprot.errors import UserError
from phenoprot.screens.contract import PLATE, SITE, STAINS, WELL
from phenoprot.screens.load_data import illumination_column, url_column

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]

STORAGE_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"anon": True}}
"""Options of the file systems that a URL may name: public buckets need no credentials."""


class ImageError(UserError):
    """A file that is not what the images table says.

    Parameters
    ----------
    what, where, remedy
        See :class:`phenoprot.errors.UserError`.
    kind
        ``missing``, ``unreadable``, ``not_grey``, ``not_counts`` or ``illumination``.
    """

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", kind: str = "unreadable"
    ) -> None:
        self.kind = kind
        super().__init__(what, where=where, remedy=remedy)


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
    channels: list[Floats] = []
    for stain in stains:
        place = row[url_column(stain)]
        channel = corrected(read_image(place), row.get(illumination_column(stain)))
        if channels and channel.shape != channels[0].shape:
            raise UserError(
                f"is {_size(channel.shape)}, but the image of {stains[0]} is "
                f"{_size(channels[0].shape)}",
                where=place,
                remedy="All channels of a field of view need one size.",
            )
        channels.append(channel)
    return np.stack(channels)


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
    channel = image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
    if illumination is not None:
        channel /= read_illumination(illumination, channel.shape)
        np.minimum(channel, 1, out=channel)
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


def decode_image(content: bytes, place: str) -> Image:
    """Decode the bytes of a TIFF file; see :func:`read_image`."""
    import tifffile

    # A damaged file makes the decoders raise what they will; all of it means the same here.
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            pages = len(tiff.pages)
            page = tiff.pages.first
            colours = tifffile.PHOTOMETRIC(page.photometric)
            image = np.asarray(page.asarray())
    except Exception as error:
        raise ImageError(
            f"cannot be read as TIFF: {_reason(error)}",
            where=place,
            remedy="Write it again.",
            kind="unreadable",
        ) from None
    if pages != 1 or image.ndim != 2 or colours != tifffile.PHOTOMETRIC.MINISBLACK:
        raise ImageError(
            f"holds {pages} page(s) of {_size(image.shape)}, {colours.name}; expected "
            "one grey image",
            where=place,
            remedy="Write each stain to a file of its own: one page, no colour, black is 0.",
            kind="not_grey",
        )
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"holds {image.dtype}, expected 8- or 16-bit counts",
            where=place,
            remedy="Write the image as the camera gave it: unsigned, 8 or 16 bit.",
            kind="not_counts",
        )
    return image


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
    try:
        content = io.BytesIO(read_bytes(place))
        function = np.lib.format.read_array(content, allow_pickle=False)
    except ImageError as error:
        raise _unusable(place, f"cannot be had: {error.what}") from None
    except ValueError as error:
        raise _unusable(place, f"cannot be read as .npy: {_reason(error)}") from None
    if function.dtype.kind not in "fiu":
        raise _unusable(place, f"holds {function.dtype}, expected numbers")
    if function.shape != shape:
        raise _unusable(place, f"is {_size(function.shape)}, the image {_size(shape)}")
    function = function.astype(np.float32)
    wrong = int((~(np.isfinite(function) & (function > 0))).sum())
    if wrong:
        raise _unusable(place, f"has {wrong} value(s) that are not finite and above 0")
    function.flags.writeable = False
    return function


def _unusable(place: str, what: str) -> ImageError:
    return ImageError(
        f"the illumination function {what}",
        where=place,
        remedy="Make it again, from images of the same size; images are divided by it.",
        kind="illumination",
    )


def read_bytes(place: str) -> bytes:
    """Content of a file here, or behind a URL of any file system that fsspec knows.

    Raises
    ------
    ImageError
        It cannot be had; the message says why.
    """
    try:
        if "://" not in place:
            return Path(place).read_bytes()
        import fsspec  # type: ignore[import-untyped]

        options = STORAGE_OPTIONS.get(place.partition("://")[0], {})
        with fsspec.open(place, "rb", **options) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        raise ImageError(
            "no such file", where=place, remedy="Check the images table.", kind="missing"
        ) from None
    # Every file system has errors of its own (aiohttp's, botocore's, OSError, unknown protocol).
    except Exception as error:
        raise ImageError(
            f"cannot be read: {_reason(error)}",
            where=place,
            remedy="Check the place and access.",
            kind="unreadable",
        ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
