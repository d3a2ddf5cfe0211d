"""Tables 4 to 6: scores by concentration, rows compared, and the leak gauge."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_lowercase

from phenoprot.evaluation.results import (
    DoseScores,
    LeakGauge,
    RowComparison,
    RowResult,
    ScorerName,
    StratumScores,
)
from phenoprot.report import footnotes
from phenoprot.report.flatten import dose_key
from phenoprot.report.parts import table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import NOTHING, Table, gain_cell, number, p_cell, score_cell

DOSE_SCORES: dict[ScorerName, tuple[tuple[str, str, str], ...]] = {
    "auc": (("auc", "mean ROC AUC", footnotes.DOSE_AUC),),
    "levels": (
        ("skill", "pooled skill", footnotes.DOSE_SKILL),
        ("median", "median R2", footnotes.DOSE_R2),
    ),
}
"""Scores by concentration: their names, titles and notes."""


def dose_tables(results: ScreenResults) -> list[Table]:
    """Table 4: one for each score of each part."""
    unit = results.provenance.concentration_unit
    wanted = [
        (part, *score)
        for part in results.doses
        for score in DOSE_SCORES[table_parts()[part].scorer]
    ]
    tables = []
    for letter, (part, name, score, note) in zip(ascii_lowercase, wanted, strict=False):
        rows = {
            row: {dose.concentration: dose for dose in doses}
            for row, doses in results.doses[part].items()
        }
        concentrations = sorted({dose for row in rows.values() for dose in row})
        one = next(iter(rows.values()))
        scored = sorted({dose.n_targets_scored for dose in one.values()})
        tables.append(
            Table(
                f"Table 4{letter}. By concentration, {table_parts()[part].short}: {score}",
                ["row", *(f"{dose_key(dose)} {unit}" for dose in concentrations)],
                [
                    [
                        row,
                        *(
                            _dose_cell(by_dose[dose], name) if dose in by_dose else NOTHING
                            for dose in concentrations
                        ),
                    ]
                    for row, by_dose in rows.items()
                ],
                [f"{' to '.join(map(str, scored[:1] + scored[1:][-1:]))} targets. {note}"],
            )
        )
    return tables


def _dose_cell(dose: DoseScores, name: str) -> str:
    """A mean with its interval, or the median of the targets."""
    return number(dose.median, ".3f") if name == "median" else score_cell(dose.means.get(name))


def comparison_tables(results: ScreenResults) -> list[Table]:
    """Table 5: which row is better, on average and target by target."""
    lines = [
        _comparison(table_parts()[part].short, one)
        for part, comparisons in results.comparisons.items()
        for one in comparisons
    ]
    if not lines:
        return []
    return [
        Table(
            "Table 5. Rows compared on the same treatments, folds and targets",
            ["task", "row", "against", "difference (95 % CI)", "p", "q", "80 % power",
             "better/worse", "overlap"],
            lines,
            [footnotes.comparison_note(results.provenance.false_discovery_rate)],
        )
    ]  # fmt: skip


def _comparison(part: str, one: RowComparison) -> list[str]:
    return [
        part,
        one.row,
        one.against,
        gain_cell(one.mean_auc_difference),
        p_cell(one.p),
        p_cell(one.q),
        f"{number(one.smallest_difference, '.3f')}; "
        f"{number(one.smallest_target_difference, '.2f')}",
        f"{one.n_better}/{one.n_worse} of {one.n_targets_tested}",
        number(one.jaccard, ".2f"),
    ]


def strata_tables(results: ScreenResults) -> list[Table]:
    """Table 8: scores within thirds of the cell number."""
    note = footnotes.STRATA.format(table=results.provenance.strata)
    return _strata(results, "Table 8{}. By the number of cells", lambda row: row.strata, note)


def activity_tables(results: ScreenResults) -> list[Table]:
    """Table 10: scores among active and among inactive compounds."""
    title = "Table 10{}. By activity of the compound"
    return _strata(results, title, lambda row: row.activity, footnotes.BY_ACTIVITY)


def _strata(
    results: ScreenResults,
    title: str,
    strata_of: Callable[[RowResult], list[StratumScores]],
    note: str,
) -> list[Table]:
    """One table for each part that has such strata."""
    tables = []
    wanted = [
        (part, {name: row for name, row in rows.items() if strata_of(row)})
        for part, rows in results.parts.items()
    ]
    known = [(part, rows) for part, rows in wanted if rows]
    for letter, (name, rows) in zip(ascii_lowercase, known, strict=False):
        part, strata = table_parts()[name], strata_of(next(iter(rows.values())))
        tables.append(
            Table(
                f"{title.format(letter)}, {part.short}: mean ROC AUC",
                ["row", *(f"{s.name} ({s.n_targets_scored})" for s in strata)],
                [
                    [row, *(score_cell(s.means.get(part.scores.main)) for s in strata_of(result))]
                    for row, result in rows.items()
                ],
                [f"In brackets the targets with a score. {note}"],
            )
        )
    return tables


def leak_tables(results: ScreenResults) -> list[Table]:
    """Table 6: what folds that tear compounds apart would pretend."""
    gauged = [
        (table_parts()[part].short, name, row, row.leak)
        for part, rows in results.parts.items()
        for name, row in rows.items()
        if row.leak is not None and row.leak.gap is not None
    ]
    if not gauged:
        return []
    notes = [footnotes.LEAK]
    if all(leak.n_doses == 1 for *_, leak in gauged):
        notes.append(footnotes.LEAK_WITHOUT_DOSES)
    return [
        Table(
            "Table 6. Leak gauge",
            ["task", "row", "folds of compounds", "folds of treatments", "gap (95 % CI)", "doses"],
            [
                [part, name, *_leak_cells(row, leak), str(leak.n_doses)]
                for part, name, row, leak in gauged
            ],
            notes,
        )
    ]


def _leak_cells(row: RowResult, leak: LeakGauge) -> list[str]:
    """Scores under both kinds of folds, and the gap."""
    own = row.means.get(leak.score)
    gap = number(leak.gap.value if leak.gap else None, "+.3f")
    if leak.gap and leak.gap.low is not None and leak.gap.high is not None:
        gap += f" ({leak.gap.low:+z.3f} to {leak.gap.high:+z.3f})"
    return [number(own.value if own else None, ".3f"), number(leak.mean, ".3f"), gap]
