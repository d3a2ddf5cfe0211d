"""docs/screens.md: its examples are valid, and it lists every key of screen.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.pipeline.params import ScreenParams
from phenoprot.readout.given import given_labels
from phenoprot.screens.contract import (
    LabelTable,
    ProfileTable,
    ProteomicsTable,
    ScreenInfo,
    Source,
    Tables,
    TreatmentsTable,
)
from phenoprot.screens.loader import load_screen
from phenoprot.wells.treatments import screen_profiles

PAGE = (Path(__file__).parents[2] / "docs/screens.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_examples_are_valid() -> None:
    information, _, parameters, paired = EXAMPLES
    assert parse_settings(ScreenInfo, information, "page").tables.wells == "wells.csv"
    block = parse_settings(ScreenParams, parameters["screens"]["mine"], "page")
    assert list(block.rows) == ["cellprofiler"]
    like = parse_settings(ScreenParams, paired["screens"]["mito"] | {"rows": {}}, "page")
    assert like.folds_like == "plain"


@pytest.mark.parametrize(
    "model",
    [ScreenInfo, Tables, Source, ProfileTable, ProteomicsTable, TreatmentsTable, LabelTable],
    ids=lambda m: m.__name__,
)
def test_every_key_is_listed(model: type[BaseModel]) -> None:
    part = PAGE.split("## screen.yaml")[1].split("## Images")[0]
    for key in model.model_fields:
        assert f"`{key}`" in part or f"`tables.{key}`" in part or key == "tables"


def test_the_published_example_is_read(tmp_path: Path) -> None:
    """Of aspirin at 10 uM: MYC down, HMOX1 not; caffeine's MYC lies between the thresholds."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "screen.yaml").write_text(yaml.safe_dump(EXAMPLES[1]))
    tables = re.findall(r"`(\w+\.csv)`:\n\n```csv\n(.*?)```", PAGE, re.DOTALL)
    for name, text in tables:
        (folder / name).write_text(text)
    screen = load_screen(folder)
    profiles = screen_profiles(screen, ["similarity", "cell_count", "structure"], "standardise")
    expected = np.array([[7.1, 2.2], [0.0, 41.0]], dtype=np.float32)
    np.testing.assert_array_equal(profiles["similarity"].iloc[:, 2:], expected)
    assert profiles["cell_count"]["Cell_Count"].tolist() == [97.0, 101.0]
    described = screen.info.tables.labels
    assert described is not None
    labels = given_labels(screen.labels(), described, screen.layout())
    assert labels["Label"].tolist() == ["not", "down", ""]


def test_all_missing_keys_are_named_at_once() -> None:
    content: dict[str, Any] = {"name": "mini", "title": "t", "tables": {"proteomics": {}}}
    with pytest.raises(UserError) as error:
        parse_settings(ScreenInfo, content, "screen.yaml")
    assert str(error.value) == (
        "screen.yaml: 10 keys are missing: 'organism', 'cell_line', 'concentration_unit', "
        "'negative_control', 'tables.wells', 'tables.proteomics.path', "
        "'tables.proteomics.content', 'tables.proteomics.cell_line', 'tables.proteomics.kind', "
        "'tables.proteomics.design'. Fix these keys."
    )
    with pytest.raises(UserError, match=r"'tables\.wells'"):  # of a missing block, its keys
        parse_settings(ScreenInfo, {"name": "mini"}, "screen.yaml")


def test_stains_come_with_images() -> None:
    tables = {"wells": "w.csv", "images": "i.csv"}
    with pytest.raises(UserError, match="key 'stains' is missing"):
        parse_settings(ScreenInfo, EXAMPLES[0] | {"tables": tables}, "screen.yaml")
    assert parse_settings(ScreenInfo, EXAMPLES[0], "screen.yaml").stains == []
