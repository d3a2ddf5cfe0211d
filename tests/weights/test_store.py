"""Finding weights: the right file or a clear word why not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.weights import manifest as manifests
from phenoprot.weights.cli import weights_app
from phenoprot.weights.settings import WeightsSettings
from phenoprot.weights.store import locate, pinned_sha256, verify, weights_folder

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = "0" * 64


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published file cloome-bioactivity is `CONTENT`."""
    entries = manifests.manifest()
    entry = entries["cloome-bioactivity"].model_copy(update={"sha256": SHA256})
    monkeypatch.setitem(entries, "cloome-bioactivity", entry)


@pytest.mark.usefixtures("pinned")
def test_published_weights(tmp_path: Path) -> None:
    path = tmp_path / "cloome-bioactivity.pt"
    path.write_bytes(CONTENT)
    assert locate(WeightsSettings(file="cloome-bioactivity"), tmp_path) == path
    assert locate(WeightsSettings(file="cloome-bioactivity", sha256=SHA256), tmp_path) == path
    with pytest.raises(UserError, match=f"sha256 is {OTHER}, but the published file has {SHA256}"):
        locate(WeightsSettings(file="cloome-bioactivity", sha256=OTHER), tmp_path)


@pytest.mark.usefixtures("pinned")
def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cloome-bioactivity.pt"
    path.write_bytes(b"Weights")
    with pytest.raises(UserError) as fault:
        locate(WeightsSettings(file="cloome-bioactivity"), tmp_path)
    found = hashlib.sha256(b"Weights").hexdigest()
    assert f"{path}: its SHA-256 is {found}, expected {SHA256}" in str(fault.value)


def test_a_file_of_ones_own_needs_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(CONTENT)
    assert locate(WeightsSettings(file=str(path), sha256=SHA256)) == path
    with pytest.raises(UserError) as fault:
        locate(WeightsSettings(file=str(path)))
    assert f"nothing says which SHA-256 this file must have; it has {SHA256}" in str(fault.value)
    assert "name its hash as sha256" in str(fault.value)
    with pytest.raises(UserError, match=f"expected {OTHER}"):
        locate(WeightsSettings(file=str(path), sha256=OTHER))


def test_published_weights_of_unknown_hash_need_the_users(tmp_path: Path) -> None:
    (tmp_path / "dino.pth").write_bytes(CONTENT)
    with pytest.raises(UserError, match=f"nothing says which .* it has {SHA256}"):
        locate(WeightsSettings(file="dino"), tmp_path)
    locate(WeightsSettings(file="dino", sha256=SHA256), tmp_path)


def test_the_hash_is_known_without_the_file() -> None:
    known = manifests.manifest()["cloome-bioactivity"].sha256
    assert pinned_sha256(WeightsSettings(file="cloome-bioactivity")) == known
    assert pinned_sha256(WeightsSettings(file="dino", sha256=SHA256)) == SHA256
    with pytest.raises(UserError, match="dino: nothing says which SHA-256 this file must have"):
        pinned_sha256(WeightsSettings(file="dino"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cpsam", "the weights 'cpsam' are not there. Run `phenoprot weights fetch cpsam`"),
        ("dino", "the weights 'dino' are not there. Get the file from https://doi.org/10.1101/"),
        ("mine.pt", "mine.pt: no such file of weights. Check the path, or name published weights"),
    ],
)
def test_weights_that_are_not_there(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError) as fault:
        locate(WeightsSettings(file=name, sha256=SHA256), tmp_path)
    assert message in str(fault.value)


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PHENOPROT_WEIGHTS", raising=False)
    assert weights_folder() == tmp_path / ".cache" / "phenoprot" / "weights"
    monkeypatch.setenv("PHENOPROT_WEIGHTS", str(tmp_path / "mine"))
    assert weights_folder() == tmp_path / "mine"
    assert weights_folder(tmp_path) == tmp_path


@pytest.mark.usefixtures("pinned")
def test_verify(tmp_path: Path) -> None:
    (tmp_path / "cloome-bioactivity.pt").write_bytes(CONTENT)
    (tmp_path / "cloome-retrieval-zero-shot.pt").write_bytes(CONTENT)
    (tmp_path / "dino.pth").write_bytes(CONTENT)
    assert {status.name: status.state for status in verify(tmp_path)} == {
        "cloome-bioactivity": "verified",
        "cloome-retrieval-zero-shot": "mismatch",
        "dino": "unpinned",
        "cpsam": "absent",
    }
    run = CliRunner().invoke(weights_app, ["verify", "--folder", str(tmp_path)])
    assert run.stdout.splitlines() == [
        "cloome-bioactivity: verified",
        f"cloome-retrieval-zero-shot: mismatch {SHA256}",
        f"dino: unpinned {SHA256}",
        "cpsam: absent",
    ]
    assert isinstance(run.exception, UserError)
    assert "1 file(s) with another SHA-256 than listed" in str(run.exception)
    (tmp_path / "cloome-retrieval-zero-shot.pt").unlink()
    assert CliRunner().invoke(weights_app, ["verify", "--folder", str(tmp_path)]).exit_code == 0


def test_list_names_every_file(tmp_path: Path) -> None:
    run = CliRunner().invoke(weights_app, ["list", "--folder", str(tmp_path)])
    assert run.exit_code == 0
    for name, entry in manifests.manifest().items():
        assert name in run.stdout.splitlines()
        assert f"{tmp_path / entry.file} (absent)" in run.stdout
        assert entry.citation in run.stdout
    assert "by hand, from https://doi.org/10.1101/2023.06.16.545359" in run.stdout


def test_fetch_says_what_it_cannot(tmp_path: Path) -> None:
    run = CliRunner().invoke(weights_app, ["fetch", "dino", "--folder", str(tmp_path)])
    assert isinstance(run.exception, UserError)
    assert f"place it at {tmp_path / 'dino.pth'}, or give --url" in str(run.exception)


@pytest.mark.parametrize("value", ["abc", "A" * 64, "0" * 63])
def test_a_hash_is_64_hexadecimal_digits(value: str) -> None:
    with pytest.raises(UserError, match="'sha256': String should match pattern"):
        parse_settings(WeightsSettings, {"file": "dino", "sha256": value}, "params.yaml")
