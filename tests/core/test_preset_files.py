"""Presets on files of all kinds: written whole and alone, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.core.settings import read_yaml
from phenoprot.pipeline import presets
from phenoprot.pipeline.presets import apply_preset

ROOT = Path(__file__).parents[2]
TEXT = "# all\nmae:  # net\n  width: 16  # elements\n  betas:\n  - 0.9\n  - 0.99\nother: x\n"
VALUES: dict[str, Any] = {"mae.width": 32, "mae.betas": [0.5, 1e-05]}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets.PRESETS, "small", VALUES)


def refused(path: Path, words: str, *, kept: bool = True) -> None:
    before = path.read_bytes() if path.is_file() else None
    held = sorted(path.parent.iterdir())
    with pytest.raises(UserError) as error:
        apply_preset("small", path)
    assert words in str(error.value)
    assert len(str(error.value)) < 900
    assert (path.read_bytes() if path.is_file() else None) == before
    assert sorted(path.parent.iterdir()) == held


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("other: x", "other: 'x"), "not valid YAML"),
        (TEXT + "other: 2\n", "'other' (lines 7, 8)"),
        (TEXT.replace("  width", "\twidth"), "not with tabs"),
        (TEXT.replace("16", "9" * 5000), "5000 digits"),
        ("a: " + "[" * 50_000, "levels deep"),
        (TEXT + "---\nb: 1\n", "single document"),
        ("", "is empty"),
        ("- 1\n", "a list"),
        ("mae: 5\n", "mae.width"),
        ("mae:\n  - 1\n", "mae.width"),
        # An alias: what it stands for would change with it.
        ("base: &b {width: 16, betas: [1]}\nmae: *b\n", "without aliases"),
        ("base: &b\n  width: 16\n  betas: [1]\nmae:\n  <<: *b\n", "without aliases"),
    ],
)
def test_files_that_are_left_as_they_are(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    refused(path, words)


def test_other_encodings_and_things_that_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(TEXT.encode("utf-16"))
    refused(path, "UTF-16")
    path.write_bytes(TEXT.replace("all", "\xe9").encode("latin-1"))
    refused(path, "line 1")
    refused(tmp_path / "none.yaml", "no such file")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "a folder")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "a named pipe")
    for name, target in {"loop.yaml": "loop.yaml", "broken.yaml": "nowhere"}.items():
        (tmp_path / name).symlink_to(target)
        refused(tmp_path / name, f"{name}: no such file")


def test_a_read_only_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    path.chmod(0o444)
    refused(path, "is read-only")
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_comments_marks_and_links_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    apply_preset("small", link)
    assert link.is_symlink()
    expected = TEXT.replace("16", "32").replace("0.99", "1e-05").replace("- 0.9\n", "- 0.5\n")
    assert path.read_text() == expected
    assert read_yaml(path)["mae"] == {"width": 32, "betas": [0.5, 1e-05]}
    assert apply_preset("small", path) == []


@pytest.mark.parametrize(
    "text", ["mae: {width: 16, betas: [1, 2, 3]}\n", TEXT.replace("0.99", "1")]
)
def test_other_layouts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    apply_preset("small", path)
    assert read_yaml(path)["mae"] == {"width": 32, "betas": [0.5, 1e-05]}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("clip: 10.0", "clip: true", "'tasks.clip'"),
        ("clip: 10.0", "klip: 10.0", "'tasks.klip'"),
        ("  size: 64\n", "", "crops.size"),
        ("decoder_depth: 1", "decoder_depth: .inf", None),
    ],
)
def test_what_would_not_run_is_not_written(
    tmp_path: Path, old: str, new: str, words: str | None
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = path.read_bytes()
    run = CliRunner().invoke(app, ["preset", "apply", "poster", "--params", str(path)])
    if words is None:  # the preset replaces the fault
        assert run.exit_code == 0, run.exception
        return
    assert isinstance(run.exception, UserError)
    assert words in str(run.exception)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["postr", "../../x", "x" * 10_000, ""])
def test_no_such_preset(name: str) -> None:
    for command in ("show", "apply"):
        run = CliRunner().invoke(app, ["preset", command, name])
        assert isinstance(run.exception, UserError)
        assert "There is: poster" in str(run.exception)
        assert len(str(run.exception)) < 300
