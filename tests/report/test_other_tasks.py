"""Tasks of other packages are in the tables, the figure and the account, by their own titles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.settings import Settings
from phenoprot.evaluation.results import (
    DoseScores,
    Estimate,
    Group,
    GroupScores,
    LeakGauge,
    RowComparison,
    RowResult,
    ScorerName,
    ThresholdCount,
)
from phenoprot.report import parts
from phenoprot.report.account import account
from phenoprot.report.details import details
from phenoprot.report.figure import draw
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics, write_metrics
from phenoprot.report.tables import detail_tables
from phenoprot.tasks.task import LabelSources, Part, Task

from .test_flatten import KNOWN


class Toxicity(Task):
    """Is a compound toxic?"""

    name = "toxicity"
    parts = (Part("toxicity", "toxic", "Toxicity of compounds: ROC AUC"),)
    settings = Settings
    scorer: ScorerName = "auc"

    def labels(self, sources: LabelSources, settings: Settings) -> dict[str, pd.DataFrame]:
        raise NotImplementedError


class Growth(Toxicity):
    """How much do cells grow?"""

    name = "growth"
    parts = (Part("growth", "growth", "Growth: R2 and SMAPE"),)
    scorer: ScorerName = "levels"


@pytest.fixture(autouse=True)
def with_other_tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = parts.all_tasks()
    tasks = {**known, "growth": Growth(), "toxicity": Toxicity()}
    monkeypatch.setattr(parts, "all_tasks", lambda: tasks)
    parts.table_parts.cache_clear()
    yield
    parts.table_parts.cache_clear()


@pytest.fixture
def results() -> ScreenResults:
    mean = Estimate(value=0.7, low=0.6, high=0.8)
    toxic = RowResult(
        scorer="auc",
        n_targets=4,
        n_compounds=9,
        means={"auc": mean},
        thresholds=[ThresholdCount(threshold=0.9, n=1, percent=25.0, expected_by_chance=0.1)],
        leak=LeakGauge(score="auc", mean=0.8, gap=Estimate(value=0.1), n_doses=2),
        planted=[GroupScores(group=Group(kind="toxin"), n=2, means={"auc": mean})],
        doses=[
            DoseScores(concentration=dose, n_compounds=9, n_targets_scored=4, means={"auc": mean})
            for dose in (1.0, 10.0)
        ],
    )
    growth = RowResult(
        scorer="levels",
        n_targets=5,
        n_compounds=9,
        means={"skill": Estimate(value=0.3)},
        thresholds=[],
    )
    one = RowComparison(
        row="first", against="second", n_compounds=9, n_targets_tested=4, n_better=1, n_worse=0
    )
    counts = ("n_up", "n_down", "n_not", "n_unclassified", "n_proteins", "n_compounds")
    empty = {name: {} for name in parts.table_parts()}
    return ScreenResults(
        provenance=KNOWN,
        parts={**empty, "growth": {"first": growth}, "toxicity": {"first": toxic}},
        labels=dict.fromkeys(counts, 3),
        comparisons={"toxicity": [one]},
        top={"regression": []},
    ).completed()


def test_they_have_tables_of_their_own(results: ScreenResults) -> None:
    tables = detail_tables(results)
    *others, truth_title = [table.title for table in tables]
    # The parts of the built-in tasks keep their letters.
    assert re.fullmatch("Table 7[a-z]. Against the planted truth, toxic: mean ROC AUC", truth_title)
    assert others == [
        "Growth: R2 and SMAPE",
        "Growth: R2 and SMAPE, counts",
        "Toxicity of compounds: ROC AUC",
        "Toxicity of compounds: ROC AUC, counts",
        "Table 4a. By concentration, toxic: mean ROC AUC",
        "Table 5. Rows compared on the same treatments, folds and targets",
        "Table 6. Leak gauge",
    ]
    growth, growth_counts, toxic, counts, doses, compared, leak, truth = tables
    assert growth.rows == [["first", "5", "0.300", "-", "-", "-", "-", "-"]]
    assert growth_counts.rows == [["first"]]
    assert toxic.rows == [["first", "4", "0.700 (0.60-0.80)", "-", "-", "-"]]
    assert counts.rows == [["first", "1, 25 % (0.1)"]]
    assert doses.rows[0][1:] == ["0.700 (0.60 to 0.80)"] * 2
    assert compared.rows == [["toxic", "first", "second", "-", "-", "-", "-; -", "1/0 of 4", "-"]]
    assert leak.rows == [["toxic", "first", "0.700", "0.800", "+0.100", "2"]]
    assert truth.columns == ["row", "toxin (2)"]
    assert truth.notes == []


def test_they_are_in_the_account_and_the_figure(results: ScreenResults, tmp_path: Path) -> None:
    assert "### Growth: R2 and SMAPE" in account(results)
    page = details(results)
    assert "- **growth**: first reaches a pooled skill of 0.300 over 5 targets." in page
    assert "- **toxic**: first reaches a mean ROC AUC of 0.700 over 4 targets." in page
    assert "- toxic: by concentration first goes from 0.700 at 1 uM to 0.700 at 10 uM." in page
    draw(results, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


def test_their_metrics_are_files_like_others(results: ScreenResults, tmp_path: Path) -> None:
    write_metrics(results, tmp_path)
    assert (tmp_path / "toxicity/first.json").is_file()
    assert (tmp_path / "doses/toxicity/first.json").is_file()
    assert read_metrics(tmp_path) == results
