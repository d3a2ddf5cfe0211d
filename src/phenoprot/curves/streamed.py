"""Curves of a readout that does not fit into memory: a block of proteins in each shard.

A shard reads its proteins from the screen, by path, and does all that the stage does with a smaller
readout at once; what it holds is bounded by the block. Its tables are written by chunks of
compounds, so that the parts of all blocks can be joined in the order of compounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenoprot.core.artefacts import damaged, read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import UserError, quoted
from phenoprot.core.files import atomic_path, file_sha256, fingerprint, write_parquet
from phenoprot.curves.blocks import FITTED
from phenoprot.curves.columns import CURVE_KEY, FILTER, LABEL, RATIO_COLUMNS, VALID_DOSES
from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.long import long_readout
from phenoprot.curves.position import POSITION_TERMS
from phenoprot.curves.screen import count_states, fit_screen
from phenoprot.curves.settings import CurveSettings
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contract import COMPOUND, PROTEIN, VALUE, WELL_KEY
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.readout import is_large, protein_blocks, to_long
from phenoprot.wells.position import chosen_terms, left_by_surfaces, remove_position_effects

ROWS_OF_CHUNK = 400_000
"""Curves, about, of a row group of the joined table."""
CURVES, RATIOS, LEFT = "curves.parquet", "ratios.parquet", "left.parquet"
_TEXTS = frozenset({COMPOUND, PROTEIN, FILTER, LABEL})


def is_streamed(screen: Screen, settings: CurveSettings) -> bool:
    """Whether the readout is large, and no option needs all curves at once."""
    table = screen.info.tables.proteomics
    if (
        table is None
        or table.design != "dose_response"
        or settings.engine != "batched"
        or settings.device is not None
    ):
        return False
    if settings.imputation or settings.normalization:
        return False
    return is_large(screen.folder / table.path)


@dataclass(frozen=True)
class ReadoutBlock:
    """Where the values of some proteins are, and how they are corrected."""

    folder: Path
    """The screen."""
    wells: pd.DataFrame
    """Wells of the readout, in its order."""
    proteins: tuple[str, ...]
    """Sorted."""
    terms: tuple[str, ...] = ()
    """Terms of the position's effect that are removed."""

    @property
    def title(self) -> str:
        """For people, e.g. ``P1 to P9``."""
        return f"{self.proteins[0]} to {self.proteins[-1]}"

    def rows(self) -> pd.DataFrame:
        """The rows of the readout, each well and protein once."""
        table = load_screen(self.folder).proteomics(set(self.proteins))
        key = [*WELL_KEY, PROTEIN]
        twice = table.duplicated(key)
        if twice.any():
            first = table.loc[twice, key].iloc[0]
            raise UserError(
                f"{int(twice.sum())} value(s) stand in the readout more than once, e.g. of "
                f"{quoted(first[PROTEIN])} in {' '.join(first[WELL_KEY])}",
                where="proteomics",
                remedy="Keep one row of each well and protein.",
            )
        return table

    def matrix(self, table: pd.DataFrame) -> pd.DataFrame:
        """Plate, well and one column per protein: every well of the readout, NaN where missing."""
        wide = table.pivot(index=WELL_KEY, columns=PROTEIN, values=VALUE)
        wide = wide.reindex(index=pd.MultiIndex.from_frame(self.wells), columns=[*self.proteins])
        wide.columns.name = None
        return wide.reset_index()

    def long(self, table: pd.DataFrame, layout: pd.DataFrame) -> pd.DataFrame:
        """The corrected values as :func:`phenoprot.curves.long.long_readout` gives them.

        Every well has a row of every protein, so that all blocks have the same dose designs.
        """
        matrix = self.matrix(table)
        values = matrix[[*self.proteins]].to_numpy(dtype=np.float64)
        if self.terms:
            corrected = remove_position_effects(logarithms(matrix), layout, self.terms)
            levels = np.exp2(corrected[[*self.proteins]].to_numpy(dtype=np.float64))
            values = np.where(np.isnan(levels), values, levels)
        long = to_long(matrix[WELL_KEY], [*self.proteins], values)
        return long_readout(long, layout)


