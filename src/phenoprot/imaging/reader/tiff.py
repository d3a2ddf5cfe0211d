"""Decode a TIFF file that holds one grey image, and nothing else.

What the header declares is checked before pixels are decoded: a file of a few bytes can declare
an image of any size, and decoders fill with black what a file does not hold.
"""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phenoprot.imaging.reader.fetch import ImageError

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

COUNT_TYPES = (np.uint8, np.uint16)
"""Of what a camera gives."""
LABEL_TYPES = (*COUNT_TYPES, np.uint32, np.int16, np.int32)
"""Of label images."""
LARGEST_IMAGE = 2**28
"""Pixels of an image: 16,384 squared."""
ENTRY, SLACK = 20, 4096
"""Bytes of a tag besides its value, and those that a header may leave unused."""
FORMATS = (
    (b"\x89PNG", "a PNG file"),
    (b"\xff\xd8\xff", "a JPEG file"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 file"),
    (b"GIF8", "a GIF file"),
    (b"BM", "a BMP file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"PK\x03\x04", "a zip file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF file"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself (git lfs pull)"),
    (b"<", "a web page or XML"),
)
"""Formats that are met under the name of a TIFF, by their first bytes."""


def size_text(shape: tuple[int, ...]) -> str:
    """``(540, 540)`` -> ``"540 x 540"``."""
    return " x ".join(str(length) for length in shape)


def decode_image(
    content: bytes, place: str, types: Sequence[type[np.generic]] = COUNT_TYPES
) -> Image:
    """Decode the bytes of a TIFF file.

    Parameters
    ----------
    content
        The bytes.
    place
        Where they come from, for messages.
    types
        What the pixels may be.

    Returns
    -------
    numpy.ndarray
        (Y, X) uint8 or uint16, or another of `types`.

    Raises
    ------
    ImageError
        It is no TIFF, is damaged or cut, or holds anything else than one grey image of `types`.
    """
    import tifffile

    # Its warnings go to the user's terminal, and quote what they are about.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    if not content:
        raise _unreadable("the file is empty (0 bytes)", place)
    # A damaged file makes the decoders raise what they will; all of it means the same here.
    try:
        tiff = tifffile.TiffFile(io.BytesIO(content))
    except MemoryError:
        raise
    except Exception:
        known = (name for start, name in FORMATS if content.startswith(start))
        it_is = next(known, None) or "no TIFF, or a damaged one"
        raise _unreadable(f"it is {it_is}", place) from None
    with tiff:
        try:
            page = tiff.pages.first
            pages = len(tiff.pages)
            declared = tuple(page.shape)
            colours = tifffile.PHOTOMETRIC(page.photometric).name
            planes = _planes(tiff, len(content)) if pages == 1 else pages
        except MemoryError:
            raise
        except Exception:
            raise _unreadable("its header is damaged", place) from None
        _require_one_grey(pages, planes, declared, colours, place)
        if page.dtype not in types:
            expected = "8- or 16-bit counts" if types is COUNT_TYPES else "whole numbers"
            raise ImageError(
                f"holds {page.dtype}, expected {expected}",
                where=place,
                remedy="Write the image as the camera gave it: unsigned, 8 or 16 bit.",
                kind="not_counts",
            )
        if math.prod(declared) > LARGEST_IMAGE:
            raise ImageError(
                f"declares {size_text(declared)} pixels, more than {LARGEST_IMAGE}",
                where=place,
                remedy="Give each field of view an image of its own.",
            )
        _require_whole(page, len(content), place)
        try:
            image = np.asarray(page.asarray())
        except MemoryError:
            raise
        except Exception:
            raise _unreadable("its pixels are damaged or cut", place) from None
    if image.shape != declared or image.dtype != page.dtype:
        raise _unreadable("its pixels are not what its header declares", place)
    return image


def _require_one_grey(
    pages: int, planes: int, shape: tuple[int, ...], colours: str, place: str
) -> None:
    if planes == 1 and len(shape) == 2 and colours == "MINISBLACK":
        return
    within = f", with {planes} images" if planes > 1 and pages == 1 else ""
    raise ImageError(
        f"holds {pages} page(s) of {size_text(shape)}, {colours}{within}; expected one grey image",
        where=place,
        remedy="Write each stain to a file of its own: one page, no colour, black is 0.",
        kind="not_grey",
    )


def _unreadable(why: str, place: str) -> ImageError:
    return ImageError(
        f"cannot be read as TIFF: {why}", where=place, remedy="Write or copy it again."
    )


def _require_whole(page: Any, size: int, place: str) -> None:
    """Stop if pieces of an image lie beyond the end of the file, or were never written."""
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if page.is_contiguous and pieces and pieces[0][0]:
        # Read in one go; byte counts of some old writers are wrong.
        pieces = [(pieces[0][0], page.nbytes)]
    beyond = sum(offset + count > size for offset, count in pieces)
    if beyond:
        raise _unreadable(
            f"it is cut: {beyond} of {len(pieces)} pieces of the image lie beyond its end", place
        )
    unwritten = sum(not offset or not count for offset, count in pieces)
    if unwritten or not pieces:
        raise _unreadable(
            f"{unwritten} of {len(pieces)} pieces of the image were never written", place
        )


def _planes(tiff: Any, size: int) -> int:
    """Images in a file of one page.

    A page has one image, but writers hide more behind it, and tell only their own readers: ImageJ
    (above 4 GB), MetaMorph and tifffile by a description, OME by its XML, others by nothing but the
    size of the file.
    """
    page = tiff.pages.first
    described = _described(tiff)
    if described > 1:
        return described
    try:
        reduced = [page, *(page.pages or ())]  # a pyramid: smaller and smaller
        alike = sum(other.shape == page.shape for other in reduced)
        known = sum(sum(other.databytecounts) for other in reduced)
        known += sum(tag.valuebytecount + ENTRY for other in reduced for tag in other.tags)
    except (AttributeError, TypeError, ValueError):
        return 1
    if alike > 1:
        return int(alike)
    if page.is_contiguous and page.nbytes:
        return int(1 + max(size - SLACK - max(known, page.nbytes), 0) // page.nbytes)
    return 1


def _described(tiff: Any) -> int:
    """Images in this file as its description has it; 1 where it has nothing."""
    page = tiff.pages.first
    if tiff.is_ome:
        return _ome_planes(page.description)
    try:
        if tiff.is_imagej and (found := tiff.imagej_metadata):
            each = math.prod(int(found.get(axis, 1)) for axis in ("channels", "slices", "frames"))
            return max(int(found.get("images", 1)), each)
        return max(sum(int(series.size) for series in tiff.series) // max(page.size, 1), 1)
    except MemoryError:
        raise
    except Exception:  # a description that cannot be read describes nothing
        return 1


def _ome_planes(description: str) -> int:
    """Planes that OME-XML finds in this file. It may describe those of other files, too."""
    blocks = re.findall(r"<(?:\w+:)?TiffData\b([^>]*)>", description)
    files = re.findall(r"<(?:\w+:)?UUID\b[^>]*>\s*([^<\s]+)", description)
    own = re.search(r'<(?:\w+:)?OME\b[^>]*\bUUID\s*=\s*"([^"]+)"', description)
    if own and own[1] in files:
        return files.count(own[1])
    if len(set(files)) > 1:
        return 1  # spread over files, and this one has one page
    counts = [re.search(r'\bPlaneCount\s*=\s*"(\d{1,9})"', block) for block in blocks]
    single = [re.search(r"\bIFD\s*=", block) for block in blocks]
    if blocks and all(count or one for count, one in zip(counts, single, strict=True)):
        return max(sum(int(count[1]) if count else 1 for count in counts), 1)
    pixels = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", description)
    sizes = re.findall(r'\bSize[ZCT]\s*=\s*"(\d{1,9})"', pixels[1]) if pixels else []
    return max(math.prod(int(size) for size in sizes), 1)
