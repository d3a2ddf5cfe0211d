"""Checkpoints: weights, optimiser, step and log in one safetensors file that appears whole.

No state of random generators: everything random is a function of the step.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from phenoprot.core.errors import UserError, as_user_error, shortened
from phenoprot.core.files import atomic_path, require_file
from phenoprot.core.folders import temporary_folder
from phenoprot.core.settings import Settings
from phenoprot.features.mae.lion import Lion

MODEL, MOMENTUM, STATE = "model.", "momentum.", "state"

Entry = dict[str, float]
"""One line of the log: ``step`` and its numbers."""


@dataclass
class State:
    """Where a run stands."""

    step: int = 0
    """Steps done."""
    log: list[Entry] = field(default_factory=list)
    """Lines of the log so far."""


def save_checkpoint(
    path: Path, model: nn.Module, optimiser: Lion, state: State, fingerprint: str
) -> None:
    """Replace the checkpoint `path`; whenever the process is killed, a whole one is there."""
    tensors = {MODEL + name: value for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        if parameter in optimiser.momenta:
            tensors[MOMENTUM + name] = optimiser.momenta[parameter]
    about = About(fingerprint=fingerprint, step=state.step, tensors=len(tensors), log=state.log)
    # In a folder of its own: the library has a temporary file, which kill -9 would leave behind.
    with temporary_folder(path) as folder, atomic_path(path) as temporary:
        save_file(
            {name: value.cpu().contiguous() for name, value in tensors.items()},
            folder / path.name,
            metadata={STATE: json.dumps(about.model_dump())},
        )
        (folder / path.name).replace(temporary)
        _flush(temporary)
    _flush(path.parent)


def load_checkpoint(path: Path, model: nn.Module, optimiser: Lion, fingerprint: str) -> State:
    """Put a checkpoint's weights and momenta into place; without one, a run starts at step 0.

    Raises
    ------
    UserError
        The file is damaged or belongs to another run.
    """
    if not path.exists():
        return State()
    remedy = "Remove the file to train from the start."
    require_file(path, remedy)
    try:
        with safe_open(path, framework="pt") as stream:
            about = About.model_validate_json(stream.metadata()[STATE])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error, remedy) from None
    if about.fingerprint != fingerprint:
        raise UserError(
            "the checkpoint was made from other data or parameters", where=str(path), remedy=remedy
        )
    if len(tensors) != about.tensors:
        found = ValueError(f"{len(tensors)} tensors, {about.tensors} were saved")
        raise _unreadable(path, found, remedy)
    try:
        model.load_state_dict(
            {name.removeprefix(MODEL): t for name, t in tensors.items() if name.startswith(MODEL)}
        )
        for name, parameter in model.named_parameters():
            if MOMENTUM + name in tensors:
                momentum = tensors[MOMENTUM + name].to(parameter.device, torch.float32)
                optimiser.momenta[parameter] = momentum.view(parameter.shape)
    except RuntimeError as error:  # tensors of other names or shapes
        if as_user_error(error):  # no memory for them
            raise
        raise _unreadable(path, error, remedy) from None
    return State(step=about.step, log=about.log)


class About(Settings):
    """What a checkpoint says of itself."""

    fingerprint: str
    """Of the run."""
    step: int = Field(ge=0)
    """Steps done."""
    tensors: int = Field(ge=0)
    """Weights and momenta in the file."""
    log: list[dict[str, int | float]]  # the step stays a whole number
    """Lines of the log so far."""


def _unreadable(path: Path, error: Exception, remedy: str) -> UserError:
    reason = shortened(str(error) or type(error).__name__, 300)
    return UserError(f"the checkpoint cannot be read: {reason}", where=str(path), remedy=remedy)


def _flush(path: Path) -> None:
    """To disk: after a power cut a name means a whole file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
