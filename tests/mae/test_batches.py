from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.features.mae.batches import Draw, Sampler, read_ahead, split_fields, turned
from phenoprot.features.mae.settings import TrainingSettings

from .toy import MODEL, TRAINING, ArrayCrops

CROPS = ArrayCrops()


def sampler(**changes: object) -> Sampler:
    training = TrainingSettings(**{**TRAINING.model_dump(), **changes})
    return Sampler(CROPS.fields, np.arange(len(CROPS.fields)), MODEL, training)


def whole_batch(s: Sampler, step: int) -> list[Draw]:
    t = s.training
    return [s.draw(step, m, r) for m in range(t.accumulation) for r in range(t.devices)]


def joined(draws: list[Draw], name: str) -> np.ndarray:
    return np.concatenate([getattr(draw, name) for draw in draws])


@pytest.mark.parametrize(
    ("fields", "devices", "accumulation"), [(8, 1, 1), (4, 2, 1), (4, 1, 2), (2, 2, 2), (1, 4, 2)]
)
def test_the_batch_does_not_depend_on_how_it_is_spread(
    fields: int, devices: int, accumulation: int
) -> None:
    one = whole_batch(sampler(fields=8), 5)
    spread = sampler(fields=fields, devices=devices, accumulation=accumulation)
    assert spread.training.batch == 24
    for name in ("fields", "crops", "turns", "gains", "visible"):
        assert np.array_equal(joined(whole_batch(spread, 5), name), joined(one, name)), name


def test_a_draw_is_a_function_of_seed_and_step() -> None:
    first, again = sampler(), sampler()
    for step in (3, 0, 3):
        for name in ("crops", "visible"):
            one, other = (getattr(s.draw(step, 0, 0), name) for s in (first, again))
            assert np.array_equal(one, other)
    base = joined([first.draw(s, 0, 0) for s in range(9)], "visible")
    assert not np.array_equal(base[:-6], base[6:])
    other = joined([sampler(seed=1).draw(s, 0, 0) for s in range(9)], "visible")
    assert not np.array_equal(base, other)


def test_fields_come_in_turn_and_cells_once() -> None:
    s = sampler(fields=3, cells=2)
    seen = np.concatenate([s.draw(step, 0, 0).fields for step in range(20)])
    for epoch in seen.reshape(-1, 6):
        assert sorted(epoch) == list(range(6))
    assert len({tuple(epoch) for epoch in seen.reshape(-1, 6)}) > 5
    for step in range(20):
        draw = s.draw(step, 0, 0)
        for field, pair in zip(draw.fields, draw.crops.reshape(3, 2), strict=True):
            assert set(pair) <= set(CROPS.fields[field])
            assert pair[0] != pair[1]


def test_a_small_field_repeats_its_cells() -> None:
    s = sampler(cells=10)
    draw = s.draw(0, 0, 0)
    for field, cells in zip(draw.fields, draw.crops.reshape(2, 10), strict=True):
        counts = [int((cells == cell).sum()) for cell in CROPS.fields[field]]
        assert sum(counts) == 10
        assert max(counts) - min(counts) <= 1


def test_only_the_fields_asked_for() -> None:
    s = Sampler(CROPS.fields, np.array([1, 4]), MODEL, TRAINING)
    assert {int(f) for step in range(5) for f in s.draw(step, 0, 0).fields} == {1, 4}


@pytest.mark.parametrize(
    ("flips", "rotations", "turns"),
    [
        (True, True, set(range(8))),
        (True, False, {0, 2, 4, 6}),
        (False, True, {0, 1, 2, 3}),
        (False, False, {0}),
    ],
)
def test_turns(flips: bool, rotations: bool, turns: set[int]) -> None:
    s = sampler(flips=flips, rotations=rotations, fields=20, cells=10)
    assert set(s.draw(0, 0, 0).turns.tolist()) == turns


def test_an_augmentation_that_is_switched_leaves_the_rest_alone() -> None:
    one, other = (s.draw(2, 0, 0) for s in (sampler(), sampler(flips=False, brightness=0)))
    assert np.array_equal(one.crops, other.crops)
    assert np.array_equal(one.visible, other.visible)
    assert (other.gains == 1).all()


def test_brightness_has_the_sd_asked_for() -> None:
    gains = sampler(brightness=0.2, fields=200, cells=10).draw(0, 0, 0).gains
    assert gains.dtype == np.float32
    assert np.log(gains).std() == pytest.approx(0.2, rel=0.05)
    assert np.log(gains).mean() == pytest.approx(0, abs=0.015)


def test_turned_by_hand() -> None:
    x = torch.tensor([[1, 2], [3, 4]]).expand(8, 1, 2, 2)
    expected = [
        [[1, 2], [3, 4]],
        [[2, 4], [1, 3]],
        [[4, 3], [2, 1]],
        [[3, 1], [4, 2]],
        [[2, 1], [4, 3]],  # left-right
        [[1, 3], [2, 4]],
        [[3, 4], [1, 2]],  # up-down
        [[4, 2], [3, 1]],
    ]
    assert turned(x, torch.arange(8))[:, 0].tolist() == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 500), st.integers(0, 99), st.integers(1, 99))
def test_held_out_fields(n: int, seed: int, percent: int) -> None:
    training = TrainingSettings(seed=seed, held_out_share=percent / 100)
    train, held = split_fields(n, training)
    assert sorted([*train, *held]) == list(range(n))
    assert len(train) >= 1
    assert len(held) == min(max(round(n * percent / 100), 1), n - 1)
    assert np.array_equal(train, np.sort(train))
    assert all(
        np.array_equal(a, b) for a, b in zip(split_fields(n, training), (train, held), strict=True)
    )


def test_batches_are_the_draws_in_order() -> None:
    s = sampler(accumulation=2, steps=7)
    batches = list(s.batches(CROPS, start=3, rank=0))
    assert len(batches) == 8
    for number, batch in enumerate(batches):
        draw = s.draw(3 + number // 2, number % 2, 0)
        assert np.array_equal(batch.crops.numpy(), CROPS.pixels[draw.crops])
        assert np.array_equal(batch.visible.numpy(), draw.visible)


def test_reading_ahead_keeps_the_order_and_passes_errors() -> None:
    def slow(number: int) -> int:
        time.sleep(0.01 * (number % 3 == 0))
        return number

    assert list(read_ahead(slow, 2, 40)) == list(range(2, 40))
    assert list(read_ahead(slow, 3, 3)) == []

    def broken(number: int) -> int:
        if number == 5:
            raise OSError("disk")
        return number

    got = []
    with pytest.raises(OSError, match="disk"):
        got.extend(iter(read_ahead(broken, 0, 9)))
    before = threading.active_count()
    unfinished = read_ahead(slow, 0, 1000)
    next(unfinished)
    unfinished.close()
    assert threading.active_count() == before
