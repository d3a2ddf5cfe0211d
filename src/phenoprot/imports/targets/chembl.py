"""ChEMBL: activities above a pChEMBL, and mechanisms, from tables of its website."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.tables import unpacked_text
from phenoprot.imports.columns import text
from phenoprot.imports.proteins.matrix import numbers_of, require_rows
from phenoprot.imports.targets.source import (
    LICENCES,
    Annotations,
    Drug,
    by_name,
    read_source,
    required,
    split_names,
)

CONFIDENCE = 8
"""Least confidence that an assay is of its target: a homologous single protein."""
BINDING = frozenset({"B", "Binding", "B - Binding"})
HUMAN = "Homo sapiens"


@dataclass(frozen=True)
class Limits:
    """Which annotations of ChEMBL count."""

    min_pchembl: float = 6.0
    """Least median pChEMBL of a compound and a target; 6 is 1 uM."""
    evidence: str = "both"
    """``activities``, ``mechanisms`` or ``both``."""
    all_organisms: bool = False
    """Targets of other organisms than human, too."""


@dataclass
class Molecule:
    """What the rows of one molecule say."""

    names: dict[str, None] = field(default_factory=dict)
    keys: dict[str, None] = field(default_factory=dict)
    smiles: str | None = None
    values: dict[str, list[float]] = field(default_factory=dict)
    """pChEMBL values by target."""
    acts_on: dict[str, None] = field(default_factory=dict)
    """Targets of its mechanisms."""


def is_table(columns: Iterable[str]) -> bool:
    """Whether a header is that of activities or mechanisms."""
    known = by_name(columns)
    molecule = {"moleculechemblid", "parentmoleculechemblid"} & set(known)
    return bool(molecule) and "targetchemblid" in known


def is_mapping(content: str) -> bool:
    """Whether a text is ChEMBL's table of targets and their UniProt identifiers."""
    return content.startswith("# chembl") and "target list" in content[:200]


