"""Results through their files: nested, complete, and damaged ones named."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.evaluation.results import (
    Ceiling,
    DoseScores,
    Estimate,
    Group,
    GroupScores,
    LeakGauge,
    RowResult,
    StratumScores,
    ThresholdCount,
    defined,
    estimate,
    read_result,
    write_result,
)

RESULT = RowResult(
    scorer="auc",
    n_targets=3,
    n_compounds=20,
    n_targets_scored=2,
    n_folds_skipped=4,
    means={"auc": Estimate(value=0.7, low=0.6, repeat_sd=0.01)},
    mean_p=0.001,
    thresholds=[
        ThresholdCount(threshold=0.6, n=2, percent=66.666667, expected_by_chance=0.0, p=0.5)
    ],
    ceiling=Ceiling(value=0.9, n=2),
    leak=LeakGauge(score="auc", mean=0.8, gap=Estimate(value=0.1), n_doses=2),
    planted=[GroupScores(group=Group(low=1.5), n=3, means={"auc": Estimate(value=0.7)})],
    strata=[StratumScores(name="few", n_targets_scored=2, means={"auc": Estimate(value=0.6)})],
    doses=[DoseScores(concentration=0.1, n_compounds=9, n_targets_scored=0, means={})],
)


def test_a_result_is_nested_and_says_only_what_is_defined(tmp_path: Path) -> None:
    path = tmp_path / "row.json"
    write_result(path, RESULT)
    assert json.loads(path.read_text()) == {
        "scorer": "auc",
        "n_targets": 3,
        "n_compounds": 20,
        "n_targets_scored": 2,
        "n_folds_skipped": 4,
        "means": {"auc": {"value": 0.7, "low": 0.6, "repeat_sd": 0.01}},
        "mean_p": 0.001,
        "thresholds": [
            {"threshold": 0.6, "n": 2, "percent": 66.666667, "expected_by_chance": 0.0, "p": 0.5}
        ],
        "ceiling": {"value": 0.9, "n": 2},
        "leak": {"score": "auc", "mean": 0.8, "gap": {"value": 0.1}, "n_doses": 2},
        "planted": [{"group": {"low": 1.5}, "n": 3, "means": {"auc": {"value": 0.7}}}],
        "strata": [{"name": "few", "n_targets_scored": 2, "means": {"auc": {"value": 0.6}}}],
        "activity": [],
        "doses": [{"concentration": 0.1, "n_compounds": 9, "n_targets_scored": 0, "means": {}}],
    }
    assert read_result(path, RowResult) == RESULT


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"n_targets": None}, "'n_targets': Input should be a valid integer"),
        ({"n_targets": "3"}, "'n_targets': Input should be a valid integer"),
        ({"thresholds": [{"threshold": 0.6}]}, "'thresholds.0.n': Field required"),
        ({"ceiling": {"value": 0.9}}, "'ceiling.n': Field required"),
        ({"surprise": 1}, "'surprise': Extra inputs are not permitted"),
        (
            {"planted": [{"group": {}, "n": 1, "means": {}}]},
            "'planted.0.group': a group is either a bin with low, or a kind",
        ),
    ],
)
def test_a_damaged_file_is_named_with_its_key(
    tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    path = tmp_path / "row.json"
    content = RESULT.model_dump(mode="json", exclude_none=True) | change
    path.write_text(json.dumps(content))
    with pytest.raises(UserError) as error:
        read_result(path, RowResult)
    assert str(error.value).startswith(f"{path}: is damaged: {fault}")
    assert "dvc repro" in str(error.value)


def test_values_are_rounded_and_nan_is_nothing() -> None:
    assert estimate(0.12345678, math.nan, 0.9999999) == Estimate(value=0.123457, high=1.0)
    assert estimate(0.5, repeat_sd=1 / 3) == Estimate(value=0.5, repeat_sd=0.333333)
    assert estimate(math.nan, 0.1, 0.2) is None
    assert (defined(math.nan), defined(1 / 3)) == (None, 0.333333)
