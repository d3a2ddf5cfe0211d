"""Lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2), in few passes over the memory.

The numbers are those of lion-pytorch. That walks through weights, gradients and momenta once for
each operation, which for a large network takes as long as memory does; here all operations are done
on one piece, which stays in the cache, before the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TypedDict

import torch
from torch import Tensor, nn

PIECE = 2**17
"""Elements that are updated together: three arrays of as many fit into a core's cache."""


class Group(TypedDict):
    """Parameters that are updated alike."""

    params: list[nn.Parameter]
    lr: float
    weight_decay: float


class Lion:
    """Lion with decoupled weight decay.

    ``p <- p (1 - lr wd) - lr sign(b1 m + (1 - b1) g)``, then ``m <- b2 m + (1 - b2) g``. No
    ``torch.optim.Optimizer``: making one loads torch's compiler, 150 MiB.

    Parameters
    ----------
    groups
        Parameters with their learning rate lr and weight decay wd, which may change.
    betas
        b1 and b2.

    Attributes
    ----------
    groups
        As given.
    momenta
        m of each parameter that has been updated.
    pool
        Threads that share the pieces; None: this one has them all.
    """

    def __init__(self, groups: list[Group], betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.groups, self.betas = groups, betas
        self.momenta: dict[nn.Parameter, Tensor] = {}
        self.pool: Executor | None = None

    @torch.no_grad()
    def step(self) -> None:
        """Update all parameters that have a gradient."""
        for group in self.groups:
            triples: list[Triple] = []
            for p in group["params"]:
                if p.grad is not None:
                    if p not in self.momenta:
                        like = torch.contiguous_format
                        self.momenta[p] = torch.zeros_like(p, memory_format=like)
                    triples.append((p, p.grad, self.momenta[p]))
            run = partial(update, group=group, betas=self.betas)
            list((self.pool.map if self.pool else map)(run, batched(pieces(triples))))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.groups:
            for p in group["params"]:
                p.grad = None


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
def update(columns: Columns, group: Group, betas: tuple[float, float]) -> None:
    """Update some weights and their momenta, in place; `group` has the settings."""
    weights, gradients, momenta = columns
    first, second = betas
    direction = torch._foreach_mul(momenta, first)
    torch._foreach_add_(direction, gradients, alpha=1 - first)
    torch._foreach_sign_(direction)
    torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
    torch._foreach_add_(weights, direction, alpha=-group["lr"])
    torch._foreach_mul_(momenta, second)
    torch._foreach_add_(momenta, gradients, alpha=1 - second)