def read_mapping(path: Path) -> dict[str, list[tuple[str, str]]]:
    """UniProt identifiers and type of each target, from ``chembl_uniprot_mapping.txt``.

    Raises
    ------
    UserError
        A line has not four fields.
    """
    targets: dict[str, list[tuple[str, str]]] = {}
    for number, line in enumerate(unpacked_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 4 or not fields[1].startswith("CHEMBL"):
            raise UserError(
                f"line {number} is not UniProt, target, name, type: {quoted(line)}",
                where=str(path),
                remedy="Give chembl_uniprot_mapping.txt as ChEMBL has it.",
            )
        targets.setdefault(fields[1], []).append((fields[0], fields[3].strip()))
    return targets


def read_genes(path: Path) -> dict[str, str]:
    """Gene by UniProt identifier, from a table of UniProt or HGNC, or one of two such columns.

    Raises
    ------
    UserError
        It has no such columns.
    """
    table, _ = read_source(path)
    known = by_name(table.columns)
    accession = next(
        (known[n] for n in ("entry", "uniprotids", "uniprot", "from") if n in known), None
    )
    symbols = ("genenamesprimary", "genenames", "symbol", "approvedsymbol", "gene", "to")
    symbol = next((known[n] for n in symbols if n in known), None)
    if accession is None or symbol is None:
        raise UserError(
            "has no column of UniProt identifiers and of genes",
            where=f"{path}, header",
            remedy="Its columns are: uniprot, gene (or UniProt's Entry, Gene Names (primary)).",
        )
    genes: dict[str, str] = {}
    for identifiers, names in zip(text(table[accession]), text(table[symbol]), strict=True):
        first = next(split_names(names, r"[; ]"), None)
        if first:
            genes |= dict.fromkeys(split_names(identifiers, r"[;|, ]"), first)
    return genes


def read_tables(
    paths: list[Path], limits: Limits, mapping: Path | None, genes: Path | None
) -> Annotations:
    """Read tables of activities and of mechanisms.

    They are made by ChEMBL's site or by a query. The name of a target is its gene if `genes` and
    `mapping` say it, else its UniProt identifier if `mapping` does, else its ChEMBL id.

    Parameters
    ----------
    paths
        Tables with the columns ``molecule_chembl_id``, ``target_chembl_id`` and, of activities,
        ``pchembl_value``.
    limits
        Which rows count. Where the tables have columns for it, only binding assays of a
        confidence of at least :data:`CONFIDENCE`, single proteins, and rows without a comment on
        their validity count.
    mapping
        ``chembl_uniprot_mapping.txt``.
    genes
        Table of UniProt identifiers and genes. Targets that it lacks are taken for those of
        other organisms.

    Raises
    ------
    UserError
        Columns are missing, a pChEMBL is no number.
    """
    annotations = Annotations("ChEMBL", (), LICENCES["ChEMBL"])
    targets = None if mapping is None else read_mapping(mapping)
    symbols = None if genes is None else read_genes(genes)
    molecules: dict[str, Molecule] = {}
    for path in paths:
        _add_table(path, molecules, limits, annotations.left_out)
    name = Names(targets, symbols, limits.all_organisms, annotations.left_out)
    annotations.drugs = drugs_of(molecules, limits, name)
    if targets is None:
        annotations.notes.append("targets have ChEMBL ids (no chembl_uniprot_mapping.txt)")
    elif symbols is None:
        annotations.notes.append("targets have UniProt identifiers (no --genes)")
    return annotations


def _add_table(
    path: Path, molecules: dict[str, Molecule], limits: Limits, left_out: Counter[str]
) -> None:
    """Add the rows of a table to their molecules."""
    table, _ = read_source(path)
    where = str(path)
    require_rows(len(table), where)
    known = by_name(table.columns)
    identifier = known.get("moleculechemblid") or known.get("parentmoleculechemblid")
    target = required(known, ("targetchemblid",), where)[0]
    if identifier is None:
        required(known, ("moleculechemblid",), where)
    activities = "pchemblvalue" in known
    if not activities:
        required(known, ("actiontype",), where)
    if (limits.evidence, activities) in {("activities", False), ("mechanisms", True)}:
        left_out["rows of other evidence"] += len(table)
        return
    column = {name: text(table[known[name]]) for name in known}
    kept = _counting(column, limits, left_out)
    value = numbers_of(table[known["pchemblvalue"]], where) if activities else None
    if value is not None:
        left_out["rows without a pChEMBL"] += int((kept & np.isnan(value)).sum())
        kept &= ~np.isnan(value)
    ids, of_target = text(table[identifier]), text(table[target])
    kept &= (ids.notna() & of_target.notna()).to_numpy()
    rows = np.flatnonzero(kept)
    nothing = pd.Series([None] * len(table), dtype=object)

    def first(*names: str) -> pd.Series:
        return next((column[name] for name in names if name in column), nothing)

    keys = first("standardinchikey", "inchikey")
    smiles = first("smiles", "canonicalsmiles")
    names = first("moleculename", "parentmoleculename", "prefname", "moleculeprefname")
    synonyms = first("synonyms")
    for row in rows:
        molecule = molecules.setdefault(ids.iloc[row], Molecule())
        if keys.iloc[row]:
            molecule.keys[keys.iloc[row]] = None
        molecule.smiles = molecule.smiles or smiles.iloc[row]
        molecule.names |= dict.fromkeys(split_names(names.iloc[row], "\n"))
        molecule.names |= dict.fromkeys(split_names(synonyms.iloc[row], r"\|"))
        if value is None:
            molecule.acts_on[of_target.iloc[row]] = None
        else:
            molecule.values.setdefault(of_target.iloc[row], []).append(float(value[row]))


def _counting(
    column: dict[str, pd.Series], limits: Limits, left_out: Counter[str]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Rows that count, by the columns that the table has."""
    size = len(next(iter(column.values())))
    kept = np.ones(size, dtype=np.bool_)

    def only(reason: str, good: pd.Series) -> None:
        nonlocal kept
        left_out[reason] += int((kept & ~good.to_numpy()).sum())
        kept = kept & good.to_numpy()

    if "assaytype" in column:
        only("rows of other assays than binding", column["assaytype"].isin(BINDING))
    if "confidencescore" in column:
        score = pd.Series(numbers_of(column["confidencescore"], "confidence_score"))
        only(f"rows of a confidence below {CONFIDENCE}", score >= CONFIDENCE)
    if "targettype" in column and "pchemblvalue" in column:
        only("rows of no single protein", column["targettype"].str.upper() == "SINGLE PROTEIN")
    if "datavaliditycomment" in column:
        comment = column["datavaliditycomment"]
        only("rows of doubtful validity", comment.isna() | comment.eq("Manually validated"))
    if "potentialduplicate" in column:
        only("rows that repeat another", ~column["potentialduplicate"].isin(["1", "True", "true"]))
    organism = column.get("targetorganism")
    if organism is not None and not limits.all_organisms:
        only("rows of other organisms", organism == HUMAN)
    return kept


@dataclass
class Names:
    """Names of targets."""

    targets: dict[str, list[tuple[str, str]]] | None
    genes: dict[str, str] | None
    all_organisms: bool
    left_out: Counter[str]

    def of(self, target: str, *, single: bool) -> list[str]:
        """Names of the proteins of a target; `single`: only of one that is a single protein."""
        if self.targets is None:
            return [target]
        proteins = self.targets.get(target, [])
        if not proteins or (single and proteins[0][1].upper() != "SINGLE PROTEIN"):
            self.left_out["pairs without a protein" if not proteins else "pairs of complexes"] += 1
            return []
        if self.genes is None:
            return [accession for accession, _ in proteins]
        named = [self.genes[accession] for accession, _ in proteins if accession in self.genes]
        if len(named) < len(proteins) and self.all_organisms:
            return [self.genes.get(accession, accession) for accession, _ in proteins]
        if not named:
            self.left_out["pairs of targets that --genes lacks"] += 1
        return named


def drugs_of(molecules: dict[str, Molecule], limits: Limits, names: Names) -> Iterator[Drug]:
    """Molecules of one structure together: their values have one median."""
    from phenoprot.screens.structures import connectivity

    groups: dict[str, list[str]] = {}
    for identifier, molecule in molecules.items():
        if not molecule.keys and molecule.smiles:
            molecule.keys[connectivity(molecule.smiles)] = None
        block = next(iter(molecule.keys), identifier).partition("-")[0]
        groups.setdefault(block, []).append(identifier)
    for block in sorted(groups):
        yield _joined([molecules[i] for i in groups[block]], groups[block][0], limits, names)


def _joined(molecules: list[Molecule], identifier: str, limits: Limits, names: Names) -> Drug:
    values: dict[str, list[float]] = {}
    acts_on: dict[str, None] = {}
    for molecule in molecules:
        acts_on |= molecule.acts_on
        for target, found in molecule.values.items():
            values.setdefault(target, []).extend(found)
    targets: dict[str, None] = {}
    for target, found in values.items():
        if median(found) < limits.min_pchembl:
            names.left_out[f"pairs of a median pChEMBL below {limits.min_pchembl:g}"] += 1
        else:
            targets |= dict.fromkeys(names.of(target, single=True))
    for target in acts_on:
        targets |= dict.fromkeys(names.of(target, single=False))
    return Drug(
        identifier,
        tuple(name for molecule in molecules for name in molecule.names),
        tuple(key for molecule in molecules for key in molecule.keys if key),
        tuple(targets),
    )
