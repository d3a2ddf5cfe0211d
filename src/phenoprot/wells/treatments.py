"""Aggregate wells to treatments: the samples that every task predicts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.screens.contract import TREATMENT_KEY, WELL_KEY, feature_columns, treated_wells
from phenoprot.screens.loader import Screen
from phenoprot.wells.dose import concentration_profile, treatments
from phenoprot.wells.names import DOSE, MADE, POSITION, PROTEOME, STRUCTURE
from phenoprot.wells.normalise import Method, normalise_to_controls, require_finite
from phenoprot.wells.position import position_profile
from phenoprot.wells.structure import structure_profile

OF_TREATMENTS = {STRUCTURE: structure_profile, DOSE: concentration_profile}
"""Profiles that the layout says of a treatment, not of a well."""


def screen_profiles(
    screen: Screen,
    methods: list[str],
    how: Method,
    extracted: Mapping[str, pd.DataFrame] | None = None,
) -> dict[str, pd.DataFrame]:
    """Treatment profiles of every method, by name.

    Parameters
    ----------
    screen
        The screen.
    methods
        Profile tables of the screen; ``plate_position``, ``structure`` and ``concentration`` are
        made from the layout, and ``proteome`` is left out, it comes from the labels.
    how
        Per-plate normalisation of tables that are not normalised yet.
    extracted
        Well tables computed from the screen's images, by method.

    Raises
    ------
    UserError
        A table of the screen has the name of a method that is computed from its images or layout;
        a profile has infinite values; the layout has no structures, or one concentration only,
        where a method asks for them.
    """
    extracted = extracted or {}
    taken = [*extracted, *MADE]
    both = [name for name in screen.info.tables.profiles if name in taken]
    if both:
        raise UserError(
            f"{len(both)} profile table(s) have the name of what is made from the screen: "
            f"{listed(both)}",
            where=str(screen.folder),
            remedy="Rename the table; or, if it was meant to replace features taken from the "
            "images, take these out of extracted in params.yaml.",
        )
    layout = screen.layout()
    tables: dict[str, pd.DataFrame] = {}
    for method in methods:
        if method == PROTEOME:
            continue
        if method in OF_TREATMENTS:
            tables[method] = require_finite(OF_TREATMENTS[method](layout), method)
        elif screen.info.tables.treatments is not None:
            tables[method] = published_profile(screen.profile(method), layout, method)
        else:
            profile = well_profile(screen, method, how, extracted, layout)
            tables[method] = treatment_profiles(profile, layout)
    return tables


def published_profile(profile: pd.DataFrame, layout: pd.DataFrame, method: str) -> pd.DataFrame:
    """Features that were published per treatment, of the treatments of the layout, sorted.

    Returns
    -------
    pandas.DataFrame
        As of :func:`treatment_profiles`.

    Raises
    ------
    UserError
        No treatment of the layout has features, or a value is infinite.
    """
    columns = [*TREATMENT_KEY, *feature_columns(profile)]
    merged = treatments(layout).merge(profile[columns], on=TREATMENT_KEY)
    if merged.empty:
        raise UserError(
            f"none of the {len(profile)} treatments with features is a treatment of the screen",
            where=method,
            remedy="Spell compounds and concentrations as in the table of treatments.",
        )
    with np.errstate(over="ignore"):
        features = merged[columns[2:]].astype(np.float32)
    return require_finite(pd.concat([merged[TREATMENT_KEY], features], axis=1), method)


def well_profile(
    screen: Screen,
    method: str,
    how: Method,
    extracted: Mapping[str, pd.DataFrame],
    wells: pd.DataFrame,
) -> pd.DataFrame:
    """Normalised features of one method, one row per well.

    Parameters
    ----------
    screen, method, how, extracted
        As for :func:`screen_profiles`; one method that has values of wells.
    wells
        Plate layout of the screen.

    Raises
    ------
    UserError
        The screen has no such table, or the profile has infinite values.
    """
    if method == POSITION:
        profile = position_profile(wells)
    elif method in extracted:
        profile = normalise_to_controls(defined(extracted[method]), wells, how)
    else:
        profile = screen.profile(method)
        if not screen.info.tables.profiles[method].normalised:
            profile = normalise_to_controls(profile, wells, how)
    return require_finite(profile, method)


def defined(profile: pd.DataFrame) -> pd.DataFrame:
    """Leave out wells without a cell, and features that any other well lacks.

    Few cells can leave a feature undefined (a texture at 10 px needs a cell that wide). What is
    dropped depends on no label.
    """
    features = feature_columns(profile)
    profile = profile[profile[features].notna().any(axis=1)]
    lacking = [name for name in features if profile[name].isna().any()]
    return profile.drop(columns=lacking)


def treatment_profiles(profile: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Mean profile of each treatment (compound at one concentration) over its replicate wells.

    Parameters
    ----------
    profile
        One row per well: ``Metadata_Plate``, ``Metadata_Well`` and features.
    wells
        Plate layout.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and float32 features, one row per
        treatment, sorted. Negative controls and wells without a compound are left out.
    """
    features = feature_columns(profile)
    treated = treated_wells(wells)[[*WELL_KEY, *TREATMENT_KEY]]
    merged = treated.merge(profile, on=WELL_KEY)
    means = merged.groupby(TREATMENT_KEY, sort=True, observed=True)[features].mean()
    return means.astype(np.float32).reset_index()
