"""params.yaml and its generated page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from phenoprot.core.errors import UserError
from phenoprot.pipeline.parameters import parameter_table
from phenoprot.pipeline.params import load_params
from phenoprot.tasks.registry import all_tasks

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"
PAGE = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")


def keys(block: Any, prefix: str = "") -> list[str]:
    """Dotted keys of all plain values; names that the user chooses as in the page."""
    if not isinstance(block, dict):
        return [prefix]
    found: list[str] = []
    for key, value in block.items():
        name = {"screens": "<screen>", "screens.<screen>.rows": "<row>"}.get(prefix, key)
        found += keys(value, f"{prefix}.{name}" if prefix else name)
    return found


def test_the_page_is_in_step() -> None:
    assert parameter_table(PARAMS) == PAGE, "run `make docs`"


def test_every_key_of_the_file_is_documented() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    meaning = {row[0].strip("| `"): row[-1].strip("| ") for row in rows}
    content = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    # A model's name may stand alone: `model: mlp`.
    names = {key: f"{key}.estimator" if key.endswith(".model") else key for key in keys(content)}
    # What holds for one screen is documented where it holds for all.
    own = "screens.<screen>.settings."
    missing = [k for k, name in names.items() if len(meaning.get(name.removeprefix(own), "")) < 10]
    assert missing == []
    assert len(keys(content)) > 50


def test_values_bounds_and_choices_stand_in_the_page() -> None:
    assert "| `labels.single_dose.alpha` | `0.05` | number > 0, < 1 | False discovery" in PAGE
    assert "| `tasks.mlp.width` | `[32]` | list of integers >= 1, <= 65536 | Units" in PAGE
    assert "| `tasks.regression.loss` | `mse` | `mse` or `smape` | Objective" in PAGE
    assert "<row>.shuffled` | `false` | boolean |" in PAGE
    assert "| `screens.<screen>.folder` | - | path |" in PAGE


def test_the_page_follows_the_file(tmp_path: Path) -> None:
    content = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    content["tasks"]["clip"] = 7.5
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    changed = set(parameter_table(path).splitlines()) - set(parameter_table(PARAMS).splitlines())
    assert [line.split(" | ")[:2] for line in changed] == [["| `tasks.clip`", "`7.5`"]]


def test_every_table_is_well_formed() -> None:
    table = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {5}


def test_the_file_of_the_repository_loads() -> None:
    params = load_params(PARAMS)
    assert params.screen("cpjump1").folder == Path("data/screens/cpjump1")
    rows = params.screen("cpjump1").rows
    assert set(rows["cellprofiler"].tasks or ()) == set(all_tasks())
    assert rows["structure"].tasks is None  # all but those that a row must name
    # Every model by name: two readings of each feature set, and the poster's of the first.
    models = {row.model.estimator for row in rows.values() if row.model}
    assert models == {"mlp", "mlp_poster", "linear"}
    assert all(row.model or row.fusion for row in rows.values())
    # The page of METHODS: four hidden layers, Adam 1e-4, dropout 0.2.
    poster = params.tasks.mlp_poster
    assert {(p.hidden_layers, p.activation, p.dropout) for p in poster.points()} == {
        (4, "tanh", 0.2)
    }
    assert {p.learning_rate for p in poster.points()} == {1e-4}
    assert {p.skip for p in poster.points()} == {False}
    assert (poster.components, poster.ensemble) == (None, 1)


def test_an_unknown_screen_names_those_there_are() -> None:
    with pytest.raises(UserError) as error:
        load_params(PARAMS).screen("cpjump2")
    assert str(error.value).startswith("params.yaml: no screen 'cpjump2'; there are: cpjump1")
    assert str(error.value).endswith("Add a block under screens.")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tasks.shuffel", 3, "unknown key 'tasks.shuffel'"),
        # Keys of the releases before repeats: none is read as if it still had a meaning.
        ("tasks.shuffles", 3, "unknown key 'tasks.shuffles'"),
        ("tasks.training", {"seed": 0}, "unknown key 'tasks.training'"),
        ("tasks.splits.inner_splits", 1, "unknown key 'tasks.splits.inner_splits'"),
        ("tasks.splits.repeats", None, "key 'tasks.splits.repeats' is missing"),
        ("tasks.splits.kind", "cluster", "'tasks.splits.kind': Input should be 'compound'"),
        ("tasks.clip", "wide", "'tasks.clip': Input should be a valid number"),
        ("tasks.splits.folds", 1, "'tasks.splits.folds': Input should be greater than or equal"),
        ("tasks.mlp.activation", ["gelu"], "'tasks.mlp.activation.0': Input should be 'relu'"),
        ("labels.single_dose.alpha", 1.0, "less than 1 (got 1.0)"),
        ("screens.cpjump1.rows.proteome.tasks", ["regression"], "only predict targets, not itself"),
        ("screens.cpjump1.rows.cellprofiler_linear.features", [], "names no features"),
    ],
)
def test_a_fault_names_its_key(tmp_path: Path, key: str, value: Any, message: str) -> None:
    content = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    *path, last = key.split(".")
    block = content
    for part in path:
        block = block[part]
    if value is None:
        del block[last]
    else:
        block[last] = value
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        load_params(file)
    assert str(error.value).startswith(f"{file}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_block_that_may_be_null() -> None:
    assert (
        "| `features.deep.cloome.weights` | `null` | block of `file`, `sha256` or `null` |" in PAGE
    )
    assert "| `phantom.images.size` | `360` | integer >= 96, <= 4096 |" in PAGE
