"""Every leaf of params.yaml: another type, no finite number or a name that leads out is refused."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.core.settings import parse_settings, read_yaml
from phenoprot.curves.settings import FitSettings
from phenoprot.pipeline.params import Params, load_params
from phenoprot.screens.contract import ScreenInfo

ROOT = Path(__file__).parents[2]
CONTENT = read_yaml(ROOT / "params.yaml")
DIGITS = "9" * 5000


def leaves(block: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Plain values, and lists besides their items."""
    if isinstance(block, dict) and block:
        for key, value in block.items():
            yield from leaves(value, (*path, key))
        return
    yield path, block
    if isinstance(block, list):
        for place, value in enumerate(block):
            yield from leaves(value, (*path, place))


LEAVES = dict(leaves(CONTENT))
ROW_TASKS = {
    path
    for path in LEAVES
    if path[0] == "screens" and path[-1] == "tasks" and "proteome" not in str(path[3])
}
NULL = (
    {path for path, value in LEAVES.items() if value is None}
    | {
        ("segmentation", "cellprofiler", "dead_brightness"),  # None: dead cells are kept
        ("tasks", "mlp", "components"),  # None: the features themselves
        ("evaluation", "strata"),  # None: for no screen
        ("screens", "comas", "settings", "evaluation", "strata"),
        ("features", "deep", "cloome", "untrained_side"),  # None: fields of full size
        ("features", "deep", "dino", "untrained_cells"),  # None: all cells
        ("tasks", "mlp", "ridge"),  # None: random weights at the start
        *ROW_TASKS,  # None: all
        *(
            path for path in LEAVES if path[2:3] == ("rows",) and path[-1] == "splits"
        ),  # the tables'
    }
)
"""Where null has a meaning."""
EMPTY = {
    ("screens", "cpjump1", "extracted"), ("screens", "phantom", "extracted"),
    ("features", "cellprofiler", "texture_scales"), ("curves", "control_group"),
    ("evaluation", "auc_thresholds"), ("evaluation", "r2_thresholds"),
    ("tasks", "splits", "others"),
}  # fmt: skip
"""Lists that may be empty."""
TIMM = ("features", "deep", "timm")
"""The one mapping whose keys a user chooses and that is empty here."""


NAMES = {("activity", "features")}
"""Names that are null here."""


def is_text(path: tuple[Any, ...]) -> bool:
    return isinstance(LEAVES[path], str) or path in NAMES


def faulty_values(path: tuple[Any, ...]) -> Iterator[Any]:
    """Values that a leaf must not take."""
    value = LEAVES[path]
    if not isinstance(value, bool) and path not in {("curves", "ratio_range")}:
        yield True
    if not is_text(path):
        yield "5"
        yield "1e-4"
        yield "true"
    yield from (math.inf, -math.inf, math.nan)
    if path not in NULL:
        yield None
    if isinstance(value, list):
        yield 5
        yield [{}]
        if path not in EMPTY:
            yield []
    else:
        yield [[1]]
    if path != TIMM:
        yield {}
    yield {"a": 1}
    if isinstance(value, int | float):
        yield -(10**400)
    if path[-1] == "seed":
        yield from (-1, 2**32, 1.0, 10**400)
    if isinstance(value, int):
        yield 0.5
        yield float(value)
        if not isinstance(value, bool):
            yield -1


def parse_with(path: tuple[Any, ...], value: Any) -> Params:
    # One screen: the rows of the others take most of the time, and say nothing of this leaf.
    screen = path[1] if path[0] == "screens" else "phantom"
    content = block = CONTENT | {"screens": {screen: CONTENT["screens"][screen]}}
    for part in path[:-1]:
        block[part] = copy.copy(block[part])
        block = block[part]
    block[path[-1]] = value
    params = parse_settings(Params, content, "params.yaml")
    if is_laid_over(path):  # judged with the blocks that it is laid over
        params.of_screen(path[1])
    return params


def is_laid_over(path: tuple[Any, ...]) -> bool:
    """A setting of one screen alone."""
    return path[0] == "screens" and path[2] == "settings"


@pytest.mark.parametrize("block", list(CONTENT))
def test_no_leaf_takes_what_it_must_not(block: str) -> None:
    checked = 0
    for path in (path for path in LEAVES if path[0] == block):
        for value in faulty_values(path):
            checked += 1
            with pytest.raises(UserError) as error:
                assert parse_with(path, value) is None, (path, value)
            message = str(error.value)
            key = [part for part in path if isinstance(part, str)][-1]
            assert key in message, (path, value, message)
            assert len(message) < 1000, (path, value)
            assert message.isprintable()
            where = f"params.yaml: screens.{path[1]}.settings: " if is_laid_over(path) else ""
            assert message.startswith(where or "params.yaml: ")
    assert checked > 5


def test_the_walk_sees_every_leaf() -> None:
    assert len(LEAVES) > 350
    numbers = [v for v in LEAVES.values() if isinstance(v, int | float) and type(v) is not bool]
    assert len(numbers) > 200


@pytest.mark.parametrize("path", [p for p, v in LEAVES.items() if isinstance(v, float)])
def test_whole_numbers_pass_for_others(path: tuple[Any, ...]) -> None:
    """As they are written without a point."""
    value = LEAVES[path]
    if value == int(value):
        assert parse_with(path, int(value)) == parse_with(path, value)


