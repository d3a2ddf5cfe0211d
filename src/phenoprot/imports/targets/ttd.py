"""TTD, the Therapeutic Target Database: targets (P1-01), drugs (P1-02), their pairs (P1-07)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.tables import unpacked_text
from phenoprot.imports.columns import text
from phenoprot.imports.targets.source import (
    LICENCES,
    Annotations,
    Drug,
    by_name,
    read_source,
    required,
    split_names,
)

BEGIN = {"P1-01": "TARGETID", "P1-02": "DRUG__ID"}
"""Field with which a block of a file begins."""
_VERSION = re.compile(r"Version ([0-9.]+)")


@dataclass
class Target:
    """A target of P1-01."""

    gene: str = ""
    uniprot: str = ""
    drugs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name and status by identifier."""


def kind_of(content: str) -> str | None:
    """Which file of TTD a text is; None: none."""
    for kind, begin in BEGIN.items():
        if re.search(rf"^[^\t\r\n]+\t{begin}\t", content, re.MULTILINE):
            return kind
    return None


def read_blocks(content: str, kind: str, where: str) -> Iterator[tuple[str, str, list[str]]]:
    """Lines of a flat file of TTD below its prose: identifier, field, values.

    Raises
    ------
    UserError
        A line is no such line, or stands in the block of another identifier; it is named.
    """
    begin, block = BEGIN[kind], None
    for number, line in enumerate(re.split("\r\n|\r|\n", content), 1):
        fields = [part.strip() for part in line.split("\t")]
        if block is None and (len(fields) < 3 or fields[1] != begin):
            continue  # prose above the first block
        if not any(fields):
            continue
        if len(fields) < 3 or not fields[0] or not fields[1]:
            raise UserError(
                f"line {number} is no line of TTD: {quoted(line)}",
                where=where,
                remedy="Its lines are an identifier, a field and values, between tabs. Download "
                "the file again.",
            )
        if fields[1] == begin:
            block = fields[0]
        if fields[0] != block:
            raise UserError(
                f"line {number} is of {quoted(fields[0])} and stands in the block of "
                f"{quoted(block)}",
                where=where,
                remedy="A block begins with its identifier. Download the file again.",
            )
        yield fields[0], fields[1], fields[2:]


def read_ttd(files: dict[str, Path], *, all_organisms: bool = False) -> Annotations:
    """Read drugs and their targets.

    A pair counts if P1-01 (``DRUGINFO``) or P1-07 has it. Structures come from P1-02; without it
    drugs are found by name only.

    Parameters
    ----------
    files
        Paths by ``P1-01`` (needed), ``P1-02``, ``P1-07``.
    all_organisms
        Targets of other organisms than human, too: those whose ``UNIPROID`` does not end in
        ``_HUMAN``.

    Raises
    ------
    UserError
        P1-01 is not given; a file is not as TTD writes it.
    """
    if "P1-01" not in files:
        raise UserError(
            "P1-01 is missing",
            where="TTD",
            remedy="Give P1-01-TTD_target_download.txt, too: it holds the genes of the targets.",
        )
    targets, version = _targets(files["P1-01"])
    annotations = Annotations(f"TTD {version}".strip(), (), LICENCES["TTD"])
    names: dict[str, dict[str, None]] = {}
    pairs: dict[str, dict[str, None]] = {}
    for identifier, target in targets.items():
        for drug, (name, _) in target.drugs.items():
            names.setdefault(drug, {})[name] = None
            pairs.setdefault(drug, {})[identifier] = None
    if "P1-07" in files:
        unknown = 0
        for target_id, drug in _mapping(files["P1-07"]):
            unknown += target_id not in targets
            pairs.setdefault(drug, {})[target_id] = None
        if unknown:
            annotations.left_out["targets of P1-07 that P1-01 lacks"] = unknown
    keys = _structures(files["P1-02"], names) if "P1-02" in files else {}
    if not keys:
        annotations.notes.append("no structures (P1-02): drugs are found by name only")
    drugs = []
    for drug, identifiers in sorted(pairs.items()):
        genes: dict[str, None] = {}
        for identifier in identifiers:
            if (target_of := targets.get(identifier)) is None:
                continue
            human = all(part.endswith("_HUMAN") for part in split_names(target_of.uniprot, "[;,]"))
            if target_of.uniprot and not human and not all_organisms:
                annotations.left_out["of other organisms"] += 1
            elif not target_of.gene:
                annotations.left_out["without a gene"] += 1
            else:
                genes |= dict.fromkeys(split_names(target_of.gene, "[;,]"))
        drugs.append(Drug(drug, tuple(names.get(drug, ())), keys.get(drug, ()), tuple(genes)))
    annotations.drugs = drugs
    return annotations


def _targets(path: Path) -> tuple[dict[str, Target], str]:
    content, where = unpacked_text(path), str(path)
    targets: dict[str, Target] = {}
    for identifier, name, values in read_blocks(content, "P1-01", where):
        if name == "TARGETID":
            if identifier in targets:
                raise UserError(
                    f"target {quoted(identifier)} has two blocks",
                    where=where,
                    remedy="Download the file again.",
                )
            targets[identifier] = Target()
        elif name == "GENENAME":
            targets[identifier].gene = values[0]
        elif name == "UNIPROID":
            targets[identifier].uniprot = values[0]
        elif name == "DRUGINFO":
            if len(values) < 2 or not values[0]:
                raise UserError(
                    f"a DRUGINFO of {quoted(identifier)} has no drug and name: {quoted(values)}",
                    where=where,
                    remedy="Download the file again.",
                )
            targets[identifier].drugs[values[0]] = (values[1], (values[2:] or [""])[0])
    if not targets:
        raise UserError("holds no target", where=where, remedy="Download the file again.")
    version = _VERSION.search(content[:5000])
    return targets, version[1] if version else ""


def _structures(path: Path, names: dict[str, dict[str, None]]) -> dict[str, tuple[str, ...]]:
    """InChIKeys of P1-02; its names are added to `names`."""
    keys: dict[str, tuple[str, ...]] = {}
    for drug, name, values in read_blocks(unpacked_text(path), "P1-02", str(path)):
        if name == "DRUGINKE" and values[0]:
            keys[drug] = (values[0],)
        elif name == "TRADNAME" and values[0]:
            names.setdefault(drug, {}).update(dict.fromkeys(split_names(values[0], ";")))
    return keys


def _mapping(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of target and drug of P1-07."""
    table, _ = read_source(path)
    target, drug = required(by_name(table.columns), ("targetid", "drugid"), str(path))
    for pair in zip(text(table[target]), text(table[drug]), strict=True):
        if pair[0] and pair[1]:
            yield pair
