"""Where ``phenoprot segment`` may write, and what it never removes."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from tests.segmentation.scenes import draw, write_screen
from tests.segmentation.test_run import CENTRES, SHAPE
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: None) -> Path:
    """The working folder, two levels below `tmp_path`, with images.csv and a user's notes."""
    place = tmp_path / "project" / "here"
    place.mkdir(parents=True)
    write_screen(place, {key: draw(SHAPE, centres)[0] for key, centres in CENTRES.items()})
    for notes in (place, place.parent, tmp_path):
        (notes / "notes.txt").write_text("mine")
    monkeypatch.chdir(place)
    return place


def segment(output: str, *options: str) -> str:
    """Run the command; return the message if it refuses."""
    command = ["segment", "images.csv", "--output", output, "--workers", "1", *options]
    result = CliRunner().invoke(app, command)
    if result.exit_code == 0:
        assert Path(output, "objects.parquet").is_file()
        return ""
    assert isinstance(result.exception, UserError), result.exception
    return str(result.exception)


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (".", "working folder"),
        ("..", "working folder"),
        ("../here", "working folder"),
        ("nowhere/..", "working folder"),
        ("full", "did not write: a.csv, b/c.csv"),
        ("full/b/..", "did not write"),
        ("link", "did not write"),
        ("notes.txt", "a file"),
        ("pipe", "a named pipe"),
        ("only_folders", "did not write: inner/"),
    ],
)
def test_a_folder_of_the_users_stays(folder: Path, tmp_path: Path, output: str, said: str) -> None:
    (folder / "full/b").mkdir(parents=True)
    (folder / "full/a.csv").write_text("1")
    (folder / "full/b/c.csv").write_text("2")
    (folder / "only_folders/inner").mkdir(parents=True)
    (folder / "link").symlink_to("full")
    os.mkfifo(folder / "pipe")
    before = everything(tmp_path)
    message = segment(output)
    assert said in message
    assert message.startswith(f"{output}: ")
    assert everything(tmp_path) == before  # neither removed nor begun
    assert (folder / "only_folders/inner").is_dir()


def test_an_empty_folder_a_link_to_one_and_our_own_output_are_replaced(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("empty")
    assert segment("link") == ""
    assert (folder / "link").is_symlink()
    table = pd.read_csv("images.csv", dtype=str)
    table[table["Metadata_Plate"] == "P1"].to_csv("images.csv", index=False)
    assert segment("empty") == ""
    assert not (folder / "empty/P2").exists()


@pytest.mark.parametrize("name", ["mine.txt", "P1/mine.txt", "P1/A.zip", "more/"])
def test_a_users_file_in_our_output_stays(folder: Path, name: str) -> None:
    assert segment("out") == ""
    if name.endswith("/"):
        (folder / "out" / name).mkdir()
    else:
        (folder / "out" / name).write_text("mine")
    assert f"holds 1 file(s) that this command did not write: {name}" in segment("out")
    assert (folder / "out" / name).exists()


@pytest.mark.parametrize("marker", ["", "{", "[]", "null", '{"files": 3}', '{"made_by": "x"}'])
def test_output_without_a_good_marker_stays(folder: Path, marker: str) -> None:
    """Of an older version, or damaged."""
    assert segment("out") == ""
    (folder / "out/.phenoprot-output.json").write_text(marker)
    assert "did not write" in segment("out")
    assert (folder / "out/P1/A.zip").is_file()


def test_the_work_folder_is_no_part_of_the_output(folder: Path) -> None:
    assert "holds the work folder" in segment("out", "--work", "out/work")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("plate", "said"),
    [
        ("../keep", "path separator"),
        ("/tmp/keep", "path separator"),
        ("20585/", "path separator"),
        ("..", "names a folder"),
        ("x" * 300, "300 characters"),
        ("objects.parquet", "name of a file beside them: objects.parquet"),
        ("score.json", "name of a file beside them"),
    ],
)
def test_plates_that_lead_elsewhere_are_refused(folder: Path, plate: str, said: str) -> None:
    table = pd.read_csv("images.csv", dtype=str)
    table.loc[table["Metadata_Plate"] == "P2", "Metadata_Plate"] = plate
    table.to_csv("images.csv", index=False)
    before = everything(folder.parents[1])
    assert said in segment("out/masks")
    assert everything(folder.parents[1]) == before
