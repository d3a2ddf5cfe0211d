"""Wide protein tables of search engines: one row per protein group, one column per sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.core.notices import warn
from phenoprot.curves.long import IS_CONTROL, LONG, REPLICATE, check_long, one_unit
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.values import clips_negatives, intensities
from phenoprot.imports.proteins.marks import CONTAMINANTS, DECOYS, find_marked
from phenoprot.imports.tsv import read_tsv
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN, VALUE

# Columns of the map from a wide table's columns to samples; `unit` is optional.
SAMPLES = ("column", COMPOUND, CONCENTRATION, REPLICATE)


@dataclass(frozen=True)
class Layout:
    """Where a search engine's protein table holds what.

    Parameters
    ----------
    gene, protein
        Columns of the gene and of the protein identifier, which names rows without a gene.
    marks
        What the engine marks by columns or prefixes if it searched for it.
    members
        A column that lists all proteins behind a row; a row is a contaminant if all of them are.
    """

    gene: str
    protein: str
    marks: tuple[str, ...] = (CONTAMINANTS,)
    members: str | None = None


LAYOUTS = {
    # proteinGroups.txt; map its "LFQ intensity <sample>" columns.
    "maxquant": Layout("Gene names", "Protein IDs", marks=(CONTAMINANTS, DECOYS)),
    # report.pg_matrix.tsv; map its columns named after the raw files.
    "diann": Layout("Genes", "Protein.Group", members="Protein.Ids"),
    # combined_protein.tsv; map its "<sample> MaxLFQ Intensity" columns.
    "fragpipe": Layout("Gene", "Protein"),
}


def read_wide(
    path: Path,
    layout: str,
    samples: pd.DataFrame,
    settings: CurveSettings,
    gene_column: str | None = None,
) -> pd.DataFrame:
    """Read the wide protein table of a search engine into a long table.

    Rows of contaminants and decoys are left out, known by the engine's columns and by prefixes: see
    :mod:`phenoprot.imports.proteins.marks`. Their number, or that nothing marks them,
    is printed on stderr.

    Parameters
    ----------
    path
        Tab-separated table, one row per protein group; see :func:`phenoprot.imports.tsv.read_tsv`.
    layout
        ``maxquant``, ``diann`` or ``fragpipe``.
    samples
        Which column is which sample: columns `SAMPLES`, those of ``settings.control_group``, and
        optionally ``unit``.
    settings
        Names the controls and the unit.
    gene_column
        Column that names the rows, if not the layout's.

    Returns
    -------
    long
        Checked, as from `check_long`, without `IS_CONTROL`.

    Raises
    ------
    UserError
        The layout is unknown; the table or the map of samples cannot be read exactly, or lacks
        columns; a flag is neither set nor unset; names occur twice; or as from `check_long`.
    """
    path = Path(path)
    if layout not in LAYOUTS:
        raise UserError(
            f"unknown layout {quoted(layout)}",
            where=str(path),
            remedy=f"Use one of {', '.join(LAYOUTS)}",
        )
    shape = LAYOUTS[layout]
    _require(samples.columns, [*SAMPLES, *settings.control_group], "map of columns to doses")
    if samples["column"].duplicated().any():
        twice = samples["column"][samples["column"].duplicated()].unique()
        raise UserError(
            f"{len(twice)} column(s) are mapped twice: {listed(list(twice))}",
            where="map of columns to doses",
            remedy="Map every column once",
        )
    if "unit" in samples:
        one_unit(samples["unit"], settings.dose_unit, "map of columns to doses")
    table = read_tsv(path)
    gene = gene_column or shape.gene
    _require(table.columns, [gene, shape.protein, *samples["column"]], str(path))
    table = _targets(table, shape, gene, set(samples["column"]), str(path))
    unnamed = table[gene].isna() | table[gene].fillna("").map(
        lambda name: not name.strip() or is_missing_word(name)
    )
    names = table[gene].where(~unnamed, table[shape.protein])
    twice = names[names.duplicated()].dropna().unique()
    if len(twice):
        raise UserError(
            f"{len(twice)} name(s) in {gene!r} occur more than once: {listed(list(twice))}",
            where=str(path),
            remedy=f"Name the rows by another column, e.g. {shape.protein!r}",
        )
    parts = []
    negative = clips_negatives(settings)
    for sample in samples.to_dict("records"):
        column = sample["column"]
        values = intensities(table[column], column, str(path), names, negative=negative)
        part = pd.DataFrame({PROTEIN: names.to_numpy(), VALUE: values})
        for name in (*SAMPLES[1:], *settings.control_group):
            part[name] = sample[name]
        parts.append(part)
    long = pd.concat(parts, ignore_index=True)[[*LONG, *settings.control_group]]
    return check_long(long, settings, str(path)).drop(columns=IS_CONTROL)


def _targets(
    table: pd.DataFrame, shape: Layout, gene: str, samples: set[str], where: str
) -> pd.DataFrame:
    """Rows of the sample's own proteins; prints on stderr how many others there were."""
    marked = find_marked(
        table,
        table[shape.protein],
        table[gene],
        shape.marks,
        members=table.get(shape.members),
        but={*samples, gene, shape.protein},
        where=where,
    )
    if marked.untold:
        warn(
            f"no column and no prefix marks {' and '.join(marked.untold)}: if the search had any, "
            "they are read as proteins. Remove them, or export the table with its flag columns.",
            where,
        )
    out = marked.any
    if out.any():
        counts = ", ".join(f"{int(rows.sum())} {kind}" for kind, rows in marked.rows.items())
        warn(f"{int(out.sum())} of {len(out)} row(s) are left out: {counts}.", where)
    if out.all():
        raise UserError(
            f"no protein of the sample: all {len(out)} row(s) are contaminants or decoys"
            if len(out)
            else "the table has no row",
            where=where,
            remedy="Export the table again.",
        )
    return table[~out].reset_index(drop=True)


def _require(present: Sequence[str] | pd.Index, wanted: Sequence[str], where: str) -> None:
    missing = [name for name in wanted if name not in present]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy="Check the names, with their case and spaces",
        )
