"""The training loop of the masked autoencoder, resumable to the bit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from phenoprot.core.errors import UserError, listed
from phenoprot.core.partial import remove_stale
from phenoprot.features.mae.alone import Processes
from phenoprot.features.mae.batches import MicroBatch, Sampler, split_fields, turned
from phenoprot.features.mae.checkpoint import Entry, load_checkpoint, save_checkpoint
from phenoprot.features.mae.gradient import THREADS, add_gradient, shared_out
from phenoprot.features.mae.lion import Group, Lion
from phenoprot.features.mae.log import TrainingLog, peak_memory
from phenoprot.features.mae.losses import combined_loss, token_weights
from phenoprot.features.mae.model import MaskedAutoencoder, decay_groups, seeded_model
from phenoprot.features.mae.patches import hidden_tokens, token_share
from phenoprot.features.mae.pictures import picture
from phenoprot.features.mae.schedule import learning_rate
from phenoprot.features.mae.settings import MAESettings, TrainingSettings
from phenoprot.features.mae.standardise import Crops, Standardisation, Standardiser, cell_pixels
from phenoprot.features.memory import keep_freed_memory

PARTS = ("loss", "pixel", "fourier")
CHECKPOINT = "checkpoint.safetensors"


class Trained(NamedTuple):
    """What the loop has trained."""

    model: MaskedAutoencoder
    log: list[Entry]
    """Lines of the log."""


def run(
    crops: Crops,
    standardisation: Standardisation,
    settings: MAESettings,
    folder: Path,
    key: str,
    title: str,
    fabric: Processes,
) -> Trained:
    """Train from the last checkpoint in `folder` to the end.

    Parameters
    ----------
    crops, standardisation, settings
        See :func:`phenoprot.features.mae.train.train`.
    folder
        Work folder of this run.
    key
        Fingerprint of the run; a checkpoint of another one is refused.
    title
        For progress lines.
    fabric
        The processes that train.

    Raises
    ------
    UserError
        The loss is not finite, or the checkpoint is damaged or of another run.
    SystemExit
        SIGTERM or SIGINT came; a checkpoint was written.
    """
    t, rank = settings.training, fabric.global_rank
    bare = seeded_model(settings.model, t.seed).to(fabric.device)
    optimiser = make_optimiser(bare, t)
    if rank == 0:
        remove_stale(folder / CHECKPOINT)
    state = load_checkpoint(folder / CHECKPOINT, bare, optimiser, key)
    if t.compile:
        torch.use_deterministic_algorithms(True)  # of the compiler, too
        bare.compile()
    model = fabric.setup_module(bare)
    objective = Objective(standardisation, settings).to(fabric.device)
    trained_on, held_out = split_fields(len(crops.fields), t)
    sampler = Sampler(crops.fields, trained_on, settings.model, t)

    def save() -> None:
        if rank == 0:
            save_checkpoint(folder / CHECKPOINT, bare, optimiser, state, key)

    with (
        Stop() as stop,
        TrainingLog(folder / "dvclive", title, t.steps, state.log, rank == 0) as log,
        closing(sampler.batches(crops, state.step, rank)) as batches,
        threads(fabric, t) as pool,
    ):
        optimiser.pool = pool
        since, logged = time.monotonic(), state.step
        for step in range(state.step, t.steps):
            for group in optimiser.groups:
                group["lr"] = learning_rate(step, t)
            # Each process knows its own micro-batches; after the sum, all know all.
            losses = torch.zeros(t.accumulation, t.devices, len(PARTS), device=fabric.device)
            for micro in range(t.accumulation):
                batch = next(batches).to(fabric.device)
                if pool:
                    parts = add_gradient(objective, model, batch, 1 / t.accumulation, pool)
                else:
                    with fabric.no_backward_sync(model, enabled=micro < t.accumulation - 1):
                        loss, parts = objective(model, batch)
                        fabric.backward(loss / t.accumulation)
                losses[micro, rank] = torch.stack([parts[name] for name in PARTS])
            norm = gradient_norm(bare, t.clip_norm, pool)
            losses, stopped = shared(losses, stop.signal, fabric)
            require_finite(losses, float(norm), step, sampler)
            optimiser.step()
            optimiser.zero_grad()

            state.step = done = step + 1
            if done % t.log_every == 0 or done == t.steps:
                means = losses.double().mean(dim=(0, 1)).tolist()
                seconds = time.monotonic() - since
                entry: Entry = {
                    "step": done,
                    **dict(zip(PARTS, means, strict=True)),
                    "learning_rate": learning_rate(step, t),
                    "gradient_norm": float(norm),
                    "crops_per_second": t.batch * (done - logged) / seconds,
                    "memory_mib": peak_memory(fabric.device),
                }
                state.log.append(entry)
                log.line(entry, seconds)
                since, logged = time.monotonic(), done
            if rank == 0 and done % t.picture_every == 0:
                path = folder / "pictures" / f"step-{done:07d}.png"
                standardiser = objective.standardiser
                stains = standardisation.stains
                picture(path, bare, crops, held_out, standardiser, settings, stains)
            if stopped and done < t.steps:
                save()
                log.say(f"stopped at step {done}; the checkpoint is kept, run again to go on")
                raise SystemExit(128 + stopped)
            if done % t.checkpoint_every == 0 or done == t.steps:
                save()
    return Trained(bare, state.log)


def threads(
    fabric: Processes, settings: TrainingSettings
) -> AbstractContextManager[Executor | None]:
    """Threads that share out a micro-batch: on a CPU, in the only process, not compiled."""
    alone = fabric.world_size == 1 and fabric.device.type == "cpu"
    return shared_out() if alone and not settings.compile else nullcontext()


def gradient_norm(model: nn.Module, most: float | None, pool: Executor | None = None) -> Tensor:
    """Norm of the gradient, taken by `pool`; it is clipped to `most` unless that is None."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    groups = [gradients[first::THREADS] for first in range(THREADS)]
    norms = (pool.map if pool else map)(nn.utils.get_total_norm, groups)
    norm = torch.linalg.vector_norm(torch.stack(list(norms)))
    if most is not None:
        nn.utils.clip_grads_with_norm_(model.parameters(), most, norm)
    return norm


