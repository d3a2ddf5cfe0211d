"""Distributions that several parts of the phantom draw from."""

from __future__ import annotations

import numpy as np


def log_uniform(
    rng: np.random.Generator, limits: tuple[float, float], size: int | tuple[int, ...]
) -> np.ndarray:
    """Draw numbers whose logarithm is uniform between those of `limits`; array of shape `size`."""
    lower, upper = np.log(limits)
    return np.exp(rng.uniform(float(lower), float(upper), size))
