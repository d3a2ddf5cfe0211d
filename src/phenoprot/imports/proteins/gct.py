"""GCT 1.2 and 1.3, the format of LINCS: https://clue.io/connectopedia/gct_format."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.tables import parse_delimited
from phenoprot.imports.columns import find, text
from phenoprot.imports.proteins.marks import find_marked
from phenoprot.imports.proteins.matrix import Matrix, numbers_of
from phenoprot.screens.contract import PLATE, WELL

GENES = ("pr_gene_symbol", "gene_symbol", "GeneSymbol", "Gene", "gene", "symbol")
SITES = ("pr_p100_phosphosite", "pr_gcp_histone_mark", "phosphosite", "site")
"""Columns of the site of a gene's product that a row measures: a part of its name."""
PROTEINS = ("pr_uniprot_id", "uniprot_id", "uniprot")
_MISSING = "-666"
"""What LINCS writes for missing annotations."""
_FIRST_LINES = re.compile(r"#1\.([23])[ \t]*(?:\r\n|\r|\n)([^\r\n]*)(?:\r\n|\r|\n)")


def is_gct(text: str) -> bool:
    """Whether a text begins as a GCT file does."""
    return text.startswith(("#1.2", "#1.3"))


def read_gct(content: str, name: str | None, where: str) -> Matrix:
    """Read a GCT file.

    Parameters
    ----------
    content
        The whole text.
    name
        Column of annotations that names the rows. None: the gene, with its site where there is
        one (``DYRK1A Y321``), else the id.
    where
        File.

    Raises
    ------
    UserError
        The numbers in the second line are not those of the table; or as of the strict reader.
    """
    match = _FIRST_LINES.match(content)
    counts = match[2].split("\t") if match else []
    long = bool(match and match[1] == "3")
    if match is None or len(counts) < (4 if long else 2) or not all(map(str.isdecimal, counts)):
        raise UserError(
            "the second line does not count rows, columns and annotations",
            where=where,
            remedy="Export the GCT file again.",
        )
    rows, columns, row_notes, column_notes = map(int, (*counts, 1, 0) if not long else counts)
    blank = "\n" * len(re.findall("\r\n|\r|\n", match[0]))
    table = parse_delimited(blank + content[match.end() :], where, "\t", quotes=False)
    found = (len(table) - column_notes, table.shape[1] - 1 - row_notes)
    if found != (rows, columns):
        raise UserError(
            f"line 2 counts {rows} rows and {columns} columns, the table has {found[0]} and "
            f"{found[1]}",
            where=where,
            remedy="The file is cut or changed: export it again.",
        )
    about = table.iloc[column_notes:, : 1 + row_notes].reset_index(drop=True)
    about = about.apply(text).replace(_MISSING, None)
    data = table.iloc[column_notes:, 1 + row_notes :].reset_index(drop=True)
    gene, protein = _names(about, name, where)
    marked = find_marked(about, protein, gene, (), but=set(about), where=where)
    kept = ~marked.any
    values = np.column_stack([numbers_of(data[column], where) for column in data])
    return Matrix(
        title=f"GCT, {columns} columns",
        rows=pd.DataFrame({"gene": gene, "protein": protein})[kept].reset_index(drop=True),
        values=values[kept],
        samples=_samples(table, row_notes, column_notes),
        left_out={kind: list(gene[at]) for kind, at in marked.rows.items() if at.any()},
        separators="",
    )


def _names(about: pd.DataFrame, name: str | None, where: str) -> tuple[pd.Series, pd.Series]:
    if name is not None and name not in about:
        raise UserError(
            f"has no column {quoted(name)} of annotations",
            where=where,
            remedy=f"--name takes one of: {listed([quoted(c) for c in about], 20)}.",
        )
    identifier = about.iloc[:, 0]
    protein = next((about[column] for column in PROTEINS if column in about), identifier)
    protein = protein.where(protein.notna(), identifier)
    if name is not None:
        return about[name], protein
    gene = next((about[column] for column in GENES if column in about), identifier)
    site = next((about[column] for column in SITES if column in about), None)
    if site is not None:
        gene = (gene + " " + site).where(gene.notna() & site.notna(), gene)
    return gene, protein


def _samples(table: pd.DataFrame, row_notes: int, column_notes: int) -> pd.DataFrame:
    """Annotations of the columns, with plate and well where they name them."""
    notes = table.iloc[:column_notes, 1 + row_notes :].T
    notes.columns = pd.Index(table.iloc[:column_notes, 0], dtype=object)
    notes = notes.apply(text).replace(_MISSING, None)
    samples = pd.DataFrame({"column": notes.index, "sample": notes.index})
    for key, ours, plain in ((PLATE, "det_plate", "plate"), (WELL, "det_well", "well")):
        column = ours if ours in notes else find(notes.columns, plain)
        if column is not None:
            samples[key] = notes[column].to_numpy()
    return pd.concat([samples, notes.reset_index(drop=True)], axis=1)
