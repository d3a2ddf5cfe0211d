"""Points of a learning curve: whole groups of training compounds left out, nested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.fewer import cross_validate_share, kept_groups
from phenoprot.tasks.linear import nested_linear
from phenoprot.tasks.models import find_model
from phenoprot.tasks.settings import ModelSettings, RowSettings, TaskSettings

from .conftest import Problem

GROUPS = np.repeat([f"g{i:02d}" for i in range(40)], 2)
COMPOUNDS = np.array([f"c{i:02d}" for i in range(80)])


def test_smaller_shares_are_parts_of_larger_ones() -> None:
    kept = [set(kept_groups(GROUPS, COMPOUNDS, share, (0, 1, 2))) for share in (0.25, 0.5, 0.75, 1)]
    assert [len(one) for one in kept] == [10, 20, 30, 40]
    assert kept[0] < kept[1] < kept[2] < kept[3]
    # Rows of a compound count once: five doses of each change nothing.
    doses = kept_groups(np.repeat(GROUPS, 5), np.repeat(COMPOUNDS, 5), 0.5, (0, 1, 2))
    assert set(doses) == kept[1]
    assert set(kept_groups(GROUPS, COMPOUNDS, 0.5, (0, 1, 3))) != kept[1]


def test_a_compound_more_moves_no_other() -> None:
    before = set(kept_groups(GROUPS, COMPOUNDS, 0.5, (0,)))
    after = kept_groups(np.append(GROUPS, "new"), np.append(COMPOUNDS, "new"), 0.5, (0,))
    assert len(before ^ set(after) - {"new"}) <= 1


def test_a_share_that_leaves_too_little() -> None:
    with pytest.raises(
        UserError, match=r"a share of 0\.03 of the 80 .* is 1 group.*Raise the share"
    ):
        kept_groups(GROUPS, COMPOUNDS, 0.03, (0,))


def data_of(problem: Problem) -> TaskData:
    names = [f"c{i:03d}" for i in range(len(problem.folds))]
    key = pd.DataFrame({"Metadata_Compound": names, "Fold": problem.folds})
    return TaskData(key, problem.features, problem.labels, ["a", "b"], problem.groups)


def test_what_is_left_out_plays_no_part(problem: Problem, tiny: TaskSettings) -> None:
    """As if only the kept compounds had been measured, by hand for one fold."""
    model = find_model(ModelSettings(estimator="linear"), tiny)
    data = data_of(problem)
    scores = cross_validate_share(model, data, 0.5, "bce", 1, (0, 1), "cpu")
    assert np.isfinite(scores).all()
    train = data.folds != 2
    compounds = data.key["Metadata_Compound"].to_numpy()
    kept = kept_groups(data.groups[train], compounds[train], 0.5, (0, 1, 2))
    assert len(kept) == pytest.approx(len(np.unique(data.groups[train])) / 2, abs=1)
    rows = np.flatnonzero(~train | np.isin(data.groups, kept))
    alone = nested_linear(
        *(data.features[rows], data.labels[rows], (data.folds[rows] == 2).astype(int)),
        *(data.groups[rows], model.settings, 1),  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(scores[~train], alone[data.folds[rows] == 2])
    # Nonsense in the dropped rows is not seen.
    dropped = np.setdiff1d(np.flatnonzero(train), rows)
    spoiled = data.features.copy()
    spoiled[dropped] = 1e6
    again = cross_validate_share(
        model, replace(data, features=spoiled), 0.5, "bce", 1, (0, 1), "cpu"
    )
    np.testing.assert_array_equal(again[~train], scores[~train])


def test_more_compounds_predict_better(large_problem: Problem, tiny: TaskSettings) -> None:
    model = find_model(ModelSettings(estimator="linear"), tiny)
    data = data_of(large_problem)
    known = ~np.isnan(data.labels)

    def agreement(share: float) -> float:
        scores = cross_validate_share(model, data, share, "bce", 0, (0, 0), "cpu")
        return float(np.corrcoef(scores[known], data.labels[known])[0, 1])

    assert agreement(0.1) < agreement(0.9)


def test_rows_that_are_variants() -> None:
    plain = RowSettings(features=["x"], model="linear")  # type: ignore[arg-type]
    fewer = plain.model_copy(update={"train_share": 0.5})
    harder = plain.model_copy(update={"splits": "scaffold"})
    assert [row.variant for row in (plain, fewer, harder)] == [False, True, True]
    assert fewer.is_variant_of(plain)
    assert harder.is_variant_of(plain)
    assert not plain.is_variant_of(plain)
    assert not fewer.is_variant_of(harder)
    assert not fewer.is_variant_of(plain.model_copy(update={"features": ["y"]}))
    both = {"splits": "plate", "shuffled": True}, {"train_share": 0.5, "leak_gauge": True}
    alone = {"train_share": 0.0}, {"train_share": 1.5}, {"splits": "cluster"}
    for wrong in (*both, *alone):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RowSettings.model_validate({"features": ["x"], "model": "linear"} | wrong)


@pytest.mark.parametrize("rest", [{"features": ["x"], "model": "linear"}, {"predictions": "x.csv"}])
def test_a_row_of_no_task_is_refused(rest: dict[str, Any]) -> None:
    """It would be in no table; without the key it is in all."""
    with pytest.raises(UserError, match=r"^params\.yaml: 'tasks': names no task; leave the key"):
        parse_settings(RowSettings, rest | {"tasks": []}, "params.yaml")
    assert parse_settings(RowSettings, rest, "params.yaml").takes_part("targets")
