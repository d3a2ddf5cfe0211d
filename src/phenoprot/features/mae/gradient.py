"""The gradient of a micro-batch on a CPU, its crops shared out to threads.

Threads that share every single operation wait for each other hundreds of times in a step; those
with crops of their own wait once. Each thread sums up its own crops, and the two sums are added:
the bits depend on the number of parts, a constant, not on which thread was first, nor on the
machine's cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from phenoprot.features.mae.batches import MicroBatch

THREADS = 2
"""Parts of a micro-batch: a number, not the machine's, since sums are split by it; at most two."""

Loss = Callable[[nn.Module, MicroBatch], tuple[Tensor, dict[str, Tensor]]]
"""Loss of a micro-batch, the mean over its crops, and its parts, detached."""


@contextmanager
def shared_out() -> Iterator[Executor]:
    """Threads for `add_gradient`; within the block no operation is spread over threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def add_gradient(
    loss: Loss, model: nn.Module, batch: MicroBatch, share: float, pool: Executor
) -> dict[str, Tensor]:
    """Add the gradient of a micro-batch's loss to that of the parameters.

    Parameters
    ----------
    loss
        What to differentiate.
    model
        Network; its parameters' ``grad`` are set, or added to.
    batch
        The micro-batch.
    share
        Factor on the loss: of the micro-batch in the step.
    pool
        Threads, see `shared_out`.

    Returns
    -------
    dict
        Parts of the loss, means over the crops.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    # Set aside what is there: each thread adds to the gradient as soon as it has a parameter's, so
    # that there is one gradient in memory, not one a thread. The sum of two is the same bits
    # whichever came first; of three it would not be.
    before = [p.grad for p in parameters]
    for parameter in parameters:
        parameter.grad = None

    def one(part: MicroBatch) -> dict[str, Tensor]:
        weight = len(part.crops) / len(batch.crops)
        total, parts = loss(model, part)
        (total * (share * weight)).backward()
        return {name: value * weight for name, value in parts.items()}

    means = dict[str, Tensor]()
    for parts in pool.map(one, batch.split(THREADS)):
        for name, value in parts.items():
            means[name] = means[name] + value if name in means else value
    for parameter, sum_before in zip(parameters, before, strict=True):
        if sum_before is not None:
            if parameter.grad is not None:
                sum_before.add_(parameter.grad)
            parameter.grad = sum_before
    return means
