"""Fit a table that does not fit into memory: parquet in, parquet out, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import atomic_path, require_file
from phenoprot.core.outputs import require_output
from phenoprot.curves.curvecurator import fit_table, raw
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.values import clips_negatives, intensities, required_names

# Rows of a row group of the output; fixed, so that the chunk size changes no byte of the file.
ROW_GROUP = 100_000


def fit_parquet(
    source: Path,
    output: Path,
    design: DoseDesign,
    settings: FitSettings,
    *,
    threads: int = 1,
    chunk_curves: int = 200_000,
) -> int:
    """Fit the curves of a parquet file with the batched engine; returns how many were fitted.

    Parameters
    ----------
    source
        Parquet file with ``Name`` (strings) and ``Raw <experiment>`` columns (numbers >= 0, or
        missing). Names are assumed to be unique.
    output
        Parquet file that receives CurveCurator's columns, ``zstd`` compressed.
    design, settings
        Doses and options; imputation and normalisation need the whole table and are refused.
    threads
        Threads that share the curves of a chunk.
    chunk_curves
        Curves in memory at a time. Neither this nor `threads` changes a byte of the output.
    """
    if settings.imputation or settings.normalization:
        raise UserError(
            "imputation and normalization need all curves at once",
            where=str(source),
            remedy="Fit the table in memory, or impute and normalise it beforehand",
        )
    require_output(output, {"source": source})
    require_file(source)
    with _readable(source):
        file = pq.ParquetFile(source)
    columns = ["Name", *raw(design.experiments)]
    missing = [name for name in columns if name not in file.schema_arrow.names]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=str(source),
            remedy="Every experiment needs a column 'Raw <experiment>'",
        )
    if file.metadata.num_rows == 0:
        raise UserError("the table has no row", where=str(source), remedy="Export it again.")
    fitted = 0
    with atomic_path(output) as temporary:
        writer: pq.ParquetWriter | None = None
        waiting: pa.Table | None = None
        try:
            for chunk in _chunks(file, chunk_curves, columns, source):
                curves = fit_table(_checked(chunk, settings, source), design, settings, threads)
                fitted += len(curves)
                # A chunk without a call would otherwise have a column of another type.
                part = pa.Table.from_pandas(curves, preserve_index=False)
                place = part.schema.get_field_index("Curve Regulation")
                part = part.set_column(
                    place, "Curve Regulation", part.column(place).cast(pa.string())
                ).replace_schema_metadata(None)
                waiting = part if waiting is None else pa.concat_tables([waiting, part])
                if writer is None:
                    writer = pq.ParquetWriter(temporary, part.schema, compression="zstd")
                while waiting.num_rows >= ROW_GROUP:
                    writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks())
                    waiting = waiting.slice(ROW_GROUP)
            if writer is not None and waiting is not None and waiting.num_rows:
                writer.write_table(waiting.combine_chunks())
        finally:
            if writer is not None:
                writer.close()
    return fitted


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    """Report a damaged file in one line."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            f"cannot be read: {error}", where=str(source), remedy="Export or copy it again."
        ) from None


def _chunks(
    file: pq.ParquetFile, rows: int, columns: list[str], source: Path
) -> Iterator[pd.DataFrame]:
    batches = file.iter_batches(batch_size=rows, columns=columns)
    while True:
        with _readable(source):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch.to_pandas()


def _checked(table: pd.DataFrame, settings: FitSettings, source: Path) -> pd.DataFrame:
    """The table with its intensities as float64; stops at invalid names and values."""
    where = str(source)
    names = required_names(table["Name"], "Name", where)
    negative = clips_negatives(settings)
    for column in table.columns.drop("Name"):
        table[column] = intensities(table[column], column, where, names, negative=negative)
    return table
