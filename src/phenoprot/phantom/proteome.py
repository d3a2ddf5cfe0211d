"""Proteins that answer to the programmes, and their measured intensities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from phenoprot.core.random import stream
from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.draws import log_uniform
from phenoprot.phantom.programmes import DECIMALS, Compounds
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.screens.contract import COMPOUND, PLATE, PROTEIN, VALUE, WELL_KEY

LOG2_10 = float(np.log2(10))


@dataclass(frozen=True)
class Proteins:
    """The proteins' planted properties; J proteins, P programmes.

    Parameters
    ----------
    names
        Names of the proteins, length J.
    programmes
        Names of the programmes, length P.
    loading
        log2 fold change at full activity, shape (J, P); a null protein has only zeros.
    intensity
        Untreated intensity (log10), shape (J,).
    noise
        Standard deviation of the measurement noise (log2), shape (J,).
    """

    names: list[str]
    programmes: list[str]
    loading: np.ndarray
    intensity: np.ndarray
    noise: np.ndarray

    def table(self) -> pd.DataFrame:
        """One row per protein: ``intensity_log10``, ``noise_sd`` and ``loading_<programme>``."""
        columns = {PROTEIN: self.names, "intensity_log10": self.intensity, "noise_sd": self.noise}
        for index, programme in enumerate(self.programmes):
            columns[f"loading_{programme}"] = self.loading[:, index]
        return pd.DataFrame(columns)


def draw_proteins(settings: PhantomSettings) -> Proteins:
    """Plant loadings, untreated intensities and noise of every protein."""
    count, programmes = settings.n_proteins, list(settings.programmes)
    rng = stream(settings.seed, "proteins/loadings")
    visible = [i for i, name in enumerate(programmes) if CATALOGUE[name].in_proteins]
    loaded = count - round(settings.null_protein_share * count)
    members = rng.permutation(count)[:loaded]
    main = np.arange(loaded) % len(visible)
    second = (main + rng.integers(1, max(len(visible), 2), loaded)) % len(visible)
    has_second = (rng.random(loaded) < settings.second_loading_share) & (second != main)
    size = log_uniform(rng, settings.effect_range, (2, loaded))
    size *= np.where(rng.random((2, loaded)) < settings.down_share, -1.0, 1.0)
    loading = np.zeros((count, len(programmes)))
    loading[members, np.take(visible, main)] = size[0]
    loading[members[has_second], np.take(visible, second[has_second])] = size[1, has_second]

    rng = stream(settings.seed, "proteins/intensities")
    lower, upper = settings.intensity_range
    scores = np.clip(rng.standard_normal(count), -2.5, 2.5)
    intensity = (lower + upper) / 2 + scores * (upper - lower) / 5

    rng = stream(settings.seed, "proteins/noise")
    tie = settings.noise_intensity_correlation
    mixed = -tie * scores + np.sqrt(1 - tie**2) * rng.standard_normal(count)
    # Ranks make the mixture uniform again: the noise is log-uniform whatever the correlation.
    # Ranks 0, 1, ...: of continuous draws no two are equal.
    quantile = (np.argsort(np.argsort(mixed)) + 0.5) / count
    low, high = np.log(settings.noise_range)
    digits = len(str(count))
    return Proteins(
        names=[f"PHP{number:0{digits}d}" for number in range(1, count + 1)],
        programmes=programmes,
        loading=np.round(loading, DECIMALS),
        intensity=np.round(intensity, DECIMALS),
        noise=np.round(np.exp(low + quantile * (high - low)), DECIMALS),
    )


def planted_regulation(
    compounds: Compounds, proteins: Proteins, concentrations: tuple[float, ...]
) -> pd.DataFrame:
    """Tell what a perfect screen would find, one row per compound and protein.

    Columns: ``log2_fold_change`` at the highest dose against the control,
    ``log2_fold_change_lowest`` at the lowest dose, ``direction`` (``up``, ``down`` or ``none``,
    which is a planted 0), and ``pec50``: potency of the programme that moves the protein most (NaN
    for ``none``). The curve of the ratio has its own midpoint near it, as the loading acts on log2.
    """
    index = np.arange(len(compounds.names))
    effects = [
        compounds.activity(index, np.full(len(index), dose))[:, None, :] * proteins.loading
        for dose in (concentrations[-1], concentrations[0])
    ]  # (C, J, P) each
    highest, lowest = (effect.sum(axis=2).ravel() for effect in effects)
    strongest = np.abs(effects[0]).argmax(axis=2)  # (C, J)
    pec50 = np.take_along_axis(compounds.pec50, strongest, axis=1).ravel()
    direction = np.select([highest > 0, highest < 0], ["up", "down"], "none")
    return pd.DataFrame(
        {
            COMPOUND: np.repeat(compounds.names, len(proteins.names)),
            PROTEIN: np.tile(proteins.names, len(compounds.names)),
            "log2_fold_change": np.round(highest, DECIMALS),
            "log2_fold_change_lowest": np.round(lowest, DECIMALS),
            "direction": direction,
            "pec50": np.where(direction == "none", np.nan, pec50),
        }
    )


def measured_intensities(
    activities: pd.DataFrame, proteins: Proteins, settings: PhantomSettings
) -> np.ndarray:
    """Intensities before any is lost, shape (W, J), whole numbers of 1 or more.

    log2 intensity = untreated + response + plate + plate x protein + well + noise. Each term has a
    stream of its own.
    """
    codes, plates = pd.factorize(activities[PLATE])
    shape = (len(activities), len(proteins.names))

    def normal(part: str, size: int | tuple[int, ...]) -> np.ndarray:
        return stream(settings.seed, f"proteomics/{part}").standard_normal(size)

    log2 = proteins.intensity * LOG2_10 + (
        activities[proteins.programmes].to_numpy() @ proteins.loading.T
    )
    log2 += (settings.plate_sd * normal("plate", len(plates)))[codes, None]
    log2 += (settings.plate_protein_sd * normal("plate x protein", (len(plates), shape[1])))[codes]
    log2 += settings.well_sd * normal("well", shape[0])[:, None]
    log2 += proteins.noise * normal("noise", shape)
    # Detectors count ions: whole numbers, which also hide the last bit of the arithmetic.
    return np.maximum(np.rint(np.exp2(log2)), 1.0)


def missing_probability(intensities: np.ndarray, share: float, scale: float) -> np.ndarray:
    """Probability that a value is missing: logistic in its log10 intensity.

    Parameters
    ----------
    intensities
        Positive intensities, any shape.
    share
        Mean of the probabilities, 0..1; the logistic is moved until it is met.
    scale
        Width of the logistic (log10).

    Returns
    -------
    probability
        Same shape as `intensities`.
    """
    if share == 0:
        return np.zeros_like(intensities)
    log10 = np.log10(intensities)

    def excess(middle: float) -> float:
        return float(expit((middle - log10) / scale).mean()) - share

    middle = brentq(excess, log10.min() - 40 * scale, log10.max() + 40 * scale)
    return expit((middle - log10) / scale)


def measure_proteome(
    activities: pd.DataFrame, proteins: Proteins, settings: PhantomSettings
) -> pd.DataFrame:
    """Measure every protein in every well; a missing value has no row.

    Parameters
    ----------
    activities
        Plate, well and one column per programme; W wells.
    proteins
        Planted properties.
    settings
        Noise, batch effects and missing values.

    Returns
    -------
    proteomics
        The contract's long table: plate, well, protein, raw intensity.
    """
    intensities = measured_intensities(activities, proteins, settings)
    chance = missing_probability(intensities, settings.missing_share, settings.missing_scale)
    draws = stream(settings.seed, "proteomics/missing").random(intensities.shape)
    seen = (draws >= chance).ravel()
    wells, names = len(activities), proteins.names
    table = activities[WELL_KEY].loc[activities.index.repeat(len(names))].reset_index(drop=True)
    table[PROTEIN] = np.tile(names, wells)
    table[VALUE] = intensities.ravel()
    return table[seen].reset_index(drop=True)
