"""Find the compounds of a screen in another source: by structure first, then by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.core.names import is_missing_word
from phenoprot.imports.columns import text
from phenoprot.screens.contract import COMPOUND, CONTROL, INCHIKEY, NEGATIVE_CONTROL, SMILES
from phenoprot.screens.tables import folded_name

How = Literal["structure", "name"]
_KEY = re.compile(r"([A-Z]{14})(?:-[A-Z]{10}-[A-Z])?")
SALTS = (
    *("hydrochloride", "dihydrochloride", "hcl", "hydrobromide", "mesylate", "mesilate"),
    *("besylate", "tosylate", "maleate", "fumarate", "tartrate", "citrate", "phosphate"),
    *("sulfate", "sulphate", "acetate", "succinate", "sodium", "potassium", "calcium"),
    *("hydrate", "monohydrate", "dihydrate", "trifluoroacetate", "malate", "lactate"),
)
"""Words behind a name that say the salt."""


def block_of(inchikey: object) -> str | None:
    """First block of an InChIKey, or of what begins with one; None: it is none."""
    if not isinstance(inchikey, str):
        return None
    key = inchikey.strip().upper().removeprefix("INCHIKEY=")
    match = _KEY.fullmatch(key)
    return match[1] if match else None


def plain_name(name: str) -> str:
    """A name by which compounds are compared: letters and digits, without case.

    ``AMG-900``, ``AMG 900`` and ``amg900`` are one.
    """
    return "".join(character for character in folded_name(name) if character.isalnum())


def without_salt(name: str) -> str:
    """A name without the words at its end that say the salt."""
    words = name.split()
    while len(words) > 1 and words[-1].lower().strip("()") in SALTS:
        words.pop()
    return " ".join(words)


@dataclass(frozen=True)
class Match:
    """Compounds of the screen that a substance is.

    Parameters
    ----------
    compounds
        Their names, sorted.
    how
        What they have in common; None: nothing is found.
    differs
        Found by name, although both structures are known and are not the same.
    """

    compounds: tuple[str, ...] = ()
    how: How | None = None
    differs: bool = False


class Compounds:
    """The compounds of a screen, to be looked up.

    A substance is a compound if the first blocks of their InChIKeys are the same: so are
    stereoisomers, and charged forms mostly. A compound with a SMILES also has the block of its
    largest part, without the salt. If no structure fits, names are compared
    (:func:`plain_name`), then names without the salt; a name that fits several compounds fits
    none.

    Parameters
    ----------
    table
        ``Metadata_Compound``; where known ``Metadata_InChIKey`` and ``Metadata_SMILES``. Rows of a
        compound may repeat: a plate layout will do, of which negative controls do not count.

    Raises
    ------
    UserError
        It has no compound.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        if CONTROL in table:
            table = table[table[CONTROL].ne(NEGATIVE_CONTROL)]
        if COMPOUND not in table or not table[COMPOUND].notna().any():
            raise UserError(
                "no compound is known",
                where=f"compounds, column '{COMPOUND}'",
                remedy="Give the wells table of the screen.",
            )
        columns = [c for c in (COMPOUND, INCHIKEY, SMILES) if c in table]
        table = table[columns].drop_duplicates().apply(text)
        table = table[table[COMPOUND].notna()]
        self.names: list[str] = sorted(set(table[COMPOUND]))
        self._blocks: dict[str, set[str]] = {name: set() for name in self.names}
        for row in table.to_dict("records"):
            self._blocks[row[COMPOUND]] |= _blocks(row.get(INCHIKEY), row.get(SMILES))
        self._by_block: dict[str, set[str]] = {}
        for name, blocks in self._blocks.items():
            for block in blocks:
                self._by_block.setdefault(block, set()).add(name)
        self._by_name = _unambiguous((plain_name(name), name) for name in self.names)
        bare = ((plain_name(without_salt(name)), name) for name in self.names)
        self._by_bare_name = _unambiguous(bare)

    @property
    def with_structure(self) -> int:
        """Number of compounds whose structure is known."""
        return sum(bool(blocks) for blocks in self._blocks.values())

    @property
    def blocks(self) -> set[str]:
        """First blocks of InChIKeys that are looked for."""
        return set(self._by_block)

    @property
    def lower_names(self) -> set[str]:
        """Names that are looked for, in lower case, with and without the salt."""
        return {form(name).lower() for name in self.names for form in (str, without_salt)}

    def find(self, inchikeys: Iterable[str | None], names: Iterable[str]) -> Match:
        """The compounds that a substance is.

        Parameters
        ----------
        inchikeys
            Of the substance, and of its salts; whole or first blocks.
        names
            Name and synonyms.
        """
        blocks = {block for key in inchikeys if (block := block_of(key))}
        found: set[str] = set()
        for block in blocks:
            found |= self._by_block.get(block, set())
        if found:
            return Match(tuple(sorted(found)), "structure")
        names = [name for name in names if name and not is_missing_word(name)]
        for known, form in ((self._by_name, str), (self._by_bare_name, without_salt)):
            found = {known[key] for name in names if (key := plain_name(form(name))) in known}
            if found:
                differs = bool(blocks) and any(self._blocks[name] for name in found)
                return Match(tuple(sorted(found)), "name", differs)
        return Match()


def _blocks(inchikey: object, smiles: object) -> set[str]:
    blocks = {block_of(inchikey)}
    if isinstance(smiles, str):
        from rdkit import Chem

        from phenoprot.screens.structures import connectivity, largest_part

        part = largest_part(smiles)
        if part is not None:
            blocks |= {connectivity(smiles), connectivity(str(Chem.MolToSmiles(part)))}
    return {block for block in blocks if block}


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names by key; keys of several names, and empty keys, are left out."""
    found: dict[str, set[str]] = {}
    for key, name in pairs:
        found.setdefault(key, set()).add(name)
    return {key: next(iter(names)) for key, names in found.items() if key and len(names) == 1}
