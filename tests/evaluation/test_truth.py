"""Labels and scores against what was planted, on tables small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from phenoprot.evaluation.groups import group_scores
from phenoprot.evaluation.results import Estimate, Group, GroupScores
from phenoprot.evaluation.truth import label_truth, planted_groups
from phenoprot.tasks.classification import TASK

BIN, NULL = Group(low=1.0, high=1.5), Group(kind="null")


def test_groups_have_limits_or_a_kind(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "Metadata_Protein": ["strong", "middle", "hidden", "nothing"],
            "loading_er_stress": [1.7, 1.2, 0.0, 0.0],
            "loading_antioxidant_response": [0.0, 0.0, 1.7, 0.0],
        }
    ).to_parquet(tmp_path / "proteins.parquet")
    assert planted_groups(TASK, tmp_path, "classification/up") == {
        "strong": Group(low=1.5),
        "middle": BIN,
        "hidden": Group(kind="proteins_only"),
        "nothing": NULL,
    }


@pytest.mark.parametrize("content", [{}, {"low": 1.0, "kind": "null"}, {"high": 2.0, "kind": "a"}])
def test_a_group_is_a_bin_or_a_kind(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either a bin with low, or a kind"):
        Group.model_validate(content)


def test_means_of_groups() -> None:
    table = pd.DataFrame({"Target": list("abcd"), "auc": [0.6, 0.8, np.nan, 0.5]})
    groups = {"a": BIN, "b": BIN, "c": NULL, "e": Group(low=0.0, high=0.45)}
    draws = np.array([[0.5, 0.7, np.nan, 0.0], [0.7, 0.9, np.nan, 1.0]])
    assert group_scores(table, groups, ("auc",)) == [
        GroupScores(group=BIN, n=2, means={"auc": Estimate(value=0.7)}),
        GroupScores(group=NULL, n=1, means={}),
    ]
    found = group_scores(table, groups, ("auc",), draws)
    # Means of the draws: 0.6 and 0.8.
    assert found[0].means["auc"] == Estimate(value=0.7, low=0.605, high=0.795)
    assert found[1].means == {}


def test_labels_against_the_planted_effects() -> None:
    planted = [0.3, 0.5, -0.6, 0.65, -2.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    label = ["not", "up", "down", "down", "down", "up", "up", "not", "not", ""]
    key = {"Metadata_Compound": [f"c{i}" for i in range(10)], "Metadata_Protein": "p"}
    truth = label_truth(
        pd.DataFrame({**key, "Label": label}), pd.DataFrame({**key, "log2_fold_change": planted})
    )
    assert [(e.group.low, e.group.high, e.n, e.recall) for e in truth.effects] == [
        (0.0, 0.45, 1, 0.0),
        (0.45, 0.7, 3, 0.666667),  # 0.65 is called down
        (0.7, 1.0, 1, 1.0),
        (1.0, 1.5, 0, None),
        (1.5, None, 1, 1.0),
    ]
    assert (truth.n_wrong_direction, truth.n_null, truth.false_call_share) == (1, 4, 0.25)


def test_without_anything_unplanted_there_is_no_share() -> None:
    key = {"Metadata_Compound": ["a"], "Metadata_Protein": "p"}
    truth = label_truth(
        pd.DataFrame({**key, "Label": ["up"]}), pd.DataFrame({**key, "log2_fold_change": [1.2]})
    )
    assert (truth.n_null, truth.false_call_share) == (0, None)
