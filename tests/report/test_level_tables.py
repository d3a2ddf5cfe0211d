"""Table 2: R2 over all rows and averaged over concentrations, each named."""

from __future__ import annotations

from phenoprot.evaluation.results import Ceiling, Estimate, RowResult, ThresholdCount
from phenoprot.report import footnotes
from phenoprot.report.level_tables import level_table, top_table
from phenoprot.report.parts import table_parts
from phenoprot.report.results import ScreenResults, TopTarget
from phenoprot.report.row_tables import row_tables
from phenoprot.report.table import without_empty

from .test_flatten import KNOWN, ROWS

PART = table_parts()["regression"]
ROW = RowResult(
    scorer="levels",
    n_targets=190,
    n_compounds=72,
    means={
        "skill": Estimate(value=0.1174, low=0.0512, high=0.1893),
        "rmse": Estimate(value=0.9481),
        "smape": Estimate(value=70.61),
        "concordance": Estimate(value=0.5453, low=0.5281, high=0.5619),
    },
    median=-0.0621,
    maximum=0.4237,
    median_over_doses=-0.1904,
    maximum_over_doses=0.2031,
    thresholds=[
        ThresholdCount(
            threshold=0.1, n=19, percent=10, expected_by_chance=0.31, chance_sd=0.72, p=0.001
        )
    ],
)


def results(row: RowResult) -> ScreenResults:
    return ScreenResults(provenance=KNOWN, parts={PART.name: {ROWS[0]: row}}, labels={})


def test_a_dose_series_has_both_ways_of_averaging() -> None:
    table = without_empty(level_table(PART, {ROWS[0]: ROW}, results(ROW)))
    assert table.columns == [
        "row", "proteins", "pooled skill (95 % CI)", "median R2", "median R2, mean over doses",
        "RMSE (sd)", "SMAPE %", "concordance (95 % CI)", "best R2", "best R2, mean over doses",
    ]  # fmt: skip
    (line,) = table.rows
    assert line == [
        ROWS[0], "190", "0.117 (0.05 to 0.19)", "-0.062", "-0.190", "0.95", "70.6",
        "0.545 (0.53 to 0.56)", "0.42", "0.20",
    ]  # fmt: skip
    assert table.notes == [footnotes.LEVELS_OVER_DOSES]


def test_with_one_concentration_they_are_the_same() -> None:
    row = ROW.model_copy(update={"median_over_doses": None, "maximum_over_doses": None})
    table = without_empty(level_table(PART, {ROWS[0]: row}, results(row)))
    assert not any("doses" in column for column in table.columns)
    assert len(table.columns) == len(table.rows[0]) == 8
    assert table.notes == [footnotes.LEVELS_OF_ONE_DOSE]


def test_what_a_repeat_of_the_assay_would_reach() -> None:
    known = ROW.model_copy(update={"ceiling": Ceiling(value=0.4127, n=181, share=-0.1504)})
    level = known.model_copy(update={"ceiling": Ceiling(value=0.0, n=12)})
    found = {ROWS[0]: known, ROWS[1]: ROW, ROWS[2]: level}
    results_of_all = ScreenResults(provenance=KNOWN, parts={PART.name: found}, labels={})
    table = level_table(PART, found, results_of_all)
    column = table.columns.index("of ceiling")
    assert table.columns[column - 1 : column + 2] == [
        "concordance (95 % CI)", "of ceiling", "best R2"
    ]  # fmt: skip
    # Below chance; nothing known; a ceiling that is no better than chance.
    assert [line[column] for line in table.rows] == ["-15 %", "-", "-"]
    assert {len(line) for line in table.rows} == {len(table.columns)}
    # The one over the most targets is told.
    assert table.notes == [
        f"{footnotes.LEVELS_OVER_DOSES} Ceiling: a median R2 of 0.413 over 181 targets."
    ]


def test_the_counts_of_levels_are_a_table_of_their_own() -> None:
    empty = {name: {} for name in table_parts()}
    whole = ScreenResults(
        provenance=KNOWN, parts={**empty, PART.name: {ROWS[0]: ROW}}, labels={},
        top={"regression": []},
    )  # fmt: skip
    _, counts, _ = row_tables(whole)
    assert counts.title == f"{PART.title}, counts"
    assert counts.columns == ["row", "R2 >= 0.1"]
    assert counts.rows == [[ROWS[0], "19, 10 % (0.3±0.7; 0.001)"]]
    assert counts.notes == []


def test_the_best_proteins_have_both_too() -> None:
    best = TopTarget(
        row="a", protein="P1", r2=0.4237, r2_over_doses=0.2031, pearson_r2=0.51, smape=57.44
    )
    table = top_table([best], PART)
    assert table.columns[1:3] == ["R2", "R2, mean over doses"]
    assert table.rows == [["P1", "0.424", "0.203", "0.510", "57.4", "MGP 0.448 / 48.9"]]
    single = top_table([best.model_copy(update={"r2_over_doses": None})], PART)
    assert single.columns[1:3] == ["R2", "r2 (Pearson)"]
    assert single.rows == [["P1", "0.424", "0.510", "57.4", "MGP 0.448 / 48.9"]]
