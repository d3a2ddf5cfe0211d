"""Read target annotations of any known source into the table of a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file
from phenoprot.core.sqlite import is_sqlite
from phenoprot.core.tables import unpacked_text
from phenoprot.imports.compounds import Compounds
from phenoprot.imports.proteins.groups import changed_by_spreadsheets
from phenoprot.imports.targets import chembl, chembl_database, gtopdb, plain, ttd
from phenoprot.imports.targets.drugbank import read_drugbank
from phenoprot.imports.targets.source import Annotations, by_name, read_source
from phenoprot.screens.contract import COMPOUND, SOURCE, TARGET
from phenoprot.screens.tables import folded_name

ENOUGH = 5
"""Compounds of a target from which it is counted as one to be predicted."""


@dataclass(frozen=True)
class TargetOptions:
    """What a user says of target annotations."""

    source: str | None = None
    """Text for ``Metadata_Source``; the name of the source and its release if not given."""
    known_action: bool = False
    """DrugBank: only targets by which a drug is known to act."""
    all_organisms: bool = False
    """Targets of other organisms than human, too."""
    min_pchembl: float = 6.0
    """ChEMBL: least median pChEMBL of a compound and a target."""
    evidence: Literal["activities", "mechanisms", "both"] = "both"
    """ChEMBL: which of its annotations."""
    genes: Path | None = None
    """ChEMBL's tables: table of UniProt identifiers and genes."""


@dataclass(frozen=True)
class TargetReport:
    """What was read and matched.

    Parameters
    ----------
    source, licence
        Where the annotations are from, and their terms.
    drugs
        Number of substances with targets in the source.
    by_structure, by_name
        Compounds found by the first block of the InChIKey, and by name.
    differs
        Compounds found by name whose structure in the source is another one.
    without_target
        Compounds that are in the source, and have no target that counts.
    unmatched
        Compounds that are not in the source.
    unknown_structure
        Number of compounds without InChIKey and SMILES.
    pairs, targets, panel
        Numbers of pairs, of targets, and of targets with at least :data:`ENOUGH` compounds.
    left_out
        Annotations that are left out, by reason; of the whole source.
    """

    source: str
    licence: str
    drugs: int
    by_structure: list[str]
    by_name: list[str]
    differs: list[str]
    without_target: list[str]
    unmatched: list[str]
    unknown_structure: int
    pairs: int
    targets: int
    panel: int
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report in lines of text, the numbers first."""
        parts = [
            ("compound(s) found by name have another structure there", self.differs),
            ("compound(s) found have no target that counts", self.without_target),
            ("compound(s) are not in the source", self.unmatched),
        ]
        unknown = self.unknown_structure
        return [
            f"{self.source}: {self.pairs} pairs, {self.targets} targets, {self.panel} of them "
            f"with at least {ENOUGH} compounds",
            f"compounds found: {len(self.by_structure)} by structure, {len(self.by_name)} by name; "
            f"{self.drugs} substances in the source have targets",
            *([f"licence: {self.licence}"] if self.licence else []),
            *(f"{len(names)} {what}: {listed(names)}" for what, names in parts if names),
            *([f"{unknown} compound(s) have neither InChIKey nor SMILES"] if unknown else []),
            *(f"left out, {reason}: {count}" for reason, count in self.left_out.items()),
            *self.notes,
        ]


@dataclass(frozen=True)
class Targets:
    """Target annotations, ready for a screen.

    Parameters
    ----------
    table
        ``Metadata_Compound``, ``Metadata_Target``, ``Metadata_Source``, by compound and target.
    report
        What was done.
    """

    table: pd.DataFrame
    report: TargetReport

    @property
    def lines(self) -> list[str]:
        """The report in lines of text."""
        return self.report.lines()


def read_targets(
    paths: Path | Sequence[Path],
    compounds: pd.DataFrame,
    options: TargetOptions = TargetOptions(),
) -> Targets:
    """Read target annotations of the compounds of a screen.

    Parameters
    ----------
    paths
        The files of one source, or a folder that holds them: DrugBank's XML; TTD's P1-01, P1-02,
        P1-07; ChEMBL's SQLite release or its tables and ``chembl_uniprot_mapping.txt``; the Guide
        to Pharmacology's interactions and ligands; or a plain table.
    compounds
        ``Metadata_Compound``; where known ``Metadata_InChIKey`` and ``Metadata_SMILES``.
    options
        What the user says.

    Raises
    ------
    UserError
        The source is unknown, a file cannot be read exactly, no compound has a target.
    """
    given = [paths] if isinstance(paths, Path) else list(paths)
    files = [file for path in given for file in _files(path)]
    index = Compounds(compounds)
    annotations = _annotations(files, options, index)
    pairs: dict[tuple[str, str], None] = {}
    found: dict[str, dict[str, bool]] = {"structure": {}, "name": {}}
    drugs = 0
    for drug in annotations.drugs:
        drugs += bool(drug.targets)
        match = index.find(drug.inchikeys, drug.names)
        if match.how is not None:
            found[match.how] |= dict.fromkeys(match.compounds, match.differs)
        pairs |= dict.fromkeys(
            (name, target) for name in match.compounds for target in drug.targets
        )
    where = listed([str(path) for path in given])
    if not pairs:
        raise UserError(
            f"no compound of the screen has a target: {drugs} substance(s) have targets, "
            f"{len(found['structure']) + len(found['name'])} compound(s) are found",
            where=where,
            remedy="Check the names and InChIKeys of the wells table, and the options.",
        )
    source = options.source or annotations.source
    table = _table(pairs, source)
    have = set(table[COMPOUND])
    by_name = {n: d for n, d in found["name"].items() if n not in found["structure"]}
    matched = {*found["structure"], *by_name}
    counts = table[TARGET].value_counts()
    report = TargetReport(
        source=source,
        licence=annotations.licence,
        drugs=drugs,
        by_structure=sorted(found["structure"]),
        by_name=sorted(by_name),
        differs=sorted(name for name, differs in by_name.items() if differs),
        without_target=sorted(matched - have),
        unmatched=[name for name in index.names if name not in matched],
        unknown_structure=len(index.names) - index.with_structure,
        pairs=len(table),
        targets=len(counts),
        panel=int((counts >= ENOUGH).sum()),
        left_out={reason: n for reason, n in annotations.left_out.items() if n},
        notes=[*annotations.notes, *_odd_names(pd.Series(counts.index, dtype=object))],
    )
    return Targets(table, report)


def _odd_names(names: pd.Series) -> list[str]:
    """What looks wrong with the names of targets, in lines of text."""
    found = (
        (changed_by_spreadsheets(names), "look like what spreadsheets make of MARCHF1"),
        (
            names.str.contains(", ?(?=[A-Z0-9]{2})").to_numpy(),
            "hold a comma and are read as one name; several stand between | or ;",
        ),
    )
    return [
        f"{int(odd.sum())} target(s) {what}: {listed([quoted(n) for n in sorted(names[odd])])}"
        for odd, what in found
        if odd.any()
    ]


def _table(pairs: dict[tuple[str, str], None], source: str) -> pd.DataFrame:
    """Pairs as the table of the contract; targets that differ in case only are one."""
    spelling: dict[str, Counter[str]] = {}
    for _, target in pairs:
        spelling.setdefault(folded_name(target), Counter())[target] += 1
    one = {key: max(sorted(found), key=found.__getitem__) for key, found in spelling.items()}
    rows = sorted({(compound, one[folded_name(target)]) for compound, target in pairs})
    return pd.DataFrame(rows, columns=[COMPOUND, TARGET]).assign(**{SOURCE: source})


def _files(path: Path) -> list[Path]:
    """A file, or the files of a folder."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")
        if not files:
            raise UserError("holds no file", where=str(path), remedy="Check the path.")
        return files
    require_file(path)
    return [path]


