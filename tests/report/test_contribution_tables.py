"""Tables 15 and 16 and the heat map: exact cells from made-up results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from phenoprot.evaluation.contribution_results import (
    ContributionResult,
    GroupContribution,
    PlantedFirst,
)
from phenoprot.evaluation.results import Estimate
from phenoprot.report.contribution_tables import contribution_tables, fusion_tables
from phenoprot.report.details import details
from phenoprot.report.heat_map import draw_heat_map, heat_table
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics, write_metrics

from .toy import FILES, PROVENANCE, auc, gain, write

PART = "classification/up"


def explained(share: float | None) -> ContributionResult:
    groups = [
        GroupContribution(
            grouping="stain",
            group="ER",
            n_features=833,
            drop=Estimate(value=0.0312, low=-0.01, high=0.0724),
            alone=0.6789,
            share=share,
        ),
        GroupContribution(grouping="group", group="Cells ER Texture", n_features=156),
    ]
    planted = [
        PlantedFirst(grouping="stain", measure="alone", share=0.875, by_chance=0.34),
        PlantedFirst(grouping="stain", measure="drop", share=0.75, by_chance=0.34),
    ]
    return ContributionResult(
        n_targets=41, n_shown=9, min_auc=0.7, draws=10, groups=groups, n_planted=8, planted=planted
    )


def with_contributions(metrics: ScreenResults) -> ScreenResults:
    rows = {"cellprofiler": explained(None), "linear": explained(0.456)}
    return replace(metrics, contributions={PART: rows})


def test_groups_of_features(tmp_path: Path) -> None:
    (table,) = contribution_tables(with_contributions(read_metrics(write(tmp_path / "m", FILES))))
    assert table.title == "Table 15a. What carries the predictions, UP: ROC AUC"
    drop, alone = "+0.031 (-0.010 to +0.072)", "0.679"
    assert table.rows == [["stain", "ER", "833", drop, alone, "-", drop, alone, "46 %"]]
    assert table.notes[0].startswith(
        "- Means over the targets at 0.7 or above: 9 of 41 in cellprofiler, 9 of 41 in linear. "
    )
    assert table.notes[1] == (
        "- cellprofiler: what was planted comes first, by the AUC alone, for these shares of 8 "
        "targets: stain 88 % (34 % by chance)."
    )


def test_rows_on_other_features_keep_their_own_groups(tmp_path: Path) -> None:
    def group(name: str, n: int, alone: float) -> GroupContribution:
        return GroupContribution(grouping="stain", group=name, n_features=n, alone=alone)

    few = explained(None).model_copy(update={"groups": [group("DNA", 5, 0.6)]})
    more = few.model_copy(update={"groups": [group("ER", 7, 0.8), group("DNA", 9, 0.7)]})
    results = read_metrics(write(tmp_path / "m", FILES))
    for rows in ({"a": few, "b": more}, {"b": more, "a": few}):
        (table,) = contribution_tables(replace(results, contributions={PART: rows}))
        cells = {"a": ["-", "0.600", "-"], "b": ["-", "0.700", "-"]}
        sizes = {"a": "5 / 9", "b": "9 / 5"}[next(iter(rows))]
        assert ["stain", "DNA", sizes, *(c for row in rows for c in cells[row])] in table.rows
        cells = {"a": ["-", "-", "-"], "b": ["-", "0.800", "-"]}
        assert ["stain", "ER", "7", *(c for row in rows for c in cells[row])] in table.rows


def test_they_come_back_from_the_metrics(tmp_path: Path) -> None:
    first = with_contributions(read_metrics(write(tmp_path / "m", FILES)))
    write_metrics(first, tmp_path / "n")
    again = read_metrics(tmp_path / "n")
    assert again.contributions == first.contributions
    assert "results-toy-contributions.svg" in details(again)
    assert "-contributions.svg" not in details(replace(again, contributions={}))


def fused(tmp_path: Path) -> ScreenResults:
    methods = {
        "both": {"features": ["proteome", "cellprofiler"], "model": "mlp", "shuffled": False},
        "stack": {"features": [], "model": "stack", "shuffled": False,
                  "fusion": ["proteome", "cellprofiler"]},
    }  # fmt: skip
    known = PROVENANCE | {
        "rows": [*PROVENANCE["rows"], *methods],
        "methods": PROVENANCE["methods"] | methods,
    }
    files = {
        "provenance": known,
        "targets/both": auc(0.6011, 57, at_7=(9, 5.53), at_9=(1, 0.21)),
        "targets/stack": auc(0.6123, 57, at_7=(9, 5.53), at_9=(1, 0.21)),
        "comparisons/targets": {
            "cellprofiler": {"stack": gain(-0.0294, 1, 3), "proteome": gain(0.0321, 1, 0)},
        },
    }
    return read_metrics(write(tmp_path / "f", FILES | files))


def test_fused_scores_beside_the_rows_that_they_are_of(tmp_path: Path) -> None:
    results = fused(tmp_path)
    (table,) = fusion_tables(results)
    assert [line[:4] for line in table.rows] == [
        ["targets", "proteome", "single", "0.551 (0.53 to 0.58)"],
        ["targets", "cellprofiler", "single", "0.583 (0.56 to 0.61)"],
        ["targets", "both", "features at once", "0.601 (0.58 to 0.63)"],
        ["targets", "stack", "stack", "0.612 (0.59 to 0.64)"],
    ]
    # The comparison names the single row first: its sign is turned.
    assert table.rows[3][4:] == ["cellprofiler", "+0.029 (+0.002 to +0.061)", "0.037"]
    assert table.rows[0][4:6] == ["cellprofiler", "-0.032 (-0.060 to -0.001)"]
    assert table.rows[1][4:] == ["-", "-", "-"]
    assert table.rows[2][4:] == ["-", "-", "-"]  # not compared here
    assert "- `stack`: stack of the scores of proteome and cellprofiler." in details(results)


def test_no_fusion_no_table(tmp_path: Path) -> None:
    assert fusion_tables(read_metrics(write(tmp_path / "m", FILES))) == []


def test_the_heat_map_has_the_best_targets_on_top(tmp_path: Path) -> None:
    lines = [
        (target, grouping, group, auc_, alone)
        for target, auc_ in (("P1", 0.61), ("P2", 0.83))
        for grouping, group, alone in (
            ("place", "Nuclei shape", 0.52),
            ("place", "Cells ER", auc_ - 0.1),
            ("stain", "ER", 0.7),
        )
    ]
    columns = ["Target", "Grouping", "Group", "auc", "alone"]
    table = pd.DataFrame(lines, columns=columns).assign(
        n_features=3, drop=0.1, drop_se=0.01, share=0.5
    )
    heat = heat_table(table)
    assert list(heat.index) == ["P2 0.83", "P1 0.61"]
    assert list(heat.columns) == ["Nuclei shape", "Cells ER"]
    assert list(heat["Cells ER"].round(2)) == [0.73, 0.51]
    folder = tmp_path / "contributions"
    (folder / PART).mkdir(parents=True)
    table.to_parquet(folder / PART / "cellprofiler.parquet")
    results = with_contributions(read_metrics(write(tmp_path / "m", FILES)))
    for name in ("a.svg", "b.svg"):
        draw_heat_map(results, folder, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    draw_heat_map(replace(results, contributions={}), folder, tmp_path / "none.svg")
    assert (tmp_path / "none.svg").exists()
