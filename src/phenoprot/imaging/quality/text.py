"""The table of fields in words: for the command line, and for a page."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from tabulate import tabulate

from phenoprot.imaging.crops.store import CELL_COUNT
from phenoprot.imaging.quality.measure import BACKGROUND, FOCUS, MEDIAN, SATURATED, TOP
from phenoprot.imaging.quality.outliers import ENOUGH, OUTLIER, summary
from phenoprot.imaging.reader import field_name
from phenoprot.screens.contract import PLATE, STAINS


def quality_sentence(table: pd.DataFrame, size: int) -> str:
    """One line: fields, cells, sizes, outliers.

    Parameters
    ----------
    table
        See :func:`phenoprot.imaging.quality.outliers.fields_table`.
    size
        Side of a crop (px).
    """
    found = summary(table)
    parts = [f"{found['fields']} fields, {found['cells']:,} cells"]
    if found["area_ratio"] is not None:
        parts.append(f"cell / nucleus area {found['area_ratio']:.2f}")
    if found["crop_overflow"] is not None:
        share = f"{found['crop_overflow']:.0%}"
        parts.append(f"{share} of the cells larger than the crop of {size} px")
    parts.append(f"{found['outliers']} of {found['fields_judged']} judged fields stand out")
    return "; ".join(parts)


def quality_lines(table: pd.DataFrame, size: int) -> Iterator[str]:
    """What the stains are like on each plate (medians over its fields), and every outlier."""
    yield quality_sentence(table, size)
    heads = ["plate", "stain", "focus (slope)", "saturated", "background", "median", "99.9 %"]
    rows = []
    for plate, fields in table.groupby(PLATE):
        middle = fields.median(numeric_only=True)
        rows += [
            [plate, stain, *(float(middle[f"{name}_{stain}"]) for name in
                             (FOCUS, SATURATED, BACKGROUND, MEDIAN, TOP))]
            for stain in STAINS
        ]  # fmt: skip
    formats = ("", "", ".2f", ".2%", ".0f", ".0f", ".0f")
    yield tabulate(rows, headers=heads, floatfmt=formats, disable_numparse=[0, 1])
    few = [
        str(plate) for plate, n in table[PLATE].value_counts().sort_index().items() if n < ENOUGH
    ]
    if few:
        yield f"not judged, fewer than {ENOUGH} fields: {', '.join(few)}"
    for row in table[table[OUTLIER] != ""].to_dict("records"):
        yield f"{field_name(row)} ({row[CELL_COUNT]} cells): {row[OUTLIER]}"
