"""A screen with the folds of another one: the stage, its dependency, and what is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings, read_yaml
from phenoprot.pipeline.dvc_file import _needs
from phenoprot.pipeline.params import Params
from phenoprot.pipeline.stages import find_stage

ROOT = Path(__file__).parents[2]
CONTENT = read_yaml(ROOT / "params.yaml")


def params(**like: str) -> Params:
    """Screens a, b and c, with the folds of those that are named."""
    block: dict[str, Any] = {"folder": "data/screens/cpjump1", "rows": {}}
    screens = {name: copy.deepcopy(block) for name in "abc"}
    for name, other in like.items():
        screens[name]["folds_like"] = other
    return parse_settings(Params, CONTENT | {"screens": screens}, "params.yaml")


def test_the_stage_needs_the_other_screen_s_folds() -> None:
    stage = find_stage("splits")
    screens = params(a="b", b="c").screens
    folds = {name: {Path(f"data/folds/{name}.csv")} for name in screens}
    needed = {name: _needs(stage, name, block, folds) for name, block in screens.items()}
    assert needed == {"a": [Path("data/folds/b.csv")], "b": [Path("data/folds/c.csv")], "c": []}
    # What the other screen does not make is not asked for.
    assert _needs(stage, "a", screens["a"], folds | {"b": set()}) == []


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"a": "x"}, "screens.a.folds_like: no screen 'x'; there are: a, b, c"),
        ({"a": "a"}, "screens.a.folds_like: a circle: a < a"),
        ({"a": "b", "b": "c", "c": "a"}, "screens.a.folds_like: a circle: a < b < c < a"),
    ],
)
def test_what_is_refused(like: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as error:
        params(**like)
    assert message in str(error.value)
