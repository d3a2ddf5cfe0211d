"""docs/results-<screen>-details.md: all rows of all tables, behind the summary."""

from __future__ import annotations

from phenoprot.report.findings import findings
from phenoprot.report.guide import guide
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import to_markdown
from phenoprot.report.tables import detail_tables
from phenoprot.report.words import GENERATED, labels_against_truth, rows_in_words


def details(results: ScreenResults) -> str:
    """The whole page. Every number in it is read from the results."""
    source = results.provenance
    said = [f"- {line}" for line in findings(results)]
    heat_map, explained = f"results-{source.screen}-contributions.svg", results.contributions
    parts = [
        f"# {source.title}: details",
        GENERATED,
        f"All rows of all tables. [The account](results-{source.screen}.md) has their summary.",
        *(["## What the numbers say", "\n".join(said)] if said else []),
        *(["## Labels", labels_against_truth(results.truth)] if results.truth else []),
        "## Tables",
        guide(results, long=True),
        *([f"![AUC of each place alone, target by target]({heat_map})"] if explained else []),
        *(to_markdown(table) for table in detail_tables(results)),
        "## Rows",
        rows_in_words(results),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"
