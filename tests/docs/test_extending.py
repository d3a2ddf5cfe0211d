"""The examples of docs/extending.md run, and the files that they show are the tested ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import average_precision_score

from phenoprot.core.settings import parse_settings
from phenoprot.features.settings import FeatureSettings
from phenoprot.tasks.settings import RowSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
SHOWN = [
    (text.splitlines()[0].removeprefix("# "), "\n".join(text.splitlines()[1:]))
    for kind, text in BLOCKS
    if text.startswith(("# toy/", "# openphenom/"))
]
PACKAGES = {"toy": ROOT / "tests/plugins", "openphenom": ROOT / "examples"}


@pytest.mark.parametrize(
    ("file", "part"), SHOWN, ids=[f"{number}-{file}" for number, (file, _) in enumerate(SHOWN)]
)
def test_a_file_that_is_shown_is_the_tested_one(file: str, part: str) -> None:
    path = PACKAGES[file.partition("/")[0]] / file
    if not path.exists():  # shown for the reader's own tests: it must run as it stands
        exec(compile(part, file, "exec"), {})
        return
    assert part.strip("\n") in path.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def packages_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests/plugins")
    monkeypatch.syspath_prepend(ROOT / "examples/openphenom")


def executed(start: str) -> dict[str, object]:
    """Names that the block defines in which `start` stands."""
    (text,) = [text for kind, text in BLOCKS if kind == "python" and start in text]
    names: dict[str, object] = {}
    exec(compile(text, "docs/extending.md", "exec"), names)
    return names


def test_the_parameters_are_valid() -> None:
    contents = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]
    assert len(contents) == 2
    for content in contents:
        for name, row in content["screens"]["phantom"]["rows"].items():
            parse_settings(RowSettings, row, name)
        parse_settings(FeatureSettings, content.get("features", {}), "features")


def test_the_metric_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    compounds = [f"c{i:02d}" for i in range(40)]
    labels = pd.DataFrame({"Metadata_Compound": compounds, "A": rng.integers(0, 2, 40) * 1.0})
    predictions = pd.DataFrame(
        {
            "Metadata_Compound": compounds,
            "Metadata_Concentration": 1.0,
            "Metadata_LabelsOf": compounds,
            "Metadata_Repeat": 0,
            "Fold": np.arange(40) % 2,
            "A": rng.normal(size=40),
        }
    )
    average = executed("average_precision_score")["average_precision"]
    expected = np.mean(
        [
            average_precision_score(labels["A"][part], predictions["A"][part])
            for part in (predictions["Fold"] == 0, predictions["Fold"] == 1)
        ]
    )
    assert average(predictions, labels) == pytest.approx([expected])


def test_the_rule_finds_what_it_is_for() -> None:
    result = executed("FEW_DOSES")["result"]
    assert not result.ok
    assert "1 of 2 compounds have fewer than three concentrations: taxol (2)" in result.what


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert {name for name in pages if f"({name})" not in index} == {"README.md"}


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
