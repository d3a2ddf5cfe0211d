"""The comparison that docs/compare.md shows is the one of its two commits."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from phenoprot.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/compare.md").read_text(encoding="utf-8")
COLUMNS = 96
"""Of the terminal that the page shows."""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_shown_comparison_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a clone without DVC's cache: the two commits and git's store are all that it reads."""
    if git("rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("this clone is shallow: it lacks the two commits")
    (block,) = re.findall(r"```\n\$ phenoprot (compare .*?)\n```", PAGE, re.DOTALL)
    command, shown = block.split("\n", 1)
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(clone))
    monkeypatch.chdir(clone)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    assert done.output.rstrip("\n") == shown


def test_the_options_of_the_page_are_those_of_the_command() -> None:
    command = get_command(app).commands["compare"]
    known = {name for parameter in command.params for name in parameter.opts}
    options = re.findall(r"^\| `(--[a-z]+)(?: [a-z]+)?` ", PAGE, re.MULTILINE)
    assert options
    assert set(options) <= known
