"""Lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2), in few passes over the memory.

The numbers are those of lion-pytorch. That walks through weights, gradients and momenta once for
each operation, which for a large network takes as long as memory does; here all operations are done
on one piece, which stays in the cache, before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

PIECE = 2**17
"""Elements that are updated together: three arrays of as many fit into a core's cache."""
MOMENTUM = "exp_avg"
"""Key of the momentum in a parameter's state."""


class Lion(Optimizer):
    """Lion with decoupled weight decay.

    ``p <- p (1 - lr wd) - lr sign(b1 m + (1 - b1) g)``, then ``m <- b2 m + (1 - b2) g``.

    Parameters
    ----------
    params
        Parameters, or groups of them.
    lr
        Learning rate.
    betas
        b1 and b2.
    weight_decay
        wd.

    Attributes
    ----------
    pool
        Threads that share the pieces; None: this one has them all.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})
        self.pool: Executor | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            there = [p for p in group["params"] if p.grad is not None]
            for p in there:
                if MOMENTUM not in self.state[p]:
                    self.state[p][MOMENTUM] = torch.zeros_like(
                        p, memory_format=torch.contiguous_format
                    )
            triples = [(p, p.grad, self.state[p][MOMENTUM]) for p in there]
            run = partial(update, group=group)
            list((self.pool.map if self.pool else map)(run, batched(pieces(triples))))
        return loss


Triple = tuple[Tensor, Tensor, Tensor]
"""Weights, gradients and momenta."""


def pieces(triples: Iterable[Triple]) -> Iterator[Triple]:
    """Cut arrays into flat views of at most `PIECE` elements."""
    for triple in triples:
        if triple[0].numel() <= PIECE:
            yield triple
            continue
        weights, gradients, momenta = (x.reshape(-1).split(PIECE) for x in triple)
        yield from zip(weights, gradients, momenta, strict=True)


Columns = tuple[list[Tensor], list[Tensor], list[Tensor]]
"""Weights, gradients and momenta of several pieces."""


def batched(parts: Iterable[Triple]) -> Iterator[Columns]:
    """Put pieces together, to at most `PIECE` elements if there is more than one."""
    waiting: list[Triple] = []
    size = 0
    for part in parts:
        n = part[0].numel()
        if waiting and size + n > PIECE:
            yield _columns(waiting)
            waiting, size = [], 0
        waiting.append(part)
        size += n
    if waiting:
        yield _columns(waiting)


def _columns(triples: list[Triple]) -> Columns:
    return [t[0] for t in triples], [t[1] for t in triples], [t[2] for t in triples]


@torch.no_grad()  # here, too: it holds in the thread that it was asked in
def update(columns: Columns, group: dict[str, Any]) -> None:
    """Update some weights and their momenta, in place; `group` has the settings."""
    weights, gradients, momenta = columns
    first, second = group["betas"]
    direction = torch._foreach_mul(momenta, first)
    torch._foreach_add_(direction, gradients, alpha=1 - first)
    torch._foreach_sign_(direction)
    torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
    torch._foreach_add_(weights, direction, alpha=-group["lr"])
    torch._foreach_mul_(momenta, second)
    torch._foreach_add_(momenta, gradients, alpha=1 - second)
