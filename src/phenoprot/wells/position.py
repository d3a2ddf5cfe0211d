"""The position of a well on its plate, and its effect on a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.core.notices import warn
from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    WELL,
    WELL_KEY,
    feature_columns,
)

MAX_LEVERAGE = 0.9
"""A control well that decides more than this of its own fit cannot be judged by the others."""
MIN_EIGENVALUE = 1e-10
"""Terms are one another's sum below this ratio of the smallest to the largest eigenvalue."""

LINEAR = ("Position_Row", "Position_Column")
RINGS = ("Position_OuterRing", "Position_SecondRing")
SQUARES = ("Position_Row2", "Position_Column2", "Position_RowColumn")
TERMS: tuple[tuple[str, ...], ...] = (
    (),
    LINEAR,
    (*LINEAR, "Position_OuterRing"),
    (*LINEAR, *RINGS),
    (*LINEAR, *SQUARES),
    (*LINEAR, *SQUARES, "Position_OuterRing"),
    (*LINEAR, *SQUARES, *RINGS),
)
"""Surfaces that `choose_terms` compares, by number of terms beside the plate's level."""


def position_profile(wells: pd.DataFrame) -> pd.DataFrame:
    """Where every well lies: the profile of the position baseline.

    Row, column and distance to the edge, with squares, products and two rings, so that a linear
    model can read curved patterns too.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Plate``, ``Metadata_Well``, ``Position_Row``, ``Position_Column`` (1-based),
        ``Position_Edge`` (wells to the nearest edge of the used area, 0 = outermost), the squares
        and products of these three about the middle of the used area (``Position_Row2``,
        ``Position_RowColumn``, ...), and ``Position_OuterRing``, ``Position_SecondRing`` (1 in the
        outermost wells, and in those inside them); float32.
    """
    name = wells[WELL].str.extract(r"^(?P<row>[A-Z]+)(?P<column>\d+)$")
    row = name["row"].map(_row_number).to_numpy(dtype=np.float32)
    column = name["column"].astype(np.float32).to_numpy()
    sides = [row - row.min(), row.max() - row, column - column.min(), column.max() - column]
    edge = np.minimum.reduce(sides)
    y, x, z = (each - (each.min() + each.max()) / 2 for each in (row, column, edge))
    return wells[WELL_KEY].assign(
        Position_Row=row,
        Position_Column=column,
        Position_Edge=edge,
        Position_Row2=y * y,
        Position_Column2=x * x,
        Position_Edge2=z * z,
        Position_RowColumn=y * x,
        Position_RowEdge=y * z,
        Position_ColumnEdge=x * z,
        Position_OuterRing=(edge == 0).astype(np.float32),
        Position_SecondRing=(edge == 1).astype(np.float32),
    )


def _row_number(letters: str) -> int:
    """``A`` -> 1, ``Z`` -> 26, ``AA`` -> 27 (1536-well plates)."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def without_position_effects(
    profile: pd.DataFrame, wells: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Remove the effects of position that :func:`choose_terms` finds in the negative controls.

    Returns
    -------
    profile
        Same rows, order and columns; see :func:`remove_position_effects`.
    terms
        Columns of :func:`position_profile` that were removed; empty: the profile is as it was.
    """
    terms = choose_terms(profile, wells)
    return (remove_position_effects(profile, wells, terms) if terms else profile), terms


def choose_terms(profile: pd.DataFrame, wells: pd.DataFrame) -> tuple[str, ...]:
    """Choose the surface of `TERMS` that best predicts negative controls it was not fitted to.

    Each control well is predicted by the fit to the other controls of its plate. Errors are
    averaged over the plates that have a control at the same position, as what stays there is what
    replicates at one position share; their squares are summed over positions, weighted by wells,
    and compared with the sum that no surface leaves. The surface with the lowest mean log ratio
    over the columns wins; the fewer terms on a tie. No treated well takes part.

    Parameters
    ----------
    profile
        One row per well: ``Metadata_Plate``, ``Metadata_Well`` and features; NaN is left out.
    wells
        Plate layout.

    Surfaces that the controls of a plate cannot carry (`MAX_LEVERAGE`) are left out. If the largest
    one that is left wins, a warning names these plates: more terms might remove more.

    Returns
    -------
    tuple of str
        Columns of :func:`position_profile`; empty if no surface predicts better than the plate's
        level, or none can be fitted.
    """
    return chosen_terms(left_by_surfaces(profile, wells), profile, wells)


