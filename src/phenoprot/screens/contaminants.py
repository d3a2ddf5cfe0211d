"""Contaminants and decoys: how search engines mark rows that are not proteins of the sample.

Contaminants (trypsin, keratin, bovine serum) and decoys (reversed sequences, for the false
discovery rate) are searched with the sample's proteins and listed among them in the results. The
engines mark them by columns, by prefixes of their identifiers, or by both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Every prefix ends in a separator, so that genes such as CONTN, REV1, REV3L or CRABP1 do not match.
CONTAMINANT = re.compile(
    r"""(?:^|\|) (?:rev_+)?          # at the start, or after the database: sp|Cont_P02769|ALBU
    (?: con__                        # MaxQuant
      | cont(?:am(?:inant)?s?)?_     # FragPipe, Frankenfield et al. 2022
      | crap[-_|] | crap[0-9]+[-_|]  # DIA-NN, camprotR, GPM
      | zz\|y-fgczcont )             # FGCZ
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Identifiers of contaminants: ``CON__``, ``Cont_``, ``contam_``, ``cRAP-`` and the like."""
DECOY = re.compile(
    r"(?:^|\|)(?:rev_|reverse_|decoy[-_]|xxx_|\#+(?:rev|rnd|decoy)\#+)", re.IGNORECASE
)
"""Identifiers of decoys: ``REV__``, ``rev_``, ``DECOY_``, ``XXX_``, ``###REV###``."""
_MAYBE = re.compile(r"con|crap|fgcz|rev|decoy|xxx_|#", re.IGNORECASE)
"""Every name that the two patterns know has one of these: they tell most names at once."""
_MEMBERS = re.compile(r"\s*[;,]\s*")


def leading(names: str) -> str:
    """The first identifier of a group, the one with the most evidence."""
    return _MEMBERS.split(names.strip())[0]


def is_contaminant(name: str) -> bool:
    """Whether an identifier, or a group of them, names a contaminant.

    Parameters
    ----------
    name
        One identifier, or those of a group between semicolons or commas. A group is a
        contaminant if any of its members is: their peptides cannot be told apart.
    """
    return any(CONTAMINANT.search(member) for member in _MEMBERS.split(name.strip()))


def is_decoy(name: str) -> bool:
    """Whether an identifier, or the first of a group, names a decoy.

    A decoy further back has only a share of the group's peptides, by chance; MaxQuant does not
    count such a group as a decoy either.
    """
    return DECOY.search(leading(name)) is not None


def contaminant_names(names: Iterable[str]) -> list[str]:
    """The names, each once and in order, that mark contaminants or decoys.

    Parameters
    ----------
    names
        Identifiers of proteins or genes, or groups of them as in :func:`is_contaminant`.
    """
    maybe = filter(_MAYBE.search, dict.fromkeys(names))
    return [name for name in maybe if is_contaminant(name) or is_decoy(name)]
