"""Masks of a field of view: nuclei and cells with the same labels, and the files that hold them."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenoprot.core.artefacts import is_of_the_machine
from phenoprot.core.errors import UserError, listed, shortened
from phenoprot.core.files import atomic_path, require_file

Labels = npt.NDArray[np.int32]
"""(Y, X): 0 is background, an object's pixels have its label."""

LARGEST_FIELD = 2**28
"""Pixels of a field of view whose masks are read: 16,384 x 16,384, far above any camera's."""
LARGEST_LABEL = int(np.iinfo(np.uint16).max)
"""Masks are stored as 16-bit images."""
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""Date of the members of a file of masks: equal masks give equal bytes."""


@dataclass(frozen=True)
class Masks:
    """Nuclei and cells of a field of view.

    Parameters
    ----------
    nuclei, cells
        (Y, X) int32. Both have the labels 1..n, and each nucleus lies inside the cell of its label.

    Raises
    ------
    ValueError
        They are not like that.
    """

    nuclei: Labels
    cells: Labels

    def __post_init__(self) -> None:
        if reason := inconsistency(self.nuclei, self.cells):
            raise ValueError(reason)

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.cells.max(initial=0))

    @property
    def cytoplasm(self) -> Labels:
        """Cells without their nuclei, (Y, X) int32."""
        return np.where(self.nuclei == 0, self.cells, 0).astype(np.int32)


@dataclass(frozen=True)
class Segmented:
    """What a method made of a field of view.

    Parameters
    ----------
    masks
        The cells that are kept.
    dead
        Dead cells that were left out (count).
    unpaired
        Cells without a nucleus, and nuclei without a cell, that were left out (count).
    confluent
        Whether cells left no background to find their outlines by.
    """

    masks: Masks
    dead: int = 0
    unpaired: int = 0
    confluent: bool = False


def inconsistency(nuclei: npt.NDArray[np.generic], cells: npt.NDArray[np.generic]) -> str | None:
    """What keeps two label images from being the masks of one field of view, or None."""
    for name, labels in (("nuclei", nuclei), ("cells", cells)):
        if labels.ndim != 2 or labels.dtype != np.int32:
            return f"{name} are {labels.dtype} {labels.shape}, expected int32 (Y, X)"
    if nuclei.shape != cells.shape:
        return f"nuclei are {nuclei.shape}, cells {cells.shape}"
    for name, labels in (("nuclei", nuclei), ("cells", cells)):
        present = np.unique(labels)
        present = present[present != 0]
        if not np.array_equal(present, np.arange(1, len(present) + 1)):
            return f"the {len(present)} labels of {name} are not 1..{len(present)}"
    if nuclei.max(initial=0) != cells.max(initial=0):
        return f"{nuclei.max(initial=0)} nuclei, but {cells.max(initial=0)} cells"
    outside = int(((nuclei != 0) & (nuclei != cells)).sum())
    return f"{outside} pixels of nuclei lie outside their cells" if outside else None


def empty_masks(shape: tuple[int, int]) -> Masks:
    """Masks of a field of view without cells."""
    return Masks(np.zeros(shape, np.int32), np.zeros(shape, np.int32))


def paired(nuclei: Labels, cells: Labels) -> Masks:
    """Number the cells that have a nucleus 1..n, from top to bottom; drop the others.

    Parameters
    ----------
    nuclei, cells
        (Y, X). A nucleus and its cell have the same label; other labels may be missing.
        Pixels of nuclei outside their cells are dropped.
    """
    nuclei = np.where(nuclei == cells, nuclei, 0)
    table = renumbering(nuclei, int(max(nuclei.max(initial=0), cells.max(initial=0))))
    return Masks(table[nuclei], table[cells])


def relabel(labels: Labels) -> Labels:
    """Number objects 1..n in the order of their first pixels, from top to bottom."""
    return renumbering(labels, int(labels.max(initial=0)))[labels]


def renumbering(labels: Labels, largest: int) -> Labels:
    """New label of each old one, 0..`largest`, shape (largest + 1,); 0 for labels not in use."""
    present, first = np.unique(labels, return_index=True)
    order = present[np.argsort(first)]
    order = order[order != 0]
    table = np.zeros(largest + 1, np.int32)
    table[order] = np.arange(1, len(order) + 1)
    return table


def touching_border(labels: Labels) -> Labels:
    """Labels of the objects that have a pixel on the border of the field, ascending, (K,)."""
    border = np.concatenate([labels[:1].ravel(), labels[-1:].ravel(), labels[:, 0], labels[:, -1]])
    present: Labels = np.unique(border)
    return present[present != 0]


def write_masks(path: Path, masks: Mapping[str, Masks]) -> None:
    """Write the masks of a shard to one file.

    The file is a ZIP archive that holds, for each field of view, one ``.npy`` image, (2, Y, X)
    uint16: nuclei and cells. ``numpy.load`` opens it when it is named ``.npz``. Equal masks
    give equal bytes, whatever the order of `masks`.

    Parameters
    ----------
    path
        File to write.
    masks
        Masks by name of the field, ``<plate>/<well>/<site>``.

    Raises
    ------
    ValueError
        A field has more than 65535 cells.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(masks):
            if masks[name].count > LARGEST_LABEL:
                raise ValueError(f"{name}: {masks[name].count} cells, at most {LARGEST_LABEL}")
            member = zipfile.ZipInfo(f"{name}.npy", BEGINNING)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # the archive does not tell on which system it was written
            pair = np.stack([masks[name].nuclei, masks[name].cells]).astype("<u2")
            with archive.open(member, "w") as stream:
                np.lib.format.write_array(stream, pair, version=(1, 0), allow_pickle=False)


