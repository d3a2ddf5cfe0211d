from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.features.mae.settings import MAESettings
from phenoprot.pipeline import presets
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.presets import POSTER, apply_preset

TEXT = """\
# Every setting.
mae:
  model:
    width: 16  # elements
    depth: 2
  training:
    betas:
    - 0.9
    - 0.99
    # of all steps
    steps: 600
tasks:
  name: plain
"""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"mae.model.width": 768, "mae.model.depth": 2, "mae.training.betas": [0.9, 0.95]}
    monkeypatch.setitem(presets.PRESETS, "small", values)


@pytest.mark.usefixtures("small")
def test_only_the_preset_s_lines_change(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    changes = apply_preset("small", path)
    assert [key for key, _, _ in changes] == ["mae.model.width", "mae.training.betas"]
    assert (changes[0][1], changes[0][2]) == (16, 768)
    expected = TEXT.replace("width: 16 ", "width: 768").replace("- 0.99", "- 0.95")
    assert path.read_text() == expected
    before = path.read_bytes()
    assert apply_preset("small", path) == []
    assert path.read_bytes() == before


@pytest.mark.usefixtures("small")
def test_a_key_that_is_not_there_stops_all(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("depth", "depht"))
    with pytest.raises(
        UserError, match=r"params\.yaml: 1 of the keys of preset 'small'.*mae\.model\.depth"
    ):
        apply_preset("small", path)
    assert "width: 16" in path.read_text()
    with pytest.raises(UserError, match="no such file"):
        apply_preset("small", tmp_path / "none.yaml")


def test_a_longer_list_keeps_the_comment_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    monkeypatch.setitem(presets.PRESETS, "long", {"mae.training.betas": [1, 2, 3]})
    assert apply_preset("long", path) == [("mae.training.betas", [0.9, 0.99], [1, 2, 3])]
    assert "    - 1\n    - 2\n    - 3\n    # of all steps\n" in path.read_text()


def test_there_is_no_such_preset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no preset 'postr'.*There is: poster"):
        apply_preset("postr", tmp_path / "params.yaml")


def test_the_poster_s_network_and_batch() -> None:
    block: dict[str, dict[str, object]] = {}
    for key, value in POSTER.items():
        head, *rest = key.split(".")
        if head == "mae":
            block.setdefault(rest[0], {})[rest[1]] = value
    s = parse_settings(MAESettings, block, "poster")
    assert (s.model.n_tokens, s.model.visible, s.model.token_values) == (784, 78, 320)
    assert (s.training.batch, s.training.steps) == (2048, 100_000)
    assert POSTER["crops.size"] == s.model.image_size


def test_the_shipped_parameters_take_the_poster_s(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shipped = Path("params.yaml").read_text(encoding="utf-8")
    path.write_text(shipped, encoding="utf-8")
    result = CliRunner().invoke(app, ["preset", "apply", "poster", "--params", str(path)])
    assert result.exit_code == 0, result.output
    before, after = (load_params(p) for p in (Path("params.yaml"), path))
    assert (after.mae.model.n_tokens, after.mae.model.visible) == (784, 78)
    assert after.mae.training.batch == 2048
    assert after.crops.size == after.mae.model.image_size == 224
    assert after.screens == before.screens
    assert before.tasks.mlp != before.tasks.mlp_poster
    assert after.tasks.mlp == after.tasks.mlp_poster == before.tasks.mlp_poster
    # Each value is where the stages read it, and of the type that was there.
    was, now = (yaml.safe_load(text) for text in (shipped, path.read_text(encoding="utf-8")))
    for key, value in POSTER.items():
        assert at(now, key) == value
        assert None in (at(was, key), value) or type(at(was, key)) is type(value), key
    # Nothing else moved: the lines that differ are those of the preset.
    lines = set(path.read_text(encoding="utf-8").splitlines()) - set(shipped.splitlines())
    changed = {key.rpartition(".")[2] for key in POSTER if at(was, key) != at(now, key)}
    assert {line.split(":")[0].strip() for line in lines} <= changed
    assert f"{path}: {len([k for k in POSTER if at(was, k) != at(now, k)])} values" in result.output
    again = CliRunner().invoke(app, ["preset", "apply", "poster", "--params", str(path)])
    assert again.output == f"{path}: 0 values changed\n"


def test_presets_reach_every_stage_that_the_poster_describes() -> None:
    blocks = {key.split(".")[0] for key in POSTER}
    assert blocks == {"crops", "mae", "features", "profiles", "tasks"}


def at(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content[part]
    return content


def test_show_prints_the_values() -> None:
    result = CliRunner().invoke(app, ["preset", "show", "poster"])
    assert result.exit_code == 0
    assert "mae.model.image_size: 224\n" in result.output
