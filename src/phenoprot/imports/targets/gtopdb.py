"""The IUPHAR/BPS Guide to Pharmacology: interactions, and ligands for their structures."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from pathlib import Path

from phenoprot.core.errors import UserError
from phenoprot.imports.columns import text
from phenoprot.imports.proteins.matrix import require_rows
from phenoprot.imports.targets.source import (
    LICENCES,
    Annotations,
    Drug,
    by_name,
    read_source,
    required,
    split_names,
)

_VERSION = re.compile(r"GtoPdb Version:\s*(\S+)")
_TAG = re.compile(r"</?(?:i|b|sub|sup|em|strong|span|small)\b[^>]*>", re.IGNORECASE)


def kind_of(columns: Iterable[str]) -> str | None:
    """Which table a header is of: ``interactions``, ``ligands``, or None."""
    known = by_name(columns)
    if {"targetgenesymbol", "targetspecies", "ligandid"} <= known.keys():
        return "interactions"
    return "ligands" if {"ligandid", "name", "inchikey"} <= known.keys() else None


def read_guide(
    interactions: Path, ligands: Path | None = None, *, all_organisms: bool = False
) -> Annotations:
    """Read ligands and their targets.

    A target of several subunits has a gene for each. Names are freed of markup:
    ``&alpha;-<i>m</i>`` is written with the letters that it shows.

    Parameters
    ----------
    interactions
        ``interactions.csv`` or ``.tsv``.
    ligands
        ``ligands.csv`` or ``.tsv``, for InChIKeys and synonyms; without it ligands are found by
        name only.
    all_organisms
        Targets of other species than human, too.

    Raises
    ------
    UserError
        Columns are missing.
    """
    table, banner = read_source(interactions)
    where = str(interactions)
    require_rows(len(table), where)
    wanted = ("targetgenesymbol", "targetspecies", "ligandid", "ligand")
    gene, species, identifier, name = required(by_name(table.columns), wanted, where)
    version = _VERSION.search(banner)
    annotations = Annotations(
        f"Guide to Pharmacology {version[1] if version else ''}".strip(),
        (),
        LICENCES["Guide to Pharmacology"],
    )
    names, keys = _ligands(ligands)
    if ligands is None:
        annotations.notes.append("no structures (ligands.csv): ligands are found by name only")
    targets: dict[str, dict[str, None]] = {}
    columns = [text(table[column]) for column in (identifier, name, gene, species)]
    for ligand, shown, genes, of_species in zip(*columns, strict=True):
        if ligand is None:
            raise UserError("a row has no ligand", where=where, remedy="Download the file again.")
        if shown:
            names.setdefault(ligand, {})[plain(shown)] = None
        if of_species != "Human" and not all_organisms:
            annotations.left_out["of other or no species"] += 1
        elif not genes:
            annotations.left_out["without a gene"] += 1
        else:
            found = targets.setdefault(ligand, {})
            found |= dict.fromkeys(split_names(genes, r"\|"))
    annotations.drugs = [
        Drug(ligand, tuple(names.get(ligand, ())), keys.get(ligand, ()), tuple(found))
        for ligand, found in targets.items()
    ]
    return annotations


def _ligands(
    path: Path | None,
) -> tuple[dict[str, dict[str, None]], dict[str, tuple[str, ...]]]:
    """Names and InChIKeys by ligand."""
    if path is None:
        return {}, {}
    table, _ = read_source(path)
    known = by_name(table.columns)
    identifier, name, key = required(known, ("ligandid", "name", "inchikey"), str(path))
    synonyms = known.get("synonyms")
    names: dict[str, dict[str, None]] = {}
    keys: dict[str, tuple[str, ...]] = {}
    more = text(table[synonyms]) if synonyms else [None] * len(table)
    columns = [text(table[column]) for column in (identifier, name, key)]
    for ligand, shown, inchikey, others in zip(*columns, more, strict=True):
        if ligand and shown:
            parts = [shown, *split_names(others, r"\|")]
            names[ligand] = dict.fromkeys(plain(part) for part in parts)
        if ligand and inchikey:
            keys[ligand] = (inchikey,)
    return names, keys


def plain(name: str) -> str:
    """A name without markup."""
    return html.unescape(_TAG.sub("", name))