def logarithms(matrix: pd.DataFrame) -> pd.DataFrame:
    """The log2 of a matrix of intensities; NaN where there is none."""
    values = matrix.drop(columns=WELL_KEY)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log2(values.where(np.isfinite(values) & (values > 0)))
    return pd.concat([matrix[WELL_KEY], logs], axis=1)


def readout_blocks(
    screen: Screen, work: Path, title: str, execution: ExecutionSettings, *, correct: bool
) -> list[ReadoutBlock]:
    """Cut a readout into blocks of proteins.

    Parameters
    ----------
    screen
        The screen.
    work
        Work folder of the shards, kept between runs.
    title
        For progress lines and errors.
    execution
        Executor and number of workers; no choice depends on it.
    correct
        Choose the terms of the position's effect that blocks are corrected by, over all proteins.
    """
    wells, folder = screen.readout_wells(), screen.folder.absolute()
    parts = protein_blocks(screen.proteins(), len(wells))
    blocks = [ReadoutBlock(folder, wells, part) for part in parts]
    if not correct:
        return blocks
    inputs, code = readout_inputs(screen), code_fingerprint(block_left.__module__)
    shards = [
        Shard(f"position of {b.title}", fingerprint("position", inputs, b.proteins, code), b)
        for b in blocks
    ]
    folders = run_shards(block_left, shards, work, f"{title}: position", execution)
    left = [
        read_table(place / LEFT, part)[[*part]].to_numpy()
        for place, part in zip(folders, parts, strict=True)
    ]
    terms = chosen_terms(np.concatenate(left, axis=1), wells, screen.wells())
    return [replace(block, terms=terms) for block in blocks]


def readout_inputs(screen: Screen) -> list[str]:
    """SHA-256 of the files that a block of the readout comes from."""
    readout = screen.info.tables.proteomics
    names = (readout.path if readout else "", screen.info.tables.layout)
    return [file_sha256(screen.folder / name) for name in names]


def block_left(block: ReadoutBlock, folder: Path) -> None:
    """In a worker process: write what each surface leaves of the negative controls of a block."""
    values = logarithms(block.matrix(block.rows()))
    left = left_by_surfaces(values, load_screen(block.folder).wells())
    write_parquet(folder / LEFT, pd.DataFrame(left, columns=[*block.proteins]))


@dataclass(frozen=True)
class CurveBlock:
    """The payload of a shard."""

    readout: ReadoutBlock
    settings: CurveSettings
    chunks: tuple[tuple[str, ...], ...]
    """All compounds, sorted; the tables have a row group for each chunk."""


def fit_block(block: CurveBlock, folder: Path) -> None:
    """In a worker process: write the fits and ratios of a block of proteins."""
    layout = load_screen(block.readout.folder).wells()
    table = block.readout.rows()
    measured = screen_curves(block.readout.long(table, layout), block.settings)
    fitted = fit_screen(measured, block.settings)
    # A compound and protein without a row in the readout have no curve.
    known = table.merge(layout, on=WELL_KEY)[CURVE_KEY].drop_duplicates()
    _write_chunks(folder / CURVES, fitted.merge(known, on=CURVE_KEY), block.chunks)
    _write_chunks(folder / RATIOS, mean_ratios(measured, block.settings), block.chunks)


def _write_chunks(path: Path, table: pd.DataFrame, chunks: Sequence[Sequence[str]]) -> None:
    """Write a table that is sorted by compound, a row group for each chunk of compounds."""
    number = {name: i for i, chunk in enumerate(chunks) for name in chunk}
    at = table[COMPOUND].map(number).to_numpy(dtype=np.int64)
    plain = _typed(table)
    with pq.ParquetWriter(path, plain.schema, compression="zstd") as writer:
        for i in range(len(chunks)):
            first, last = np.searchsorted(at, [i, i + 1])
            if last > first:
                writer.write_table(plain.slice(first, last - first), row_group_size=last - first)


def _typed(table: pd.DataFrame) -> pa.Table:
    """The table with types that do not depend on what a block happens to hold."""
    columns = []
    for name in table:
        kind = pa.int64() if name == VALID_DOSES else pa.float64()
        kind = pa.string() if name in _TEXTS else kind
        columns.append(pa.array(table[name], kind, from_pandas=True))
    return pa.table(columns, names=list(table))


