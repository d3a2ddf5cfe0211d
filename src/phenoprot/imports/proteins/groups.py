"""From protein groups to proteins: one name for each group, one group for each name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.names import is_missing_word
from phenoprot.screens.tables import folded_name

Rule = Literal["best", "sum"]
_FASTA = re.compile(r"^(?:sp|tr|up|gi|gnl|ref|lcl)\|([^|]+)(?:\||$)", re.IGNORECASE)
_MONTH = "(?:jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez)"
_DATE = re.compile(
    rf"\d{{1,2}}[-. ]+{_MONTH}(?:[-. ]+\d{{2,4}})?|{_MONTH}[-. ]+\d{{2,4}}"
    r"|\d{4}-\d\d-\d\d(?:[ T].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)
"""``1-Mar``, ``2-Sep-24``, ``Sep-02``, ``2024-09-02 00:00:00``, ``02.09.2024``."""
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:e\+?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """Names of the groups.

    Parameters
    ----------
    names
        One for each row; missing where a row has neither gene nor protein.
    several
        Names of groups that have further genes.
    without_gene
        Names of groups that have no gene, and are named by their protein.
    dates
        Names that a spreadsheet changed; see :func:`changed_by_spreadsheets`.
    """

    names: pd.Series
    several: list[str]
    without_gene: list[str]
    dates: list[str]


def name_groups(rows: pd.DataFrame, separators: str = ";,") -> Named:
    """Name each group by its first gene, and one without a gene by its first protein.

    Search engines list the protein with the most evidence first. Names that differ only in case,
    white space or kind of dash are one, in the spelling that comes first.

    Parameters
    ----------
    rows
        Columns ``gene`` and ``protein``, text.
    separators
        Characters between the members of a group; empty if rows have plain names.
    """
    genes = rows["gene"].map(lambda cell: _members(cell, separators))
    protein = rows["protein"].map(lambda cell: _first_protein(cell, separators))
    gene = genes.map(lambda members: members[0] if members else None)
    names = gene.where(gene.notna(), protein)
    spelling: dict[str, str] = {}
    for name in names.dropna():
        spelling.setdefault(folded_name(name), name)
    names = names.map(lambda name: spelling[folded_name(name)], na_action="ignore")
    several = names[genes.map(lambda members: len(set(members)) > 1)]
    without = names[gene.isna()]
    dates = names[changed_by_spreadsheets(names)]
    return Named(names, *(list(dict.fromkeys(x.dropna())) for x in (several, without, dates)))


def changed_by_spreadsheets(names: pd.Series) -> npt.NDArray[np.bool_]:
    """Which names are what spreadsheets make of genes: dates, and numbers among words.

    ``MARCH1`` becomes ``1-Mar``, in a workbook the number of a day, and ``2310009E13Rik`` without
    its last letters a number. Where half of the names are numbers they are identifiers.
    """
    number = names.str.fullmatch(_NUMBER, na=False).to_numpy(dtype=bool)
    dates = names.str.fullmatch(_DATE, na=False).to_numpy(dtype=bool)
    return dates | number if 2 * number.sum() < names.notna().sum() else dates


def _members(cell: object, separators: str) -> list[str]:
    if cell is None or pd.isna(cell):
        return []
    parts = re.split(f"[{separators}]", str(cell)) if separators else [str(cell)]
    names = (" ".join(part.split()) for part in parts)
    return [name for name in names if name and not is_missing_word(name)]


def _first_protein(cell: object, separators: str) -> str | None:
    names = _members(cell, separators)
    match = _FASTA.match(names[0]) if names else None
    return match[1] if match else next(iter(names), None)


def merge_groups(
    names: pd.Series, values: npt.NDArray[np.float64], rule: Rule
) -> tuple[list[str], npt.NDArray[np.float64], dict[str, int]]:
    """Make one row of each name, in the order in which they come first.

    Parameters
    ----------
    names
        Of the rows, none missing.
    values
        (rows, samples), NaN where missing.
    rule
        ``best``: of the groups of a name the one with the most values stays, of these the one
        with the highest median, of these the first. ``sum``: intensities are added, missing ones
        left out.

    Returns
    -------
    names
        Each once.
    values
        (names, samples).
    merged
        Number of groups of every name that has several.
    """
    counts = names.value_counts(sort=False)
    merged = {str(name): int(count) for name, count in counts.items() if count > 1}
    codes, unique = pd.factorize(names)
    if rule == "sum":
        present = np.isfinite(values)
        total = np.zeros((len(unique), values.shape[1]))
        np.add.at(total, codes, np.where(present, values, 0.0))
        some = np.zeros(total.shape, dtype=bool)
        np.logical_or.at(some, codes, present)
        return list(unique), np.where(some, total, np.nan), merged
    kept = np.flatnonzero(~names.duplicated().to_numpy())
    twice = np.flatnonzero(names.isin(list(merged)).to_numpy())
    for row in twice:
        best = kept[codes[row]]
        if row != best and _rank(values[row]) > _rank(values[best]):
            kept[codes[row]] = row
    return list(unique), values[kept], merged


def _rank(row: npt.NDArray[np.float64]) -> tuple[int, float]:
    present = row[np.isfinite(row)]
    return present.size, float(np.median(present)) if present.size else -np.inf
