"""What docs/team.md says about DVC: its version, the columns of an experiment, the headline."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dvc
import pytest
import yaml
from dvc.repo.experiments import serialize
from dvc.repo.params import show

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/team.md").read_text(encoding="utf-8")
NEARLY = 0.1
"""Share by which counted columns may be off: every new module is a dependency."""


def read(name: str) -> Any:
    return yaml.load(
        (ROOT / name).read_text(encoding="utf-8"),
        getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )


def leaves(tree: Any, name: str = "") -> Iterator[str]:
    """Names of the values of nested mappings, as DVC flattens them."""
    if not isinstance(tree, dict):
        yield name
        return
    for key, value in tree.items():
        yield from leaves(value, f"{name}.{key}" if name else str(key))


def said(pattern: str) -> int:
    found = re.search(pattern, " ".join(PAGE.split()))
    assert found is not None, pattern
    return int(found[1])


def test_the_counted_columns_are_those_of_the_repository() -> None:
    stages = read("dvc.yaml")["stages"].values()
    keys = list(leaves(read("params.yaml")))
    dependencies = {dep for stage in stages for dep in stage.get("deps", [])}
    declared = tuple({name for stage in stages for name in stage.get("params", [])})
    of_stages = [
        key for key in keys if any(key == one or key.startswith(f"{one}.") for one in declared)
    ]
    headlines = [json.loads(path.read_text()) for path in ROOT.glob("metrics/*/headline.json")]
    metrics = sum(len(list(leaves(one))) for one in headlines)
    assert said(r"hold: (\d+) metrics") == metrics
    assert said(r"(\d+) keys of params.yaml") == pytest.approx(len(keys), rel=NEARLY)
    assert said(r"(\d+) dependencies") == pytest.approx(len(dependencies), rel=NEARLY)
    assert said(r"stages declare, (\d+) here") == pytest.approx(len(of_stages), rel=NEARLY)
    everything = metrics + len(keys) + len(dependencies)
    assert said(r"has some (\d+) columns") == pytest.approx(everything, rel=NEARLY)


def test_what_is_said_of_dvc_is_true_of_the_installed_one() -> None:
    """Of another version the page must be read again: its outputs and its places in the source."""
    assert set(re.findall(r"DVC (\d+\.\d+\.\d+)", PAGE)) == {dvc.__version__}
    assert "default_file" in inspect.getsource(show._collect_params)
    assert "repo.index.deps" in inspect.getsource(serialize.SerializableExp.from_repo)


def test_the_shown_experiment_starts_from_the_committed_headline() -> None:
    known = json.loads((ROOT / "metrics/comas/headline.json").read_text())
    (before,) = re.findall(r"^  main +\d\d:\d\d [AP]M +([\d.]+)", PAGE, re.MULTILINE)
    assert float(before) == pytest.approx(known["comas"]["targets"], abs=5e-6)
    (row,) = re.findall(r"comas\.targets +([\d.]+) +([\d.]+) +(-?[\d.]+)$", PAGE, re.MULTILINE)
    head, workspace, change = map(float, row)
    assert head == float(before)
    assert workspace - head == pytest.approx(change, abs=1.1e-5)
