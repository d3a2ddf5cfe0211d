"""Names that become paths: one rule, one way to join them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.core.names import LONGEST_NAME, inside, is_missing_word, name_fault, require_names

BAD = ["", ".", "..", "../x", "/abs", "20585/", "a\\b", "x" * 101, "a\nb", "a\0b", "\x1b[31m",
       " a", "a ", "a\u2028b", "a\x85b"]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name(name: str, tmp_path: Path) -> None:
    assert name_fault(name)
    with pytest.raises(UserError, match=r"1 plate name.s. cannot be used"):
        require_names([name, "P1", name], "plate", "load_data.csv")
    with pytest.raises(UserError):
        inside(tmp_path, "P1", name)


@pytest.mark.parametrize("name", ["P1", "BR00117010", "plate 1", ".x", "ß", "a.b", "x" * 100, "~"])
def test_what_is_a_name(name: str, tmp_path: Path) -> None:
    assert name_fault(name) is None
    assert inside(tmp_path, name, "A.zip") == tmp_path / name / "A.zip"


@given(st.lists(st.text(max_size=LONGEST_NAME + 5), max_size=3))
def test_a_path_never_leads_out(parts: list[str]) -> None:
    folder = Path("/nowhere/output")
    if any(map(name_fault, parts)):
        with pytest.raises(UserError):
            inside(folder, *parts)
        return
    path = inside(folder, *parts)
    assert path.resolve().is_relative_to(folder)
    assert len(path.parts) == len(folder.parts) + len(parts)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "P1").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out of its folder"):
        inside(tmp_path / "out", "P1", "A.zip")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "P1").symlink_to("P1")
    with pytest.raises(UserError, match=r"P1: is a link that leads back to itself. Remove"):
        inside(tmp_path, "P1")


def test_missing_words() -> None:
    assert all(map(is_missing_word, ["nan", "NaN", "None", "NA", " null ", "N/A", "<NA>"]))
    assert not any(map(is_missing_word, ["", "NAN1", "Nano", "nanomolar", "NONE1"]))
