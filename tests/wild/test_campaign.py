"""Each case is refused in one line or read exactly; see the module cases for the table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .cases import QUICK, TABLE, Case
from .conftest import Good, Kit
from .mutations import copy_kit
from .observe import left_over, observe, same
from .stages import inside


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.id)
def test_refused_or_right(case: Case, kit: Kit, good: Good, tmp_path: Path) -> None:
    expected = good(case.reader)
    folder = copy_kit(kit(case.reader.kit), tmp_path / "copy")
    case.damage(folder)
    with inside(folder):
        outcome, gate = observe(case.reader.read), None
        if case.reader.gate and outcome.error is None and not same(expected, outcome.value):
            gate = observe(case.reader.gate)
    assert not case.judge(outcome, expected, gate)
    assert not left_over(folder)


def test_the_table_is_large_and_its_names_are_unique() -> None:
    assert len(QUICK) >= 400
    assert {case.mutation.name for case in QUICK} >= {case.mutation.name for case in TABLE}
    assert not [name for name, count in Counter(case.id for case in TABLE).items() if count > 1]
