"""Which compound drives which programme, and how far at a given dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from phenoprot.core.random import stream
from phenoprot.phantom.catalogue import CATALOGUE, PROGRAMME
from phenoprot.phantom.draws import log_uniform
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, WELL_KEY

MICROMOLAR = 1e-6
# Truth is rounded where it is made, so that the files say exactly what the data came from, and
# the last bit of a logarithm on another machine does not show.
DECIMALS = 6


def programme_activity(
    concentration: ArrayLike, pec50: ArrayLike, efficacy: ArrayLike, slope: ArrayLike
) -> np.ndarray:
    """Activity of a programme at a dose: log-logistic, 0 without compound.

    ``efficacy / (1 + 10**(-slope * (log10(c) + pEC50)))`` with c in M. All arguments broadcast.

    Parameters
    ----------
    concentration
        Dose in uM, 0 or above.
    pec50
        -log10 of the dose (M) of half the effect; anything where `efficacy` is 0.
    efficacy
        Activity at infinite dose, 0..1.
    slope
        Slope per decade of concentration, above 0.

    Returns
    -------
    activity
        0..efficacy, 0 where the compound does not drive the programme.
    """
    driven = np.asarray(efficacy) > 0
    with np.errstate(divide="ignore"):
        decades = np.log10(np.asarray(concentration, dtype=float) * MICROMOLAR) + pec50
    fraction = expit(np.log(10) * np.asarray(slope) * decades)
    return np.round(np.where(driven, efficacy * fraction, 0.0), DECIMALS)


@dataclass(frozen=True)
class Compounds:
    """The compounds' planted properties; C compounds, P programmes.

    Parameters
    ----------
    names
        Names of the compounds, length C.
    programmes
        Names of the programmes, length P.
    pec50, efficacy, slope
        Arguments of `programme_activity`, shape (C, P): NaN, 0, NaN where nothing is driven.
    main
        Index of the programme a compound drives most, shape (C,); -1 for a null compound.
    """

    names: list[str]
    programmes: list[str]
    pec50: np.ndarray
    efficacy: np.ndarray
    slope: np.ndarray
    main: np.ndarray

    def activity(self, index: np.ndarray, concentration: np.ndarray) -> np.ndarray:
        """Activities of compound `index` at `concentration` (uM), both shape (N,) -> (N, P)."""
        return programme_activity(
            concentration[:, None], self.pec50[index], self.efficacy[index], self.slope[index]
        )

    def table(self) -> pd.DataFrame:
        """One row per compound and programme: pEC50, efficacy, slope, whether it is the main."""
        count, width = self.efficacy.shape
        return pd.DataFrame(
            {
                COMPOUND: np.repeat(self.names, width),
                PROGRAMME: np.tile(self.programmes, count),
                "pec50": self.pec50.ravel(),
                "efficacy": self.efficacy.ravel(),
                "slope": self.slope.ravel(),
                "main": (self.main[:, None] == np.arange(width)).ravel(),
            }
        )


def draw_compounds(settings: PhantomSettings) -> Compounds:
    """Plant potency, efficacy and slope of every compound.

    The active compounds are dealt to the programmes evenly, so that each target has about as many.
    A main pEC50 is uniform over the tested range less its top eighth and its lowest quarter (by
    default from 0.01 to 3.2 uM), so that both plateaus are seen, or, for the weak share, up to a
    decade above the highest dose. A
    second programme answers up to a decade higher than the main one, with 0.4 to 0.8 of its
    efficacy.
    """
    count, programmes = settings.n_compounds, list(settings.programmes)
    width = len(programmes)
    rng = stream(settings.seed, "compounds")
    active = count - round(settings.null_compound_share * count)
    main = np.full(count, -1)
    # A shuffled order: neither the name of a compound nor its number reveals the programme.
    members = rng.permutation(count)[:active]
    main[members] = np.arange(active) % width

    highest = -np.log10(settings.concentrations[-1] * MICROMOLAR)
    lowest = -np.log10(settings.concentrations[0] * MICROMOLAR)
    decades = lowest - highest
    inside = rng.uniform(highest + decades / 8, lowest - decades / 4, count)
    weak = rng.random(count) < settings.weak_potency_share
    first = {
        "pec50": np.where(weak, highest - rng.random(count), inside),
        "efficacy": rng.uniform(*settings.efficacy_range, count),
        "slope": log_uniform(rng, settings.slope_range, count),
    }
    has_second = (rng.random(count) < settings.second_programme_share) & (width > 1)
    second = (main + rng.integers(1, max(width, 2), count)) % width
    other = {
        "pec50": first["pec50"] - rng.random(count),
        "efficacy": first["efficacy"] * rng.uniform(0.4, 0.8, count),
        "slope": log_uniform(rng, settings.slope_range, count),
    }
    planted = {name: np.full((count, width), np.nan) for name in first}
    planted["efficacy"][:] = 0.0
    drives, also = np.flatnonzero(main >= 0), np.flatnonzero((main >= 0) & has_second)
    for name, values in planted.items():
        values[drives, main[drives]] = np.round(first[name][drives], DECIMALS)
        values[also, second[also]] = np.round(other[name][also], DECIMALS)
    digits = len(str(count))
    names = [f"PH-{number:0{digits}d}" for number in range(1, count + 1)]
    return Compounds(names=names, programmes=programmes, main=main, **planted)


def well_activities(wells: pd.DataFrame, compounds: Compounds) -> pd.DataFrame:
    """Planted activities of every well, the table that proteins and images are made from.

    Parameters
    ----------
    wells
        Plate layout, one row per well.
    compounds
        Planted properties.

    Returns
    -------
    activities
        Metadata_Plate, Metadata_Well and one column (0..1) per programme, in the order of `wells`.
        Control wells hold 0.
    """
    index = pd.Index(compounds.names).get_indexer(pd.Index(wells[COMPOUND]))
    activity = compounds.activity(index, wells[CONCENTRATION].to_numpy(dtype=float))
    activity[index < 0] = 0.0
    table = pd.DataFrame(activity, columns=compounds.programmes)
    return pd.concat([wells[WELL_KEY].reset_index(drop=True), table], axis=1)


def relative_cell_number(activities: pd.DataFrame) -> np.ndarray:
    """Predict the cell number relative to untreated, shape (W,): the losses multiply.

    Parameters
    ----------
    activities
        One column (0..1) per programme; other columns are ignored. W wells.
    """
    number = np.ones(len(activities))
    for name, programme in CATALOGUE.items():
        if name in activities:
            number *= 1.0 - programme.cell_loss * activities[name].to_numpy(dtype=float)
    return number
