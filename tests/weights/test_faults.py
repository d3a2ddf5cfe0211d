"""Weights that are damaged, elsewhere or something else: one bounded line each."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.weights import download
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under
from phenoprot.weights.cli import weights_app
from phenoprot.weights.download import fetch
from phenoprot.weights.manifest import manifest
from phenoprot.weights.settings import WeightsSettings
from phenoprot.weights.store import locate, verify, weights_folder

from .servers import Server, serving

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {"weight": torch.randn(8, 5, 3, 3, generator=generator), "count": torch.arange(4)}


def saved(path: Path, form: str) -> bytes:
    if form == "safetensors":
        save_file(state(), path)
    elif form == "nested":
        torch.save({"model": state(), "epoch": 3}, path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=form == "zip")
    return path.read_bytes()


def damaged(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    kind = rng.choice(["cut", "bit", "bytes", "more", "zeros", "head", "tail"])
    out = bytearray(content)
    if kind == "cut":
        return content[:place]
    if kind == "bit":
        out[place] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        for _ in range(8):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif kind == "more":
        out[place:place] = rng.randbytes(20)
    elif kind == "zeros":
        out[place : place + 50] = bytes(50)
    elif kind == "head":
        out[rng.randrange(min(300, len(out)))] = rng.randrange(256)
    else:  # the index of a zip file, the last storage of the older format
        out[-rng.randrange(1, min(400, len(out)))] ^= 1 << rng.randrange(8)
    return bytes(out)


@pytest.mark.parametrize("form", ["zip", "nested", "legacy", "safetensors"])
def test_damage_is_refused_or_does_not_show(tmp_path: Path, form: str) -> None:
    suffix = ".safetensors" if form == "safetensors" else ".pt"
    content = saved(tmp_path / f"good{suffix}", form)
    rng, path, refused = random.Random(form), tmp_path / f"bad{suffix}", 0
    for _ in range(200):
        path.write_bytes(damaged(content, rng))
        message = ""
        try:
            tensors_under(read_checkpoint(path), str(path), key="model")
        except UserError as error:
            message, refused = str(error), refused + 1
        assert message.isprintable()
        assert len(message) < 450
    assert refused > 40


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, word in {
        tmp_path: "a folder", tmp_path / "pipe": "a named pipe", Path("/dev/zero"): "a device",
        tmp_path / "none": "no such file",
    }.items():  # fmt: skip
        with pytest.raises(UserError, match=word):
            read_checkpoint(path)
        if word != "no such file":
            with pytest.raises(UserError, match=f"{word}, expected a file of weights"):
                locate(WeightsSettings(file=str(path), sha256=SHA256))


@pytest.mark.parametrize(
    ("tensor", "word"),
    [
        (torch.eye(3).to_sparse(), "sparse"),
        (torch.zeros(3, dtype=torch.complex64), "complex"),
        (torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8), "quantised"),
        (torch.zeros(3, device="meta"), "without values"),
    ],
)
def test_tensors_that_are_no_plain_numbers(tensor: torch.Tensor, word: str) -> None:
    with pytest.raises(UserError, match=rf"1 tensors are no plain numbers: 'b' is {word}"):
        tensors_under({"a": torch.zeros(2), "b": tensor}, "w.pt")


def test_whole_numbers_do_not_pass_for_weights() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weights = dict(network.state_dict())
    load_strictly(network, weights, "w.pt", "a network", "0.weight")
    weights["0.weight"] = weights["0.weight"].to(torch.int8)
    with pytest.raises(UserError, match=r"1 hold whole numbers \(0.weight torch.int8\)"):
        load_strictly(network, weights, "w.pt", "a network", "0.weight")


# Downloads


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/etc/passwd", "http://", "https:x",
     "http://a b/c", "http://a\r\nX: y/c", "http://h:port/c", "http://[::1/c", "HTTP:/x", "",
     "x" * 9999, "http://h/\N{LATIN SMALL LETTER E WITH ACUTE}"],
)  # fmt: skip
def test_addresses_that_are_none(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError) as error:
        fetch("dino", tmp_path / "weights", SHA256, address or " ")
    assert "no http address" in str(error.value)
    assert len(str(error.value)) < 300
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "gopher"])
def test_no_server_leads_elsewhere_than_to_the_web(tmp_path: Path, scheme: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    where = secret.as_uri() if scheme == "file" else f"{scheme}://127.0.0.1:9/x"
    with serving(Server(CONTENT, location=where)) as server, pytest.raises(UserError) as error:
        fetch("dino", tmp_path / "weights", SHA256, server.url)
    assert "302" in str(error.value)
    assert [p.name for p in (tmp_path / "weights").iterdir()] == [".lock"]


def test_a_redirect_on_the_web_is_followed(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server, serving(Server(b"", location=server.url)) as first:
        assert fetch("dino", tmp_path, SHA256, first.url).read_bytes() == CONTENT


def test_a_redirect_without_end(tmp_path: Path) -> None:
    with serving(Server(b"")) as server:
        server.location = server.url
        with pytest.raises(UserError, match="302"):
            fetch("dino", tmp_path, SHA256, server.url)


@pytest.mark.parametrize("name", ["dino.pth", "dino.pth.partial"])
def test_a_folder_in_place_of_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with serving(Server(CONTENT)) as server, pytest.raises(UserError) as error:
        fetch("dino", tmp_path, SHA256, server.url)
    assert f"{name}: is a folder" in str(error.value)
    assert server.asked == []
    if not name.endswith(".partial"):
        with pytest.raises(UserError, match="is a folder, expected a file"):
            verify(tmp_path)
        with pytest.raises(UserError, match="is a folder, expected a file"):
            locate(WeightsSettings(file="dino", sha256=SHA256), tmp_path)


@pytest.mark.parametrize("length", ["nonsense", "-5", "99999999", "10"])
def test_lengths_that_are_wrong(tmp_path: Path, length: str) -> None:
    """The hash decides; a cut download is resumed."""
    target, message = tmp_path / "dino.pth", ""
    with serving(Server(CONTENT, length=length)) as server:
        try:
            fetch("dino", tmp_path, SHA256, server.url)
        except UserError as error:
            message = str(error)
    assert len(message) < 500
    assert target.exists() != bool(message)
    assert not target.exists() or target.read_bytes() == CONTENT


class FullDisk(io.BytesIO):
    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Callable[..., Any] = Path.open

    def full(path: Path, mode: str = "r", **how: Any) -> Any:
        return FullDisk() if path.suffix == ".partial" else opened(path, mode, **how)

    monkeypatch.setattr(download.Path, "open", full)
    with serving(Server(CONTENT)) as server, pytest.raises(UserError) as error:
        fetch("dino", tmp_path, SHA256, server.url)
    assert "No space left on device" in str(error.value)
    assert "dino.pth.partial" in str(error.value)
    assert "Free space" in str(error.value)


# Names


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "x" * 10_000, "a\nb", ""])
def test_names_that_are_not_listed(tmp_path: Path, name: str) -> None:
    run = CliRunner().invoke(weights_app, ["fetch", "--folder", str(tmp_path), "--", name])
    assert isinstance(run.exception, UserError)
    assert "no published weights" in str(run.exception)
    assert len(str(run.exception)) < 300
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"file": "../../x"}, "'file'"),
        ({"file": "/abs"}, "'file'"),
        ({"file": ".."}, "'file'"),
        ({"file": "x" * 101}, "'file'"),
        ({"url": "file:///etc/passwd"}, "'url'"),
        ({"url": "ftp://h/x"}, "'url'"),
        ({"sha256": "0" * 63}, "'sha256'"),
        ({"size": True}, "'size'"),
        ({"size": "5"}, "'size'"),
        ({"size": 0}, "'size'"),
        ({"other": 1}, "'other'"),
    ],
)
def test_manifests_that_are_wrong(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    entry = {"file": "a.pt", "content": "c", "page": "p", "licence": "l", "citation": "d"}
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump({"a": entry}))
    assert manifest(path)["a"].file == "a.pt"
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({"a": entry | change}))
    with pytest.raises(UserError) as error:
        manifest(other)
    assert word in str(error.value)
    assert "'a'" in str(error.value)
    twice = tmp_path / "twice.yaml"
    twice.write_text(path.read_text() + path.read_text())
    with pytest.raises(UserError, match="more than once: 'a'"):
        manifest(twice)


def test_a_home_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="home folder"):
        locate(WeightsSettings(file="~nobody-of-this-name/w.pt", sha256=SHA256))
    monkeypatch.setenv("PHENOPROT_WEIGHTS", "~nobody-of-this-name/w")
    with pytest.raises(UserError, match="home folder"):
        weights_folder()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PHENOPROT_WEIGHTS", "~/w")
    assert weights_folder() == tmp_path / "w"