def _kind(path: Path) -> str | None:
    """Source and part that a file is, by its content: ``ttd P1-01``; None: of no known source."""
    if path.name.endswith((".xml", ".xml.gz", ".zip")):
        return "drugbank"
    if is_sqlite(path):
        return "chembl sqlite"
    content = "" if path.suffix.lower() in {".parquet", ".xlsx"} else unpacked_text(path)
    part = "mapping" if chembl.is_mapping(content) else ttd.kind_of(content)
    if part is None:
        return _kind_of_header(read_source(path)[0].columns)
    return f"chembl {part}" if part == "mapping" else f"ttd {part}"


def _kind_of_header(columns: pd.Index) -> str | None:
    if {"targetid", "drugid"} <= by_name(columns).keys():
        return "ttd P1-07"
    part = gtopdb.kind_of(columns)
    if part is not None:
        return f"guide {part}"
    if chembl.is_table(columns):
        return "chembl table"
    return "plain" if plain.is_plain(columns) else None


def _annotations(files: list[Path], options: TargetOptions, index: Compounds) -> Annotations:
    """Read the files of one source."""
    kinds: dict[str, list[Path]] = {}
    for file in files:
        kinds.setdefault(_kind(file) or "unknown", []).append(file)
    unknown = kinds.pop("unknown", [])
    sources = {kind.partition(" ")[0] for kind in kinds}
    where = listed([str(file) for file in (unknown or files)])
    if unknown or len(sources) != 1:
        raise UserError(
            f"{len(unknown)} file(s) are of no known source"
            if unknown
            else f"the files are of {len(sources)} sources: {listed(sorted(sources))}",
            where=where,
            remedy="Known are DrugBank's XML, TTD's P1-01, P1-02, P1-07, ChEMBL's SQLite and its "
            "tables, the Guide to Pharmacology's interactions and ligands, and tables with a "
            "compound and a target. Give the files of one source.",
        )
    twice = [kind for kind, paths in kinds.items() if len(paths) > 1 and kind != "chembl table"]
    if twice:
        raise UserError(
            f"several files are {quoted(twice[0])}",
            where=where,
            remedy="Give each file of a source once.",
        )
    one = {kind.partition(" ")[2]: paths[0] for kind, paths in kinds.items()}
    source = sources.pop()
    organisms = options.all_organisms
    if source == "drugbank":
        return read_drugbank(one[""], known_action=options.known_action, all_organisms=organisms)
    if source == "ttd":
        return ttd.read_ttd(one, all_organisms=organisms)
    if source == "guide":
        if "interactions" not in one:
            raise UserError(
                "the table of interactions is missing", where=where, remedy="Give it, too."
            )
        return gtopdb.read_guide(one["interactions"], one.get("ligands"), all_organisms=organisms)
    if source == "plain":
        return plain.read_plain(one[""])
    limits = chembl.Limits(options.min_pchembl, options.evidence, organisms)
    if "sqlite" in one:
        return chembl_database.read_sqlite(one["sqlite"], limits, index.blocks, index.lower_names)
    if "table" not in one:
        raise UserError(
            "a table of activities or mechanisms is missing", where=where, remedy="Give it, too."
        )
    return chembl.read_tables(kinds["chembl table"], limits, one.get("mapping"), options.genes)
