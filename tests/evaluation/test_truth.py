"""Labels and scores against what was planted, on tables small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from phenoprot.evaluation.groups import auc_groups
from phenoprot.evaluation.repeated import RepeatedAuc
from phenoprot.evaluation.results import Group
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
    table = pd.DataFrame({"Target": list("abcd")})
    groups = {"a": BIN, "b": BIN, "c": NULL, "e": Group(low=0.0, high=0.45)}
    nan = np.nan
    # Two repeats; c has no score, d is in no group.
    by_repeat = np.array([[0.59, 0.79, nan, 0.0], [0.61, 0.81, nan, 1.0]])
    # Four compounds: on the mean of a and b each one does 0.02, up or down.
    changes = np.array([[0.01, 0.03, nan, 0.5], [-0.04, 0.0, nan, 0.5],
                        [0.04, 0.0, nan, 0.5], [0.0, -0.04, nan, 0.5]])  # fmt: skip
    binned, null = auc_groups(table, groups, RepeatedAuc(by_repeat, changes, np.zeros(4)))
    assert (binned.group, binned.n, null.group, null.n, null.means) == (BIN, 2, NULL, 1, {})
    mean = binned.means["auc"]
    # The repeats have 0.69 and 0.71.
    assert (mean.value, mean.repeat_sd) == (0.7, pytest.approx(0.02 / np.sqrt(2), abs=1e-6))
    # Jackknife, 3/4 of the sum of the squares, times 1.9; half of the variance of the repeats.
    fixed, drawn = 1.9 * 0.75 * 4 * 0.02**2, 0.0002 / 2
    df = (fixed + drawn) ** 2 / (fixed**2 / 3 + drawn**2 / 1)
    reach = stats.t.ppf(0.975, df) * np.sqrt(fixed + drawn)
    assert (mean.low, mean.high) == pytest.approx((0.7 - reach, 0.7 + reach), abs=1e-6)


@pytest.mark.parametrize("compact", [False, True])
def test_labels_against_the_planted_effects(compact: bool) -> None:
    planted = [0.3, 0.5, -0.6, 0.65, -2.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    label = ["not", "up", "down", "down", "down", "up", "up", "not", "not", ""]
    key = {"Metadata_Compound": [f"c{i}" for i in range(10)], "Metadata_Protein": "p"}
    labels = pd.DataFrame({**key, "Label": label})
    regulation = pd.DataFrame({**key, "log2_fold_change": planted})
    # Neither all labels have a planted truth, nor the other way round.
    further = {"Metadata_Compound": ["c1", "z"], "Metadata_Protein": ["q", "p"]}
    labels = pd.concat([labels, pd.DataFrame({**further, "Label": "up"})])
    apart = {"Metadata_Compound": "c1", "Metadata_Protein": ["r"], "log2_fold_change": 3.0}
    regulation = pd.concat([pd.DataFrame(apart), regulation[::-1]])
    if compact:
        labels = labels.astype("category")
        names = ["Metadata_Compound", "Metadata_Protein"]
        regulation = regulation.astype(dict.fromkeys(names, "category"))
    truth = label_truth(labels, regulation)
    assert [(e.group.low, e.group.high, e.n, e.recall) for e in truth.effects] == [
        (0.0, 0.45, 1, 0.0),
        (0.45, 0.7, 3, 0.666667),  # 0.65 is called down
        (0.7, 1.0, 1, 1.0),
        (1.0, 1.5, 0, None),
        (1.5, None, 1, 1.0),
    ]
    assert (truth.n_wrong_direction, truth.n_null, truth.false_call_share) == (1, 4, 0.25)


@pytest.mark.parametrize("table", [0, 1])
def test_nothing_is_counted_twice(table: int) -> None:
    key = {"Metadata_Compound": ["a"], "Metadata_Protein": "p"}
    tables = [
        pd.DataFrame({**key, "Label": ["up"]}),
        pd.DataFrame({**key, "log2_fold_change": [1.2]}),
    ]
    tables[table] = pd.concat([tables[table]] * 2)
    with pytest.raises(ValueError, match="more than once"):
        label_truth(*tables)


def test_without_anything_unplanted_there_is_no_share() -> None:
    key = {"Metadata_Compound": ["a"], "Metadata_Protein": "p"}
    truth = label_truth(
        pd.DataFrame({**key, "Label": ["up"]}), pd.DataFrame({**key, "log2_fold_change": [1.2]})
    )
    assert (truth.n_null, truth.false_call_share) == (0, None)
