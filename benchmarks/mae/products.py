"""The matrix products of a training step, alone: no way to write the step is faster.

They are recorded in a step on one thread's crops, and done again on arrays of the same shapes and
strides, on as many threads. The products within the encoder's attention are not counted.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from phenoprot.features.mae.batches import MicroBatch
from phenoprot.features.mae.gradient import THREADS
from phenoprot.features.mae.loop import Objective
from phenoprot.features.mae.model import seeded_model
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Standardisation

Layout = tuple[torch.Size, tuple[int, ...]]
"""Shape and strides of a factor."""
Product = tuple[Layout, Layout]

_PLACES = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1}
"""Where the two factors stand among the arguments."""


class Recorder(TorchDispatchMode):
    """Within the block, matrix products are noted in `found`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Product] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = _PLACES.get(func.overloadpacket.__name__)
        if first is not None:
            one, other = ((x.shape, x.stride()) for x in args[first : first + 2])
            self.found.append((one, other))
        return func(*args, **(kwargs or {}))


def products(
    settings: MAESettings, standardisation: Standardisation, batch: MicroBatch
) -> list[Product]:
    """Those of forward and backward on one thread's part of a micro-batch."""
    model, objective = seeded_model(settings.model, 0), Objective(standardisation, settings)
    with Recorder() as recorder:
        loss, _ = objective(model, batch.split(THREADS)[0])
        loss.backward()
    return recorder.found


def flops(found: list[Product]) -> float:
    """Floating-point operations, two for each pair of numbers that is multiplied."""
    return sum(2.0 * one.numel() * other[-1] for (one, _), (other, _) in found)


def seconds_alone(found: list[Product], repeats: int) -> float:
    """Wall seconds in which all threads do the products, each its own; the least of `repeats`."""
    with ThreadPoolExecutor(THREADS) as pool:
        arrays = list(pool.map(_arrays, [found] * THREADS))
        spent = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            list(pool.map(_multiply, [found] * THREADS, arrays))
            spent.append(time.perf_counter() - start)
    return min(spent[1:])


def peak(side: int = 2048) -> float:
    """Operations a second of plain products of square matrices on all threads."""
    square = (torch.Size((side, side)), (side, 1))
    found: list[Product] = [(square, square)] * 4
    return THREADS * flops(found) / seconds_alone(found, 3)


def _arrays(found: list[Product]) -> dict[Layout, Tensor]:
    arrays = {}
    for shape, strides in {layout for pair in found for layout in pair}:
        last = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        arrays[shape, strides] = torch.ones(last + 1).as_strided(shape, strides)
    return arrays


@torch.inference_mode()
def _multiply(found: list[Product], arrays: dict[Layout, Tensor]) -> None:
    for one, other in found:
        torch.matmul(arrays[one], arrays[other])
