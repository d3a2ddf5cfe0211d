"""What the segment stage leaves in its folder: names of files and columns, and how to find them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from phenoprot.core.errors import UserError, listed

OBJECTS = "objects.parquet"
"""The table of objects of the whole screen."""
ENDING = ".zip"
"""Of the files of masks, ``<plate>/<row>.zip``."""
SCORE = "score.json"
"""File that says how good the masks are, where the true ones are known."""
NUCLEI = "nuclei.json"
"""The nucleus diameter, used and measured; of the method ``cellprofiler``."""

CELLS, BORDER, DEAD, UNPAIRED = "Count_Cells", "Count_Border", "Count_Dead", "Count_Unpaired"
"""Columns of the table of objects: cells in the masks, those of them that touch the border of the
field, dead cells left out, and cells or nuclei left out because they had no counterpart."""
CONFLUENT = "Confluent"
"""Column of the table of objects: 1 where cells left no background to find their outlines by."""
COUNTS = (CELLS, BORDER, DEAD, UNPAIRED)


def masks_files(folder: Path, rows: Sequence[str]) -> list[Path]:
    """Find the file of masks of each plate row.

    Parameters
    ----------
    folder
        What the stage segment wrote: ``<plate>/<row>.zip``.
    rows
        Plate rows, e.g. ``BR00117010/C``.

    Raises
    ------
    UserError
        Plate rows have no file; the message counts and lists them.
    """
    files = [folder / f"{row}{ENDING}" for row in rows]
    missing = [row for row, path in zip(rows, files, strict=True) if not path.is_file()]
    if missing:
        raise UserError(
            f"no masks for {len(missing)} of {len(rows)} plate rows: {listed(missing)}",
            where=str(folder),
            remedy="Segment the fields of view first (stage segment).",
        )
    return files
