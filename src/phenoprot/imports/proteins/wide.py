"""Wide tables of search engines: one row per protein group, one column per sample."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.imports.proteins.marks import CONTAMINANTS, DECOYS, FLAGS, find_marked
from phenoprot.imports.proteins.matrix import (
    Matrix,
    Scale,
    numbers_of,
    require_columns,
    require_rows,
)

RAW_FILE = re.compile(
    r"^.*[\\/]|\.(?:raw|d|wiff2?|mzml|htrms|dia|raw\.dia|mzml\.dia|d\.dia)$", re.IGNORECASE
)
"""Folder and extension of a file of spectra."""
_GN = re.compile(r"\bGN=(\S+)")


@dataclass(frozen=True)
class Wide:
    """Where a source's wide table holds what.

    Parameters
    ----------
    title
        The source, for people.
    signature
        Columns that tell this source; all must be there.
    genes, proteins
        Columns of genes and of protein identifiers, the first that is there counts.
    quantities
        Columns of a quantity: a pattern whose group ``sample`` names the sample; the first that
        has columns is read, unless another is asked for.
    scales
        Scale of each quantity, ``linear`` if not given.
    headers
        A column that holds ``GN=<gene>``, for tables without a column of genes.
    marks
        What the source marks if it searched for it.
    members
        A column of all proteins behind a row.
    others
        Columns that are no samples, for sources whose samples have plain names.
    """

    title: str
    signature: tuple[str, ...]
    genes: tuple[str, ...]
    proteins: tuple[str, ...]
    quantities: dict[str, str]
    scales: dict[str, Scale] = field(default_factory=dict)
    headers: str | None = None
    marks: tuple[str, ...] = (CONTAMINANTS,)
    members: str | None = None
    others: frozenset[str] = frozenset()


_OF_DIANN = frozenset(
    [
        "Protein.Group",
        "Protein.Ids",
        "Protein.Names",
        "Genes",
        "First.Protein.Description",
        "N.Sequences",
        "N.Proteotypic.Sequences",
    ]
)
_OF_TMT = frozenset(
    [
        "Index",
        "NumberPSM",
        "Gene",
        "ProteinID",
        "Protein ID",
        "Protein",
        "Peptide",
        "Peptides",
        "Entry Name",
        "Organism",
        "Protein Description",
        "SequenceWindow",
        "Sequence Window",
        "Start",
        "End",
        "MaxPepProb",
        "ReferenceIntensity",
    ]
)
_NO_LFQ = r"(?<! MaxLFQ)(?<! Unique)(?<! Total)(?<! Razor)(?<!^Combined)"
DIALECTS: dict[str, Wide] = {
    "maxquant": Wide(
        "MaxQuant proteinGroups",
        signature=("Protein IDs",),
        genes=("Gene names", "Gene name", "Genes"),
        proteins=("Majority protein IDs", "Protein IDs"),
        quantities={
            "LFQ intensity": r"LFQ intensity (?P<sample>.+)",
            "Reporter intensity corrected": r"Reporter intensity corrected (?P<sample>.+)",
            "Intensity": r"Intensity (?P<sample>.+)",
            "iBAQ": r"iBAQ (?!peptides$)(?P<sample>.+)",
        },
        headers="Fasta headers",
        marks=(CONTAMINANTS, DECOYS),
    ),
    "diann": Wide(
        "DIA-NN pg_matrix",
        signature=("Protein.Group", "Genes"),
        genes=("Genes",),
        proteins=("Protein.Group",),
        quantities={"PG.MaxLFQ": r"(?P<sample>.+)"},
        members="Protein.Ids",
        others=_OF_DIANN,
    ),
    "fragpipe": Wide(
        "FragPipe combined_protein",
        signature=("Protein", "Gene"),
        genes=("Gene",),
        proteins=("Protein ID", "Protein"),
        quantities={
            "MaxLFQ Intensity": r"(?P<sample>.+) MaxLFQ Intensity",
            "Intensity": rf"(?P<sample>.+){_NO_LFQ} Intensity",
        },
    ),
    "fragpipe_tmt": Wide(
        "FragPipe TMT-Integrator",
        signature=("Index", "ReferenceIntensity"),
        genes=("Gene", "Index"),
        proteins=("ProteinID", "Protein ID", "Index"),
        quantities={"abundance": r"(?P<sample>.+)"},
        scales={"abundance": "log2"},
        others=_OF_TMT,
    ),
    "spectronaut": Wide(
        "Spectronaut pivot report",
        signature=("PG.ProteinGroups",),
        genes=("PG.Genes",),
        proteins=("PG.ProteinGroups", "PG.ProteinAccessions"),
        quantities={
            "PG.Quantity": r"(?:\[\d+\] )?(?P<sample>.+)\.PG\.Quantity(?: \(Settings\))?",
            "PG.NormalizedQuantity": r"(?:\[\d+\] )?(?P<sample>.+)\.PG\.NormalizedQuantity",
            "PG.Log2Quantity": r"(?:\[\d+\] )?(?P<sample>.+)\.PG\.Log2Quantity",
        },
        scales={"PG.Log2Quantity": "log2"},
    ),
    "proteome_discoverer": Wide(
        "Proteome Discoverer proteins",
        signature=("Accession", "Description"),
        genes=("Gene Symbol", "Gene"),
        proteins=("Accession",),
        quantities={
            "Abundances (Normalized)": r"Abundances? \(Normalized\):? (?P<sample>.+)",
            "Abundance": r"Abundance: (?P<sample>.+)",
            "Abundances (Scaled)": r"Abundances? \(Scaled\):? (?P<sample>.+)",
            "Abundances (Grouped)": r"Abundances? \(Grouped\):? (?P<sample>.+)",
        },
        headers="Description",
    ),
    "curvecurator": Wide(
        "CurveCurator input",
        signature=("Name",),
        genes=("Name",),
        proteins=("Name",),
        quantities={"Raw": r"Raw (?P<sample>.+)"},
    ),
}
"""Sources by the name that ``--dialect`` takes, in the order in which a header is compared."""


def quantity_columns(dialect: Wide, columns: pd.Index) -> dict[str, dict[str, str]]:
    """Column and sample of every quantity that the table has."""
    found: dict[str, dict[str, str]] = {}
    for quantity, pattern in dialect.quantities.items():
        compiled = re.compile(pattern)
        matches = {
            column: RAW_FILE.sub("", RAW_FILE.sub("", match["sample"]))
            for column in columns
            if column not in dialect.others
            and not _is_flag(column)
            and (match := compiled.fullmatch(column))
        }
        if matches:
            found[quantity] = matches
    return found


def _is_flag(column: str) -> bool:
    return column.lower() in FLAGS


def detect(columns: pd.Index) -> list[str]:
    """Dialects whose signature and a quantity the header has; the first is the most likely."""
    return [
        name
        for name, dialect in DIALECTS.items()
        if set(dialect.signature) <= set(columns) and quantity_columns(dialect, columns)
    ]


def read_wide(table: pd.DataFrame, name: str, quantity: str | None, where: str) -> Matrix:
    """Read a wide table.

    Parameters
    ----------
    table
        All cells text.
    name
        Key of :data:`DIALECTS`.
    quantity
        Key of its quantities; None: the first that the table has.
    where
        File.

    Raises
    ------
    UserError
        Columns are missing, a value is no number, a flag is neither set nor unset.
    """
    dialect = DIALECTS[name]
    require_columns(table.columns, dialect.signature, where)
    require_rows(len(table), where)
    table, notes = _without_annotations(table)
    table, others = _masters(table, where)
    known = quantity_columns(dialect, table.columns)
    if not known or (quantity is not None and quantity not in known):
        raise UserError(
            f"no column of {quoted(quantity) if quantity else 'a quantity'}",
            where=where,
            remedy=f"Name another --quantity: {listed([quoted(k) for k in known])}."
            if known
            else f"{dialect.title} has columns such as {listed(list(dialect.quantities))}.",
        )
    quantity = quantity or next(iter(known))
    columns = known[quantity]
    _require_samples(columns, where)
    gene, protein = _names(table, dialect, set(columns))
    marked = find_marked(
        table,
        table[dialect.signature[0]] if name in {"maxquant", "fragpipe"} else protein,
        gene,
        dialect.marks if set(table) & set(dialect.proteins) - {"Name"} else (),
        members=table.get(dialect.members),
        but={*columns, *dialect.genes, *dialect.proteins},
        where=where,
    )
    shown = gene.where(gene.notna(), protein).fillna("")
    left = {kind: list(shown[rows]) for kind, rows in marked.rows.items() if rows.any()} | others
    kept = ~marked.any
    values = np.column_stack([numbers_of(table[column], where) for column in columns])
    return Matrix(
        title=f"{dialect.title}, {quantity}",
        rows=pd.DataFrame({"gene": gene[kept], "protein": protein[kept]}).reset_index(drop=True),
        values=values[kept],
        samples=pd.DataFrame({"column": list(columns), "sample": list(columns.values())}),
        scale=None if name == "curvecurator" else dialect.scales.get(quantity, "linear"),
        left_out=left,
        untold=marked.untold,
        notes=notes,
    )


def _names(table: pd.DataFrame, dialect: Wide, samples: set[str]) -> tuple[pd.Series, pd.Series]:
    """Genes and proteins of the rows; genes from the FASTA headers where there is no column."""

    def first(names: tuple[str, ...]) -> pd.Series | None:
        return next((table[n] for n in names if n in table and n not in samples), None)

    gene, protein = first(dialect.genes), first(dialect.proteins)
    if gene is None and dialect.headers in table:
        found = table[dialect.headers].str.extract(_GN)[0]
        gene = found.str.rstrip(";,").where(found.notna(), None)
    nothing = pd.Series([None] * len(table), index=table.index, dtype=object)
    return gene if gene is not None else nothing, protein if protein is not None else nothing


def _without_annotations(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out the rows below the header that Perseus writes: ``#!{Type}E``."""
    rows = table.iloc[:, 0].str.startswith("#!{", na=False)
    if not rows.any():
        return table, ()
    table = table[~rows].reset_index(drop=True)
    return table, (f"{int(rows.sum())} row(s) of annotations by Perseus are no proteins",)


