"""Summaries of the protein readout: names, missing values, scale, and values far from the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.screens.contaminants import contaminant_names
from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    VALUE,
    WELL,
    WELL_KEY,
)
from phenoprot.validation.places import is_reserved
from phenoprot.validation.rule import TABLE
from phenoprot.validation.summaries_layout import spellings
from phenoprot.validation.summaries_measured import LARGEST

MAD_TO_SD = 1.4826
MIN_CONTROLS = 8
"""Control values of a plate below which all values of the protein tell what is usual: the MAD of
three values is a hundredth of the sd once in a hundred groups, and a screen has many groups."""
LOGGED_MEDIAN = 3.0
"""Logarithms of intensities lie above this (log10 of 1,000), ratios around 1."""


def protein_summary(
    proteomics: pd.DataFrame,
    kind: str,
    table: str,
    wells: pd.DataFrame | None,
    limit: float,
    *,
    n_wells: int | None = None,
    names: pd.Series | None = None,
) -> pd.DataFrame:
    """One row per protein.

    Parameters
    ----------
    proteomics
        The readout.
    kind
        ``level`` or ``intensity``.
    table
        Its file.
    wells
        Plate layout, for the controls; None: all wells tell what is usual.
    limit
        Distance that is refused, for ``farthest_share``.
    n_wells, names
        Wells and proteins of the whole readout, of which `proteomics` has some proteins; None:
        it has all.

    Returns
    -------
    pandas.DataFrame
        ``spread``, ``n_values``, ``missing_share`` (a value counts as missing if it is empty or if
        one of the readout's wells has no row for it), ``n_inf``, ``n_not_positive``, spellings,
        ``reserved`` and ``contaminant`` (0 or 1), and the value that lies farthest from the
        controls of its plate: ``farthest`` (in their sd), ``farthest_share`` (of `limit`),
        ``farthest_value``, ``farthest_well``.
    """
    finite = proteomics[VALUE].where(proteomics[VALUE].abs() <= LARGEST)
    by = proteomics[PROTEIN]
    n_wells = n_wells or len(proteomics[WELL_KEY].drop_duplicates())
    wells_of = proteomics[proteomics[VALUE].notna()].drop_duplicates([*WELL_KEY, PROTEIN])
    there = wells_of.groupby(PROTEIN, observed=True).size()
    groups = finite.groupby(by, sort=True, observed=True)
    summary = pd.DataFrame({"spread": groups.max() - groups.min()})
    summary["n_values"] = there.reindex(summary.index).fillna(0).astype(int)
    summary["missing_share"] = 1 - summary["n_values"] / max(n_wells, 1)
    infinite = proteomics[VALUE].abs() > LARGEST
    summary["n_inf"] = infinite.groupby(by, observed=True).sum().astype(int)
    wrong = (finite <= 0) & (kind == "intensity")
    summary["n_not_positive"] = wrong.groupby(by, observed=True).sum().astype(int)
    spelt = spellings(by if names is None else names, table).set_index("name")
    own = summary.index.to_series()
    summary["reserved"] = own.map(is_reserved).astype(int)
    summary["contaminant"] = own.isin(contaminant_names(own)).astype(int)
    summary = summary.join(_farthest(proteomics.assign(**{VALUE: finite}), wells))
    summary["farthest_share"] = summary["farthest"] / limit
    return (
        summary.rename_axis("protein")
        .join(spelt[["n_spellings", "spellings"]])
        .fillna({"n_spellings": 1})
        .reset_index()
        .assign(**{TABLE: table})
    )


def _farthest(proteomics: pd.DataFrame, wells: pd.DataFrame | None) -> pd.DataFrame:
    """The value of each protein that lies farthest from its controls, in their robust sd.

    Median and MAD: an outlier among the controls must not hide itself.
    """
    values = proteomics.dropna(subset=[*WELL_KEY, PROTEIN, VALUE]).reset_index(drop=True)
    numbers = values[VALUE].astype(np.float64)
    centre, spread = _robust(numbers, values[PROTEIN])
    centre, spread = values[PROTEIN].map(centre), values[PROTEIN].map(spread)
    if wells is not None:
        controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
        marked = values[WELL_KEY].merge(
            controls.drop_duplicates().assign(is_control=True), how="left", on=WELL_KEY
        )
        is_control = marked["is_control"].notna().to_numpy()
        codes = values.groupby([PLATE, PROTEIN], sort=False, observed=True).ngroup()
        plate_centre, plate_spread = _robust(
            numbers[is_control].reset_index(drop=True), codes[is_control].reset_index(drop=True)
        )
        plate_spread = _not_below_usual(plate_spread, values[PROTEIN].groupby(codes).first())
        plate_centre, plate_spread = codes.map(plate_centre), codes.map(plate_spread)
        centre = plate_centre.where(plate_spread.notna(), centre)
        spread = plate_spread.fillna(spread)
    distance = (numbers - centre).abs() / spread
    rows = distance.dropna().sort_values(kind="stable").index
    last = values.loc[rows].drop_duplicates(PROTEIN, keep="last")
    return pd.DataFrame(
        {
            "farthest": distance[last.index].to_numpy(),
            "farthest_value": numbers[last.index].to_numpy(),
            "farthest_well": (last[PLATE] + " " + last[WELL]).to_numpy(),
        },
        index=pd.Index(last[PROTEIN], name=PROTEIN),
    )


def _not_below_usual(spread: pd.Series, protein: pd.Series) -> pd.Series:
    """The spread of each plate and protein, at least that of the protein's median plate.

    Among many plates the MAD of some is tiny by chance, and would make usual values lie far off.
    """
    of = protein.reindex(spread.index)
    return spread.clip(lower=spread.groupby(of.to_numpy()).transform("median"))


def _robust(values: pd.Series, by: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Median and robust sd of each group; the sd is missing where it is 0 or of too few values."""
    groups = values.groupby(by.to_numpy())
    centre = groups.median()
    deviation = (values - pd.Series(by.map(centre).to_numpy(), values.index)).abs()
    spread = MAD_TO_SD * deviation.groupby(by.to_numpy()).median()
    return centre, spread.where((spread > 0) & (groups.size() >= MIN_CONTROLS))


def readout_summary(
    readout: pd.Series, proteins: pd.DataFrame, kind: str, limit: float, table: str
) -> pd.DataFrame:
    """One row: proteins of which more than `limit` of the values are missing, and the scale.

    ``largest_intensity`` is missing for levels; ``largest_logged`` also where the median is below
    `LOGGED_MEDIAN`.
    """
    sparse = proteins.loc[proteins["missing_share"] > limit, "protein"].tolist()
    values = readout.to_numpy(dtype=np.float64)
    values = values[np.abs(values) <= LARGEST]
    smallest, middle, largest = (
        np.quantile(values, [0, 0.5, 1]) if len(values) else np.full(3, np.nan)
    )
    # Values of 0 and below are another rule's: no logarithm was taken of these.
    judged = kind == "intensity" and smallest > 0
    return pd.DataFrame(
        {
            TABLE: [table],
            "n_proteins": [len(proteins)],
            "n_sparse": [len(sparse)],
            "sparse_share": [len(sparse) / max(len(proteins), 1)],
            "sparse": [listed(sparse)],
            "smallest": [smallest],
            "middle": [middle],
            "largest": [largest],
            "largest_intensity": [largest if judged else np.nan],
            "largest_logged": [largest if judged and middle >= LOGGED_MEDIAN else np.nan],
        }
    )
