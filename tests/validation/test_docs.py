"""The page on validation says what the code does; no rule can go undocumented or misnamed."""

from __future__ import annotations

import string
from pathlib import Path

from phenoprot.validation.checks import SCREEN_RULES
from phenoprot.validation.docs import fill
from phenoprot.validation.rule import Between
from phenoprot.validation.rules_labels import LABEL_RULES
from phenoprot.validation.settings import ValidationSettings

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def test_page_is_in_step() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert fill(page) == page, "run python -m phenoprot.validation.docs"


def test_rules_are_well_formed() -> None:
    from_tasks = {"min_positives", "min_negatives", "last_fold"}
    settings = set(ValidationSettings.model_fields) | from_tasks
    for rules in (SCREEN_RULES, LABEL_RULES):
        ids = [rule.id for rule in rules]
        assert len(set(ids)) == len(ids)
        for rule in rules:
            named = {field for _, field, _, _ in string.Formatter().parse(rule.fault) if field}
            assert named <= settings | {"n", "total", "items"}, rule.id
            assert not rule.unless or rule.unless in ids
            if isinstance(rule.limit, Between):
                bounds = {rule.limit.minimum, rule.limit.maximum}
                assert {b for b in bounds if isinstance(b, str)} <= settings
