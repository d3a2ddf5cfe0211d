"""Crops on disk, read at random.

A store is a folder with three files for each plate row:

======================================= ======================================================
``<plate>/<row>.npy``                   crops, (N, C, S, S) uint16
``<plate>/<row>.parquet``               one row per crop: field, label, centre, area, share cut off
``<plate>/<row>.fields.parquet``        one row per field, those without a crop too, with counts
======================================= ======================================================

Crops are read with one positioned read each, straight into the batch: as quick as a memory map,
without its page faults and file descriptors, and a truncated file is an error message where a
memory map would be a bus error. Stores open quickly, and cross process borders as a few paths.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.artefacts import is_of_the_machine, read_table
from phenoprot.core.errors import UserError, listed, shortened
from phenoprot.core.files import require_file
from phenoprot.imaging.crops.cut import CELL_COLUMNS, Counts
from phenoprot.screens.contract import FIELD_KEY

PIXELS = ".npy"
CELLS = ".parquet"
FIELDS = ".fields.parquet"
ENDINGS = (PIXELS, CELLS, FIELDS)
"""Files of a plate row."""

CELL_COUNT = "Cells"
BORDER_COUNT = "Cells_AtBorder"
CROP_COUNT = "Crops"
CUT_COUNT = "Crops_CutOff"
COUNT_COLUMNS = [CELL_COUNT, BORDER_COUNT, CROP_COUNT, CUT_COUNT]
"""Per field: segmented cells; those left out since the border of the image cuts them; crops; crops
whose cell reaches beyond them."""

HANDLES = 128
"""Files that a store keeps open; a process may often have no more than 1,024."""

Indices = npt.NDArray[np.integer]


@dataclass(frozen=True)
class _Part:
    """The crops of a plate row."""

    path: Path
    """The ``.npy`` file."""
    offset: int
    """Where its array begins (bytes)."""
    shape: tuple[int, ...]
    """(N, C, S, S)."""

    def sibling(self, ending: str) -> Path:
        """Another file of the plate row."""
        return self.path.with_name(self.path.name.removesuffix(PIXELS) + ending)


class CropStore:
    """All crops of a screen, by one index from 0 to ``len(store) - 1``.

    The order is that of plate, plate row, well, site and label. Any number of processes and
    threads may read; a store can be pickled and used after a fork.
    """

    def __init__(self, folder: Path, parts: Sequence[_Part]) -> None:
        self.folder = folder
        self._parts = tuple(parts)
        self._ends = np.cumsum([part.shape[0] for part in parts], dtype=np.int64)
        self._open = lru_cache(maxsize=HANDLES)(_Handle)

    def __reduce__(self) -> tuple[type[CropStore], tuple[Path, tuple[_Part, ...]]]:
        return CropStore, (self.folder, self._parts)

    @classmethod
    def open(cls, folder: Path, rows: Iterable[str] | None = None) -> CropStore:
        """Open a store.

        Parameters
        ----------
        folder
            Folder of the store.
        rows
            Plate rows to open, e.g. ``["BR00117010/C"]``; None: all there are.

        Raises
        ------
        UserError
            There is no crop file, one is damaged, or crops differ in size.
        """
        if rows is None:
            # By any file of a plate row: one whose crops are gone must not be passed over.
            names = {_row(path) for ending in ENDINGS for path in folder.glob(f"*/[!.]*{ending}")}
            paths = sorted((folder / f"{name}{PIXELS}" for name in names), key=_order)
        else:
            paths = [folder / f"{row}{PIXELS}" for row in rows]
        if not paths:
            raise UserError("holds no crops", where=str(folder), remedy="Run the stage crops.")
        parts = [_open_part(path) for path in paths]
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            raise UserError(
                f"crops of {len(shapes)} shapes: {listed(sorted(shapes))}",
                where=str(folder),
                remedy="Remove the folder and run the stage crops.",
            )
        return cls(folder, parts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a crop."""
        _, channels, height, width = self._parts[0].shape
        return channels, height, width

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per crop: field key and `CELL_COLUMNS`."""
        return self._tables(CELLS, [*FIELD_KEY, *CELL_COLUMNS], len(self))

    @cached_property
    def field_table(self) -> pd.DataFrame:
        """One row per field of view, those without a crop too: field key and counts of cells."""
        return self._tables(FIELDS, [*FIELD_KEY, *COUNT_COLUMNS])

    @cached_property
    def fields(self) -> list[npt.NDArray[np.int64]]:
        """Indices of the crops of each field that has one, in the order of `field_table`."""
        counts = self.field_table[CROP_COUNT].to_numpy()
        if counts.sum() != len(self):
            raise _torn(self.folder, f"{len(self)} crops, but its fields count {counts.sum()}")
        ends = np.cumsum(counts)
        return [np.arange(end - n, end) for n, end in zip(counts, ends, strict=True) if n]

    def read(self, indices: Indices | Sequence[int]) -> Counts:
        """Read crops.

        Parameters
        ----------
        indices
            Shape (B,), in any order, repeats allowed.

        Returns
        -------
        numpy.ndarray
            (B, C, S, S) uint16, in the order of `indices`; the caller's own.

        Raises
        ------
        IndexError
            An index is not in 0 to ``len(self) - 1``.
        UserError
            A file has become shorter.
        """
        wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(
                f"crops {wanted.min()} to {wanted.max()} of a store of {len(self)} crops"
            )
        crops = np.empty((len(wanted), *self.shape), dtype=np.uint16)
        part_of = np.searchsorted(self._ends, wanted, side="right")
        # File by file: one that is not open is then opened once.
        for place in np.argsort(part_of, kind="stable").tolist():
            part = self._parts[part_of[place]]
            row = int(wanted[place] - self._ends[part_of[place]]) + part.shape[0]
            _read_crop(self._open(part.path), part, row, crops[place])
        return crops

    def _tables(self, ending: str, columns: list[str], length: int | None = None) -> pd.DataFrame:
        tables = [_read_table(part.sibling(ending), columns) for part in self._parts]
        table = pd.concat(tables, ignore_index=True)
        if length is not None and len(table) != length:
            raise _torn(self.folder, f"{length} crops, but its tables name {len(table)}")
        return table.astype(dict.fromkeys(FIELD_KEY, object))


class _Handle:
    """An open file; closed when nothing refers to it any more."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


