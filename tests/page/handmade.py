"""A page by hand: eight doses, compounds with numbers for names, names that look like markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from tests.report.toy import FILES, write

from phenoprot.core.paths import Paths
from phenoprot.page import charts
from phenoprot.page.blocks import Explorer, Figure, Section
from phenoprot.page.build import html
from phenoprot.page.rows import rows_section
from phenoprot.page.source import Source
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

MARKUP = """<b>&"'</script>"""
"""What a compound, a protein or a row may be called at worst."""
PART = "regression"
DOSES = [f"{10.0**power:g} uM" for power in range(-4, 4)]
COMPOUNDS = ["20", MARKUP, "3"]
SCORES = {"first": 0.5, "second": 0.5002}
"""Of the first target by row: the difference is a zero of three digits."""
COUNTS = {"first": (1234, 56789), "second": (12, 34)}
"""Positives and negatives by row."""


def renamed(results: ScreenResults) -> ScreenResults:
    """The same with rows called worse."""
    known = results.provenance
    provenance = known.model_copy(
        update={
            "rows": [row + MARKUP for row in known.rows],
            "methods": {row + MARKUP: method for row, method in known.methods.items()},
        }
    )
    parts = {
        part: {row + MARKUP: result for row, result in rows.items()}
        for part, rows in results.parts.items()
    }
    return replace(results, provenance=provenance, parts=parts, comparisons={})


def explorer() -> Explorer:
    """Two targets; the first has all details."""
    rows = [f"{name}{MARKUP}" for name in COUNTS]
    table = {
        "short": "levels", "noun": "protein", "score": "R2", "chance": 0.0, "rows": rows,
        "columns": {"target": [MARKUP, "other"], "reliability": [None, None]},
        "counts": [
            {"n_positives": [counts[0], 1], "n_negatives": [counts[1], 1]}
            for counts in COUNTS.values()
        ],
        "scores": {
            row: {"score": [score, 0.4], "counts": number}
            for number, (row, score) in enumerate(zip(rows, SCORES.values(), strict=True))
        },
    }  # fmt: skip
    n = len(DOSES)
    points = {"c": [1] * n, "g": list(range(n)), "x": list(range(n)), "y": list(range(n)), "n": n}
    curves = [
        {"compound": name, "dose": [0.1, 1.0], "ratio": [1.0, 2.0], "line": [1.0, 2.0]}
        for name in COMPOUNDS
    ]
    carriers = {"group": ["sure", "unsure"], "n_features": [1, 2], "drop": [0.3, 0.2],
                "low": [0.2, None], "high": [0.4, None]}  # fmt: skip
    details: dict[str, Any] = {
        "predicted": {PART: {MARKUP: points}}, "groups": {PART: DOSES},
        "strongest": {MARKUP: {"Compound": COMPOUNDS, "Label": ["up", "up", "not"]}},
        "curves": {"span": {"from": 0.1, "to": 1.0}, "of": {MARKUP: curves}},
        "carriers": {PART: {MARKUP: carriers}},
        "effect": "effect as given", "explained": "Effect: as given.",
        "compounds": COMPOUNDS, "row": rows[0], "unit": "uM", "rate": 0.1,
    }  # fmt: skip
    specs = {
        "curves": charts.curves_chart("uM"),
        "predicted": charts.predicted_chart(),
        "carriers": charts.carriers_chart(),
    }
    return Explorer({PART: table}, details, specs, "", {})


def handmade(folder: Path) -> str:
    """The page, HTML."""
    results = renamed(read_metrics(write(folder / "metrics", FILES)))
    doses = pd.DataFrame({"concentration": ["0.5", "2", "10"], "percent": [1.0, 2.0, 3.0]})
    active = Figure("activity", MARKUP, charts.active_chart("uM"), doses.assign(n=9, n_active=1))
    return html(
        results,
        [
            rows_section(Source(results, Paths("toy"), folder)),
            Section("targets", "Single proteins", [explorer()]),
            Section("activity", "Activity", [active]),
        ],
    )
