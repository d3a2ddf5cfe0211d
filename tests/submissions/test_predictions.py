"""Predictions as files score as the suite's own rows, and every difference is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.core.files import write_parquet
from phenoprot.core.paths import Paths
from phenoprot.core.settings import parse_settings, read_yaml
from phenoprot.evaluation.compute import RESULT, TARGETS, RowToScore, score_row
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.submissions.score import score_predictions
from phenoprot.tasks.given import long_predictions

ROOT = Path(__file__).parents[2]
COMPOUNDS = [f"c{i:02d}" for i in range(24)]
UP, DOWN = "classification/up", "classification/down"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Labels, folds and one row of predictions of a screen."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(
        text.replace("screens:\n", "screens:\n  toy: {folder: toy}\n", 1)
    )
    paths = Paths("toy")
    rng = np.random.default_rng(0)
    folds = pd.concat(
        [
            pd.DataFrame(
                {
                    "Metadata_Kind": "compound",
                    "Metadata_Repeat": repeat,
                    "Metadata_Compound": COMPOUNDS,
                    "Metadata_Group": COMPOUNDS,
                    "Fold": rng.permutation(np.arange(24) % 3),
                }
            )
            for repeat in range(2)
        ]
    )
    paths.folds.parent.mkdir(parents=True)
    folds.to_csv(paths.folds, index=False)
    ceilings = {"Metadata_Protein": ["A", "D"] * 2, "Kind": ["up", "up", "down", "down"]}
    write_parquet(
        paths.labels / "ceiling.parquet", pd.DataFrame(ceilings | {"Ceiling": [0.9, 0.8, 0.7, 0.6]})
    )
    for part in (UP, DOWN):
        labels = pd.DataFrame(
            rng.integers(0, 2, (24, 3)), columns=["A", "B/C", "D"], dtype=np.float32
        )
        labels.insert(0, "Metadata_Compound", COMPOUNDS)
        write_parquet(paths.predictions(part) / "labels.parquet", labels)
        row = folds.drop(columns=["Metadata_Kind", "Metadata_Group"])
        row = row.assign(Metadata_Concentration=1.0, Metadata_LabelsOf=row["Metadata_Compound"])
        scores = rng.normal(size=(48, 3)).astype(np.float32)
        row[["A", "B/C", "D"]] = scores
        write_parquet(paths.predictions(part) / "rows/own.parquet", row)
    return paths


def long(paths: Paths) -> pd.DataFrame:
    parts = [
        long_predictions(paths.predictions(part), "own", part.partition("/")[2])
        for part in (UP, DOWN)
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_suites_own_predictions_score_the_same(suite: Paths, tmp_path: Path) -> None:
    shuffled = long(suite).sample(frac=1, random_state=0)
    shuffled.columns = [name.removeprefix("Metadata_").lower() for name in shuffled]
    shuffled.to_csv("p.csv", index=False)
    arguments = ["score", "p.csv", "--screen", "toy", "--task", "classification", "--output", "out"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "classification/up: 3 label columns, 24 compounds; auc" in result.output
    settings = parse_settings(EvaluationSettings, read_yaml(Path("params.yaml"))["evaluation"], "")
    for part in (UP, DOWN):
        folder = suite.predictions(part)
        ceilings = {"A": 0.9, "D": 0.8} if part == UP else {"A": 0.7, "D": 0.6}
        row = RowToScore(
            predictions=folder / "rows/own.parquet",
            gauge=None,
            labels=folder / "labels.parquet",
            scorer="auc",
            groups=None,
            ceilings=ceilings,
            counts=None,
            chosen=None,
            active=None,
            settings=settings,
        )
        shutil.rmtree("row", ignore_errors=True)
        Path("row").mkdir()
        score_row(row, Path("row"))
        assert Path(f"out/{part}.json").read_bytes() == (Path("row") / RESULT).read_bytes()
        pd.testing.assert_frame_equal(
            pd.read_parquet(f"out/{part}.parquet"), pd.read_parquet(Path("row") / TARGETS),
            check_exact=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="Fold"), r"1 column\(s\) missing: Fold"),
        (lambda t: t[t["Target"] != "D"], r"1 label column\(s\) missing: D"),
        (lambda t: t.replace({"Target": {"D": "E"}}), "missing: D; 1 .* the suite has not: E"),
        (lambda t: t[t["Metadata_Compound"] != "c03"], r"1 treatment\(s\) .* missing: c03 at 1"),
        (
            lambda t: t.replace({"Metadata_Compound": {"c03": "x"}}),
            r"1 treatment\(s\) are none of the suite's: x at 1",
        ),
        (lambda t: t.assign(Fold=(t["Fold"] + 1) % 3), r"24 compound\(s\) are in another fold"),
        (lambda t: t[t["Metadata_Repeat"] == 0], r"1 repeat\(s\) missing: 1"),
        (lambda t: pd.concat([t, t.iloc[[0]]]), r"1 prediction\(s\) stand more than once: c"),
        (lambda t: t.drop(index=5), r"1 treatment\(s\) lack a score for some label column"),
        (lambda t: t.assign(Score=t["Score"].where(t.index != 7)), "1 empty or wrong cell.* row 9"),
        (lambda t: t.assign(Direction="sideways"), r"1 direction\(s\) are none: sideways"),
    ],
)  # fmt: skip
def test_what_is_not_the_suites_is_named(
    suite: Paths, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    change(long(suite)).to_parquet("p.parquet")
    with pytest.raises(UserError, match=message):
        score_predictions(Path("p.parquet"), "toy", "classification")


def test_folds_are_exported(suite: Paths) -> None:
    result = CliRunner().invoke(app, ["folds", "export", "--screen", "toy", "--output", "f.csv"])
    assert "f.csv: 2 repeats of 3 folds, 24 compounds" in result.output
    own = pd.read_csv(suite.folds).drop(columns="Metadata_Kind")
    pd.testing.assert_frame_equal(pd.read_csv("f.csv"), own)


def test_an_unknown_screen(suite: Paths) -> None:
    long(suite).to_parquet("p.parquet")
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(UserError, match="no screen 'toy'; there are: cpjump1, phantom, comas"):
        score_predictions(Path("p.parquet"), "toy", "classification")
