"""Checkpoints: whole, or refused in one line; no rubbish beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from phenoprot.core.errors import UserError
from phenoprot.core.folders import temporary_folder
from phenoprot.features.mae.checkpoint import State, load_checkpoint, save_checkpoint
from phenoprot.features.mae.loop import make_optimiser

from .toy import TRAINING

LOG = [{"step": 3, "loss": 0.5, "memory_mib": 12.0}]


def network() -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    optimiser = make_optimiser(model, TRAINING)
    model(torch.ones(1, 4)).sum().backward()
    optimiser.step()
    return model, optimiser


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, *network(), State(3, LOG), "abc")
    return path


def test_what_was_saved_comes_back(path: Path) -> None:
    model, optimiser = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimiser.momenta.clear()
    state = load_checkpoint(path, model, optimiser, "abc")
    assert state == State(3, LOG)
    # A whole number stays one: resumed or not, the log has the same bytes.
    assert isinstance(state.log[0]["step"], int)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert len(optimiser.momenta) == 4
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def about(**changes: Any) -> Callable[[Path], None]:
    """Write the tensors anew with another word on them."""

    def write(path: Path) -> None:
        content = {"fingerprint": "abc", "step": 3, "tensors": 8, "log": LOG} | changes
        save_file(load_file(path), path, metadata={"state": json.dumps(content)})

    return write


def tensors(
    change: Callable[[dict[str, torch.Tensor]], object], count: int = 8
) -> Callable[[Path], None]:
    """Write other tensors, and `count` as what had been saved."""

    def write(path: Path) -> None:
        content = load_file(path)
        change(content)
        word = json.dumps({"fingerprint": "abc", "step": 3, "tensors": count, "log": LOG})
        save_file(content, path, metadata={"state": word})

    return write


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(bytes(500)),
        lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]),
        lambda path: save_file(load_file(path), path),
        as_folder,
        as_pipe,
        about(step="many"),
        about(step=-1),
        about(log=None),
        about(log=[["step"]]),
        about(fingerprint=None),
        about(tensors=7),
        tensors(lambda content: content.pop("model.0.weight")),
        tensors(lambda content: content.pop("model.0.weight"), 7),
        tensors(lambda content: content.pop("momentum.0.weight")),
        tensors(lambda content: content.update({"model.0.weight": torch.zeros(9, 9)})),
        tensors(lambda content: content.update({"momentum.0.weight": torch.zeros(9, 9)})),
        tensors(lambda content: content.update({"model.more": torch.zeros(1)}), 9),
    ],
)
def test_a_damaged_checkpoint_is_refused(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    with pytest.raises(UserError, match=r"checkpoint\.safetensors: .*(Remove|Name a) ") as error:
        load_checkpoint(path, *network(), "abc")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_what_a_killed_run_left_goes_with_the_next_checkpoint(path: Path) -> None:
    with temporary_folder(path) as folder:  # its name, as kill -9 leaves it
        name = folder.name
    (path.parent / name).mkdir()
    (path.parent / name / ".tmpAbC123").write_bytes(bytes(1000))
    save_checkpoint(path, *network(), State(4, LOG), "abc")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
