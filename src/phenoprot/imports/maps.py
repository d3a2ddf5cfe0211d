"""Which layout each plate of a screen has: from plate maps, or from the tables themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.imports.columns import find, text
from phenoprot.imports.layout import Layout, LayoutOptions, read_layout
from phenoprot.imports.source import expanded, read_any, stem
from phenoprot.screens.contract import PLATE, WELL_KEY


def read_plate_maps(
    paths: Sequence[Path],
    plates: Sequence[str],
    options: LayoutOptions = LayoutOptions(),  # noqa: B008
    compounds: pd.DataFrame | None = None,
    barcodes: Path | None = None,
) -> Layout:
    """Read the plate layout of a screen.

    Parameters
    ----------
    paths
        Plate maps: files, folders of files, or patterns. A map that names no plate is that of the
        plates that `barcodes` gives it; else, if there are several, of the plate that its file is
        named after; else of all `plates`.
    plates
        Plates of the features, images and readouts.
    options, compounds
        See :func:`phenoprot.imports.layout.read_layout`.
    barcodes
        Table of plates (``Assay_Plate_Barcode``) and names of maps (``Plate_Map_Name``).

    Raises
    ------
    UserError
        A map is not in order, or the plate of a map cannot be told.
    """
    files = expanded(paths)
    layouts: list[Layout] = []
    assigned = _barcodes(barcodes) if barcodes is not None else None
    for path in files:
        raw = read_any(path)
        layout = read_layout(raw, str(path), options, compounds)
        if PLATE not in layout.wells:
            its = _plates_of(path, files, plates, assigned)
            copies = [layout.wells.assign(**{PLATE: plate}) for plate in its]
            if not copies:
                continue
            layout = replace(layout, wells=pd.concat(copies, ignore_index=True))
        layouts.append(layout)
    if not layouts:
        raise UserError(
            f"no plate has one of the {len(files)} plate map(s); plates: {listed(list(plates))}",
            where=str(barcodes or files[0]),
            remedy="Check the names of plates and maps.",
        )
    return joined(layouts)


def joined(layouts: Sequence[Layout]) -> Layout:
    """Layouts of several plates as one.

    Raises
    ------
    UserError
        They differ in the negative control or the unit, or a plate stands in two of them.
    """
    first = layouts[0]
    units = list(dict.fromkeys(layout.unit for layout in layouts if layout.unit))
    controls = list(dict.fromkeys(layout.negative_control for layout in layouts))
    for found, what, option in (
        (units, "units", "--unit"),
        (controls, "negative controls", "--negative-control"),
    ):
        if len(found) > 1:
            raise UserError(
                f"the plates have {len(found)} {what}: {listed(found)}",
                where="plate maps",
                remedy=f"Say which the screen has: {option}.",
            )
    wells = pd.concat([layout.wells for layout in layouts], ignore_index=True)
    twice = wells[wells.duplicated(WELL_KEY)]
    if len(twice):
        raise UserError(
            f"{twice[PLATE].nunique()} plate(s) have two layouts: "
            f"{listed(list(twice[PLATE].unique()))}",
            where="plate maps",
            remedy="Give each plate one map.",
        )
    return Layout(
        wells,
        units[0] if units else first.unit,
        first.negative_control,
        tuple(dict.fromkeys(cell for layout in layouts for cell in layout.cell_lines)),
        list(dict.fromkeys(line for layout in layouts for line in layout.lines)),
    )


def _barcodes(path: Path) -> pd.DataFrame:
    table = read_any(path)
    plate, name = find(table.columns, "plate"), find(table.columns, "plate_map")
    if plate is None or name is None:
        raise UserError(
            f"names no {'plate' if plate is None else 'plate map'}",
            where=str(path),
            remedy="It needs the columns Assay_Plate_Barcode and Plate_Map_Name.",
        )
    return pd.DataFrame({"plate": text(table[plate]), "map": text(table[name])}).dropna()


def _plates_of(
    path: Path, files: Sequence[Path], plates: Sequence[str], barcodes: pd.DataFrame | None
) -> list[str]:
    """Plates that have a map which names none."""
    name = stem(path)
    if barcodes is not None:
        its = set(barcodes["plate"][barcodes["map"] == name])
        return [plate for plate in plates if plate in its]
    if len(files) == 1:
        if not plates:
            raise UserError(
                "names no plate",
                where=str(path),
                remedy="Add a column Metadata_Plate, or give a table of barcodes.",
            )
        return list(plates)
    named = [
        p for p in plates if re.search(rf"(?<![A-Za-z0-9]){re.escape(p)}(?![A-Za-z0-9])", name)
    ]
    if len(named) != 1:
        raise UserError(
            f"names no plate, and its file name stands for {len(named)} of the {len(plates)} "
            f"plates ({listed(list(plates))})",
            where=str(path),
            remedy="Name the file after its plate, add a column Metadata_Plate, or give a table of "
            "barcodes (--barcodes).",
        )
    return named
