"""Checks of the first gate for the tables of ``phenoprot profiles``.

Faults that make the result wrong are refused; those that make it poor, by the thresholds of the
gate, are warnings.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.screens.contract import (
    CONTROL,
    CONTROL_TYPES,
    NEGATIVE_CONTROL,
    PLATE,
    WELL,
    WELL_KEY,
    feature_columns,
)
from phenoprot.screens.tables import faulty_wells
from phenoprot.validation.places import names_place
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.normalise import Method, unscaled_features

LARGEST = float(np.finfo(np.float32).max)


def check_layout(wells: pd.DataFrame, where: str) -> None:
    """Check a plate layout: wells of a plate, each in one row, of known control types.

    Raises
    ------
    UserError
        Names every fault, with counts.
    """
    faults: list[tuple[str, str]] = []
    if wrong := faulty_wells(wells[WELL]):
        faults.append((f"{len(wrong)} name(s) in {WELL} are not wells: {listed(wrong)}",
                       "Write row letters and a column number, e.g. B07."))  # fmt: skip
    twice = wells[wells.duplicated(WELL_KEY)]
    if len(twice):
        faults.append((f"{len(twice)} row(s) repeat an earlier well: {listed(_names(twice))}",
                       "Give each well one row."))  # fmt: skip
    strange = wells[~wells[CONTROL].isin(CONTROL_TYPES)]
    if len(strange):
        items = [f"{name} {quoted(kind)}"
                 for name, kind in zip(_names(strange), strange[CONTROL], strict=True)]  # fmt: skip
        faults.append((f"{len(strange)} of {len(wells)} wells have an unknown control type: "
                       f"{listed(items)}", "Use negcon, poscon or leave it empty."))  # fmt: skip
    if faults:
        raise UserError(
            "; ".join(what for what, _ in faults),
            where=where,
            remedy=" ".join(remedy for _, remedy in faults),
        )


def check_wells(
    profile: pd.DataFrame, wells: pd.DataFrame, how: Method, settings: ValidationSettings
) -> list[str]:
    """Check well features before they are normalised.

    Parameters
    ----------
    profile
        One row per well; a well without a cell has no feature.
    wells
        Plate layout.
    how
        Method of the normalisation.
    settings
        Thresholds of the gate.

    Returns
    -------
    list of str
        Warnings, one line each.

    Raises
    ------
    UserError
        Features are infinite, or a plate has no two negative controls with a cell.
    """
    features = feature_columns(profile)
    values = profile[features].to_numpy(dtype=np.float64)
    infinite = (np.abs(values) > LARGEST).any(axis=0)
    if infinite.any():
        raise UserError(
            f"{infinite.sum()} of {len(features)} features have infinite values: "
            f"{listed(_chosen(features, infinite))}",
            where="features",
            remedy="Drop them, or extract them again.",
        )
    has_cells = ~np.isnan(values).all(axis=1)
    _require_controls(profile, wells, has_cells)
    warnings = _few_controls(profile[has_cells], wells, settings.min_negative_controls)
    warnings += _missing_wells(profile, wells)
    if empty := _names(profile[~has_cells]):
        warnings.append(f"{len(empty)} well(s) have no cell, and no features: {listed(empty)}")
    lacking = np.isnan(values[has_cells]).any(axis=0)
    if lacking.any():
        warnings.append(
            f"{lacking.sum()} of {len(features)} features have missing values in wells with "
            f"cells: {listed(_chosen(features, lacking))}. They stay missing"
        )
    if places := [name for name in features if names_place(name)]:
        warnings.append(
            f"{len(places)} of {len(features)} features name a row, an image, an object or a "
            f"place: {listed([quoted(name) for name in places])}. Drop these columns, or name "
            "them Metadata_..."
        )
    unscaled = unscaled_features(profile[has_cells], wells, how)
    if unscaled:
        names = list(dict.fromkeys(name for some in unscaled.values() for name in some))
        warnings.append(
            f"{len(names)} of {len(features)} features do not vary over the negative controls of "
            f"{len(unscaled)} plate(s) ({listed(list(unscaled))}), and are only centred there: "
            f"{listed(names)}. Drop them"
        )
    return warnings


def check_result(profile: pd.DataFrame, settings: ValidationSettings) -> list[str]:
    """Warnings about normalised features, one line each."""
    features = feature_columns(profile)
    largest = profile[features].abs().max()
    wide = largest[largest > settings.max_feature]
    if wide.empty:
        return []
    items = [f"{name} ({value:.3g})" for name, value in wide.items()]
    return [
        f"{len(wide)} of {len(features)} features exceed {settings.max_feature:g} after "
        f"normalisation: {listed(items)}. Their controls hardly vary: drop them"
    ]


def _require_controls(profile: pd.DataFrame, wells: pd.DataFrame, has_cells: np.ndarray) -> None:
    """Stop unless every plate has two negative controls with a cell."""
    there, usable = _controls(profile, wells), _controls(profile[has_cells], wells)
    poor = [(plate, there[plate], usable.get(plate, 0)) for plate in there.index
            if usable.get(plate, 0) < 2]  # fmt: skip
    if not poor:
        return
    items = [f"{plate} ({n} of {all_} with a cell)" if n < all_ else f"{plate} ({n})"
             for plate, all_, n in poor]  # fmt: skip
    raise UserError(
        f"{len(poor)} plate(s) have fewer than 2 negative-control wells with a cell: "
        f"{listed(items)}",
        where="features",
        remedy="A plate is normalised to the spread of its controls: mark them 'negcon' in "
        f"{CONTROL}, or leave the plate out.",
    )


def _few_controls(profile: pd.DataFrame, wells: pd.DataFrame, least: int) -> list[str]:
    counts = _controls(profile, wells)
    few = counts[counts < least]
    if few.empty:
        return []
    items = [f"{plate} ({count})" for plate, count in few.items()]
    return [
        f"{len(few)} plate(s) have fewer than {least} negative-control wells with a cell: "
        f"{listed(items)}. Their spread is poorly known; phenoprot screens validate refuses them"
    ]


def _controls(profile: pd.DataFrame, wells: pd.DataFrame) -> pd.Series:
    """Negative-control wells of each plate of the layout that have a row in the profile."""
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    counts = profile[WELL_KEY].merge(controls, on=WELL_KEY).groupby(PLATE).size()
    return counts.reindex(sorted(profile[PLATE].unique()), fill_value=0)


def _missing_wells(profile: pd.DataFrame, wells: pd.DataFrame) -> list[str]:
    there = pd.MultiIndex.from_frame(profile[WELL_KEY])
    missing = wells[~pd.MultiIndex.from_frame(wells[WELL_KEY]).isin(there)]
    if missing.empty:
        return []
    plates = set(profile[PLATE])
    gone = [plate for plate in missing[PLATE].unique() if plate not in plates]
    warnings = []
    if gone:
        warnings.append(f"{len(gone)} plate(s) of the layout have no features: {listed(gone)}")
    missing = missing[missing[PLATE].isin(plates)]
    if len(missing):
        warnings.append(
            f"{len(missing)} well(s) of the layout have no features: {listed(_names(missing))}"
        )
    return warnings


def _names(rows: pd.DataFrame) -> list[str]:
    return ["/".join(key) for key in rows[WELL_KEY].to_numpy()]


def _chosen(features: list[str], chosen: np.ndarray) -> list[str]:
    return [features[i] for i in np.flatnonzero(chosen)]
