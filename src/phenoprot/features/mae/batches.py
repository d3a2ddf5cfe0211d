"""What is in a batch: a pure function of (seed, step, micro-batch, rank).

A step has ``fields x devices x accumulation`` slots; slot s of step t holds cells of one field.
Which field, which cells, how they are turned and what is masked depends on the seed, t and s alone.
So a restarted run needs no state of iterators or generators, and the batch of a step is the same
however its slots are spread over processes and micro-batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phenoprot.features.mae.patches import draw_visible, orient
from phenoprot.features.mae.settings import ModelSettings, TrainingSettings
from phenoprot.features.mae.standardise import Crops, IntArray

ORDER, SLOT, HELD_OUT = 0, 1, 2
"""Streams of random numbers: order of the fields, content of a slot, fields held out."""
READERS = 4
"""Threads that read ahead."""
AHEAD = 8
"""Micro-batches that are read ahead."""

T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """The random choices behind a micro-batch of B crops."""

    fields: IntArray
    """Fields, by their number, shape (fields,)."""
    crops: IntArray
    """Indices of the crops, shape (B,)."""
    turns: IntArray
    """Flip and rotation of each crop, see `turned`, shape (B,)."""
    gains: NDArray[np.float32]
    """Factor on the intensity of each crop and channel, shape (B, C)."""
    visible: IntArray
    """Indices of the visible tokens, shape (B, K)."""


@dataclass(frozen=True)
class MicroBatch:
    """A micro-batch, read: CPU tensors."""

    crops: Tensor
    """uint16, shape (B, C, S, S)."""
    turns: Tensor
    """int64, shape (B,)."""
    gains: Tensor
    """float32, shape (B, C)."""
    visible: Tensor
    """int64, shape (B, K)."""

    def to(self, device: torch.device) -> MicroBatch:
        """Copy to a device."""
        parts = (self.crops, self.turns, self.gains, self.visible)
        return MicroBatch(*(part.to(device, non_blocking=True) for part in parts))

    def split(self, parts: int) -> list[MicroBatch]:
        """Cut into at most `parts` micro-batches, none empty, in the order of the crops."""
        parts = min(parts, len(self.crops))
        whole = (self.crops, self.turns, self.gains, self.visible)
        cut = [tensor.tensor_split(parts) for tensor in whole]
        return [MicroBatch(*part) for part in zip(*cut, strict=True)]


class Sampler:
    """Draws micro-batches.

    Parameters
    ----------
    fields
        Crop indices of each field; none is empty.
    numbers
        Which of the fields are trained on.
    model, training
        Settings.
    """

    def __init__(
        self,
        fields: Sequence[IntArray],
        numbers: IntArray,
        model: ModelSettings,
        training: TrainingSettings,
    ) -> None:
        self.fields, self.numbers = fields, numbers
        self.model, self.training = model, training
        both, flips, rotations = range(8), (0, 2, 4, 6), range(4)
        allowed = {(True, True): both, (True, False): flips, (False, True): rotations}
        self.turns = np.array(allowed.get((training.flips, training.rotations), (0,)))
        self._order = lru_cache(maxsize=2)(self._shuffled_fields)

    def _shuffled_fields(self, epoch: int) -> IntArray:
        rng = np.random.default_rng([ORDER, self.training.seed, epoch])
        return rng.permutation(self.numbers)

    def draw(self, step: int, micro: int, rank: int) -> Draw:
        """Draw micro-batch `micro` of step `step` for process `rank`.

        Fields come in random order, all of them before any comes again; of a field, cells without
        replacement, unless it has fewer than are wanted.
        """
        t = self.training
        slots = t.fields * t.devices * t.accumulation
        first = (micro * t.devices + rank) * t.fields
        parts = [self._slot(step, slot, slots) for slot in range(first, first + t.fields)]
        return Draw(
            fields=np.array([part[0] for part in parts]),
            crops=np.concatenate([part[1] for part in parts]),
            turns=np.concatenate([part[2] for part in parts]),
            gains=np.concatenate([part[3] for part in parts]),
            visible=np.concatenate([part[4] for part in parts]),
        )

    def _slot(
        self, step: int, slot: int, slots: int
    ) -> tuple[int, IntArray, IntArray, NDArray[np.float32], IntArray]:
        epoch, place = divmod(step * slots + slot, len(self.numbers))
        field = int(self._order(epoch)[place])
        cells = self.fields[field]
        n = self.training.cells
        rng = np.random.default_rng([SLOT, self.training.seed, step, slot])
        # All is drawn, wanted or not: an augmentation that is switched on leaves the rest alone.
        crops = cells[np.resize(rng.permutation(len(cells)), n)]
        turns = self.turns[rng.integers(len(self.turns), size=n)]
        noise = rng.standard_normal((n, self.model.channels))
        gains = np.exp(self.training.brightness * noise).astype(np.float32)
        return field, crops, turns, gains, draw_visible(n, self.model, rng)

    def read(self, crops: Crops, step: int, micro: int, rank: int) -> MicroBatch:
        """Draw and read a micro-batch."""
        draw = self.draw(step, micro, rank)
        return MicroBatch(
            torch.from_numpy(crops.read(draw.crops)),
            torch.from_numpy(draw.turns),
            torch.from_numpy(draw.gains),
            torch.from_numpy(draw.visible),
        )

    def batches(self, crops: Crops, start: int, rank: int) -> Generator[MicroBatch, None, None]:
        """All micro-batches from step `start` on, read ahead in threads."""
        n = self.training.accumulation

        def read(number: int) -> MicroBatch:
            return self.read(crops, *divmod(number, n), rank)

        return read_ahead(read, start * n, self.training.steps * n)


def read_ahead(read: Callable[[int], T], start: int, end: int) -> Generator[T, None, None]:
    """``read(start) .. read(end - 1)``, in order, a few of them ahead in threads."""
    with ThreadPoolExecutor(READERS) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for number in range(start, end):
                waiting.append(pool.submit(read, number))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def turned(crops: Tensor, turns: Tensor) -> Tensor:
    """Flip and rotate each crop.

    Parameters
    ----------
    crops
        Shape (B, C, S, S).
    turns
        0..7, shape (B,), see `orient`.
    """
    result = torch.empty_like(crops)
    for turn in range(8):
        chosen = (turns == turn).nonzero()[:, 0]
        result[chosen] = orient(crops[chosen], turn)
    return result


def split_fields(n: int, training: TrainingSettings) -> tuple[IntArray, IntArray]:
    """Numbers of the fields to train on and of those held out, both in ascending order.

    A pure function of the seed. At least one field is on either side; `n` is 2 or more.
    """
    rng = np.random.default_rng([HELD_OUT, training.seed])
    held = min(max(round(n * training.held_out_share), 1), n - 1)
    order = rng.permutation(n)
    return np.sort(order[held:]), np.sort(order[:held])