def _masters(table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Leave out the proteins that Proteome Discoverer lists beside the master of their group."""
    if "Master" not in table:
        return table, {}
    words = table["Master"].fillna("").str.strip()
    known = {"IsMasterProtein": True, "Master Protein": True, "Master": True, "True": True}
    known |= dict.fromkeys(
        (
            "IsMasterProteinCandidate", "IsMasterProteinRejected", "None", "", "False",
            "Master Protein Candidate", "Master Protein Rejected",
        ),
        False,
    )  # fmt: skip
    strange = sorted(set(words) - set(known))
    if strange:
        raise UserError(
            f"{len(strange)} word(s) in 'Master' are unknown: {listed(strange)}",
            where=where,
            remedy="Export the table again, or leave the column out.",
        )
    masters = words.map(known).to_numpy(dtype=bool)
    if masters.all() or not masters.any():
        return table, {}
    names = list(table.loc[~masters, "Accession"].fillna(""))
    return table[masters].reset_index(drop=True), {"no master protein of their group": names}


def _require_samples(columns: dict[str, str], where: str) -> None:
    """Stop if two columns are of one sample."""
    names = pd.Series(list(columns.values()), dtype=object)
    twice = list(names[names.duplicated()].unique())
    if twice:
        raise UserError(
            f"{len(twice)} sample(s) have several columns: {listed([quoted(n) for n in twice])}",
            where=where,
            remedy="Give each sample one column.",
        )