def read_masks(path: Path, fields: Collection[str] | None = None) -> dict[str, Masks]:
    """Read a file of :func:`write_masks`.

    Parameters
    ----------
    path
        The file.
    fields
        Names of the fields of view to read; None: all. One that is not there is passed over, see
        :func:`check_masks`.

    Returns
    -------
    dict
        Masks by name of the field of view, sorted by name.

    Raises
    ------
    UserError
        The file is missing, damaged, or holds masks that do not fit each other.
    """
    require_file(path, "Segment the fields of view (stage segment).")
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            names = [member.filename.removesuffix(".npy") for member in members]
            if len(set(names)) < len(names):
                raise ValueError("a field of view is in it twice")
            return {
                name: _read_pair(archive, member)
                for name, member in zip(names, members, strict=True)
                if fields is None or name in fields
            }
    except Exception as error:
        # zipfile, zlib, struct and the parser of .npy headers meet garbled bytes in many ways.
        if is_of_the_machine(error):
            raise
        reason = shortened(" ".join(str(error).split()), 300)
        raise UserError(
            f"no usable masks: {reason}",
            where=str(path),
            remedy="Remove it and segment its fields of view again (stage segment).",
        ) from None


def check_masks(masks: Mapping[str, Masks], names: Sequence[str], path: Path) -> None:
    """Check that a file of masks has every field of view.

    Raises
    ------
    UserError
        It lacks some; the message counts and lists them.
    """
    missing = [name for name in names if name not in masks]
    if missing:
        raise UserError(
            f"no masks for {len(missing)} of {len(names)} field(s) of view: {listed(missing)}",
            where=str(path),
            remedy="Segment the fields of view again (stage segment).",
        )


def _read_pair(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Masks:
    name = member.filename
    with archive.open(member) as stream:
        # The header first: nothing is unpacked that is larger than a field of view can be.
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{name} is no .npy image of version 1.0")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if len(shape) != 3 or shape[0] != 2 or dtype != np.uint16 or fortran:
            raise ValueError(f"{name} is {dtype} {shape}, expected uint16 (2, Y, X)")
        size = math.prod(shape)
        if not 0 <= size <= 2 * LARGEST_FIELD:
            raise ValueError(f"{name} has {shape[1]} x {shape[2]} px, at most {LARGEST_FIELD} px")
        content = stream.read(size * dtype.itemsize)
        # Read to its end a member's checksum is verified, before anything is made of it.
        if len(content) != size * dtype.itemsize or stream.read(1):
            raise ValueError(f"{name} is not as long as its header says")
    nuclei, cells = np.frombuffer(content, dtype).reshape(shape).astype(np.int32)
    if reason := inconsistency(nuclei, cells):
        raise ValueError(f"{name}: {reason}")
    return Masks(nuclei, cells)