def left_by_surfaces(profile: pd.DataFrame, wells: pd.DataFrame) -> np.ndarray:
    """Squared errors that each surface leaves of the negative controls, see :func:`choose_terms`.

    Parameters
    ----------
    profile
        As there, or a block of its columns.
    wells
        Plate layout.

    Returns
    -------
    numpy.ndarray
        (surfaces, features): one row for each of `TERMS` that the controls of all plates can carry;
        NaN where a fit does not hold.
    """
    place = _placed_controls(profile, wells)
    values = profile.iloc[place.index][feature_columns(profile)].to_numpy(dtype=np.float64)
    values = _in_plate_spreads(values, place[PLATE].to_numpy())
    return np.array([_left_at_positions(place, values, terms) for terms in _carried(place)])


def chosen_terms(left: np.ndarray, rows: pd.DataFrame, wells: pd.DataFrame) -> tuple[str, ...]:
    """The choice of :func:`choose_terms`, from what the surfaces leave.

    Parameters
    ----------
    left
        From :func:`left_by_surfaces`, of all features: blocks side by side.
    rows
        Plate and well of every row of the profile.
    wells
        Plate layout.
    """
    place = _placed_controls(rows, wells)
    carried = _carried(place)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(left / left[0])
    told = np.isfinite(ratios).all(axis=0)
    chosen = carried[int(ratios[:, told].mean(axis=1).argmin())] if told.any() else ()
    if chosen == carried[-1] != TERMS[-1]:
        _warn_of_poor_plates(place, chosen)
    return chosen