def fit_screen_in_blocks(
    screen: Screen,
    settings: CurveSettings,
    work: Path,
    title: str,
    output: Path,
    *,
    correct: bool,
    execution: ExecutionSettings = LOCAL,
) -> dict[str, int]:
    """Fit the curves of a large readout and write both tables; every block is resumable.

    Parameters
    ----------
    screen
        The screen.
    settings
        Options of the fit, with the names of the screen.
    work
        Work folder of the shards, kept between runs.
    title
        For progress lines and errors.
    output
        Folder that receives ``curves.parquet`` and ``ratios.parquet``, sorted as those of
        :func:`phenoprot.curves.screen.fit_screen` and :func:`phenoprot.curves.designs.mean_ratios`.
    correct
        Remove the position's effect, as the negative controls show it.
    execution
        Executor and number of workers; no number depends on it.

    Returns
    -------
    dict
        As from :func:`phenoprot.curves.screen.count_states`, and ``position_terms``.
    """
    blocks = readout_blocks(screen, work, title, execution, correct=correct)
    chunks = _compound_chunks(screen.wells(), sum(len(block.proteins) for block in blocks))
    inputs = readout_inputs(screen)
    fit, code = settings.model_dump(mode="json"), code_fingerprint(fit_block.__module__)
    shards = []
    for block in blocks:
        key = fingerprint(inputs, block.proteins, block.terms, fit, chunks, code)
        shards.append(Shard(block.title, key, CurveBlock(block, settings, chunks)))
    folders = run_shards(fit_block, shards, work, title, execution)
    counts: dict[str, int] = {}
    files = [folder / CURVES for folder in folders]
    for part in _joined(files, output / CURVES, [*CURVE_KEY, VALID_DOSES, FILTER, *FITTED], chunks):
        states = part.select([LABEL, FILTER]).to_pandas()
        for state, count in count_states(states).items():
            counts[state] = counts.get(state, 0) + count
    files = [folder / RATIOS for folder in folders]
    for _ in _joined(files, output / RATIOS, RATIO_COLUMNS, chunks):
        pass
    return counts | {POSITION_TERMS: len(blocks[0].terms)}


def _compound_chunks(layout: pd.DataFrame, proteins: int) -> tuple[tuple[str, ...], ...]:
    names = sorted(layout[COMPOUND].dropna().unique())
    size = max(1, ROWS_OF_CHUNK // max(proteins, 1))
    return tuple(tuple(names[i : i + size]) for i in range(0, len(names), size))


def _joined(
    files: Sequence[Path], output: Path, columns: Sequence[str], chunks: Sequence[Sequence[str]]
) -> Iterator[pa.Table]:
    """Join the tables of blocks in the order of compounds, then proteins; yields what it wrote."""
    number = {name: i for i, chunk in enumerate(chunks) for name in chunk}
    with atomic_path(output) as temporary:
        sources = [pq.ParquetFile(path) for path in files]
        kind = sources[0].schema_arrow
        if list(kind.names) != [*columns]:
            raise damaged(files[0], f"has other columns than {', '.join(columns)}")
        at = [0] * len(sources)
        with pq.ParquetWriter(temporary, kind, compression="zstd") as writer:
            for i in range(len(chunks)):
                parts = []
                for block, source in enumerate(sources):
                    if at[block] == source.num_row_groups:
                        continue
                    part = source.read_row_group(at[block])
                    if number[part[COMPOUND][0].as_py()] == i:
                        parts.append(part)
                        at[block] += 1
                if parts:
                    table = _by_compound(parts)
                    writer.write_table(table, row_group_size=table.num_rows)
                    yield table


def _by_compound(parts: Sequence[pa.Table]) -> pa.Table:
    """Rows of sorted parts with ascending proteins, by compound."""
    pieces: list[tuple[str, int, pa.Table]] = []
    for number, part in enumerate(parts):
        names = part[COMPOUND].to_numpy()
        starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
        ends = np.append(starts[1:], len(names))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            pieces.append((names[start], number, part.slice(start, end - start)))
    pieces.sort(key=lambda piece: piece[:2])
    return pa.concat_tables([piece[2] for piece in pieces]).combine_chunks()
