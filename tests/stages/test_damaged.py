"""Every stage with what it reads from ``data/`` missing, empty, cut, garbled or something else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.wild.stages import call_stage

from phenoprot.core.artefacts import read_object, read_table
from phenoprot.core.errors import UserError

ROOT = Path(__file__).parents[2]
STAGES = {
    "check_labels": "data/labels/toy/labels.parquet",
    "predict classification": "data/labels/toy/labels.parquet",
    "predict regression": "data/labels/toy/levels.parquet",
    "predict targets": "data/folds/toy.csv",
    "predict sensitivity": "data/labels/toy/labels.parquet",
    "profiles": "data/features/toy/mae.parquet",
    "crops": "data/masks/toy",
    "features": "data/crops/toy",
    "mae": "data/crops/toy",
    "evaluate": "data/labels/toy/counts.json",
    "report": "data/scores/toy",
    "page": "metrics/toy",
}
"""Stages that read the output of others, and what they read first."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the parameters of a screen ``toy`` and no ``data/``."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    block = content["screens"]["cpjump1"]
    block["folder"] = str(ROOT / "data/screens/cpjump1")
    block["extracted"] = ["mae"]
    content["screens"] = {"toy": block}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(stage: str) -> str:
    """The message by which a stage refuses."""
    with pytest.raises(UserError) as error:
        call_stage(stage, "toy")
    message = str(error.value)
    assert "\n" not in message
    assert len(message) <= 2000
    return message


def missing(path: Path) -> None:
    assert not path.exists()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 9)


def folder_there(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def something_else(path: Path) -> None:
    """What is whole, but no such table or object."""
    if path.suffix == ".parquet":
        pd.DataFrame({"x": [1, 2]}).to_parquet(path)
    else:
        path.write_text("[]" if path.suffix == ".json" else "a,b\n1,2\n")


DAMAGES = [missing, empty, garbage, folder_there, pipe, something_else]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_what_is_missing_and_what_to_do(folder: Path, stage: str) -> None:
    message = refusal(stage)
    assert STAGES[stage] in message
    assert re.search(r"[Rr]un |dvc repro|Segment the fields", message)


@pytest.mark.parametrize("damage", DAMAGES[1:])
@pytest.mark.parametrize("stage", [s for s, path in STAGES.items() if Path(path).suffix])
def test_a_stage_names_what_is_damaged(
    folder: Path, stage: str, damage: Callable[[Path], None]
) -> None:
    path = folder / STAGES[stage]
    path.parent.mkdir(parents=True)
    damage(path)
    message = refusal(stage)
    assert STAGES[stage] in message
    assert "dvc" in message or "expected a file" in message


# The readers


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def table(path: Path) -> None:
    values = np.random.default_rng(0).normal(size=5000)
    pd.DataFrame({"name": [f"n{i}" for i in range(5000)], "value": values}).to_parquet(path)


@pytest.mark.parametrize("damage", [*DAMAGES, cut])
def test_tables(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "a.parquet"
    if damage is cut:
        table(path)
    damage(path)
    with pytest.raises(UserError, match=r"a\.parquet: ") as error:
        read_table(path, ["name"])
    assert len(str(error.value)) < 600


def test_a_table_with_any_part_garbled_is_refused_or_read(tmp_path: Path) -> None:
    """Never another exception than the one line."""
    path, whole = tmp_path / "a.parquet", tmp_path / "whole.parquet"
    table(whole)
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        shutil.copy(whole, path)
        content = bytearray(path.read_bytes())
        place = int(rng.integers(len(content) - 2000, len(content) - 40))  # its notes on itself
        content[place : place + 40] = rng.bytes(40)
        path.write_bytes(content)
        try:
            read_table(path)
        except UserError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    "text", ["", "{", "nan", "[]", "3", '"x"', "{}", '{"a": 1', "\x00", "{" * 99]
)
def test_objects(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.json: .*dvc"):
        read_object(path, ["a"])
    path.write_text('{"a": 1}')
    assert read_object(path, ["a"]) == {"a": 1}


def test_too_few_file_handles_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    table(path)

    def none_left(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files", str(path))

    monkeypatch.setattr(pd, "read_parquet", none_left)
    with pytest.raises(UserError, match=r"Too many open files.*ulimit") as error:
        read_table(path)
    assert "damaged" not in str(error.value)
