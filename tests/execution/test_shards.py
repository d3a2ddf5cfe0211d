"""Names of folders, and folders that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.execution.shards import Shard, complete, fault, produce, safe_name, shard_folder

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("BR00117010/C", "BR00117010~C"),
        ("up shuffled 1", "up+shuffled+1"),
        ("P1_C", "P1_C"),
        ("P1~C", "P1=7eC"),
        ("..", "=2e."),
        ("a\0µ", "a=00=c2b5"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(TEXT, TEXT)
def test_different_names_differ_on_disk(one: str, two: str) -> None:
    assert (safe_name(one) == safe_name(two)) == (one == two)
    safe = safe_name(one)
    assert safe.isascii()
    assert 0 < len(safe) <= 150
    assert not set(safe) & set('/\\:*?"<>| \0')
    assert not safe.startswith(".")


def test_a_folder_appears_whole(work: Path) -> None:
    shard = Shard("P1/A", "ab" * 32, "content")
    folder = shard_folder(work, shard)

    def write(payload: str, target: Path) -> None:
        assert not folder.exists()
        assert target.parent == folder.parent
        (target / "a.txt").write_text(payload)

    assert not complete(folder, "ab" * 32)
    produce(write, shard, folder)
    assert complete(folder, "ab" * 32)
    assert (folder / "shard.json").read_text() == (
        '{\n  "files": {\n    "a.txt": {\n'
        # printf content | sha256sum
        '      "sha256": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",\n'
        '      "size": 7\n    }\n  },\n'
        f'  "fingerprint": "{"ab" * 32}",\n  "name": "P1/A"\n}}\n'
    )
    assert list(folder.parent.iterdir()) == [folder]


def test_a_computation_that_fails_leaves_nothing(work: Path) -> None:
    def write(_payload: None, target: Path) -> None:
        (target / "a.txt").write_text("half")
        raise KeyboardInterrupt

    shard = Shard("P1/A", "ab" * 32, None)
    with pytest.raises(KeyboardInterrupt):
        produce(write, shard, shard_folder(work, shard))
    assert list(work.rglob("*")) == [work / ("ab" * 8)]


@pytest.mark.parametrize("whole", [True, False])
def test_another_process_came_first(whole: bool, work: Path) -> None:
    """A worker that outlived its parent: its whole result is taken, a broken one is an error."""
    shard = Shard("P1/A", "ab" * 32, None)
    folder = shard_folder(work, shard)

    def write(_payload: None, target: Path) -> None:
        (target / "a.txt").write_text("content")
        if target.parent == folder.parent and not folder.exists():
            if whole:
                produce(write_plain, shard, folder)
            else:
                folder.mkdir()
                (folder / "a.txt").touch()

    def write_plain(_payload: None, target: Path) -> None:
        (target / "a.txt").write_text("content")

    if whole:
        produce(write, shard, folder)
        assert complete(folder, shard.fingerprint)
    else:
        with pytest.raises(OSError, match="not empty"):
            produce(write, shard, folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_file_in_place_of_the_folder_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert fault(tmp_path / "file", "ab") == "it is not a folder"
    assert fault(tmp_path / "nothing", "ab") == "shard.json is missing"


def test_hidden_files_of_the_system_are_no_fault(work: Path) -> None:
    shard = Shard("P1/A", "ab" * 32, "content")
    folder = shard_folder(work, shard)
    produce(lambda payload, target: (target / "a").write_text(payload), shard, folder)
    (folder / ".DS_Store").touch()
    assert complete(folder, shard.fingerprint)