def shared(losses: Tensor, stop: int, fabric: Processes) -> tuple[Tensor, int]:
    """Sum the processes' losses, in which each has filled its own places; learn of a stop.

    Returns
    -------
    losses, stop
        The losses on the CPU; the highest number of a signal that any process got, 0 if none did.
    """
    if fabric.world_size > 1:
        number = torch.tensor(stop, device=fabric.device)
        torch.distributed.all_reduce(losses, torch.distributed.ReduceOp.SUM)
        torch.distributed.all_reduce(number, torch.distributed.ReduceOp.MAX)
        stop = int(number)
    return losses.cpu(), stop


class Objective:
    """From a micro-batch to its loss.

    Parameters
    ----------
    standardisation
        Statistics of the channels.
    settings
        Network and objective.
    """

    def __init__(self, standardisation: Standardisation, settings: MAESettings) -> None:
        self.settings = settings
        self.standardiser = Standardiser(standardisation)

    def to(self, device: torch.device) -> Objective:
        """Move the statistics to a device."""
        self.standardiser.to(device)
        return self

    def __call__(self, model: nn.Module, batch: MicroBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """L_MAE+ of a micro-batch, and its parts, detached."""
        s = self.settings
        # torch indexes no uint16; the bits of an int16 are as good.
        raw = turned(batch.crops.view(torch.int16), batch.turns).view(torch.uint16)
        target, predicted = model(self.standardiser(raw, batch.gains), batch.visible)
        hidden = hidden_tokens(batch.visible, s.model.n_tokens)
        foreground = None
        if s.loss.foreground_weight > 0:
            foreground = token_share(cell_pixels(raw)[:, 0], s.model)
        weights = token_weights(hidden, foreground, s.loss)
        return combined_loss(target, predicted, weights, s.model, s.loss)


def make_optimiser(model: nn.Module, settings: TrainingSettings) -> Lion:
    """Lion; weight decay on matrices only."""
    decayed, free = decay_groups(model)
    lr, decay = settings.learning_rate, settings.weight_decay
    groups: list[Group] = [
        {"params": decayed, "lr": lr, "weight_decay": decay},
        {"params": free, "lr": lr, "weight_decay": 0.0},
    ]
    return Lion(groups, settings.betas)


def require_finite(losses: Tensor, norm: float, step: int, sampler: Sampler) -> None:
    """Stop before a loss or gradient that is no number reaches the weights.

    Parameters
    ----------
    losses
        Of each micro-batch and process, shape (accumulation, devices, parts).
    norm
        Norm of the gradient.
    step, sampler
        To name the step and its fields.

    Raises
    ------
    UserError
        Names the step, the micro-batch, the process and its fields.
    """
    wrong = (~torch.isfinite(losses)).any(dim=2).nonzero().tolist()
    if not wrong and torch.isfinite(torch.tensor(norm)):
        return
    what = f"the norm of the gradient is {norm} at step {step}"
    if wrong:
        micro, rank = wrong[0]
        fields = sampler.draw(step, micro, rank).fields.tolist()
        what = (
            f"the loss is {float(losses[micro, rank, 0])} at step {step}, micro-batch {micro} of "
            f"process {rank} (fields {listed(fields)})"
        )
    raise UserError(
        what,
        where="mae",
        remedy="The last checkpoint is kept. Lower mae.training.learning_rate, set clip_norm, or "
        "look at the crops of these fields.",
    )


class Stop:
    """Within the block, SIGTERM and SIGINT only ask for a stop: ``signal`` holds their number."""

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stop:
        # Elsewhere than in the main thread Python sets no handlers.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # type: ignore[arg-type]

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number


@contextmanager
def deterministic() -> Iterator[None]:
    """Within the block, equal inputs give equal bits."""
    threads, before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    filling: Any = torch.utils.deterministic
    filled = filling.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    keep_freed_memory()
    torch.set_num_threads(THREADS)
    # As use_deterministic_algorithms, which loads the compiler to tell it, too: 150 MiB.
    torch.set_deterministic_debug_mode("error")
    # A guard against reading memory that was never written; costs 7 % of a step.
    filling.fill_uninitialized_memory = False
    try:
        yield
    finally:
        filling.fill_uninitialized_memory = filled
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(before)
