"""Upstream files are found among folders, links and other files of their name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.screens.upstream import UpstreamFile, find_upstream

FILE = UpstreamFile("a.csv", "owner/name", "0" * 40, hashlib.sha256(b"right").hexdigest())


def test_the_right_one_of_several(tmp_path: Path) -> None:
    for folder, content in (("1", b"wrong"), ("2", b"right")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_bytes(content)
    assert find_upstream(tmp_path, FILE) == tmp_path / "2" / "a.csv"
    (tmp_path / "2" / "a.csv").write_bytes(b"wrong, too")
    with pytest.raises(UserError, match=r"1/a\.csv: SHA-256 is not .*nor is that of 1 more"):
        find_upstream(tmp_path, FILE)


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0" / "a.csv").mkdir(parents=True)
    for folder in "123":
        (tmp_path / folder).mkdir()
    (tmp_path / "1" / "a.csv").symlink_to("a.csv")
    (tmp_path / "2" / "a.csv").symlink_to("nowhere")
    os.mkfifo(tmp_path / "3" / "a.csv")
    with pytest.raises(UserError, match=r"'a\.csv' is not there"):
        find_upstream(tmp_path, FILE)
    (tmp_path / "right").write_bytes(b"right")
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "a.csv").symlink_to(tmp_path / "right")
    assert find_upstream(tmp_path, FILE) == tmp_path / "4" / "a.csv"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"right")
    with pytest.raises(UserError, match=r"is a file, expected a folder"):
        find_upstream(tmp_path / "a.csv", FILE)
    with pytest.raises(UserError, match=r"no such folder"):
        find_upstream(tmp_path / "nowhere", FILE)
