"""Rows as records for other programs: CSV and JSON, under the names that metrics/ has."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from phenoprot.report.flatten import flat_row
from phenoprot.report.parts import table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.screenful import groups_of

Record = dict[str, Any]
WITHOUT: Record = {"planted": [], "strata": [], "activity": [], "choice": None, "leak": None}
"""Scores within groups, of a row that has none."""


def records(results: ScreenResults, every: bool) -> list[Record]:
    """One for each row and part, in the order of the tables.

    Scores within groups of targets or treatments are left out; metrics/ has them.

    Parameters
    ----------
    results
        Of the screen.
    every
        Whether to take all rows of all parts, or those that matter of Tables 1 to 3.
    """
    kinds = {part.name: group.kinds for group in groups_of(results) for part in group.parts}
    found: list[Record] = []
    for part in table_parts().values():
        own = kinds.get(part.name, {})
        for row, result in results.parts[part.name].items():
            if every or row in own:
                method = results.provenance.methods[row]
                found.append(
                    {
                        "screen": results.provenance.screen,
                        "part": part.name,
                        "row": row,
                        "what": own.get(row),
                        "features": "+".join(method.features),
                        "model": method.model,
                        "shuffled": method.shuffled,
                        **flat_row(result.model_copy(update=WITHOUT)),
                    }
                )
    return found


def to_json(found: Sequence[Record]) -> str:
    """A list of objects."""
    return json.dumps(found, indent=2, allow_nan=False)


def to_csv(found: Sequence[Record]) -> str:
    """A line for each record; a cell is empty where a part has no such score."""
    names = list(dict.fromkeys(name for record in found for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for record in found:
        plain = (str, int, float, type(None))
        writer.writerow(
            {k: v if isinstance(v, plain) else json.dumps(v) for k, v in record.items()}
        )
    return text.getvalue()
