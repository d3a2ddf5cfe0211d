"""docs/results-<screen>.md: what the numbers say, and what they do not, on a few screens."""

from __future__ import annotations

from phenoprot.report.guide import guide
from phenoprot.report.results import ScreenResults
from phenoprot.report.summary import summary
from phenoprot.report.table import to_markdown
from phenoprot.report.tables import build_tables
from phenoprot.report.words import GENERATED, departures, images, labels_in_words


def account(results: ScreenResults) -> str:
    """The whole page. Every number in it is read from the results."""
    source = results.provenance
    about = [
        *([labels_in_words(results)] if results.labels else []),
        *([images(results.images)] if results.images else []),
    ]
    caveats = "\n".join(f"- {line}" for line in source.caveats)
    scored = any(results.parts.values())
    shown = "Scores with 95 % intervals" if scored else "Active treatments by concentration"
    parts = [
        f"# {source.title}",
        GENERATED,
        "## Summary",
        summary(results),
        *(["## Beside every number", caveats] if caveats else []),
        *(["## Labels and images", *about] if about else []),
        f"![{shown}](results-{source.screen}.svg)",
        "## Tables",
        f"Every row of every table, spreads and p of the counts, and the rows in words: "
        f"[details](results-{source.screen}-details.md). Tables have the same numbers for every "
        "screen; those that this one cannot have are missing.",
        guide(results),
        *(to_markdown(table) for table in build_tables(results)),
        "## Where this departs from the poster",
        departures(results),
        f"phenoprot {source.package_version}, data `{source.data_sha256[:16]}`, parameters "
        f"`{source.params_sha256[:16]}` (full hashes in "
        f"metrics/{source.screen}/provenance.json).",
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"
