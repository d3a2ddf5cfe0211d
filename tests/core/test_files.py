"""Files that appear whole or not at all; errors, lists, fingerprints, progress."""

from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import (
    atomic_path,
    file_sha256,
    fingerprint,
    write_json,
    write_parquet,
    write_text,
)
from phenoprot.core.folders import scratch_folder
from phenoprot.core.progress import Progress
from phenoprot.core.settings import Settings, parse_settings, read_yaml


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        ("", "", "3 wells occur twice"),
        ("wells.csv", "", "wells.csv: 3 wells occur twice"),
        ("", "Remove them.", "3 wells occur twice. Remove them."),
        ("wells.csv", "Remove them.", "wells.csv: 3 wells occur twice. Remove them."),
    ],
)
def test_user_error_says_where_what_and_remedy(where: str, remedy: str, text: str) -> None:
    for what in ("3 wells occur twice", "3 wells occur twice."):
        error = UserError(what, where=where, remedy=remedy)
        assert str(error) == text
        assert (error.what, error.where, error.remedy) == (what, where, remedy)


def test_listed() -> None:
    wells = [f"A{i:02d}" for i in range(1, 16)]
    assert listed(wells, 3) == "A01, A02, A03 and 12 more"
    assert listed(wells[:5]) == "A01, A02, A03, A04, A05"
    assert listed([1]) == "1"
    assert listed([]) == ""


def test_a_block_that_succeeds_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        temporary.write_text("one")
        assert not path.exists()
    with atomic_path(path) as temporary:
        temporary.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def dies_halfway() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        dies_halfway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_json_is_sorted_and_ends_with_a_newline(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [0.5]})
    assert (tmp_path / "a.json").read_text() == ('{\n  "a": [\n    0.5\n  ],\n  "b": 1\n}\n')


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_refuses_nan_and_leaves_the_old_file(tmp_path: Path, value: float) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"auc": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"auc": value})
    assert json.loads(path.read_text()) == {"auc": 0.5}
    assert list(tmp_path.iterdir()) == [path]


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1.0, math.nan], "y": ["a", "b"]}, index=[7, 3])
    for name in ("one.parquet", "two.parquet"):
        write_parquet(tmp_path / name, table)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "one.parquet"), table.reset_index(drop=True)
    )


def test_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, the example "abc".
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "a") == expected
    assert fingerprint({"b": 1, "a": [2]}) == fingerprint({"a": [2], "b": 1})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(1) != fingerprint("1")
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


# Settings


class Inner(Settings):
    share: float


class Outer(Settings):
    inner: Inner
    name: str = "x"


def test_all_faults_are_named_at_once_with_their_keys() -> None:
    with pytest.raises(UserError) as error:
        parse_settings(Outer, {"inner": {"shar": 1}, "nam": "y", "name": 3}, "params.yaml")
    message = str(error.value)
    assert message.startswith("params.yaml: ")
    for fault in (
        "unknown key 'inner.shar'",
        "unknown key 'nam'",
        "key 'inner.share' is missing",
        "'name': Input should be a valid string (got 3",
    ):
        assert fault in message
    assert message.endswith(". Fix these keys.")
    assert parse_settings(Outer, {"inner": {"share": 0.5}}, "").inner.share == 0.5


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Inner(share=0.1).share = 0.2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file. Check the path."),
        ("a: [1", "not valid YAML: while parsing a flow sequence"),
        ("- a\n- b", "holds a list, expected a mapping of keys to values"),
        ("", "is empty, expected a mapping of keys to values"),
    ],
)
def test_files_that_are_no_mapping(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


# Progress


def test_progress_in_a_log_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("fold", total=5, done=3) as progress:
        progress.step("up cellprofiler", 1.25)
        progress.step("down", 0.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "fold: 3 of 5 done earlier"
    assert lines[1].startswith("fold: 4/5 up cellprofiler (1.2 s; ")
    assert lines[2].startswith("fold: 5/5 down (0.0 s; ")
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Progress("fold", total=2) as progress:
        progress.step("up", 1.0)
    assert "fold: up" in screen.getvalue()
    assert "1/2" in screen.getvalue()


def test_scratch_folders_are_private_and_do_not_outlive_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder("toy") as left:
        assert left.stat().st_mode & 0o077 == 0
    left.mkdir()  # as kill -9 leaves it: unlocked
    (left / "keys.csv").write_text("a")
    with scratch_folder("toy") as new, scratch_folder("toy") as another:
        assert set(tmp_path.iterdir()) == {new, another}
    assert list(tmp_path.iterdir()) == []
