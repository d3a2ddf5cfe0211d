"""Table 7: scores of a simulated screen by what was planted."""

from __future__ import annotations

from string import ascii_lowercase

from phenoprot.evaluation.results import Group, GroupScores, RowResult, ScorerName
from phenoprot.report import footnotes
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import Table, score_cell

GROUP_SCORES: dict[ScorerName, tuple[tuple[str, str], ...]] = {
    "auc": (("auc", "mean ROC AUC"),),
    "levels": (("pearson_r2", "mean r2"), ("concordance", "mean concordance")),
}
"""Scores by group: their names and titles."""


def truth_tables(results: ScreenResults) -> list[Table]:
    """One for each score of each part whose groups are known."""
    wanted = [
        (part, score, title)
        for part in table_parts().values()
        for score, title in GROUP_SCORES[part.scorer]
    ]
    return [
        _truth_table(letter, part, score, title, results.parts[part.name])
        for letter, (part, score, title) in zip(ascii_lowercase, wanted, strict=False)
        if any(row.planted for row in results.parts[part.name].values())
    ]


def _truth_table(
    letter: str, part: TablePart, score: str, title: str, rows: dict[str, RowResult]
) -> Table:
    sizes = {scores.group: scores.n for row in rows.values() for scores in row.planted}
    groups = sorted(sizes, key=lambda group: group.order)
    notes = [f"In brackets the targets. {note}" for note in footnotes.GROUPS.get(part.task, [])]
    return Table(
        f"Table 7{letter}. Against the planted truth, {part.short}: {title}",
        ["row", *(f"{group_name(group)} ({sizes[group]})" for group in groups)],
        [
            [name, *(_cell(row.planted, group, score) for group in groups)]
            for name, row in rows.items()
        ],
        [*notes, footnotes.CONCORDANCE] if score == "concordance" else notes,
    )


def _cell(planted: list[GroupScores], group: Group, score: str) -> str:
    of_group = next((scores for scores in planted if scores.group == group), None)
    return score_cell(of_group.means.get(score) if of_group else None)


def group_name(group: Group) -> str:
    """``"0.7 to 1"``, ``"1.5 and more"``, ``"nothing planted"``."""
    if group.kind is not None:
        return "nothing planted" if group.kind == "null" else group.kind.replace("_", " ")
    return f"{group.low:g} and more" if group.high is None else f"{group.low:g} to {group.high:g}"
