"""Labels, levels and ceiling of a readout that does not fit into memory, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenoprot.core.artefacts import (
    REMEDY,
    damaged,
    is_of_the_machine,
    read_object,
    read_table,
)
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import listed
from phenoprot.core.files import (
    atomic_path,
    fingerprint,
    require_file,
    write_parquet,
)
from phenoprot.curves.columns import RATIO_COLUMNS
from phenoprot.curves.position import POSITION_TERMS
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.streamed import ReadoutBlock, readout_blocks, readout_inputs
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.readout.ceiling import CEILING_COLUMNS
from phenoprot.readout.ceiling_doses import dose_response_ceiling
from phenoprot.readout.dose_response import LABEL_COLUMNS, ratio_levels
from phenoprot.readout.settings import LabelSettings
from phenoprot.readout.single_dose import label_counts
from phenoprot.screens.contract import (
    PROTEIN,
    TREATMENT_KEY,
    WELL_KEY,
    feature_columns,
    treated_wells,
)
from phenoprot.screens.loader import Screen, load_screen

CEILING = "ceiling.parquet"


def label_screen_in_blocks(
    screen: Screen,
    curves: Path,
    settings: LabelSettings,
    fits: CurveSettings,
    output: Path,
    work: Path,
    title: str,
    execution: ExecutionSettings = LOCAL,
) -> dict[str, int]:
    """Write what :func:`phenoprot.readout.screen.label_screen` finds in a large dose response.

    Parameters
    ----------
    screen
        The screen.
    curves
        Folder of :func:`phenoprot.curves.streamed.fit_screen_in_blocks`.
    settings
        How ratios become levels.
    fits
        Options of the curves, with the names of the screen.
    output
        Folder that receives ``labels.parquet``, ``levels.parquet`` and ``ceiling.parquet``.
    work, title, execution
        Of the shards of the ceiling, see :func:`phenoprot.execution.run.run_shards`.

    Returns
    -------
    dict
        Labels in each state, and ``position_terms``.
    """
    counts = _write_labels(curves / "curves.parquet", output / "labels.parquet")
    _write_levels(curves / "ratios.parquet", output / "levels.parquet", settings)
    if _replicates(screen) < 2:
        write_parquet(output / CEILING, pd.DataFrame(columns=CEILING_COLUMNS))
    else:
        correct = settings.position_correction == "controls"
        _write_ceiling(screen, fits, output / CEILING, work, title, execution, correct=correct)
    terms = read_object(curves / "counts.json", [POSITION_TERMS])[POSITION_TERMS]
    return counts | {POSITION_TERMS: terms}


def _groups(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    """Row groups of a table of an earlier stage."""
    require_file(path, REMEDY)
    try:
        source = pq.ParquetFile(path)
        lacking = [name for name in columns if name not in source.schema_arrow.names]
        if lacking:
            raise damaged(path, f"lacks {len(lacking)} column(s): {listed(lacking)}")
        for i in range(source.num_row_groups):
            yield source.read_row_group(i, columns=columns)
    except (pa.ArrowException, OSError) as error:
        if is_of_the_machine(error):
            raise
        raise damaged(path, error) from None


def _write_labels(curves: Path, output: Path) -> dict[str, int]:
    """Select the columns of labels; returns their counts."""
    totals: dict[str, int] = {}
    proteins: set[str] = set()
    writer: pq.ParquetWriter | None = None
    with atomic_path(output) as temporary:
        for part in _groups(curves, LABEL_COLUMNS):
            # Row groups hold whole compounds: these add up, proteins do not.
            counts = label_counts(part.to_pandas())
            totals = {name: totals.get(name, 0) + count for name, count in counts.items()}
            proteins |= {*part[PROTEIN].unique().to_pylist()}
            writer = writer or pq.ParquetWriter(temporary, part.schema, compression="zstd")
            writer.write_table(part, row_group_size=part.num_rows)
        if writer is not None:
            writer.close()
    return totals | {"n_proteins": len(proteins)}


def _write_levels(ratios: Path, output: Path, settings: LabelSettings) -> None:
    """Treatments x proteins, some compounds at a time."""
    proteins: set[str] = set()
    for part in _groups(ratios, [PROTEIN]):
        proteins |= {*part[PROTEIN].unique().to_pylist()}
    names = [*TREATMENT_KEY, *sorted(proteins)]
    writer: pq.ParquetWriter | None = None
    with atomic_path(output) as temporary:
        for part in _groups(ratios, RATIO_COLUMNS):
            levels = ratio_levels(part.to_pandas(), settings.levels).reindex(columns=names)
            levels = levels.astype(dict.fromkeys(feature_columns(levels), "float32"))
            table = pa.Table.from_pandas(levels, preserve_index=False).replace_schema_metadata(None)
            writer = writer or pq.ParquetWriter(temporary, table.schema, compression="zstd")
            writer.write_table(table, row_group_size=table.num_rows)
        if writer is not None:
            writer.close()


def _replicates(screen: Screen) -> int:
    """Replicates that most treatments of the readout have."""
    wells = treated_wells(screen.wells()).merge(screen.readout_wells(), on=WELL_KEY)
    counts = wells.groupby(TREATMENT_KEY).size()
    return int(counts.mode().max()) if len(counts) else 0


@dataclass(frozen=True)
class CeilingBlock:
    """The payload of a shard."""

    readout: ReadoutBlock
    settings: CurveSettings


def block_ceiling(block: CeilingBlock, folder: Path) -> None:
    """In a worker process: write the ceiling of a block of proteins."""
    layout = load_screen(block.readout.folder).wells()
    long = block.readout.long(block.readout.rows(), layout)
    write_parquet(folder / CEILING, dose_response_ceiling(long, block.settings))


def _write_ceiling(
    screen: Screen,
    fits: CurveSettings,
    output: Path,
    work: Path,
    title: str,
    execution: ExecutionSettings,
    *,
    correct: bool,
) -> None:
    inputs = readout_inputs(screen)
    fit, code = fits.model_dump(mode="json"), code_fingerprint(block_ceiling.__module__)
    shards = []
    for block in readout_blocks(screen, work, title, execution, correct=correct):
        key = fingerprint(inputs, block.proteins, block.terms, fit, code)
        shards.append(Shard(block.title, key, CeilingBlock(block, fits)))
    folders = run_shards(block_ceiling, shards, work, title, execution)
    parts = [read_table(folder / CEILING, CEILING_COLUMNS) for folder in folders]
    write_parquet(output, pd.concat([part for part in parts if len(part)], ignore_index=True))
