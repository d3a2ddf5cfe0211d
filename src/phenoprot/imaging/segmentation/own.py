"""Masks of one's own in place of a segmentation: label images that another program wrote."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.imaging.reader import (
    ImageError,
    decode_image,
    field_name,
    read_bytes,
    read_image,
)
from phenoprot.imaging.reader.tiff import LABEL_TYPES, size_text
from phenoprot.imaging.segmentation.inert import NotInert, inert_array, read_inert
from phenoprot.imaging.segmentation.masks import LARGEST_FIELD, LARGEST_LABEL, Labels, Segmented
from phenoprot.imaging.segmentation.masks import relabel as renumber
from phenoprot.imaging.segmentation.pairing import pair
from phenoprot.imaging.segmentation.settings import DNA, OwnMasksSettings
from phenoprot.screens.contract import PLATE, SITE, WELL, url_column

NUMPY = b"\x93NUMPY"
REMEDY = (
    "Write one label image per field: 0 is background, each object has a number of its own "
    "(TIFF of 16 or 32 bit, one page, grey; CellProfiler: ConvertObjectsToImage to uint16)."
)


@dataclass(frozen=True)
class OwnMasks:
    """The method ``masks``: label images by plate, well and site."""

    settings: OwnMasksSettings

    def fingerprint(self) -> str:
        """Hash of settings and code; that of the files is :meth:`row_fingerprint`."""
        return fingerprint(self.settings.model_dump(), code_fingerprint(__name__))

    def row_fingerprint(self, rows: Sequence[Mapping[str, str]]) -> str:
        """Hash of the files of some fields.

        Raises
        ------
        UserError
            Some are missing; the message counts and lists them.
        """
        places = sorted({place for row in rows for place in self.places(row)})
        if missing := [str(place) for place in places if not place.is_file()]:
            raise UserError(
                f"{len(missing)} of {len(places)} files of masks are missing: {listed(missing)}",
                where="segmentation.masks",
                remedy="Check the patterns of nuclei and cells: {plate}, {well}, {site} stand in.",
            )
        return fingerprint([file_sha256(place) for place in places])

    def places(self, row: Mapping[str, str]) -> tuple[Path, Path]:
        """The files of nuclei and cells of a field."""
        names = {"plate": row[PLATE], "well": row[WELL], "site": row[SITE]}
        nuclei, cells = (
            Path(pattern.format_map(names))
            for pattern in (self.settings.nuclei, self.settings.cells)
        )
        return nuclei, cells

    def read(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Segmented]:
        """Masks of fields, in their order."""
        return map(self.read_field, rows)

    def read_field(self, row: Mapping[str, str]) -> Segmented:
        """Masks of a field of view: each nucleus with the cell that holds most of it.

        Raises
        ------
        UserError
            A file is no label image, or has another size than the field's images.
        """
        shape = read_image(row[url_column(DNA)]).shape
        found = []
        for place in self.places(row):
            labels = read_labels(str(place))
            if labels.shape != shape:
                raise UserError(
                    f"is {size_text(labels.shape)}, but the images of field {field_name(row)} are "
                    f"{size_text(shape)}",
                    where=str(place),
                    remedy="Segment these images, at their full size.",
                )
            found.append(labels)
        return pair(*found)


def read_labels(place: str) -> Labels:
    """Read a label image: TIFF, ``.npy``, or Cellpose's ``_seg.npy``.

    Returns
    -------
    numpy.ndarray
        (Y, X) int32, labels 1..n from top to bottom.

    Raises
    ------
    UserError
        It is none: colours, fractions, negative numbers, several pages, damage.
    """
    content = read_bytes(place)
    if content.startswith(NUMPY):
        labels = _read_npy(content, place)
    else:
        try:
            labels = decode_image(content, place, LABEL_TYPES)
        except ImageError as error:
            raise _unusable(error.what, place) from None
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise _unusable(f"holds {labels.dtype.name} {size_text(labels.shape)}", place)
    if not 0 < labels.size <= LARGEST_FIELD:
        raise _unusable(f"has {labels.size} pixels, at most {LARGEST_FIELD}", place)
    if labels.min() < 0:
        raise _unusable(f"has negative numbers, down to {labels.min()}", place)
    present, numbers = np.unique(labels, return_inverse=True)
    if len(present) > LARGEST_LABEL:
        raise _unusable(f"has {len(present)} objects, at most {LARGEST_LABEL}", place)
    return renumber((numbers.reshape(labels.shape) + (present[0] != 0)).astype(np.int32))


def _read_npy(content: bytes, place: str) -> npt.NDArray[np.generic]:
    """Labels of a plain ``.npy`` file, or the masks of Cellpose's dictionary in one."""
    stream, npy = io.BytesIO(content), np.lib.format
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
    except MemoryError:
        raise
    except Exception:  # the parser of headers meets garbled bytes in many ways
        raise _unusable("cannot be read as .npy: its header is damaged", place) from None
    if not dtype.hasobject:
        if len(content) - stream.tell() != int(np.prod(shape, dtype=object)) * dtype.itemsize:
            raise _unusable("cannot be read as .npy: it is cut or too long", place)
        stream.seek(0)
        return np.asarray(npy.read_array(stream, allow_pickle=False))
    try:
        (cellpose,) = read_inert(stream).state[4]
        if not isinstance(cellpose, dict) or "masks" not in cellpose:
            raise NotInert("no dictionary with masks, as Cellpose writes it")
        return inert_array(cellpose["masks"])
    except NotInert as error:
        raise _unusable(f"cannot be read as _seg.npy: {error}", place) from None
    except (AttributeError, TypeError, ValueError, IndexError):
        raise _unusable("cannot be read as _seg.npy: no dictionary with masks", place) from None


def _unusable(what: str, place: str) -> UserError:
    return UserError(f"no label image: {what}", where=place, remedy=REMEDY)
