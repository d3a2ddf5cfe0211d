"""Fit a table that does not fit into memory: parquet in, parquet out, a chunk at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from phenoprot.curves.design import DoseDesign, raw
from phenoprot.curves.engine import fit_table
from phenoprot.curves.settings import FitSettings
from phenoprot.errors import UserError, listed
from phenoprot.files import atomic_path

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
        Parquet file with ``Name`` and ``Raw <experiment>`` columns. Names are taken as unique.
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
        raise UserError("the table has no row", where=str(source), remedy="Export it anew")
    fitted = 0
    with atomic_path(output) as temporary:
        writer: pq.ParquetWriter | None = None
        waiting: pa.Table | None = None
        try:
            for batch in file.iter_batches(batch_size=chunk_curves, columns=columns):
                curves = fit_table(batch.to_pandas(), design, settings, threads)
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
