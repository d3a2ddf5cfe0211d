"""Long tables: one row per sample and protein, and the report of DIA-NN by precursor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.tables import read_parquet
from phenoprot.imports.columns import find, folded, text
from phenoprot.imports.proteins.marks import CONTAMINANTS, find_marked
from phenoprot.imports.proteins.matrix import Matrix, numbers_of, require_columns, require_rows
from phenoprot.imports.proteins.wide import RAW_FILE
from phenoprot.screens.contract import PLATE, WELL

REPORT = ("Run", "Protein.Group", "Genes")
QUANTITIES = ("PG.MaxLFQ", "PG.Normalised", "PG.Quantity", "PG.TopN")
LIMITS = {
    "Q.Value": 0.01,
    "Global.Q.Value": 0.01,
    "Lib.Q.Value": 0.01,
    "PG.Q.Value": 0.05,
    "Global.PG.Q.Value": 0.01,
    "Lib.PG.Q.Value": 0.01,
}
"""Largest q-values of rows that count, as in the matrices that DIA-NN itself writes: 1 % for
precursors and, over all runs, for protein groups; 5 % for a protein group in its run."""
GENES = ("gene", "genesymbol", "genes", "genename", "genenames")
PROTEINS = (
    "protein", "proteinname", "uniprot", "uniprotid", "accession", "proteingroup", "proteinid",
    "analyte", "assay", "marker",
)  # fmt: skip
VALUES = ("value", "intensity", "abundance", "quantity", "level", "npx", "signal", "proteinvalue")
SAMPLES = ("sample", "run", "sampleid", "samplename", "filename")


def report_columns(names: list[str]) -> list[str]:
    """The columns of a DIA-NN report that are read, of those that it has."""
    wanted = (*REPORT, "Protein.Ids", "Decoy", "Channel", *QUANTITIES, *LIMITS)
    return [name for name in wanted if name in names]


def is_report(columns: pd.Index) -> bool:
    """Whether a header is that of a DIA-NN report."""
    return set(REPORT) <= set(columns) and bool(set(QUANTITIES) & set(columns))


def read_parquet_table(path: Path) -> pd.DataFrame:
    """Read a parquet table; of a DIA-NN report, which may be large, only what is needed."""
    try:
        names = pyarrow.parquet.read_schema(path).names
    except (pa.ArrowException, OSError):
        return read_parquet(path)  # says what is wrong
    return read_parquet(path, report_columns(names) if is_report(pd.Index(names)) else None)


def read_report(table: pd.DataFrame, quantity: str | None, where: str) -> Matrix:
    """Read DIA-NN's report, by precursor, into protein groups by run.

    Rows of decoys, and rows with a q-value above :data:`LIMITS`, are left out. The quantity of a
    protein group stands in all rows of its precursors in a run, and must be the same there.

    Raises
    ------
    UserError
        Columns are missing, a run has several channels, values are no numbers or contradict.
    """
    require_columns(table.columns, REPORT, where)
    require_rows(len(table), where)
    known = [name for name in QUANTITIES if name in table]
    quantity = quantity or (known[0] if known else QUANTITIES[0])
    require_columns(table.columns, [quantity], where)
    if "Channel" in table and len(table["Channel"].dropna().unique()) > 1:
        raise UserError(
            "the report has several channels in a run",
            where=f"{where}, column 'Channel'",
            remedy="Give the pg_matrix of each channel.",
        )
    _require_names(table, where)
    group = text(table["Protein.Group"])
    marked = find_marked(
        table,
        group,
        text(table["Genes"]),
        (CONTAMINANTS,),
        members=text(table["Protein.Ids"]) if "Protein.Ids" in table else None,
        but={*REPORT, "Protein.Ids"},
        where=where,
    )
    left = {kind: _once(group[rows]) for kind, rows in marked.rows.items() if rows.any()}
    good = _confident(table, where) & ~marked.any
    lost = sorted(set(group[~marked.any].dropna()) - set(group[good].dropna()))
    if lost:
        left["above the limits of q-values"] = lost
    table, group = table[good], group[good]
    part = pd.DataFrame(
        {
            "run": table["Run"].map(lambda name: RAW_FILE.sub("", str(name))),
            "protein": group,
            "gene": text(table["Genes"]),
            "value": numbers_of(table[quantity], where),
        }
    )
    spread = part.groupby(["run", "protein"], sort=False)["value"].agg(["min", "max"])
    torn = spread.index[(spread["max"] - spread["min"]) > 1e-5 * spread["max"].abs()]
    if len(torn):
        names = [f"{protein} in {run}" for run, protein in torn]
        raise UserError(
            f"{len(torn)} protein group(s) have several quantities in a run: {listed(names)}",
            where=f"{where}, column {quoted(quantity)}",
            remedy="Give the report of one search, as DIA-NN wrote it.",
        )
    once = part.drop_duplicates(["run", "protein"])
    matrix = _pivot(once, f"DIA-NN report, {quantity}", where)
    return Matrix(
        matrix.title, matrix.rows, matrix.values, matrix.samples, "linear", left, marked.untold
    )


def _require_names(table: pd.DataFrame, where: str) -> None:
    """Stop if a row has no run or no protein group, or these are no text."""
    for column in REPORT[:2]:
        absent = text(table[column]).isna().to_numpy()
        wrong = absent | ~table[column].map(lambda cell: isinstance(cell, str)).to_numpy()
        if wrong.any():
            rows = [int(row) + 1 for row in np.flatnonzero(wrong)]
            raise UserError(
                f"{len(rows)} row(s) have no name in {quoted(column)}: row {listed(rows)}",
                where=where,
                remedy="Give the report as DIA-NN wrote it.",
            )


def _confident(table: pd.DataFrame, where: str) -> npt.NDArray[np.bool_]:
    good = np.ones(len(table), dtype=bool)
    for column, limit in LIMITS.items():
        if column in table:
            q = numbers_of(table[column], where)
            good &= (q <= limit) | np.isnan(q)
    return good


def _once(names: pd.Series) -> list[str]:
    return list(dict.fromkeys(names.dropna()))


def long_columns(columns: pd.Index) -> dict[str, str] | None:
    """Columns of a long table by what they hold; None: it is none.

    Needs a value, a gene or protein, and a well or sample. Names are compared without
    ``Metadata_``, case and signs.
    """
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(folded(column), column)
    found = {}
    for what, names in (
        ("gene", GENES), ("protein", PROTEINS), ("value", VALUES), ("sample", SAMPLES),
    ):  # fmt: skip
        column = next((by_name[name] for name in names if name in by_name), None)
        if column is not None:
            found[what] = column
    for what in ("plate", "well"):
        column = find(columns, what)
        if column is not None:
            found[what] = column
    named = "gene" in found or "protein" in found
    return found if "value" in found and named and ("well" in found or "sample" in found) else None


def read_long(table: pd.DataFrame, where: str) -> Matrix:
    """Read a long table.

    Raises
    ------
    UserError
        Columns are missing, a row has no sample, a protein has two values in a sample, a value is
        no number.
    """
    columns = long_columns(table.columns)
    if columns is None:
        raise UserError(
            "is no long table: it needs a protein or gene, a value, and a well or sample",
            where=where,
            remedy="Name the columns Metadata_Plate, Metadata_Well, Metadata_Protein, Value.",
        )
    require_rows(len(table), where)
    names = {what: text(table[columns[what]]) for what in columns if what != "value"}
    nothing = pd.Series([None] * len(table), index=table.index, dtype=object)
    gene, protein = names.get("gene", nothing), names.get("protein", nothing)
    if "well" in names:
        places = names.get("plate", nothing).fillna("") + "\t" + names["well"].fillna("")
        absent = names["well"].isna() | ("plate" in names and names["plate"].isna())
    else:
        places, absent = names["sample"], names["sample"].isna()
    if absent.any():
        rows = [int(row) + 2 for row in np.flatnonzero(absent)]
        raise UserError(
            f"{len(rows)} row(s) have no plate, well or sample: row {listed(rows)}",
            where=where,
            remedy="Fill them in, or remove these rows.",
        )
    nameless = np.flatnonzero(gene.isna() & protein.isna())
    if len(nameless):
        rows = [int(row) + 2 for row in nameless]
        raise UserError(
            f"{len(rows)} row(s) have no protein: row {listed(rows)}",
            where=where,
            remedy="Name the protein, or remove these rows.",
        )
    marked = find_marked(
        table, protein, gene, (), but={c for w, c in columns.items() if w != "value"}, where=where
    )
    shown = gene.where(gene.notna(), protein)
    left = {kind: _once(shown[rows]) for kind, rows in marked.rows.items() if rows.any()}
    value = numbers_of(table[columns["value"]], where)
    part = pd.DataFrame({"run": places, "protein": protein, "gene": gene, "value": value})
    part = part[~marked.any]
    twice = part.duplicated(["run", "protein", "gene"])
    if twice.any():
        first = part[twice].iloc[0]
        name = first["gene"] if first["gene"] is not None else first["protein"]
        raise UserError(
            f"{int(twice.sum())} row(s) repeat a protein in its well: e.g. {quoted(name)} in "
            f"{quoted(first['run'].strip().replace(chr(9), '/'))}",
            where=where,
            remedy="Give each protein one row in each well.",
        )
    matrix = _pivot(part, "long table", where)
    samples = matrix.samples
    if "well" in names:
        split = samples["column"].str.split("\t")
        samples = samples.assign(column=samples["column"].str.strip().str.replace("\t", "/"))
        samples["sample"] = samples["column"]
        if "plate" in names:
            samples[PLATE] = split.str[0]
        samples[WELL] = split.str[1]
    return Matrix(matrix.title, matrix.rows, matrix.values, samples, None, left, separators=";")


def _pivot(part: pd.DataFrame, title: str, where: str) -> Matrix:
    """Rows of ``run``, ``protein``, ``gene``, ``value`` as a matrix, in the order of the file."""
    require_rows(len(part), where)
    key = part["protein"].fillna("") + "\t" + part["gene"].fillna("")
    rows, groups = pd.factorize(key)
    columns, runs = pd.factorize(part["run"])
    values = np.full((len(groups), len(runs)), np.nan)
    values[rows, columns] = part["value"]
    first = part[~key.duplicated()][["gene", "protein"]].reset_index(drop=True)
    samples = pd.DataFrame({"column": runs, "sample": runs}, dtype=object)
    return Matrix(title, first, values, samples)
