"""Output folders: only what a command wrote is ever replaced, and it is replaced whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.files import atomic_path
from phenoprot.core.folders import MARKER, replaced_folder, require_replaceable


def publish(folder: Path, **files: str) -> None:
    with replaced_folder(folder, "test") as temporary:
        for name, text in files.items():
            (temporary / "P1").mkdir(exist_ok=True)
            (temporary / "P1" / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != MARKER]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_our_own_folder_is_replaced_whole(tmp_path: Path) -> None:
    publish(tmp_path / "new" / "out", a="1", b="2")
    publish(tmp_path / "new" / "out", b="33")
    assert content(tmp_path / "new" / "out") == {"P1/b": "33"}
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "out"]


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    publish(tmp_path / "out", a="1")
    assert content(tmp_path / "out") == {"P1/a": "1"}


@pytest.mark.parametrize(
    "theirs", ["notes.txt", "P1/b", ".hidden", "empty/", "P1/a", "link", MARKER]
)
def test_what_no_command_wrote_is_never_deleted(theirs: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(out, a="1")
    if theirs == "link":
        (out / theirs).symlink_to(tmp_path)
    elif theirs.endswith("/"):
        (out / theirs).mkdir()
    else:
        (out / theirs).write_text("changed by hand")
    with pytest.raises(UserError, match="did not write") as error:
        publish(out, a="2")
    assert str(out) in str(error.value)
    assert theirs == MARKER or theirs in str(error.value)
    assert (out / theirs).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_without_a_marker_is_theirs(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    for spelling in (tmp_path / "out", tmp_path / "out" / "..", tmp_path / "out" / ".." / "out"):
        with pytest.raises(UserError, match="did not write"):
            publish(spelling, a="1")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UserError, match="did not write"):
        publish(tmp_path / "link", a="1")
    assert (tmp_path / "out" / "precious").read_text() == "x"


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(UserError, match="link: is a link that leads back to itself"):
        publish(tmp_path / "link", a="1")


def test_a_link_to_our_folder_stays_a_link(tmp_path: Path) -> None:
    publish(tmp_path / "out", a="1")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    publish(tmp_path / "link", a="2")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "out") == {"P1/a": "2"}


def test_a_file_and_the_working_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file"):
        require_replaceable(tmp_path / "file")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for folder in (Path(), Path(".."), tmp_path):
        with pytest.raises(UserError, match="working folder"):
            require_replaceable(folder)


def test_a_block_that_fails_leaves_the_old_folder(tmp_path: Path) -> None:
    publish(tmp_path / "out", a="1")

    def fail() -> None:
        with replaced_folder(tmp_path / "out", "test") as temporary:
            (temporary / "b").write_text("2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert content(tmp_path / "out") == {"P1/a": "1"}
    assert len(list(tmp_path.iterdir())) == 1


def test_many_publish_at_once(tmp_path: Path) -> None:
    texts = [str(number) * 1000 for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda text: publish(tmp_path / "out", a=text, b=text), texts))
    found = content(tmp_path / "out")
    assert found["P1/a"] == found["P1/b"]
    assert found["P1/a"] in texts
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


WRITER = """
import sys, time
from pathlib import Path
from phenoprot.core.files import atomic_path
from phenoprot.core.folders import replaced_folder
with atomic_path(Path("table.csv")) as file, replaced_folder(Path("out"), "test") as folder:
    file.write_text("half")
    (folder / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    def start() -> subprocess.Popen[str]:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        return writer

    killed, alive = start(), start()
    (tmp_path / ".table.csv.mine").write_text("x")
    (tmp_path / ".table.csv.0123456789ab.partial.d").mkdir()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {path.name for path in tmp_path.iterdir()}
    assert len(before) == 6
    time.sleep(0.1)
    with atomic_path(tmp_path / "table.csv") as file:
        file.write_text("whole")
    publish(tmp_path / "out", a="1")
    # Those of the living process and the user's file stay; an unlocked one of our names goes.
    left = {path.name for path in tmp_path.iterdir()} - {"table.csv", "out"}
    assert len(left) == 3
    assert ".table.csv.mine" in left
    alive.kill()
    alive.wait()
    with atomic_path(tmp_path / "table.csv") as file:
        file.write_text("whole")
    publish(tmp_path / "out", a="1")
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv", "out", ".table.csv.mine"}


def test_a_device_is_no_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(UserError, match="a file is to be written there"), atomic_path(path):
            pass
