"""What sections are made from, and what their figures have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from phenoprot.core.paths import Paths
from phenoprot.evaluation.results import Estimate
from phenoprot.report.choose_rows import main_rows, shown_parts
from phenoprot.report.parts import TablePart
from phenoprot.report.results import LINEAR, MLP, POSTER_MLP, ScreenResults
from phenoprot.report.table import Table
from phenoprot.report.tables import build_tables, detail_tables
from phenoprot.report.telling_rows import telling_rows

AXES = {"auc": "mean ROC AUC", "skill": "pooled skill", "concordance": "mean concordance"}


@dataclass(frozen=True)
class Source:
    """What the sections are made from."""

    results: ScreenResults
    paths: Paths
    folder: Path
    """The screen folder."""

    @property
    def parts(self) -> list[TablePart]:
        """Parts with rows."""
        return shown_parts(self.results)

    def tables(self, *numbers: int) -> list[Table]:
        """Tables of the report by their numbers."""
        return [t for t in build_tables(self.results) if _number(t) in numbers]

    def further_tables(self, *numbers: int) -> list[Table]:
        """Tables that stand in the detailed account alone, by their numbers."""
        return [t for t in detail_tables(self.results) if _number(t) in numbers]


def _number(table: Table) -> int:
    found = re.match(r"Table (\d+)", table.title)
    return int(found[1]) if found else 0


def noun_of(results: ScreenResults, part: TablePart) -> str:
    """What a label column of a part is: ``protein``, ``mRNA``, ``target``."""
    return "target" if part.task == "targets" else results.provenance.measured


def kind_of(results: ScreenResults, row: str) -> str:
    """What makes a row: its model, in words."""
    method = results.provenance.methods[row]
    if method.shuffled:
        return "shuffled labels"
    model = method.model if isinstance(method.model, str) else "other model"
    words = {MLP: "MLP", LINEAR: "linear model", POSTER_MLP: "poster's MLP"}
    return words.get(model, model)


def lines_of(results: ScreenResults, part: TablePart) -> list[str]:
    """Rows that are drawn first: those of the short tables, then of kinds that these lack."""
    known = ("first row", "best baseline", "shuffled labels", "planted truth")
    others = [row for row, kind in telling_rows(results, [part]).items() if kind not in known]
    return list(dict.fromkeys([*main_rows(results, part.name), *others]))


def ends_of(mean: Estimate | None) -> dict[str, float | None]:
    """``value``, ``low`` and ``high`` of a mean; None where there is none."""
    if mean is None:
        return {"value": None, "low": None, "high": None}
    return {"value": mean.value, "low": mean.low, "high": mean.high}
