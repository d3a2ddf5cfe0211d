"""Reading weights: formats that are read, files that are refused, each with its own message."""

from __future__ import annotations

import argparse
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from phenoprot.core.errors import UserError
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under


class Touch:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def network(channels: int = 5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Linear(4, 2))


def as_saved_on_cuda(path: Path) -> None:
    """Rewrite a checkpoint's storages to claim that they lay on a GPU."""
    with zipfile.ZipFile(path) as archive:
        parts = {item.filename: archive.read(item) for item in archive.infolist()}
    name = next(name for name in parts if name.endswith("data.pkl"))
    pickled = parts[name].replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    assert pickled != parts[name]
    parts[name] = pickled
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors", "cuda"])
def test_every_format_is_read_whatever_it_is_called(tmp_path: Path, form: str, name: str) -> None:
    state = network().state_dict()
    path = tmp_path / name
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form != "legacy")
    if form == "cuda":
        as_saved_on_cuda(path)
    read = read_checkpoint(path)
    assert set(read) == set(state)
    for key, tensor in state.items():
        torch.testing.assert_close(read[key], tensor, rtol=0, atol=0)


def test_a_training_checkpoint_is_read(tmp_path: Path) -> None:
    state = {f"module.{name}": value.half() for name, value in network().state_dict().items()}
    content = {
        "teacher": state,
        "epoch": 3,
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4}]},
        "args": argparse.Namespace(arch="vit_base", lr=1e-4),
    }
    torch.save(content, tmp_path / "w.pth")
    read = read_checkpoint(tmp_path / "w.pth")
    assert read["args"].arch == "vit_base"
    tensors = tensors_under(read, "w.pth", key="teacher", prefixes=("module.",))
    target = network()
    for parameter in target.parameters():
        nn.init.zeros_(parameter)
    load_strictly(target, tensors, "w.pth", "a toy", "0.weight")
    for name, value in network().state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], value.half().float(), rtol=0, atol=0)


def bad_files(folder: Path) -> dict[str, Path]:
    """One file of each fault."""
    files = {}

    def write(name: str, content: bytes) -> Path:
        files[name] = folder / f"{name}.pt"
        files[name].write_bytes(content)
        return files[name]

    torch.save(network().state_dict(), folder / "good.pt")
    good = (folder / "good.pt").read_bytes()
    torch.save(network().state_dict(), folder / "old.pt", _use_new_zipfile_serialization=False)
    write("cut", good[:-200])
    write("cut_old", (folder / "old.pt").read_bytes()[:-60])
    write("empty", b"")
    write("page", b"\n<!DOCTYPE html><html><body>Sign in</body></html>")
    write("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    write("text", b"epoch,loss\n1,0.3\n")
    write("code_old", pickle.dumps({"w": Touch(folder / "touched")}, protocol=2))
    write("code_new", pickle.dumps({"w": Touch(folder / "touched")}, protocol=5))
    torch.save({"w": Touch(folder / "touched")}, write("code", b""))
    torch.save(network(), write("whole_model", b""))
    torch.jit.script(network()).save(str(write("script", b"")))
    with zipfile.ZipFile(write("zip", b""), "w") as archive:
        archive.writestr("readme.txt", "no weights")
    files["tensors"] = folder / "w.safetensors"
    save_file(network().state_dict(), files["tensors"])
    files["tensors"].write_bytes(files["tensors"].read_bytes()[:-10])
    files["absent"] = folder / "absent.pt"
    return files


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return bad_files(tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut", r"damaged or truncated: the file ends early, after \d+ bytes\. Remove it"),
        ("cut_old", r"damaged or truncated: "),
        ("tensors", r"damaged or truncated: "),
        ("zip", r"damaged or truncated: "),
        ("empty", r"the file is empty\. Remove it and fetch it again"),
        ("page", r"a web page, no weights: .*\. Remove it and download the file itself"),
        ("pointer", r"a Git LFS pointer, no weights\. Run `git lfs pull`"),
        ("text", r"neither a PyTorch file nor safetensors \(it begins with b'epoch,lo'\)"),
        (
            "code",
            r"holds more than tensors \(\w+\.mkdir\), which can run code .*; refused\. If you",
        ),
        ("code_old", r"holds more than tensors \(\w+\.mkdir\), which can run code .*; refused"),
        ("code_new", r"holds more than tensors, which can run code .*; refused"),
        ("whole_model", r"holds more than tensors \(torch\.nn\.modules\.container\.Sequential\)"),
        ("script", r"a TorchScript program, expected weights alone"),
        ("absent", r"no such file"),
    ],
)
def test_each_bad_file_has_its_message(bad: dict[str, Path], name: str, message: str) -> None:
    with pytest.raises(UserError) as fault:
        read_checkpoint(bad[name])
    assert re.match(re.escape(f"{bad[name]}: ") + message, str(fault.value)), fault.value
    assert "\n" not in str(fault.value)
    assert not (bad[name].parent / "touched").exists()


def test_the_code_of_the_bad_pickle_would_have_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Touch(tmp_path / "touched")))
    assert (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"teacher": {}}, "no weights under 'teacher'; the file holds: teacher"),
        ({"student": {"w": torch.ones(1)}, "epoch": 1}, "the file holds: student, epoch"),
        ({"teacher": {"w": 1.0}}, "no weights under 'teacher'"),
        (torch.ones(2), "no weights under 'teacher'; the file holds: Tensor"),
        ({}, "no weights under 'teacher'; the file holds: nothing"),
        (
            {"teacher": {"module.a": torch.ones(1), "b": torch.ones(1)}},
            "1 names begin with 'module.', 1 do not: b",
        ),
    ],
)
def test_a_checkpoint_without_the_weights(content: object, message: str) -> None:
    with pytest.raises(UserError) as fault:
        tensors_under(content, "w.pt", key="teacher", prefixes=("module.",))
    assert message in str(fault.value)


def test_loading_is_strict() -> None:
    good = network().state_dict()
    target = network()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    extra = torch.zeros(1)

    def message(tensors: dict[str, torch.Tensor]) -> str:
        with pytest.raises(UserError) as fault:
            load_strictly(target, tensors, "w.pt", "a toy", "0.weight")
        for name, value in before.items():
            torch.testing.assert_close(target.state_dict()[name], value, rtol=0, atol=0)
        return str(fault.value)

    renamed = {name.replace("2.", "head."): value for name, value in good.items()}
    assert message(renamed) == (
        "w.pt: no weights of a toy: 2 tensors are missing (2.weight, 2.bias); 2 are not expected "
        "(head.weight, head.bias). Give the checkpoint of the right model."
    )
    assert "2.bias (7,), expected (2,)" in message({**good, "2.bias": torch.zeros(7)})
    assert "1 are not expected (epoch)" in message({**good, "epoch": extra})
    three = network(channels=3).state_dict()
    assert message(three) == (
        "w.pt: takes 3 input channels, expected 5. Give weights of a toy that were trained on as "
        "many stains."
    )
    many = {f"layer{n}": extra for n in range(9)}
    assert "9 are not expected (layer0, layer1, layer2 and 6 more)" in message({**good, **many})
    broken = {**good, "2.bias": torch.tensor([0.0, float("nan")])}
    assert "1 tensors hold NaN or infinity: 2.bias" in message(broken)
