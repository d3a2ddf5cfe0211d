"""One seed, many named streams: a part that is added changes no other part's numbers."""

from __future__ import annotations

import hashlib

import numpy as np


def random_stream(seed: int, name: str) -> np.random.Generator:
    """Make the generator of the part `name`: no other name and no order of calls matters to it.

    The spawn key is taken from the SHA-256 of the name: Python's own ``hash`` of a string differs
    from run to run.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
    key = tuple(int(word) for word in words)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def log_uniform(
    rng: np.random.Generator, limits: tuple[float, float], size: int | tuple[int, ...]
) -> np.ndarray:
    """Draw numbers whose logarithm is uniform between those of `limits`; array of shape `size`."""
    lower, upper = np.log(limits)
    return np.exp(rng.uniform(float(lower), float(upper), size))
