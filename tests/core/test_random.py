"""Named random streams."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from phenoprot.core.random import seed_of, stream


def test_streams_depend_on_seed_and_name_alone() -> None:
    first = stream(1, "a").random(5)
    stream(1, "b").random(1000)
    assert (stream(1, "a").random(5) == first).all()
    assert (stream(1, "b").random(5) != first).all()
    assert (stream(2, "a").random(5) != first).all()


def test_a_stream_is_numpy_s_with_the_hash_of_its_name_as_key() -> None:
    digest = hashlib.sha256(b"shuffles/3").digest()
    key = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    expected = np.random.default_rng(np.random.SeedSequence(7, spawn_key=key))
    assert (stream(7, "shuffles", 3).random(5) == expected.random(5)).all()


def test_names_are_one_path() -> None:
    assert (stream(0, "a", "b", 3).random(5) == stream(0, "a/b/3").random(5)).all()
    assert seed_of(0, "a", "b") == seed_of(0, "a/b")


def test_seeds_are_numbers_of_32_bits_that_differ() -> None:
    seeds = {seed_of(seed, "fold", fold) for seed in range(20) for fold in range(50)}
    assert len(seeds) == 1000
    assert min(seeds) >= 0
    assert 2**31 < max(seeds) < 2**32
    assert {type(seed) for seed in seeds} == {int}


def test_a_seed_is_not_that_of_the_stream() -> None:
    seeded = np.random.default_rng(seed_of(0, "a")).random(5)
    assert (stream(0, "a").random(5) != seeded).all()


def test_a_stream_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        stream(0)
    with pytest.raises(ValueError, match="needs a name"):
        seed_of(0)
