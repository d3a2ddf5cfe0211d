"""Labels for a single-dose readout: a test against the negative-control wells.

One well per compound and plate gives as few as two to four replicates, too few to estimate a
variance from each compound alone. The error of the test is taken from the negative controls, and
counts what replicates at one well position share: :mod:`phenoprot.readout.components`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.readout.components import Comparison, compare_with_controls
from phenoprot.readout.settings import SingleDoseSettings
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    TREATMENT_KEY,
    VALUE,
    WELL,
    WELL_KEY,
    feature_columns,
)
from phenoprot.wells.normalise import normalise_to_controls, require_finite

UP, DOWN, NOT, UNCLASSIFIED = "up", "down", "not", ""
CALLED = (UP, DOWN)


def readout_matrix(proteomics: pd.DataFrame) -> pd.DataFrame:
    """Wells x proteins: ``Metadata_Plate``, ``Metadata_Well`` and one float column per protein.

    Proteins without any value are left out.
    """
    wide = proteomics.pivot(index=WELL_KEY, columns=PROTEIN, values=VALUE).sort_index(axis=1)
    wide = wide.dropna(axis="columns", how="all")
    wide.columns.name = None
    return wide.reset_index()


def standardised(matrix: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Wells x proteins in standard deviations of the plate's negative controls.

    Proteins without a control value on any plate are left out.

    Raises
    ------
    UserError
        A value is too far from the controls for single precision.
    """
    readout = require_finite(normalise_to_controls(matrix, wells), "proteomics")
    return readout.dropna(axis="columns", how="all")


def compare_treatments(
    readout: pd.DataFrame, wells: pd.DataFrame
) -> tuple[pd.DataFrame, Comparison]:
    """Test every treatment and protein against the negative controls.

    Parameters
    ----------
    readout
        Wells x proteins, from :func:`standardised`.
    wells
        Plate layout.

    Returns
    -------
    treatments
        ``Metadata_Compound`` and ``Metadata_Concentration``, sorted.
    comparison
        In the order of `treatments` and of the proteins of `readout`.

    Raises
    ------
    UserError
        No treated well, or too few negative-control wells to tell their variance, have a readout.
    """
    merged = readout.merge(wells[[*WELL_KEY, *TREATMENT_KEY, CONTROL]], on=WELL_KEY)
    is_control = merged[CONTROL] == NEGATIVE_CONTROL
    is_treated = ~is_control & merged[CONCENTRATION].gt(0) & merged[COMPOUND].notna()
    n_spare = is_control.sum() - merged.loc[is_control, PLATE].nunique()
    if n_spare < 1 or not is_treated.any():
        raise UserError(
            f"{is_treated.sum()} treated and {is_control.sum()} negative-control wells have a "
            "readout",
            where="proteomics",
            remedy="Check that plate and well names agree with the wells table.",
        )
    merged = merged[is_control | is_treated]
    treated = merged.loc[is_treated, TREATMENT_KEY]
    codes = treated.groupby(TREATMENT_KEY, sort=True).ngroup()
    comparison = compare_with_controls(
        merged[feature_columns(readout)].to_numpy(dtype=np.float64),
        pd.factorize(merged[WELL])[0],
        pd.factorize(merged[PLATE])[0],
        codes.reindex(merged.index, fill_value=-1).to_numpy(),
    )
    treatments = treated.drop_duplicates().sort_values(TREATMENT_KEY, ignore_index=True)
    return treatments, comparison


def label_single_dose(
    readout: pd.DataFrame, wells: pd.DataFrame, settings: SingleDoseSettings
) -> pd.DataFrame:
    """Label every compound and protein.

    Parameters
    ----------
    readout
        Wells x proteins, from :func:`standardised`.
    wells
        Plate layout.
    settings
        Thresholds of the rule.

    Returns
    -------
    pandas.DataFrame
        One row per compound and protein that was measured: ``Metadata_Compound``,
        ``Metadata_Concentration``, ``Metadata_Protein``, ``Label`` (up / down / not / empty =
        unclassified), ``Effect`` (sd of the controls), ``P``, ``Q`` (adjusted), ``Replicates``.

    Raises
    ------
    UserError
        As from :func:`compare_treatments`.
    """
    proteins = feature_columns(readout)
    treatments, tested = compare_treatments(readout, wells)
    q = benjamini_hochberg(tested.p)
    rows = np.repeat(np.arange(len(treatments)), len(proteins))
    table = treatments.iloc[rows].reset_index(drop=True)
    table[PROTEIN] = np.tile(np.array(proteins, dtype=object), len(treatments))
    table["Label"] = classify_effects(tested.effect, tested.p, q, settings).ravel()
    table["Effect"], table["P"], table["Q"] = tested.effect.ravel(), tested.p.ravel(), q.ravel()
    table["Replicates"] = tested.replicates.ravel()
    return table[table["Replicates"] > 0].reset_index(drop=True)


def classify_effects(
    effect: np.ndarray, p: np.ndarray, q: np.ndarray, settings: SingleDoseSettings
) -> np.ndarray:
    """Significant and large is regulated, neither is not regulated, only one is unclassified."""
    significant = q < settings.alpha
    large = np.abs(effect) >= settings.min_effect
    regulated = significant & large
    return np.select(
        [regulated & (effect > 0), regulated & (effect < 0), (p > settings.alpha) & ~large],
        [UP, DOWN, NOT],
        default=UNCLASSIFIED,
    ).astype(object)


def label_counts(labels: pd.DataFrame) -> dict[str, int]:
    """Number of (compound, protein) pairs in each state."""
    counts = labels["Label"].replace(UNCLASSIFIED, "unclassified").value_counts()
    states = (UP, DOWN, NOT, "unclassified")
    return {f"n_{state}": int(counts.get(state, 0)) for state in states} | {
        "n_compounds": int(labels[COMPOUND].nunique()),
        "n_proteins": int(labels[PROTEIN].nunique()),
    }
