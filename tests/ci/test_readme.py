"""The README tells what is there."""

import re
from pathlib import Path

from readme_table import with_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_is_that_of_the_committed_metrics() -> None:
    assert with_table(README, ROOT / "metrics" / "cpjump1") == README, "run `make docs`"


def test_every_linked_file_is_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_setting_up_takes_two_commands() -> None:
    block = README.split("## Set up")[1].split("```bash")[1].split("```")[0]
    commands = [line.split("#")[0].strip() for line in block.strip().splitlines()]
    assert commands == ["make reproduce", "make test"]


def test_the_named_folders_are_there() -> None:
    layout = README.split("## Layout")[1].split("## ")[0]
    names = re.findall(r"`([\w./]+/)`", layout)
    assert len(names) >= 4
    assert [name for name in names if not (ROOT / name).is_dir()] == []