def _read_crop(handle: _Handle, part: _Part, row: int, crop: Counts) -> None:
    """Read a crop of a plate row into `crop`."""
    begin = part.offset + row * crop.nbytes
    if os.preadv(handle.number, [crop.data], begin) != crop.nbytes:
        raise UserError(
            f"ends before crop {row} of {part.shape[0]}",
            where=str(part.path),
            remedy="Remove it and run the stage crops.",
        )


def _open_part(path: Path) -> _Part:
    """Read the header of a crop file, and check the file's length against it."""
    require_file(path, "Run the stage crops.")
    try:
        with path.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):
                raise ValueError(f"version {version} of the .npy format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            offset = stream.tell()
    except Exception as error:  # the parser of .npy headers meets garbled bytes in many ways
        if is_of_the_machine(error):
            raise
        raise _damaged(path, str(error)) from None
    if dtype != np.uint16 or fortran or len(shape) != 4 or min(shape) < 0:
        raise _damaged(path, f"an array of {dtype} with {len(shape)} axes")
    length = offset + math.prod(shape) * dtype.itemsize
    if path.stat().st_size != length:
        raise _damaged(path, f"{path.stat().st_size} bytes, expected {length}")
    return _Part(path, offset, shape)


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    require_file(path, "Run the stage crops.")
    return read_table(path, columns=columns, remedy="Remove it and run the stage crops.")


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"is no file of a crop store: {shortened(reason, 300)}",
        where=str(path),
        remedy="Remove it and run the stage crops.",
    )


def _torn(folder: Path, reason: str) -> UserError:
    return UserError(
        f"holds {reason}", where=str(folder), remedy="Remove the folder and run the stage crops."
    )


def _row(path: Path) -> str:
    """Name of the plate row that a file belongs to."""
    return f"{path.parent.name}/{path.name.split('.')[0]}"


def _order(path: Path) -> tuple[str, int, str]:
    """Plates by name, plate rows A to Z, AA, AB and so on."""
    return path.parent.name, len(path.stem), path.stem
