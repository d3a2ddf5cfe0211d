"""Means over the cells of some sites that CellProfiler has measured: what a worker process does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import write_json
from phenoprot.features.aggregate import mean_of_cells
from phenoprot.features.cellprofiler.names import COMPARTMENTS
from phenoprot.features.exports import IMAGE, Export, Span
from phenoprot.features.memory import keep_freed_memory
from phenoprot.features.numbers import Floats, Integers
from phenoprot.features.objects import Columns, Objects, read_images, read_objects
from phenoprot.screens.contract import FIELD_KEY

ORDER = ("Cytoplasm", "Cells", "Nuclei")
"""Compartments in the order of the columns, as CytoTable has them."""
PARENTS = {"Cytoplasm": ("Cells", "Nuclei")}
"""Whose numbers a compartment holds."""
FOUND, MEANS = "found.json", "means-{}.npy"
"""Files of a shard: what was read, and the means of each set of features, float64."""


@dataclass(frozen=True)
class Part:
    """An export, or some images of a large one."""

    export: Export
    images: pd.DataFrame | None = None
    """Rows of the table of images; None: all."""
    spans: dict[str, Span] | None = None
    """Rows of each compartment's table that hold their objects."""


@dataclass(frozen=True)
class Measured:
    """Images of a part."""

    fields: list[list[Any]]
    """Plate, well, site and number of cells."""
    means: Floats
    """(images, F)."""
    features: list[str]
    """F names: the compartments in `ORDER`, each sorted."""
    cells: int
    """All cells, those without a cytoplasm too."""


def measure_parts(parts: tuple[Part, ...], folder: Path) -> None:
    """In a worker process: write the means of some parts; faults do not stop the others."""
    keep_freed_memory()  # each site takes as much as the one before
    columns = {name: Columns() for name in ORDER}
    sets: dict[tuple[str, ...], list[tuple[Part, Measured]]] = {}
    faults = []
    for part in parts:
        try:
            its = measure(part, columns)
        except UserError as error:
            faults.append({"what": error.what, "where": error.where, "remedy": error.remedy})
            continue
        sets.setdefault(tuple(its.features), []).append((part, its))
    for number, members in enumerate(sets.values()):
        means = np.concatenate([its.means for _, its in members])
        np.save(folder / MEANS.format(number), means, allow_pickle=False)
    write_json(
        folder / FOUND,
        {
            "faults": faults,
            "columns": {
                name: {"missing": its.missing, "wrong": its.wrong, "numbers": sorted(its.numbers)}
                for name, its in columns.items()
            },
            "sets": [
                {
                    "features": features,
                    "fields": [row for _, its in members for row in its.fields],
                    "sources": [str(part.export.source) for part, _ in members],
                    "cells": sum(its.cells for _, its in members),
                }
                for features, members in sets.items()
            ],
        },
    )


def measure(part: Part, columns: dict[str, Columns]) -> Measured:
    """Average the cells of every image of a part; `columns` get what was found in them.

    Raises
    ------
    UserError
        Tables or keys are missing, or keys do not fit each other.
    """
    export = part.export
    images = read_images(export) if part.images is None else part.images
    objects = {
        name: read_objects(
            export,
            name,
            PARENTS.get(name, ()),
            images,
            columns[name],
            None if part.spans is None else part.spans[name],
        )
        for name in COMPARTMENTS
    }
    if part.images is None:
        for name in COMPARTMENTS:
            require_known(objects[name].unknown, export.where(name))
    rows = _joined(objects, export)
    of_image = objects["Cytoplasm"].image[rows["Cytoplasm"]]
    begin = np.searchsorted(of_image, np.arange(len(images) + 1))
    counts = np.diff(begin)
    blocks, features = [], []
    for name in ORDER:
        its = objects[name]
        order = sorted(range(len(its.features)), key=its.features.__getitem__)
        features += [its.features[at] for at in order]
        means = [
            mean_of_cells(its.values[rows[name][first:last]])
            for first, last in pairwise(begin.tolist())
        ]
        blocks.append(np.stack(means)[:, order])
    keys = images[FIELD_KEY].to_numpy().tolist()
    return Measured(
        fields=[[*key, count] for key, count in zip(keys, counts.tolist(), strict=True)],
        means=np.concatenate(blocks, axis=1),
        features=features,
        cells=int((objects["Cells"].image >= 0).sum()),
    )


def require_known(numbers: list[str], where: str) -> None:
    """Stop if tables name images that the table of images lacks."""
    if numbers:
        raise UserError(
            f"{len(numbers)} image number(s) are not in the table {IMAGE}: {listed(numbers)}",
            where=where,
            remedy="All tables must come from one analysis.",
        )


def _joined(objects: dict[str, Objects], export: Export) -> dict[str, Integers]:
    """CytoTable's join: for every cytoplasm, by image and number, the row of each compartment."""
    cytoplasm = objects["Cytoplasm"]
    # Sums over cells depend on their order in the last digit.
    order = np.lexsort((cytoplasm.number, cytoplasm.image))
    rows = {"Cytoplasm": order[cytoplasm.image[order] >= 0]}
    image = cytoplasm.image[rows["Cytoplasm"]].tolist()
    for name, parents in cytoplasm.parents.items():
        its = objects[name]
        keys = zip(its.image.tolist(), its.number.tolist(), strict=True)
        at = {key: row for row, key in enumerate(keys)}
        wanted = zip(image, parents[rows["Cytoplasm"]].tolist(), strict=True)
        rows[name] = np.array([at.get(key, -1) for key in wanted], dtype=np.int64)
    whole = np.logical_and.reduce([rows[name] >= 0 for name in cytoplasm.parents])
    if not whole.all():
        raise UserError(
            f"{len(whole)} cytoplasms, of which {int(whole.sum())} have one cell and one nucleus "
            "in their image",
            where=str(export.source),
            remedy="Parent_Cells and Parent_Nuclei of the cytoplasms must name objects of their "
            "image: export all tables from one analysis.",
        )
    return rows
