"""Proteomics tables: long, and the wide protein tables of search engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.curves.design import dose_scale
from phenoprot.curves.readers import intensities
from phenoprot.curves.settings import CurveSettings
from phenoprot.errors import UserError, listed

LONG = ("compound", "concentration", "replicate", "gene", "intensity")
# Columns of the map from a wide table's columns to samples; `unit` is optional.
SAMPLES = ("column", "compound", "concentration", "replicate")


@dataclass(frozen=True)
class Layout:
    """Where a search engine's protein table holds what.

    Parameters
    ----------
    gene, protein
        Columns of the gene and of the protein identifier, which names rows without a gene.
    flags
        Columns whose ``+`` marks decoys and contaminants; those rows are left out.
    """

    gene: str
    protein: str
    flags: tuple[str, ...] = ()


LAYOUTS = {
    # proteinGroups.txt; map its "LFQ intensity <sample>" columns.
    "maxquant": Layout(
        gene="Gene names",
        protein="Protein IDs",
        flags=("Reverse", "Potential contaminant", "Only identified by site"),
    ),
    # report.pg_matrix.tsv; map its columns named after the raw files.
    "diann": Layout(gene="Genes", protein="Protein.Group"),
    # combined_protein.tsv; map its "<sample> MaxLFQ Intensity" columns.
    "fragpipe": Layout(gene="Gene", protein="Protein"),
}


def check_long(table: pd.DataFrame, settings: CurveSettings, where: str) -> pd.DataFrame:
    """Check a long table and give its columns their types.

    Parameters
    ----------
    table
        Columns `LONG`, those of ``settings.control_group``, and optionally ``unit``. Intensities
        are >= 0, missing ones NaN, and 0 counts as missing.
    settings
        Names the controls and the unit.
    where
        Name of the table in messages.

    Returns
    -------
    checked
        The same rows; ``control`` tells negative controls (by name, or by concentration 0).
    """
    wanted = [*LONG, *settings.control_group]
    missing = [name for name in wanted if name not in table]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy=f"A long table has the columns {', '.join(wanted)}",
        )
    if table.empty:
        raise UserError("the table has no row", where=where, remedy="Export it anew")
    if "unit" in table:
        one_unit(table["unit"], settings.dose_unit, where)
    out = table[wanted].copy()
    for name in ("compound", "replicate", "gene", *settings.control_group):
        out[name] = out[name].astype(str)
    out["intensity"] = intensities(out["intensity"], "intensity", where, out["gene"])
    out["intensity"] = out["intensity"].replace(0.0, np.nan)
    concentration = pd.to_numeric(out["concentration"], errors="coerce")
    named = out["compound"] == settings.control_compound
    bad = ~named & ~(np.isfinite(concentration) & (concentration >= 0))
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} treated row(s) have no concentration >= 0, "
            f"e.g. {out['concentration'][bad].iloc[0]!r} of {out['compound'][bad].iloc[0]}",
            where=where,
            remedy=f"Give numbers in {settings.dose_unit}",
        )
    out["concentration"] = concentration
    out["control"] = named | (concentration == 0)
    if not out["control"].any():
        raise UserError(
            f"there is no control: no row has the compound {settings.control_compound!r} or the "
            "concentration 0",
            where=where,
            remedy="Set control_compound",
        )
    key = ["compound", "concentration", "replicate", "gene", *settings.control_group]
    twice = out.duplicated(key, keep=False)
    if twice.any():
        first = out.loc[twice, key].iloc[0].tolist()
        raise UserError(
            f"{int(twice.sum())} rows share compound, concentration, replicate and gene, "
            f"e.g. {', '.join(map(str, first))}",
            where=where,
            remedy="Keep one row of each, or number the replicates",
        )
    absent = out.groupby("gene")["intensity"].count()
    absent = absent[absent == 0]
    if len(absent):
        raise UserError(
            f"{len(absent)} gene(s) have no value anywhere: {listed(list(absent.index))}",
            where=where,
            remedy="Remove them",
        )
    return out


def one_unit(units: pd.Series, expected: str, where: str) -> None:
    """Raise UserError unless every unit means `expected`."""
    found = sorted(units.astype(str).unique())
    if any(dose_scale(unit) != dose_scale(expected) for unit in found):
        raise UserError(
            f"concentrations are in {listed(found)}, not all in {expected}",
            where=where,
            remedy="Convert them to one unit and set dose_unit to it",
        )


def read_wide(
    path: Path,
    layout: str,
    samples: pd.DataFrame,
    settings: CurveSettings,
    gene_column: str | None = None,
) -> pd.DataFrame:
    """Read the wide protein table of a search engine into a long table.

    Parameters
    ----------
    path
        Tab-separated table, one row per protein group.
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
        Checked, as from `check_long`, without its column ``control``.
    """
    if layout not in LAYOUTS:
        raise UserError(
            f"unknown layout {layout!r}", where=str(path), remedy=f"Use one of {', '.join(LAYOUTS)}"
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
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise UserError(
            "there is no such file", where=str(path), remedy="Check the path"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise UserError("the file is empty", where=str(path), remedy="Export it anew") from error
    gene = gene_column or shape.gene
    _require(table.columns, [gene, shape.protein, *samples["column"]], str(path))
    for flag in shape.flags:
        if flag in table:
            table = table[table[flag] != "+"]
    names = table[gene].where(table[gene] != "", table[shape.protein])
    twice = names[names.duplicated()].unique()
    if len(twice):
        raise UserError(
            f"{len(twice)} name(s) in {gene!r} occur more than once: {listed(list(twice))}",
            where=str(path),
            remedy=f"Name the rows by another column, e.g. {shape.protein!r}",
        )
    parts = []
    for sample in samples.to_dict("records"):
        values = intensities(table[sample["column"]], sample["column"], str(path), names)
        part = pd.DataFrame({"gene": names.to_numpy(), "intensity": values})
        for name in (*SAMPLES[1:], *settings.control_group):
            part[name] = sample[name]
        parts.append(part)
    long = pd.concat(parts, ignore_index=True)[[*LONG, *settings.control_group]]
    return check_long(long, settings, str(path)).drop(columns="control")


def _require(present: Sequence[str] | pd.Index, wanted: Sequence[str], where: str) -> None:
    missing = [name for name in wanted if name not in present]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy="Check the names, with their case and spaces",
        )
