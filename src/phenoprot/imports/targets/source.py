"""What the sources of target annotations have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.core.tables import parse_delimited, read_parquet, unpacked_text
from phenoprot.imports.source import separator_of
from phenoprot.imports.tsv import parse_tsv
from phenoprot.imports.workbook import read_workbook

LICENCES = {
    "DrugBank": "CC BY-NC 4.0, with DrugBank's terms of use: cite it, not for commercial use",
    "TTD": "CC BY-NC: not for commercial use",
    "ChEMBL": "CC BY-SA 3.0: name ChEMBL, pass on under the same terms",
    "Guide to Pharmacology": "ODbL, contents CC BY-SA 4.0: name it, pass on under the same terms",
}
"""Terms of the sources; a table made from one of them is under its terms."""
_SEMICOLONS = re.compile(r'^"?(?:Parent )?Molecule[^;,\t]*;|^"?ChEMBL ID"?;')
"""Header of a table that ChEMBL's site exports: between semicolons, as ``.csv`` or ``.tsv``."""
_REPEATED = re.compile(r'("Parent Molecule ChEMBL ID")([^\r\n]*[\t;,])\1(?=\r|\n)')
"""Its table of mechanisms has the first column again at the end."""


@dataclass(frozen=True)
class Drug:
    """A substance and what it acts on.

    Parameters
    ----------
    identifier
        In its source.
    names
        Name and synonyms.
    inchikeys
        Of the substance and of its salts, whole or first blocks.
    targets
        Gene symbols, or what the source has in their place.
    """

    identifier: str
    names: tuple[str, ...]
    inchikeys: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass
class Annotations:
    """What a source says, drug by drug; counts are complete when all drugs are read.

    Parameters
    ----------
    source
        Name of the source, with its release if it says that.
    drugs
        One after the other: a source may be larger than the memory.
    licence
        Its terms.
    left_out
        Annotations that are left out, by reason.
    notes
        What else was done.
    """

    source: str
    drugs: Iterable[Drug]
    licence: str = ""
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def read_source(path: Path) -> tuple[pd.DataFrame, str]:
    """Read a table of a source as text; lines of prose above its header are passed over.

    Such lines begin with ``#``, also in quotes. ``.csv`` has what its header holds most of: commas,
    semicolons or tabs; ChEMBL's exports have semicolons, all other text has tabs; ``.parquet`` and
    ``.xlsx`` are read, too.

    Returns
    -------
    table
        All cells text.
    banner
        The lines above the header.
    """
    name = path.name.lower()
    if name.endswith(".parquet"):
        return read_parquet(path), ""
    if name.endswith(".xlsx"):
        return read_workbook(path), ""
    content, banner = split_banner(unpacked_text(path))
    header = content.lstrip("\r\n")
    if _REPEATED.match(header):
        content = content.replace(header, _REPEATED.sub(r'\1\2"Again"', header, count=1))
    if _SEMICOLONS.match(header):
        return parse_delimited(content, str(path), ";"), banner
    separator = separator_of(content) if name.endswith((".csv", ".csv.gz")) else "\t"
    if separator != "\t":
        return parse_delimited(content, str(path), separator), banner
    return parse_tsv(content, str(path)), banner


def split_banner(content: str) -> tuple[str, str]:
    """Make the lines that begin with ``#`` at the top of a text empty; returns these, too."""
    match = re.match(r'(?:"?#[^\r\n]*(?:\r\n|\r|\n)|\r\n|\r|\n)*', content)
    banner = match[0] if match else ""
    breaks = "".join(re.findall("\r\n|\r|\n", banner))
    return breaks + content[len(banner) :], banner


def by_name(columns: Iterable[str]) -> dict[str, str]:
    """Columns by their names without case and signs: ``Target ID`` and ``target_id`` are one."""
    found: dict[str, str] = {}
    for column in columns:
        found.setdefault(re.sub(r"[^a-z0-9]", "", column.lower()), column)
    return found


def required(known: dict[str, str], names: Iterable[str], where: str) -> list[str]:
    """The columns of these names.

    Raises
    ------
    UserError
        Some are missing.
    """
    missing = [quoted(name) for name in names if name not in known]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy="Give the file as the source exports it.",
        )
    return [known[name] for name in names]


def split_names(cell: object, separator: str) -> Iterator[str]:
    """Names in a cell, each without white space around it; none that is empty, ``NA`` or so."""
    for part in re.split(separator, cell) if isinstance(cell, str) else ():
        name = " ".join(part.split())
        if name and not is_missing_word(name):
            yield name
