"""Rows of a protein table that are no proteins of the sample: contaminants, decoys and the like."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.screens.contaminants import is_contaminant, is_decoy, leading

CONTAMINANTS, DECOYS, BY_SITE = "contaminants", "decoys", "identified by site only"
FLAGS = {
    "potential contaminant": CONTAMINANTS,
    "contaminant": CONTAMINANTS,  # MaxQuant before 1.5 and from 2.5, Proteome Discoverer
    "is contaminant": CONTAMINANTS,
    "reverse": DECOYS,
    "decoy": DECOYS,  # MaxQuant from 2.5, DIA-NN from 2.0
    "is decoy": DECOYS,
    "only identified by site": BY_SITE,
}
"""Columns, in lower case and with spaces, that mark rows which are left out."""
MARKED = frozenset({"+", "true", "yes", "1"})
UNMARKED = frozenset({"", "-", "false", "no", "0"})


@dataclass(frozen=True)
class Marked:
    """Rows that are left out, by reason; a row may have several.

    Parameters
    ----------
    rows
        True where a row is marked, by reason.
    untold
        What the source marks if it searched for it, and no column and no prefix marks here.
    """

    rows: dict[str, npt.NDArray[np.bool_]]
    untold: tuple[str, ...]

    @property
    def any(self) -> npt.NDArray[np.bool_]:
        """Rows with any reason."""
        return np.asarray(np.logical_or.reduce(list(self.rows.values())), dtype=np.bool_)


def flag_columns(columns: pd.Index, but: AbstractSet[str]) -> dict[str, str]:
    """Columns that mark rows, and as what; `but` are columns of names or samples."""
    found = {
        column: FLAGS.get(" ".join(column.replace(".", " ").replace("_", " ").lower().split()))
        for column in columns
        if column not in but
    }
    return {column: kind for column, kind in found.items() if kind}


def find_marked(
    table: pd.DataFrame,
    protein: pd.Series,
    gene: pd.Series,
    expected: tuple[str, ...],
    *,
    members: pd.Series | None = None,
    but: AbstractSet[str] = frozenset(),
    where: str,
) -> Marked:
    """Find rows of contaminants and decoys by flag columns and by prefixes of identifiers.

    Parameters
    ----------
    table
        The table, for its flag columns (:data:`FLAGS`).
    protein, gene
        Identifiers of the groups, several between semicolons.
    expected
        What the source marks if it searched for it.
    members
        All proteins behind a row; a row is a contaminant if all of them are.
    but
        Columns that hold names or samples.
    where
        File.

    Raises
    ------
    UserError
        A flag is neither set nor unset.
    """
    flags = flag_columns(table.columns, but)
    proteins, genes = protein.fillna(""), gene.fillna("")
    found = {kind: np.zeros(len(table), dtype=bool) for kind in (CONTAMINANTS, DECOYS, BY_SITE)}
    # Where the engine has judged the group, only its leading protein can add to that.
    judged = CONTAMINANTS in flags.values()
    found[CONTAMINANTS] |= _each(proteins.map(leading) if judged else proteins, is_contaminant)
    found[CONTAMINANTS] |= _each(genes.map(leading), is_contaminant)
    found[DECOYS] |= _each(proteins, is_decoy) | _each(genes, is_decoy)
    if members is not None:
        found[CONTAMINANTS] |= _each(
            members.fillna(""), lambda names: all(map(is_contaminant, names.split(";")))
        )
    for column, kind in flags.items():
        found[kind] |= flagged(table[column], where)
    told = {*flags.values(), *(kind for kind, rows in found.items() if rows.any())}
    return Marked(found, tuple(kind for kind in expected if kind not in told))


def _each(names: pd.Series, rule) -> npt.NDArray[np.bool_]:  # type: ignore[no-untyped-def]
    known = {name: rule(name) for name in names.unique()}
    return names.map(known).to_numpy(dtype=np.bool_)


def flagged(values: pd.Series, where: str) -> npt.NDArray[np.bool_]:
    """Which rows a flag column marks.

    Raises
    ------
    UserError
        A value is neither set nor unset.
    """
    words = values.astype(object).where(values.notna(), "").astype(str).str.strip().str.lower()
    marked = words.isin(MARKED).to_numpy()
    absent = (words.isin(UNMARKED) | words.map(is_missing_word)).to_numpy()
    strange = ~(marked | absent)
    if strange.any():
        raise UserError(
            f"{int(strange.sum())} value(s) in {str(values.name)!r} are neither + nor empty, "
            f"e.g. {quoted(values[strange].iloc[0])}",
            where=where,
            remedy="Export the table again: this column marks rows that are left out.",
        )
    return np.asarray(marked, dtype=np.bool_)