@pytest.mark.parametrize(
    "key", ["seed: 0", "clip: 10.0", "size: 64", "folder: data/screens/phantom"]
)
def test_a_number_of_thousands_of_digits(tmp_path: Path, key: str) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert key in text
    name = key.partition(":")[0]
    for written in (DIGITS, f"-{DIGITS}", f"0x{DIGITS}", f"{DIGITS}.0", f"1e{DIGITS}"):
        path = tmp_path / "params.yaml"
        path.write_text(text.replace(key, f"{name}: {written}", 1), encoding="utf-8")
        with pytest.raises(UserError) as error:
            load_params(path)
        assert name in str(error.value)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("value", [1e-4, 1e-5, 3e-7, 1e16, 0.1, 5e22])
def test_numbers_as_dvc_writes_them(tmp_path: Path, value: float) -> None:
    """``dvc exp run -S`` rewrites params.yaml with ruamel: 1e-05, without a point."""
    yaml = YAML()
    content = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["curves"]["loc"] = value
    path = tmp_path / "params.yaml"
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)
    assert load_params(path).curves.loc == value


def test_infinite_ends_of_ranges_are_allowed() -> None:
    for given in ([0, math.inf], [-math.inf, 5.0]):
        assert parse_settings(FitSettings, {"ratio_range": given}, "").ratio_range == tuple(given)
    for given in ([math.nan, 1], [0, math.nan], [True, 2], ["0", 1], [1], [2, 1], [1, 2, 3]):
        with pytest.raises(UserError, match="ratio_range"):
            parse_settings(FitSettings, {"ratio_range": given}, "params.yaml")


BAD_NAMES = ["../..", "..", ".", "/abs", "a/b", "a\\b", "", "x" * 101, "a\nb", "a\0b", " a", "a "]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_out(name: str) -> None:
    row = {"features": ["cellprofiler"], "model": "mlp"}
    screen = {"folder": "data/screens/x", "rows": {"r": row}}
    for faulty in (
        {name: screen},
        {"x": screen | {"rows": {name: row}}},
        {"x": screen | {"rows": {"r": row | {"features": [name]}}}},
        {"x": screen | {"extracted": [name]}},
    ):
        with pytest.raises(UserError) as error:
            parse_settings(Params, CONTENT | {"screens": faulty}, "params.yaml")
        assert "cannot be a file name" in str(error.value)
        assert len(str(error.value)) < 900
    with pytest.raises(UserError):
        parse_with(("features", "deep", "timm"), {name: {}})


@pytest.mark.parametrize("name", ["a b", "a;b", "$(id)", "`id`", "-rf", "a*", "a|b", "a&b", "'a"])
def test_screens_whose_names_would_be_commands(name: str) -> None:
    with pytest.raises(UserError, match="commands"):
        parse_settings(Params, CONTENT | {"screens": {name: CONTENT["screens"]["phantom"]}}, "p")


@pytest.mark.parametrize("name", [*BAD_NAMES, "../../x"])
def test_paths_of_artefacts_stay_inside(name: str) -> None:
    with pytest.raises(UserError, match="cannot be used as file names"):
        Paths(name)
    with pytest.raises(UserError, match="cannot be used as file names"):
        Paths("x").features(name)
    if name != "a/b":  # a part of a task
        with pytest.raises(UserError, match="cannot be used as file names"):
            Paths("x").predictions(name)
    assert Paths("x").predictions("classification/up") == Path(
        "data/predictions/x/classification/up"
    )


def test_a_stage_leaves_what_lies_above(tmp_path: Path) -> None:
    """`stages/report.py ../..` deletes nothing and says why."""
    keep = tmp_path / "classification" / "keep"
    keep.parent.mkdir()
    keep.write_text("mine")
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    (work / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    run = subprocess.run(
        [sys.executable, str(ROOT / "stages" / "report.py"), "../.."],
        cwd=work, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "'../..'" in run.stderr
    assert run.stderr.count("\n") == 1
    assert keep.read_text() == "mine"
    assert {path.name for path in tmp_path.rglob("*")} == {
        "classification", "keep", "a", "b", "params.yaml",
    }  # fmt: skip


SCREEN = read_yaml(ROOT / "data/screens/cpjump1/screen.yaml")


@pytest.mark.parametrize(
    "path", ["../w.csv", "/etc/passwd", "a/../../b.csv", "", ".", "a\0b", "a\nb"]
)
@pytest.mark.parametrize("table", ["wells", "targets", "images", "proteomics", "profile"])
def test_tables_of_a_screen_lie_in_its_folder(table: str, path: str) -> None:
    content = copy.deepcopy(SCREEN)
    if table == "proteomics":
        content["tables"]["proteomics"]["path"] = path
    elif table == "profile":
        content["tables"]["profiles"] = {"deep": {"path": path, "content": "c"}}
    else:
        content["tables"][table] = path
    with pytest.raises(UserError) as error:
        parse_settings(ScreenInfo, content, "screen.yaml")
    assert "inside the folder" in str(error.value)
    assert error.value.what.startswith("'tables.")


def test_tables_may_lie_in_folders_below() -> None:
    content = copy.deepcopy(SCREEN)
    content["tables"]["wells"] = "./plate maps/v1.2/wells..csv"
    assert parse_settings(ScreenInfo, content, "").tables.wells == "./plate maps/v1.2/wells..csv"
