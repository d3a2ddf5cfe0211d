"""Which groups of features carry the predictions, and what fusing rows gives: two tables."""

from __future__ import annotations

from collections.abc import Sequence

from phenoprot.evaluation.contribution_results import ContributionResult, GroupContribution
from phenoprot.evaluation.results import RowComparison
from phenoprot.report import footnotes
from phenoprot.report.parts import table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import NOTHING, Table, gain_cell, number, p_cell, score_cell

SHOWN = ("stain", "compartment", "family", "place")
"""Groupings in the table; the rest is in data/contributions."""
FIRST = "alone"
"""Measure by which what was planted is to come first."""


def contribution_tables(results: ScreenResults) -> list[Table]:
    """Table 15: groups of features, means over the predicted targets, rows side by side."""
    tables: list[Table] = []
    for name, rows in results.contributions.items():
        part = table_parts()[name]
        shown = {row: result for row, result in rows.items() if result.n_shown}
        if not shown:
            continue
        letter = "abcdefghij"[len(tables)]
        columns = ["groups by", "group", "features"]
        for row in shown:
            columns += [f"{row}: drop (95 % CI)", "alone", "share"]
        lines = _lines(list(shown.values()))
        title = f"Table 15{letter}. What carries the predictions, {part.short}: ROC AUC"
        tables.append(Table(title, columns, lines, _notes(shown)))
    return tables


def _lines(results: list[ContributionResult]) -> list[list[str]]:
    """One line for each group that any row has; rows on other features may lack it."""
    by_key = [{(one.grouping, one.group): one for one in result.groups} for result in results]
    keys = dict.fromkeys(key for own in by_key for key in own if key[0] in SHOWN)
    groupings = list(dict.fromkeys(grouping for grouping, _ in keys))
    lines = []
    for key in sorted(keys, key=lambda key: groupings.index(key[0])):
        sizes = dict.fromkeys(str(own[key].n_features) for own in by_key if key in own)
        cells = [cell for own in by_key for cell in _cells(own.get(key))]
        lines.append([*key, " / ".join(sizes), *cells])
    return lines


def _cells(group: GroupContribution | None) -> list[str]:
    if group is None:
        return [NOTHING] * 3
    share = NOTHING if group.share is None else f"{100 * group.share:.0f} %"
    return [gain_cell(group.drop), number(group.alone, ".3f"), share]


def _notes(rows: dict[str, ContributionResult]) -> list[str]:
    first = next(iter(rows.values()))
    sizes = ", ".join(
        f"{result.n_shown} of {result.n_targets} in {row}" for row, result in rows.items()
    )
    least = f"Means over the targets at {first.min_auc:g} or above"
    notes = [f"- {least}: {sizes}. {footnotes.CONTRIBUTIONS}"]
    for row, result in rows.items():
        found = [
            f"{one.grouping} {100 * one.share:.0f} %{_by_chance(one.by_chance)}"
            for one in result.planted
            if one.measure == FIRST
        ]
        if found:
            notes.append(
                f"- {row}: what was planted comes first, by the AUC alone, for these shares of "
                f"{result.n_planted} targets: {'; '.join(found)}."
            )
    return notes


def fusion_tables(results: ScreenResults) -> list[Table]:
    """Table 16: rows of one modality, all features at once, and fused scores, with their gain."""
    methods = results.provenance.methods
    lines = []
    for name, rows in results.parts.items():
        fusions = [row for row in rows if methods[row].fusion]
        groups = dict.fromkeys(tuple(methods[row].fusion or ()) for row in fusions)
        for of in groups:
            together = _together(results, of)
            fused = [row for row in fusions if tuple(methods[row].fusion or ()) == of]
            single = [row for row in of if row in rows]
            scored = [row for row in single if "auc" in rows[row].means]
            best = max(scored, key=lambda row: rows[row].means["auc"].value, default=None)
            for row in (*single, *(r for r in [together] if r in rows), *fused):
                against = _against(results, name, row, best) if row != best else None
                lines.append(
                    [
                        table_parts()[name].short,
                        row,
                        _how(row, fused, together, results),
                        score_cell(rows[row].means.get("auc")),
                        best if best is not None and against is not None else NOTHING,
                        gain_cell(against.mean_auc_difference if against else None),
                        p_cell(against.p if against else None),
                    ]
                )
    columns = ["task", "row", "is", "mean AUC (95 % CI)", "better row", "gain (95 % CI)", "p"]
    title = "Table 16. Fused scores, beside the rows that they are of"
    return [Table(title, columns, lines, [footnotes.FUSION])] if lines else []


def _together(results: ScreenResults, of: Sequence[str]) -> str | None:
    """The row that has all features of some rows at once, in the model of the first."""
    methods = results.provenance.methods
    if not set(of) <= methods.keys():
        return None
    wanted = {feature for row in of for feature in methods[row].features}
    for row, method in methods.items():
        alike = method.model == methods[of[0]].model and not method.shuffled
        if alike and not method.fusion and set(method.features) == wanted:
            return row
    return None


def _how(row: str, fused: list[str], together: str | None, results: ScreenResults) -> str:
    if row in fused:
        return str(results.provenance.methods[row].model)
    return "features at once" if row == together else "single"


def _against(
    results: ScreenResults, part: str, row: str, other: str | None
) -> RowComparison | None:
    """The comparison of a row with another, whichever of the two it names first."""
    for one in results.comparisons.get(part, []):
        if (one.row, one.against) == (row, other):
            return one
        if (one.row, one.against) == (other, row):
            return _turned(one)
    return None


def _turned(one: RowComparison) -> RowComparison:
    found = one.mean_auc_difference
    if found is None or found.low is None or found.high is None:
        return one
    turned = found.model_copy(
        update={"value": -found.value, "low": -found.high, "high": -found.low}
    )
    return one.model_copy(update={"mean_auc_difference": turned})


def _by_chance(share: float | None) -> str:
    return "" if share is None else f" ({100 * share:.0f} % by chance)"
