"""What the training loop asks of the processes that train, and the answers of a single one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from phenoprot.core.device import CPU


class Processes(Protocol):
    """The part of ``lightning.fabric.Fabric`` that the loop needs."""

    @property
    def device(self) -> torch.device:
        """Device of this process."""

    @property
    def global_rank(self) -> int:
        """Number of this process."""

    @property
    def world_size(self) -> int:
        """How many there are."""

    def setup_module(self, module: nn.Module) -> nn.Module:
        """Wrap a network, for its precision and for sums over the processes."""

    def no_backward_sync(
        self, module: Any, enabled: bool = True
    ) -> AbstractContextManager[Any, Any]:
        """Within the block, gradients are not summed over the processes."""

    def backward(self, tensor: Tensor) -> None:
        """Add to the gradients."""

    def barrier(self) -> None:
        """Wait for the others."""


class Alone:
    """The only process, on a CPU in float32: Fabric has nothing to do there but to be loaded.

    It would take 110 MiB, and three seconds with all that it imports.
    """

    device = torch.device(CPU)
    global_rank, world_size = 0, 1

    def setup_module(self, module: nn.Module) -> nn.Module:
        """The network as it is."""
        return module

    def no_backward_sync(
        self, module: nn.Module, enabled: bool = True
    ) -> AbstractContextManager[None]:
        """There is nothing to sum."""
        return nullcontext()

    def backward(self, tensor: Tensor) -> None:
        """Add to the gradients."""
        tensor.backward()

    def barrier(self) -> None:
        """There is nobody to wait for."""
