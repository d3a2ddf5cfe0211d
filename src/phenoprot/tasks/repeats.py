"""The predictions of a row in all repeats, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import atomic_path, write_parquet
from phenoprot.tasks.columns import PREDICTION_COLUMNS
from phenoprot.tasks.predictions import repeating

TOGETHER = 2**26
"""Bytes of files that are in memory together, and become one row group. Of more, one is read at a
time, and becomes a row group."""


def write_repeats(path: Path, results: Sequence[Path]) -> None:
    """Write predictions one below the other.

    Parameters
    ----------
    path
        The parquet table to write.
    results
        Tables of the same columns, one per repeat.

    Raises
    ------
    UserError
        One is missing or damaged.
    """
    if sum(result.stat().st_size for result in results) <= TOGETHER:
        tables = [read_table(result, PREDICTION_COLUMNS) for result in results]
        write_parquet(path, pd.concat(tables, ignore_index=True))
        return
    schema = _group(results[0], None).schema
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=repeating(schema)
        ) as writer,
    ):
        for result in results:
            writer.write_table(_group(result, schema))


def _group(result: Path, schema: pa.Schema | None) -> pa.Table:
    """Predictions of one repeat, their columns in the order of a schema."""
    table = read_table(result, PREDICTION_COLUMNS)
    return pa.Table.from_pandas(table, schema, preserve_index=False)
