"""Settings of one screen: they hold for it alone, and DVC reruns its stages alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.core.settings import read_yaml
from phenoprot.pipeline.dvc_file import dvc_yaml
from phenoprot.pipeline.overrides import effective_keys, laid_over
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.provenance import sources_of
from phenoprot.pipeline.run import make_job

ROOT = Path(__file__).parents[2]
ABOVE = "screens.mine.settings"

leaves = st.none() | st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2)
trees = st.recursive(
    leaves, lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3), max_leaves=8
)
blocks = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


def value_of(content: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(content, dict) or part not in content:
            return "not there"
        content = content[part]
    return content


@given(shared=blocks, other=blocks, own=blocks)
def test_a_stage_depends_on_what_holds_for_the_screen_and_on_nothing_else(
    shared: dict[str, Any], other: dict[str, Any], own: dict[str, Any]
) -> None:
    """An edit of the shared block counts if, and only if, it changes what the screen's stage sees.

    Values that come or go change the list of keys itself; so does a mapping that takes the place of
    a value.
    """
    keys = [list(effective_keys({"block": c}, "block", {"block": own}, ABOVE))
            for c in (shared, other)]  # fmt: skip
    seen = [laid_over(content, own) for content in (shared, other)]
    if keys[0] == keys[1]:
        differ = any(value_of({"block": shared}, key) != value_of({"block": other}, key)
                     for key in keys[0] if not key.startswith(ABOVE))  # fmt: skip
        assert differ == (seen[0] != seen[1])
    for key in keys[0]:
        there = {"block": shared, "screens": {"mine": {"settings": {"block": own}}}}
        assert value_of(there, key) != "not there"  # DVC stops at a key that is missing


def test_values_of_a_screen_are_laid_over_key_by_key() -> None:
    shared = {"a": {"x": 1, "y": [1, 2]}, "b": 3}
    assert laid_over(shared, {"a": {"y": [5]}}) == {"a": {"x": 1, "y": [5]}, "b": 3}
    assert shared == {"a": {"x": 1, "y": [1, 2]}, "b": 3}


def test_a_name_with_a_dot_makes_the_whole_mapping_count() -> None:
    """DVC would read `timm.resnet.a1` as three keys."""
    content = {"timm": {"resnet.a1": 1, "vit": 2}}
    assert list(effective_keys(content, "timm", {"timm": {"vit": 3}}, ABOVE)) == [
        "timm", f"{ABOVE}.timm",
    ]  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml and the screens, where curves have settings of one screen."""
    for name in ("data", "stages", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    content = read_yaml(ROOT / "params.yaml")
    content["screens"]["phantom"]["settings"] = {"curves": {"alpha": 0.01}}
    (tmp_path / "params.yaml").write_text(
        yaml.safe_dump(content, sort_keys=False), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_stages_of_one_screen_see_its_settings(elsewhere: Path) -> None:
    shared = load_params().curves.alpha
    jobs = {screen: make_job("curves", screen) for screen in ("phantom", "cpjump1")}
    assert {name: job.params.curves.alpha for name, job in jobs.items()} == {
        "phantom": 0.01, "cpjump1": shared,
    }  # fmt: skip
    assert jobs["phantom"].params.curves.fc_lim == load_params().curves.fc_lim


def test_only_its_stages_depend_on_them(elsewhere: Path) -> None:
    stages = yaml.safe_load(dvc_yaml())["stages"]
    before = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    changed = {name for name in stages if stages[name] != before[name]}
    assert changed == {"curves-phantom", "labels-phantom", "report-phantom"}
    params = stages["curves-phantom"]["params"]
    assert "screens.phantom.settings.curves.alpha" in params
    assert "curves.fc_lim" in params
    assert not {"curves", "curves.alpha"} & set(params)


def test_the_provenance_tells_them_apart(elsewhere: Path) -> None:
    """Of the screen that has them, and of no other."""
    content = read_yaml(ROOT / "params.yaml")
    content["screens"]["cpjump1"]["settings"] = {"curves": {"alpha": 0.01}}
    Path("own.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    own, of_phantom, plain = (
        sources_of("cpjump1", load_params(path)).params_sha256
        for path in (Path("own.yaml"), Path("params.yaml"), ROOT / "params.yaml")
    )
    assert own != plain
    assert of_phantom == plain


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"curves": {"alfa": 0.01}}, ["screens.phantom.settings", "curves.alfa"]),
        ({"curves": {"alpha": 2}}, ["screens.phantom.settings", "curves.alpha", "2"]),
        ({"execution": {"workers": 1}}, ["screens.phantom.settings", "execution"]),
        ({"phantom": {"seed": 1}}, ["screens.phantom.settings", "own: phantom"]),
        ({"curves": None}, ["screens.phantom.settings.curves"]),
    ],
    ids=["unknown", "bounds", "execution", "phantom", "null"],
)
def test_faults_are_named_with_their_key(
    elsewhere: Path, settings: dict[str, Any], named: list[str]
) -> None:
    content = read_yaml(Path("params.yaml"))
    content["screens"]["phantom"]["settings"] = settings
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_params()
    assert all(text in str(error.value) for text in named), str(error.value)
