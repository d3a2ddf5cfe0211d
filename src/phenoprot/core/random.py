"""One seed, many named random streams: a stream depends on the seed and its name alone.

A part that is added, removed or run in another order changes no other part's numbers. Two parts
share no numbers, as they would with seeds such as ``seed + 1``.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Make the generator of one part of the work.

    Parameters
    ----------
    seed
        Seed of the whole, 0 or more.
    names
        What the numbers are for, from the general to the particular, e.g.
        ``stream(0, "shuffles", 3)``. Names are joined with ``/``: ``stream(0, "a", "b")`` is
        ``stream(0, "a/b")``, and a number is its decimal digits.

    Raises
    ------
    ValueError
        There is no name.
    """
    return np.random.default_rng(_sequence(seed, names))


def seed_of(seed: int, *names: str | int) -> int:
    """Make a seed for a library that takes a number, e.g. ``random_state`` of scikit-learn.

    Parameters
    ----------
    seed, names
        As for :func:`stream`.

    Returns
    -------
    int
        0 to 2**32 - 1. It is not the start of the stream of that name, whose numbers stay
        independent of it.
    """
    return int(_sequence(seed, names).spawn(1)[0].generate_state(1, np.uint32)[0])


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    """Seed sequence with the SHA-256 of the name as its spawn key."""
    if not names:
        raise ValueError("a random stream needs a name")
    name = "/".join(map(str, names))
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
    return np.random.SeedSequence(seed, spawn_key=tuple(int(word) for word in words))
