"""Blocks of targets change no byte; files are read as frames are; keys that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.evaluation import blocks
from phenoprot.evaluation.blocks import WideFile, in_blocks, labels_of_compounds, slices, targets_of
from phenoprot.evaluation.compute import RowsToCompare, RowToScore, compare_rows, score_row
from phenoprot.evaluation.folds import label_rows
from phenoprot.evaluation.levels import score_regression
from phenoprot.evaluation.score import score_classification
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.tasks.columns import PREDICTION_COLUMNS

from .level_screen import screen

SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=20, bootstrap=10, seed=0
)
TARGETS = 11


def wide_screen(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and levels of 11 proteins, some with names that tools take for paths."""
    tables = [screen(compounds=18, repeats=2, seed=seed + i) for i in range(3)]
    predictions, levels = tables[0]
    key = ["Metadata_Compound", "Metadata_Concentration"]
    for i, (_, more) in enumerate(tables[1:]):
        levels = levels.merge(more.rename(columns={n: f"{n}.{i} [a/b]" for n in "tuvw"}), on=key)
    levels = levels.iloc[:, : len(key) + TARGETS]
    truth = levels[key].merge(levels, on=key)
    rng = np.random.default_rng(seed)
    of_rows = predictions[PREDICTION_COLUMNS].merge(truth, on=key)
    names = levels.columns[len(key) :]
    noise = rng.normal(size=(len(of_rows), len(names)))
    scores = np.nan_to_num(of_rows[names].to_numpy(), nan=3.0) + noise
    values = pd.DataFrame(scores.astype(np.float32), columns=names)
    return pd.concat([of_rows[PREDICTION_COLUMNS], values], axis=1), levels


