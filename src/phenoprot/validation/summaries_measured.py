"""Summaries of profiles and protein readout, for the rules to judge.

Matrices are reduced with numpy to one row per plate, feature or protein: Great Expectations takes
a minute for 4,000 columns, and no time for 4,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.core.tables import holds_numbers
from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    UNIQUE_KEYS,
    VALUE,
    WELL_KEY,
    feature_columns,
)
from phenoprot.validation.places import names_place
from phenoprot.validation.rule import TABLE

LARGEST = float(np.finfo(np.float32).max)
"""Features and levels are kept in single precision: what lies beyond becomes infinite there."""
Normalise = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
"""(profile, wells) -> the same rows and columns, normalised per plate to the controls."""


def row_summary(
    data: pd.DataFrame, kind: str, table: str, wells: pd.DataFrame | None
) -> pd.DataFrame:
    """One row per plate and well: missing and repeated keys, and whether the layout has it."""
    key = UNIQUE_KEYS[kind]
    complete = data[key].notna().all(axis=1)
    marked = data[WELL_KEY].assign(incomplete=~complete, n_repeated=data.duplicated(key) & complete)
    groups = marked.groupby(WELL_KEY, dropna=False, sort=False, observed=True)
    summary = groups[["incomplete", "n_repeated"]].sum().astype(int).reset_index()
    summary["complete"] = (summary["incomplete"] == 0).astype(int)
    known = np.ones(len(summary), dtype=bool)
    if wells is not None:
        layout = pd.MultiIndex.from_frame(wells[WELL_KEY])
        known = pd.MultiIndex.from_frame(summary[WELL_KEY]).isin(layout)
    # A row without its key is that rule's business.
    summary["has_well"] = (known | summary[WELL_KEY].isna().any(axis=1)).astype(int)
    return summary.assign(**{TABLE: table})


def plate_summary(
    measured: pd.DataFrame, wells: pd.DataFrame, controls: pd.DataFrame, table: str, limit: float
) -> pd.DataFrame:
    """One row per plate of the table that the layout knows.

    Parameters
    ----------
    measured
        The table's plates and wells.
    wells
        Plate layout.
    controls
        As `control_summary` gives it; may be empty.
    table
        File of the table.
    limit
        Shift above which a feature is counted in ``n_shifted``.
    """
    present = wells[WELL_KEY].merge(measured[WELL_KEY].drop_duplicates(), how="left",
                                    on=WELL_KEY, indicator=True)  # fmt: skip
    layout = wells.assign(present=(present["_merge"] == "both").to_numpy())
    layout = layout[layout[PLATE].isin(measured[PLATE])]
    is_control = layout["present"] & (layout[CONTROL] == NEGATIVE_CONTROL)
    plates = layout.groupby(PLATE, sort=True, observed=True)["present"]
    summary = pd.DataFrame({"n_layout": plates.size(), "n_missing": plates.size() - plates.sum()})
    summary["missing_share"] = summary["n_missing"] / summary["n_layout"]
    summary["n_controls"] = is_control.groupby(layout[PLATE], observed=True).sum().astype(int)
    shifts = controls.groupby(PLATE)["shift"]
    summary["typical_shift"] = shifts.median()
    summary["worst_shift"] = shifts.max()
    worst = controls.dropna(subset="shift").sort_values("shift").groupby(PLATE).tail(1)
    summary["worst"] = worst.set_index(PLATE)["feature"]
    summary["n_shifted"] = (controls["shift"] > limit).groupby(controls[PLATE]).sum()
    summary["spread"] = controls.groupby(PLATE)["spread"].median()
    return summary.reset_index().assign(**{TABLE: table})


def control_summary(values: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """One row per plate and feature: where the negative controls lie, and how wide.

    Parameters
    ----------
    values
        Plate, well and numeric features (wide).
    wells
        Plate layout.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Plate``, ``feature``, ``shift`` (absolute mean in sd; 0 or infinite where the
        controls are constant; missing without two finite values), ``spread`` (sd, ddof 1).
    """
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY].drop_duplicates()
    values = values.merge(controls, on=WELL_KEY)
    features = values.columns.drop(WELL_KEY)
    parts = [pd.DataFrame({PLATE: [], "feature": [], "shift": [], "spread": []})]
    for plate, rows in values.groupby(PLATE, sort=True, observed=True):
        matrix = rows[features].to_numpy(dtype=np.float64)  # wells x features
        shift, spread = _shift_and_spread(np.where(np.isfinite(matrix), matrix, np.nan))
        parts.append(
            pd.DataFrame({PLATE: plate, "feature": features, "shift": shift, "spread": spread})
        )
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _shift_and_spread(controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = (~np.isnan(controls)).sum(axis=0)
    controls = np.where(count >= 2, controls, 0.0)  # judged missing below
    size = np.nanmax(np.abs(controls), axis=0, initial=1e-6)
    mean, spread = np.abs(np.nanmean(controls, axis=0)), np.nanstd(controls, axis=0, ddof=1)
    # float32 features keep seven digits: below that a mean is 0, and a spread is none.
    mean[mean <= 1e-6 * size] = 0.0
    ratio = np.full_like(mean, np.inf)
    np.divide(mean, spread, out=ratio, where=spread > 1e-6 * size)
    ratio[mean == 0] = 0.0
    return np.where(count >= 2, ratio, np.nan), np.where(count >= 2, spread, np.nan)


def readout_control_summary(proteomics: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """`control_summary` of a long readout, one feature per protein."""
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    rows = proteomics.merge(controls, on=WELL_KEY).dropna(subset=PROTEIN)
    wide = rows.drop_duplicates([*WELL_KEY, PROTEIN]).pivot(
        index=WELL_KEY, columns=PROTEIN, values=VALUE
    )
    return control_summary(wide.reset_index(), wells)


def numeric_features(profile: pd.DataFrame) -> pd.DataFrame:
    """Plate and well, if it has them, and the features that hold numbers."""
    numeric = [c for c in feature_columns(profile) if holds_numbers(profile[c])]
    return profile[[*(key for key in WELL_KEY if key in profile), *numeric]]


def normalised_features(
    profile: pd.DataFrame, wells: pd.DataFrame, normalise: Normalise | None
) -> pd.DataFrame:
    """Numeric features, in spreads of the controls where that can be done.

    Infinite values become missing, and plates without a negative control are left out: other rules
    speak of these. With `normalise` None the values are normalised already.
    """
    values = numeric_features(profile)
    features = values.drop(columns=WELL_KEY)
    values = pd.concat([values[WELL_KEY], features.where(features.abs() <= LARGEST)], axis=1)
    if normalise is None:
        return values
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    controlled = values.merge(controls, on=WELL_KEY)[PLATE].unique()
    usable = values[values[PLATE].isin(controlled)].reset_index(drop=True)
    return normalise(usable, wells.drop_duplicates(WELL_KEY))


def feature_summary(
    profile: pd.DataFrame, normalised: pd.DataFrame | None, table: str
) -> pd.DataFrame:
    """One row per feature: ``numeric``, ``place``, ``n_nan``, ``n_inf``, ``sd``, ``min``, ``max``.

    ``largest`` is the largest absolute normalised value.
    """
    names = feature_columns(profile)
    values = numeric_features(profile).drop(columns=WELL_KEY, errors="ignore")
    matrix = values.to_numpy(dtype=np.float64)
    infinite = np.abs(matrix) > LARGEST
    finite = pd.DataFrame(np.where(infinite, np.nan, matrix), columns=values.columns)
    summary = pd.DataFrame(index=pd.Index(names, name="feature", dtype=object))
    summary["numeric"] = summary.index.isin(values.columns).astype(int)
    summary["place"] = [int(names_place(name)) for name in names]
    for column, by_feature in {
        "n_nan": values.isna().sum(),
        "n_inf": pd.Series(infinite.sum(axis=0), values.columns),
        "sd": finite.std(ddof=0),
        "min": finite.min(),
        "max": finite.max(),
    }.items():
        summary[column] = by_feature.reindex(names)
    for column in ("n_nan", "n_inf"):
        summary[column] = summary[column].fillna(0).astype(int)
    summary["largest"] = np.nan
    if normalised is not None:
        summary["largest"] = normalised.drop(columns=WELL_KEY).abs().max().reindex(names)
    return summary.reset_index().assign(**{TABLE: table})


def profile_summary(features: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row: number of features, and which are constant."""
    constant = features.loc[
        (features["min"] == features["max"]) | (features["sd"] == 0), "feature"
    ].tolist()
    return pd.DataFrame(
        {
            TABLE: [table],
            "n_features": [len(features)],
            "n_constant": [len(constant)],
            "constant_share": [len(constant) / max(len(features), 1)],
            "constant": [listed(constant)],
        }
    )
