"""docs/screens.md: its examples are valid, and it lists every key of screen.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.pipeline.params import ScreenParams
from phenoprot.screens.contract import ProfileTable, ProteomicsTable, ScreenInfo, Source, Tables

PAGE = (Path(__file__).parents[2] / "docs/screens.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_examples_are_valid() -> None:
    information, parameters = EXAMPLES
    assert parse_settings(ScreenInfo, information, "page").tables.wells == "wells.csv"
    block = parse_settings(ScreenParams, parameters["screens"]["mine"], "page")
    assert list(block.rows) == ["cellprofiler"]


@pytest.mark.parametrize(
    "model", [ScreenInfo, Tables, Source, ProfileTable, ProteomicsTable], ids=lambda m: m.__name__
)
def test_every_key_is_listed(model: type[BaseModel]) -> None:
    part = PAGE.split("## screen.yaml")[1].split("## Images")[0]
    for key in model.model_fields:
        assert f"`{key}`" in part or f"`tables.{key}`" in part or key == "tables"


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
