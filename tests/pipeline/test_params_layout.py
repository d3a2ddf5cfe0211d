"""params.yaml is as DVC writes it, so that `dvc exp run -S` changes the lines of its values alone.

DVC drops comments and blank lines that follow a list: put a comment behind the key, or a plain
value before it (``features``, ``tasks``, then ``model``).
"""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import params_layout
import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from phenoprot.imports.new import params_block, with_block
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.presets import apply_preset

PARAMS = Path(__file__).parents[2] / "params.yaml"
TEXT = PARAMS.read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copy(PARAMS, tmp_path))


def changed(path: Path) -> list[str]:
    """Lines that differ from the committed file."""
    after = path.read_text(encoding="utf-8").splitlines()
    lines = difflib.unified_diff(TEXT.splitlines(), after, n=0, lineterm="")
    return [line for line in list(lines)[2:] if not line.startswith("@@")]


def test_the_committed_file_is_as_dvc_writes_it() -> None:
    assert params_layout.as_dvc_writes(TEXT) == TEXT, "run `make format`"


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (
            "tasks.classification.min_positives=20",
            ["-    min_positives: 10", "+    min_positives: 20"],
        ),
        ("curves.front=0.5", ["-  front:", "+  front: 0.5"]),
        ("mae.training.compile=true", ["-    compile: false", "+    compile: true"]),
        ("mae.training.betas=[0.9,0.99]", ["-    - 0.95", "+    - 0.99"]),
    ],
)
def test_an_experiment_changes_the_lines_of_its_value(
    given: str, lines: list[str], copy: Path
) -> None:
    apply_overrides(copy, [given])  # what `dvc exp run -S` calls
    assert changed(copy) == lines


def test_a_preset_keeps_the_layout(copy: Path) -> None:
    changes = apply_preset("poster", copy)
    assert changes
    text = copy.read_text(encoding="utf-8")
    assert params_layout.as_dvc_writes(text) == text


def test_a_new_screen_keeps_the_layout(copy: Path) -> None:
    draft: Any = SimpleNamespace(
        layout=SimpleNamespace(wells=pd.DataFrame({"Metadata_SMILES": ["C"]})),
        profiles={"mine": object()}, images=object(), proteins=object(), targets=object(),
    )  # fmt: skip
    text = with_block(copy, "mine", params_block(draft, Path("data/screens/mine")))
    copy.write_text(text, encoding="utf-8")
    assert params_layout.as_dvc_writes(text) == text
    assert "proteome_linear" in load_params(copy).screens["mine"].rows
    apply_overrides(copy, ["screens.mine.rows.mine.model=linear", "screens.mine.folder=here"])
    assert not [line for line in changed(copy) if line.startswith("-")]


def test_another_layout_means_the_same_afterwards() -> None:
    text = "a:\n    - 1e-5 # small\n    - 'x'\n\nb: {c: null}\n"
    again = params_layout.as_dvc_writes(text)
    assert again.startswith("a:\n- 1e-5")
    assert "# small\n- x\n" in again
    assert yaml.safe_load(again) == yaml.safe_load(text)
    assert params_layout.as_dvc_writes(again) == again
