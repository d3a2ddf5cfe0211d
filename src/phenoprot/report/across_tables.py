"""Table 14: this screen against another with the same folds."""

from __future__ import annotations

from collections.abc import Iterator

from phenoprot.evaluation.across_results import AcrossScreens, PartAcross, RowAcross
from phenoprot.report import footnotes
from phenoprot.report.parts import table_parts
from phenoprot.report.table import Table, gain_cell, number, p_cell, score_cell

TITLE = "Table 14. Two screens on the same compounds, folds and targets: mean ROC AUC"


def across_tables(across: AcrossScreens | None, screen: str) -> list[Table]:
    """One line for each row of each part; notes on what is not shared.

    Parameters
    ----------
    across
        The comparison; None: there is none.
    screen
        Name of the screen that the other is compared with.
    """
    if across is None:
        return []
    lines = [
        [
            table_parts()[part].short,
            row,
            score_cell(found.here),
            score_cell(found.there),
            gain_cell(found.difference),
            p_cell(found.q),
            number(found.smallest_difference, ".3f"),
        ]
        for part, of_part in across.parts.items()
        for row, found in of_part.rows.items()
    ]
    columns = ["task", "row", screen, across.other, "difference (95 % CI)", "q", "80 % power"]
    notes = [
        footnotes.ACROSS.format(screen=screen, other=across.other),
        *(
            f"- {table_parts()[part].short}: {'; '.join(_shared(of_part, screen, across.other))}."
            for part, of_part in across.parts.items()
        ),
    ]
    return [Table(TITLE, columns, lines, notes)]


def across_sentence(across: AcrossScreens | None, row: str) -> list[str]:
    """The row in both screens, in one sentence for the summary; nothing where it is in none."""
    if across is None:
        return []
    said = [
        f"{table_parts()[part].short} {gain_cell(found.difference)}"
        for part, of_part in across.parts.items()
        if (found := of_part.rows.get(row)) is not None and found.difference is not None
    ]
    if not said:
        return []
    return [
        f"Against the screen {across.other}, on shared compounds and targets: "
        f"{', '.join(said)} (Table 14)."
    ]


def _shared(part: PartAcross, screen: str, other: str) -> Iterator[str]:
    """What both screens have, and what one of them has alone."""

    def alone(here: int, there: int) -> str:
        return f" ({here} in {screen} alone, {there} in {other} alone)" if here or there else ""

    yield f"{part.n_targets} targets in both{alone(part.n_targets_here, part.n_targets_there)}"
    if part.rows:
        most: RowAcross = max(part.rows.values(), key=lambda row: row.n_compounds)
        compounds = alone(most.n_compounds_here, most.n_compounds_there)
        labels = alone(most.n_labels_here, most.n_labels_there)
        yield f"{most.n_compounds} compounds{compounds}"
        yield f"{most.n_labels} labels{labels}, {most.n_labels_alike} of them alike"
    for name, rows in ((screen, part.rows_here), (other, part.rows_there)):
        if rows:
            yield f"rows of {name} alone: {', '.join(rows)}"
