"""Protein readouts as wide tables: one row per well, one column per protein.

A parquet table of proteomics is wide if it has neither ``Metadata_Protein`` nor ``Value``: all its
columns but ``Metadata_*`` are then proteins. Seven thousand proteins take a fortieth of the rows'
keys of a long table, and some of them are read without the others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.tables import holds_numbers, parquet_columns, parquet_rows
from phenoprot.screens.contract import PROTEIN, VALUE, WELL_KEY
from phenoprot.screens.tables import read_table

LARGEST_IN_MEMORY = 5_000_000
"""Values of a readout up to which it is worked on as a whole (some 1.5 GB)."""
VALUES_OF_BLOCK = 1_500_000
"""Values of a block of proteins of a larger one."""


def is_large(path: Path) -> bool:
    """Whether a readout is to be worked on in blocks of proteins."""
    return readout_values(path) > LARGEST_IN_MEMORY


def is_wide(path: Path) -> bool:
    """Whether a table of proteomics is wide; a table that cannot be read is an error."""
    if path.suffix != ".parquet":
        return False
    names = parquet_columns(path)
    return not {PROTEIN, VALUE} & {*names} and bool(_proteins(names))


def readout_values(path: Path) -> int:
    """Values of a readout in parquet, missing ones of a wide table included; 0 of other tables."""
    if path.suffix != ".parquet":
        return 0
    rows = parquet_rows(path)
    return rows * len(wide_proteins(path)) if is_wide(path) else rows


def protein_blocks(proteins: list[str], wells: int) -> list[tuple[str, ...]]:
    """Proteins in blocks of about `VALUES_OF_BLOCK` values of so many wells."""
    count = max(1, -(-wells * len(proteins) // VALUES_OF_BLOCK))
    parts = np.array_split(np.array(proteins, dtype=object), min(count, max(len(proteins), 1)))
    return [tuple(part) for part in parts]


def wide_proteins(path: Path) -> list[str]:
    """Names of the proteins of a wide table, in its order."""
    return _proteins(parquet_columns(path))


def _proteins(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith(("Metadata_", "__index_level_"))]


def read_wide(path: Path, proteins: list[str]) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Read some proteins of a wide table.

    Returns
    -------
    keys
        Plate and well of every row, as far as the table has these columns.
    values
        (wells, proteins) float64, NaN where missing.

    Raises
    ------
    UserError
        A column holds no numbers.
    """
    there = [name for name in WELL_KEY if name in parquet_columns(path)]
    table = read_table(path, columns=[*there, *proteins])
    wrong = [
        f"{name} ({table[name].dtype})"
        for name in proteins
        if not holds_numbers(table[name]) and not table[name].isna().all()
    ]
    if wrong:
        raise UserError(
            f"{len(wrong)} column(s) hold no numbers: {listed(wrong)}; in a table without "
            f"{PROTEIN} and {VALUE} every column is a protein",
            where=str(path),
            remedy=f"Give one column of numbers per protein, or a long table with {PROTEIN} and "
            f"{VALUE}.",
        )
    return table[there], table[proteins].to_numpy(dtype=np.float64, na_value=np.nan)


def to_long(
    keys: pd.DataFrame, proteins: list[str], values: npt.NDArray[np.float64]
) -> pd.DataFrame:
    """One row per well and protein, well by well; a missing value is a row with NaN."""
    rows = np.repeat(np.arange(len(keys)), len(proteins))
    long = keys.iloc[rows].reset_index(drop=True)
    long[PROTEIN] = np.tile(np.array(proteins, dtype=object), len(keys))
    long[VALUE] = values.ravel()
    return long