def _placed_controls(rows: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Position of the negative controls; the index is their place among the rows."""
    place = _placed(rows, wells)
    return place[place[CONTROL] == NEGATIVE_CONTROL]


def _carried(place: pd.DataFrame) -> list[tuple[str, ...]]:
    """Surfaces that the controls of all plates can carry."""
    return [terms for terms in TERMS if not _poor_plates(place, terms)]


def _warn_of_poor_plates(place: pd.DataFrame, chosen: Sequence[str]) -> None:
    """Say that more terms might remove more, but cannot be told from each other."""
    poor = _poor_plates(place, TERMS[-1])
    warn(
        f"the negative controls of {len(poor)} plate(s) are too few or too clustered for all terms "
        f"of position effects, e.g. {listed(poor)}: {len(chosen)} of {len(TERMS[-1])} are "
        "removed; read the plate_position rows",
        "labels.position_correction",
    )


def _placed(profile: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Position and control type of every row of a profile."""
    located = position_profile(wells).assign(**{CONTROL: wells[CONTROL].to_numpy()})
    return profile[WELL_KEY].merge(located, how="left", on=WELL_KEY)


def _design(place: pd.DataFrame, terms: Sequence[str]) -> np.ndarray:
    """A one and the terms, centred and scaled to a range of 1, (wells, 1 + terms)."""
    columns = place[list(terms)].to_numpy(dtype=np.float64)
    spread = np.maximum(np.ptp(columns, axis=0), 1.0) if len(columns) else 1.0
    return np.column_stack([np.ones(len(place)), (columns - columns.mean(axis=0)) / spread])


def _poor_plates(place: pd.DataFrame, terms: Sequence[str]) -> list[str]:
    """Plates on which a control decides too much of its own fit."""
    design, plates = _design(place, terms), place[PLATE].to_numpy()
    poor = []
    for plate in pd.unique(plates):
        rows = design[plates == plate]
        if not _Fit(rows, np.ones((len(rows), 1))).holds.all():
            poor.append(str(plate))
    return poor


def _in_plate_spreads(values: np.ndarray, plates: np.ndarray) -> np.ndarray:
    """Values in standard deviations of their plate, so that all plates weigh alike."""
    frame = pd.DataFrame(values)
    grouped = frame.groupby(plates)
    spread = grouped.transform("std").to_numpy()
    centred = values - grouped.transform("mean").to_numpy()
    return centred / np.where(spread > 0, spread, np.nan)


def _left_at_positions(place: pd.DataFrame, values: np.ndarray, terms: Sequence[str]) -> np.ndarray:
    """Squared errors that a surface leaves at positions, summed; NaN if a fit does not hold.

    Shape (columns,).
    """
    design, plates = _design(place, terms), place[PLATE].to_numpy()
    errors = np.empty(values.shape)
    for plate in pd.unique(plates):
        rows = plates == plate
        fit = _Fit(design[rows], values[rows])
        failed = ~fit.holds & (fit.counts > 0)
        errors[rows] = np.where(failed, np.inf, fit.left_out())
    grouped = pd.DataFrame(errors).groupby(place[WELL].to_numpy())
    squares = (grouped.count() * grouped.mean() ** 2).sum().to_numpy()
    return np.where(np.isfinite(squares), squares, np.nan)


def remove_position_effects(
    profile: pd.DataFrame, wells: pd.DataFrame, terms: Sequence[str]
) -> pd.DataFrame:
    """Subtract the effect of position, as the plate's negative controls show it.

    Per plate and column of the profile, least squares over the negative-control wells on the
    terms; the fit is subtracted from all wells of the plate. Treated wells are not part of the
    fit, so no effect of a compound is removed. From each control well the fit to the other
    controls is subtracted: controls and treated wells then have the same error of the fit, and a
    test of one against the other keeps its level.

    A column with so few controls on a plate that one of them would decide more than
    `MAX_LEVERAGE` of its own fit is corrected there with the most terms of `TERMS` that hold.

    Parameters
    ----------
    profile
        One row per well: ``Metadata_Plate``, ``Metadata_Well`` and features; NaN is left out.
    wells
        Plate layout.
    terms
        Columns of :func:`position_profile`, from :func:`choose_terms`; none: nothing is removed.

    Returns
    -------
    pandas.DataFrame
        Same rows, order and columns; float32.
    """
    features = feature_columns(profile)
    place = _placed(profile, wells)
    designs = [_design(place, each) for each in _from_most(terms)]
    is_control = (place[CONTROL] == NEGATIVE_CONTROL).to_numpy()
    values = profile[features].to_numpy(dtype=np.float64, copy=True)
    plates = place[PLATE].to_numpy()
    for plate in pd.unique(plates):
        rows = plates == plate
        part = [design[rows] for design in designs]
        values[rows] = _without_position(part, values[rows], is_control[rows])
    corrected = profile.copy()
    corrected[features] = values.astype(np.float32)
    return corrected


def _from_most(terms: Sequence[str]) -> list[tuple[str, ...]]:
    """The terms, and all smaller surfaces of `TERMS` within them, from most terms to fewest."""
    smaller = [each for each in TERMS if set(each) < set(terms) and each]
    return [tuple(terms), *reversed(smaller)] if terms else []


class _Fit:
    """Least squares of every column of the controls of a plate on the terms; NaN is left out.

    Parameters
    ----------
    design
        (controls, 1 + terms).
    values
        (controls, columns).
    """

    def __init__(self, design: np.ndarray, values: np.ndarray) -> None:
        self.design, self.values = design, values
        there = ~np.isnan(values)
        self.counts = there.sum(axis=0)
        # Columns miss different controls: one small system each, (columns, terms, terms).
        gram = np.einsum("ni,np,nj->pij", design, there.astype(np.float64), design)
        scale, vectors = np.linalg.eigh(gram)
        self.holds = scale[:, 0] > MIN_EIGENVALUE * scale[:, -1]
        safe = np.where(self.holds[:, None], scale, 1.0)
        inverse = np.einsum("pij,pj,pkj->pik", vectors, 1 / safe, vectors)
        self.leverage = np.where(there, np.einsum("ni,pij,nj->np", design, inverse, design), 0.0)
        self.holds &= (self.leverage <= MAX_LEVERAGE).all(axis=0)
        self.effects = np.einsum("pij,ni,np->jp", inverse, design, np.nan_to_num(values))
        """(1 + terms, columns)."""

    @property
    def level(self) -> np.ndarray:
        """Mean over the controls, (columns,)."""
        with np.errstate(invalid="ignore"):
            return cast("np.ndarray", np.nansum(self.values, axis=0) / self.counts)

    def left_out(self) -> np.ndarray:
        """Controls less the position effect that the other controls show, about 0.

        A residual over 1 - leverage is the residual of the fit that leaves the row out (Cook and
        Weisberg 1982, eq. 2.2.8). Times 1 - 1/n it is the value less the plate's mean if there
        are no terms.
        """
        residuals = self.values - self.design @ self.effects
        with np.errstate(divide="ignore", invalid="ignore"):
            return cast("np.ndarray", residuals * (1 - 1 / self.counts) / (1 - self.leverage))


def _without_position(
    designs: Sequence[np.ndarray], values: np.ndarray, is_control: np.ndarray
) -> np.ndarray:
    """Values (wells, columns) of one plate less the fit; the mean over its controls stays."""
    corrected = values.copy()
    waiting = np.ones(values.shape[1], dtype=bool)
    for design in designs:
        fit = _Fit(design[is_control], values[is_control])
        now = waiting & fit.holds
        waiting &= ~now
        whole = values - design @ fit.effects + fit.level
        whole[is_control] = fit.left_out() + fit.level
        corrected[:, now] = whole[:, now]
    return corrected
