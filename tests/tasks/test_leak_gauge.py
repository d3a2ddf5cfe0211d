"""Folds of treatments: a second set of predictions that no table of rows takes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from phenoprot.core.paths import Paths
from phenoprot.execution.settings import LOCAL
from phenoprot.tasks.crossvalidate import predict
from phenoprot.tasks.data import TaskData, align, split_by_treatment
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.run import plan, run_task, shards_of
from phenoprot.tasks.settings import RowSettings, TaskSettings
from phenoprot.tasks.task import LabelSources

from .conftest import Given
from .test_run import models

N, DOSES = 30, 4


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """30 compounds at 4 doses. Features are the compound's own and tell nothing of the label."""
    monkeypatch.chdir(tmp_path)
    paths = Paths("toy")
    rng = np.random.default_rng(0)
    compounds = [f"c{i:02d}" for i in range(N)]
    key = pd.DataFrame(
        {
            "Metadata_Compound": np.repeat(compounds, DOSES),
            "Metadata_Concentration": np.tile(np.arange(1.0, DOSES + 1), N),
        }
    )
    features = np.repeat(rng.normal(size=(N, 40)), DOSES, axis=0)
    features += 0.05 * rng.normal(size=features.shape)
    for folder in (paths.profiles, paths.folds.parent):
        folder.mkdir(parents=True)
    table = pd.DataFrame(features.astype(np.float32)).add_prefix("f")
    pd.concat([key, table], axis=1).to_parquet(paths.profiles / "x.parquet")
    folds = [
        {
            "Metadata_Repeat": repeat,
            "Metadata_Compound": name,
            "Metadata_Group": name,
            "Fold": i % 3,
        }
        for repeat in range(2)
        for i, name in enumerate(compounds)
    ]
    columns = ["Metadata_Repeat", "Metadata_Compound", "Metadata_Group", "Fold"]
    table = pd.DataFrame(folds, columns=columns)
    table.assign(Metadata_Kind="compound").to_csv(paths.folds, index=False)
    return paths


@pytest.fixture
def labels() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"t": rng.permutation([1.0, 0.0] * (N // 2)).astype(np.float32)})
    table.insert(0, "Metadata_Compound", [f"c{i:02d}" for i in range(N)])
    return table


ROWS = {
    "gauged": RowSettings(features=["x"], model="linear", leak_gauge=True),
    "plain": RowSettings(features=["x"], model="linear"),
}


def data_of(paths: Paths, labels: pd.DataFrame) -> TaskData:
    profiles = pd.read_parquet(paths.profiles / "x.parquet")
    folds = folds_of_kind(read_folds(paths.folds), "compound")
    return align([profiles], labels, folds_of_repeat(folds, 0))


def test_treatments_are_dealt_for_themselves(paths: Paths, labels: pd.DataFrame) -> None:
    data = data_of(paths, labels)
    torn = split_by_treatment(data, folds=3, seed=(0, 0))
    assert np.bincount(torn.folds).tolist() == [40, 40, 40]
    assert len(np.unique(torn.groups)) == N * DOSES
    compounds = torn.key.groupby("Metadata_Compound")["Fold"].nunique()
    assert (compounds > 1).mean() > 0.9
    assert data.key.groupby("Metadata_Compound")["Fold"].nunique().max() == 1
    for name in ("features", "labels"):
        np.testing.assert_array_equal(getattr(torn, name), getattr(data, name))
    same, other = (split_by_treatment(data, 3, seed).folds for seed in ((0, 0), (0, 1)))
    np.testing.assert_array_equal(same, torn.folds)
    assert (other != torn.folds).any()


def test_a_gauged_row_has_predictions_beside_those_of_the_table(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    task = Given("targets", {"targets": labels})
    run_task(task, LabelSources(paths, Path()), ROWS, tiny, LOCAL)
    folder = paths.predictions("targets")
    assert sorted(p.name for p in (folder / "rows").iterdir()) == [
        "gauged.parquet",
        "plain.parquet",
    ]
    assert [p.name for p in (folder / "leak_gauge").iterdir()] == ["gauged.parquet"]
    # The row itself is what it is without the gauge.
    gauged, plain = ((folder / "rows" / f"{row}.parquet").read_bytes() for row in ROWS)
    assert gauged == plain


def test_features_that_only_tell_the_compound_profit_from_the_leak(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    folder = paths.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    # As many components as features: enough to know every compound by heart.
    linear = tiny.linear.model_copy(update={"components": 40, "penalties": [0.01]})
    tiny = tiny.model_copy(update={"linear": linear})
    runs = plan(ROWS, models(ROWS, tiny), "bce", folder, paths, tiny)
    assert [(run.row, run.repeat, run.leak_gauge) for run in runs] == [
        ("gauged", 0, False),
        ("gauged", 1, False),
        ("plain", 0, False),
        ("plain", 1, False),
        ("gauged", 0, True),
        ("gauged", 1, True),
    ]
    assert [run.name for run in runs][-1] == "targets gauged leak gauge 2"
    prints = [shard.fingerprint for shard in shards_of(runs)]
    assert prints[:2] == prints[2:4]
    assert len(set(prints)) == 4
    truth = np.repeat(labels["t"].to_numpy(), DOSES)
    honest, leaking = (predict(run)["t"].to_numpy() for run in (runs[0], runs[4]))
    gap = [scores[truth == 1].mean() - scores[truth == 0].mean() for scores in (honest, leaking)]
    assert gap[1] > 0.5
    assert gap[0] < 0.25


def test_shuffled_rows_are_not_gauged() -> None:
    with pytest.raises(ValidationError, match="a leak is gauged with true labels"):
        RowSettings(features=["x"], model="mlp", shuffled=True, leak_gauge=True)