def labels_of(levels: pd.DataFrame) -> pd.DataFrame:
    """Labels of the compounds: high levels at the highest dose, some unknown."""
    top = levels[levels["Metadata_Concentration"] == levels["Metadata_Concentration"].max()]
    labels = top.drop(columns="Metadata_Concentration").reset_index(drop=True)
    names = labels.columns[1:]
    labels[names] = np.where(labels[names].isna(), np.nan, labels[names] > 3.2)
    return labels


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Predictions of two rows, labels and levels as files."""
    predictions, levels = wide_screen(1)
    predictions.to_parquet(tmp_path / "one.parquet", index=False)
    names, rng = list(levels.columns[2:]), np.random.default_rng(0)
    noise = rng.normal(size=(len(predictions), TARGETS)).astype(np.float32)
    other = predictions.assign(
        **dict(zip(names, predictions[names].to_numpy().T + noise.T, strict=True))
    )
    other = other.sample(frac=1, random_state=0)
    other.to_parquet(tmp_path / "other.parquet", index=False)
    levels.to_parquet(tmp_path / "levels.parquet", index=False)
    labels_of(levels).to_parquet(tmp_path / "labels.parquet", index=False)
    treatments = levels.iloc[:, :2]
    treatments.assign(cells=np.arange(len(levels)) % 17.0).to_parquet(tmp_path / "cells.parquet")
    key = predictions[["Metadata_Repeat", "Fold"]].drop_duplicates()
    chosen = key.merge(pd.DataFrame({"Metadata_Protein": levels.columns[2:]}), how="cross")
    chosen = chosen.assign(**{name: rng.random(len(chosen)) < 0.5 for name in ("inside", "all")})
    chosen.to_parquet(tmp_path / "chosen.parquet")
    return tmp_path


def everything(written: Path, folder: Path) -> dict[str, bytes]:
    """All that is written of a row of either kind, and of two rows."""
    compounds = labels_of(pd.read_parquet(written / "levels.parquet"))["Metadata_Compound"]
    active = {name: number % 3 > 0 for number, name in enumerate(compounds)}
    of_aucs = RowToScore(
        predictions=written / "one.parquet",
        gauge=written / "other.parquet",
        labels=written / "labels.parquet",
        scorer="auc",
        groups=None,
        ceilings={"t": 0.9, "u": 0.8},
        counts=written / "cells.parquet",
        chosen=None,
        active=active,
        settings=SETTINGS,
    )
    of_levels = replace(
        of_aucs,
        labels=written / "levels.parquet",
        scorer="levels",
        counts=None,
        chosen=written / "chosen.parquet",
        active=None,
    )
    for payload in (of_aucs, of_levels):
        (folder / payload.scorer).mkdir(parents=True)
        score_row(payload, folder / payload.scorer)
    (folder / "compared").mkdir()
    pair = (written / "one.parquet", written / "other.parquet")
    labels = written / "labels.parquet"
    compare_rows(RowsToCompare(("a", "b"), pair, labels, SETTINGS), folder / "compared")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_no_block_size_changes_a_byte(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = everything(written, tmp_path / "whole")
    assert len(whole) == 6
    table = pd.read_parquet(tmp_path / "whole/auc/targets.parquet")
    assert table["auc"].between(0.3, 1).all()
    assert table["bootstrap_sd"].between(0.01, 0.5).all()
    rows = len(pd.read_parquet(written / "one.parquet"))
    for size in (1, 2, 3, 4, 5, 7, 10, 11):
        monkeypatch.setattr(blocks, "VALUES", size * rows)
        assert len(slices(TARGETS, rows)) == max(1, TARGETS // max(2, size))
        found = everything(written, tmp_path / str(size))
        assert {name for name in whole if found[name] != whole[name]} == set()


@pytest.mark.parametrize(("targets", "rows"), [(0, 5), (1, 5), (2, 5), (7, 5), (9, 0), (5000, 10)])
def test_blocks_are_all_targets_once_and_never_a_single_one(
    targets: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "VALUES", 15)
    found = slices(targets, rows)
    assert [n for of in found for n in range(of.start, of.stop)] == list(range(targets))
    assert all(of.stop - of.start > 1 for of in found) or targets < 2


def test_a_file_is_read_as_a_frame(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, levels = wide_screen(1)
    files = (
        WideFile(written / "one.parquet", PREDICTION_COLUMNS),
        WideFile(written / "levels.parquet", ["Metadata_Compound"]),
    )
    monkeypatch.setattr(blocks, "VALUES", 3 * len(predictions))
    at = label_rows(predictions, levels)
    truth = np.where(at[:, None] >= 0, levels.iloc[at, 2:], np.nan)
    assert targets_of(files[1]) == targets_of(levels) == list(levels.columns[2:])
    seen = 0
    for of_file, of_frame in zip(in_blocks(*files), in_blocks(predictions, levels), strict=True):
        assert of_file.names == of_frame.names
        for name in ("own_labels", "labels", "scores"):
            one, other = getattr(of_file, name), getattr(of_frame, name)
            np.testing.assert_array_equal(one, other)
            assert one.flags.c_contiguous
        np.testing.assert_array_equal(of_file.labels.T, truth[:, of_file.where])
        np.testing.assert_array_equal(of_file.scores.T, predictions[of_file.names])
        seen += len(of_file.names)
    assert seen == TARGETS


def test_some_of_the_targets_in_their_order(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, levels = wide_screen(1)
    monkeypatch.setattr(blocks, "VALUES", 2 * len(predictions))
    some = [levels.columns[i] for i in (7, 2, 12, 3, 4)]
    found = list(in_blocks(WideFile(written / "one.parquet", PREDICTION_COLUMNS), levels, some))
    assert [name for one in found for name in one.names] == some
    assert len(found) == 2
    scores = np.concatenate([one.scores for one in found])
    np.testing.assert_array_equal(scores.T, predictions[some])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("labels", ["labels.parquet", "levels.parquet"])
def test_a_prediction_that_is_no_number_is_named(written: Path, value: float, labels: str) -> None:
    """It would be the highest score of an AUC, and no error at all of a level."""
    path = written / "one.parquet"
    table = pd.read_parquet(path)
    table.loc[[3, 5], "u"] = value
    table.loc[4, "t.0 [a/b]"] = value
    table.to_parquet(path, index=False)
    score = score_classification if labels == "labels.parquet" else score_regression
    key = ["Metadata_Compound"]
    for predictions, where in ((WideFile(path, PREDICTION_COLUMNS), str(path)), (table, "pred")):
        with pytest.raises(UserError, match="If the model diverged") as error:
            score(predictions, WideFile(written / labels, key), SETTINGS)
        assert error.value.where.startswith(where)
        assert error.value.what == (
            "3 prediction(s) of 2 target(s) are no finite numbers: u, t.0 [a/b]"
        )


def test_labels_of_compounds_without_any_are_missing(written: Path) -> None:
    labels = WideFile(written / "labels.parquet", ["Metadata_Compound"])
    found = labels_of_compounds(labels, np.array(["c03", "nobody", "c01"]))
    own = labels_of(wide_screen(1)[1]).set_index("Metadata_Compound")
    np.testing.assert_array_equal(found[[0, 2]], own.loc[["c03", "c01"]])
    assert np.isnan(found[1]).all()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    with pytest.raises(UserError, match="no such file"):
        WideFile(path, PREDICTION_COLUMNS)
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match="is damaged") as error:
        WideFile(path, PREDICTION_COLUMNS)
    assert error.value.where == str(path)
    pd.DataFrame({"Metadata_Compound": ["a"], "t": [1.0]}).to_parquet(path)
    with pytest.raises(UserError, match=r"lacks 4 column\(s\): .*Fold"):
        WideFile(path, PREDICTION_COLUMNS)
