"""Labels for a single-dose readout: a two-sample test against the negative-control wells.

One well per compound and plate gives as few as two to four replicates, too few to estimate a
variance from each compound alone: Student's test with the variance pooled over the treatment's and
the negative-control wells is used, not Welch's (docs/decisions.md has the counts of both).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from phenoprot.core.errors import UserError
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.readout.settings import LabelSettings, SingleDoseSettings
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PROTEIN,
    TREATMENT_KEY,
    VALUE,
    WELL_KEY,
    feature_columns,
)
from phenoprot.wells.normalise import normalise_to_controls, require_finite
from phenoprot.wells.position import remove_position_effects

UP, DOWN, NOT, UNCLASSIFIED = "up", "down", "not", ""


def readout_matrix(proteomics: pd.DataFrame) -> pd.DataFrame:
    """Wells x proteins: ``Metadata_Plate``, ``Metadata_Well`` and one float column per protein.

    Proteins without any value are left out.
    """
    wide = proteomics.pivot(index=WELL_KEY, columns=PROTEIN, values=VALUE).sort_index(axis=1)
    wide = wide.dropna(axis="columns", how="all")
    wide.columns.name = None
    return wide.reset_index()


def standardised_readout(
    proteomics: pd.DataFrame, wells: pd.DataFrame, settings: LabelSettings
) -> pd.DataFrame:
    """Wells x proteins in standard deviations of the plate's negative controls.

    With ``position_correction: controls`` the effect of the well's position is removed first.
    Proteins without a control value on any plate are left out.

    Raises
    ------
    UserError
        A value is too far from the controls for single precision.
    """
    matrix = readout_matrix(proteomics)
    if settings.position_correction == "controls":
        matrix = remove_position_effects(matrix, wells)
    readout = require_finite(normalise_to_controls(matrix, wells), "proteomics")
    return readout.dropna(axis="columns", how="all")


def student_t(
    treated: np.ndarray, counts: np.ndarray, variances: np.ndarray, controls: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two-sample Student test of every treatment and protein against the control wells.

    :func:`scipy.stats.ttest_ind_from_stats` takes standard deviations and squares them, which
    changes last digits.

    Parameters
    ----------
    treated, counts, variances
        (treatments, proteins): mean, number and unbiased variance of the replicates; the variance
        of a single replicate is NaN and counts nothing.
    controls
        (wells, proteins): all negative-control wells; NaN where missing.

    Returns
    -------
    effect, p
        (treatments, proteins): difference of the means, and the two-sided p value.
    """
    n_control = (~np.isnan(controls)).sum(axis=0)
    effect = treated - np.nanmean(controls, axis=0)
    df = counts + n_control - 2
    squares = np.nan_to_num(variances) * np.maximum(counts - 1, 0)
    squares = squares + np.nanvar(controls, axis=0, ddof=1) * (n_control - 1)
    error = np.sqrt(squares / df * (1 / counts + 1 / n_control))
    return effect, 2 * stats.t.sf(np.abs(effect / error), df)


def label_single_dose(
    standardised: pd.DataFrame, wells: pd.DataFrame, settings: SingleDoseSettings
) -> pd.DataFrame:
    """Label every compound and protein.

    Parameters
    ----------
    standardised
        Wells x proteins, from :func:`standardised_readout`.
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
        No treated well or fewer than two negative-control wells have a readout.
    """
    proteins = feature_columns(standardised)
    merged = standardised.merge(wells[[*WELL_KEY, *TREATMENT_KEY, CONTROL]], on=WELL_KEY)
    is_control = merged[CONTROL] == NEGATIVE_CONTROL
    controls = merged.loc[is_control, proteins].to_numpy(dtype=np.float64)
    treated = merged[~is_control & merged[CONCENTRATION].gt(0)]
    if len(controls) < 2 or treated.empty:
        raise UserError(
            f"{len(treated)} treated and {len(controls)} negative-control wells have a readout",
            where="proteomics",
            remedy="Check that plate and well names agree with the wells table.",
        )
    groups = treated.astype(dict.fromkeys(proteins, "float64")).groupby(TREATMENT_KEY)[proteins]
    counts = groups.count()
    effect, p = student_t(
        groups.mean().to_numpy(), counts.to_numpy(), groups.var(ddof=1).to_numpy(), controls
    )
    q = benjamini_hochberg(p)
    index = counts.index.to_frame(index=False)
    rows = np.repeat(np.arange(len(index)), len(proteins))
    table = index.iloc[rows].reset_index(drop=True)
    table[PROTEIN] = np.tile(np.array(proteins, dtype=object), len(index))
    table["Label"] = classify_effects(effect, p, q, settings).ravel()
    table["Effect"], table["P"], table["Q"] = effect.ravel(), p.ravel(), q.ravel()
    table["Replicates"] = counts.to_numpy().ravel()
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
