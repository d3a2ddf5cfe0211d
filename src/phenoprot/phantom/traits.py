"""Traits of single cells, and how each programme changes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from phenoprot.phantom.settings import ImageSettings

Traits = dict[str, npt.NDArray[np.float64]]
"""One value per cell of each trait, each of shape (N,)."""

BASE = {
    "cell_area": (1.0, 0.0),
    "nucleus_area": (1.0, 0.0),
    "elongation": (1.7, 0.2),
    "protrusion": (0.16, 0.2),
    "dna": (1.0, 0.0),
    "chromatin": (0.13, 0.15),
    "nucleoli": (3.2, 0.1),
    "nucleolus_area": (1.0, 0.15),
    "nucleolus_contrast": (0.6, 0.15),
    "er": (1.0, 0.0),
    "er_reach": (7.0, 0.15),
    "er_grain": (0.16, 0.15),
    "rna": (1.0, 0.0),
    "agp": (1.0, 0.0),
    "fibres": (0.2, 0.3),
    "rim": (0.45, 0.25),
    "golgi": (1.0, 0.3),
    "mito": (1.0, 0.0),
    "mito_length": (24.0, 0.15),
    "mito_reach": (7.5, 0.15),
    "vacuoles": (0.35, 0.3),
    "vacuole_diameter": (3.4, 0.1),
}
"""Median of each trait in untreated cells, and its standard deviation from cell to cell (natural
log), beside those of the settings. Lengths in um; areas and stains relative to a mean cell;
nucleoli and vacuoles are mean counts; the others are contrasts, 0..1."""

EFFECTS: dict[str, dict[str, float]] = {
    "cell_cycle_arrest": {
        "nucleus_area": 2.0,
        "cell_area": 1.8,
        "elongation": 0.85,
        "dna": 1.15,
        "chromatin": 1.5,
    },
    "er_stress": {
        "er": 1.9,
        "er_reach": 0.55,
        "er_grain": 2.2,
    },
    "mitochondrial_stress": {
        "mito": 0.4,
        "mito_length": 0.15,
        "mito_reach": 0.7,
    },
    "cytoskeleton_spreading": {
        "cell_area": 1.35,
        "elongation": 1.5,
        "protrusion": 3.0,
        "fibres": 0.25,
        "rim": 0.5,
    },
    "nucleolar_stress": {
        "nucleoli": 0.3,
        "nucleolus_area": 1.3,
        "nucleolus_contrast": 0.35,
        "rna": 0.8,
    },
    "proliferation_loss": {
        "cell_area": 0.62,
        "nucleus_area": 0.75,
        "rna": 0.7,
    },
    "vacuolation": {
        "vacuoles": 30.0,
        "vacuole_diameter": 1.5,
        "golgi": 0.6,
    },
}
"""Factor by which a programme multiplies a trait at full activity; in between its power: activity
0.5 is the square root of the factor. Programmes of the catalogue that do not show in images have
no entry."""


def draw_traits(
    activities: Mapping[str, float],
    stain_levels: Mapping[str, float],
    count: int,
    settings: ImageSettings,
    rng: np.random.Generator,
) -> Traits:
    """Draw the traits of the cells of a field.

    Cells answer unequally: each has its own share of a programme's activity, normal around 1. The
    draws do not depend on the activities, so that a field and its untreated twin differ by the
    effect alone.

    Parameters
    ----------
    activities
        Activity (0..1) of each programme in the well; those that do not show in images are ignored.
    stain_levels
        Level of the stains dna, er, rna, agp and mito in this well, 1 is the mean.
    count
        Cells, N.
    settings
        Variation from cell to cell.
    rng
        Random stream of the field's traits.

    Returns
    -------
    traits
        Every trait of ``BASE``, each of shape (N,).
    """
    drawn = {name: rng.standard_normal(count) for name in BASE}
    shares = {name: 1 + settings.response_sd * rng.standard_normal(count) for name in EFFECTS}
    # Large cells have large nuclei; a cell that takes one stain well takes all of them well.
    size, uptake = rng.standard_normal(count), rng.standard_normal(count)
    log = {name: np.log(median) + sd * drawn[name] for name, (median, sd) in BASE.items()}
    for name in ("cell_area", "nucleus_area"):
        log[name] += settings.size_sd * (0.8 * size + 0.6 * drawn[name])
    for name, level in stain_levels.items():
        log[name] += settings.stain_cell_sd * (0.6 * uptake + 0.8 * drawn[name]) + np.log(level)
    for programme, factors in EFFECTS.items():
        answer = activities.get(programme, 0.0) * np.clip(shares[programme], 0, 2)
        for name, factor in factors.items():
            log[name] += np.log(factor) * answer
    return {name: np.exp(values) for name, values in log.items()}
