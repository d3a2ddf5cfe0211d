"""How well masks agree with the true ones that a simulated screen has beside its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.imaging.reader import field_name, read_image
from phenoprot.imaging.segmentation.agreement import Matches, match
from phenoprot.imaging.segmentation.folder import ENDING
from phenoprot.imaging.segmentation.masks import Labels, Masks, read_masks
from phenoprot.screens.contract import CONCENTRATION, FIELD_KEY, PLATE, SITE, WELL, WELL_KEY

IOU = 0.5
"""Least overlap of a match."""
KINDS = ("nuclei", "cells")
CONTROL_DOSE = "control"
"""Name of the dose of wells without a concentration."""


def true_masks(truth: Path, fields: pd.DataFrame) -> dict[str, Masks]:
    """Read the true masks of fields of view.

    Parameters
    ----------
    truth
        Folder with ``<plate>/<well>_s<site>_nuclei.tiff`` and ``..._cells.tiff``.
    fields
        Key columns of the fields.

    Returns
    -------
    dict
        Masks by name of the field.

    Raises
    ------
    UserError
        A file is missing, unreadable, or does not fit the other one.
    """
    masks = {}
    for row in fields[FIELD_KEY].to_dict("records"):
        stem = truth / row[PLATE] / f"{row[WELL]}_s{row[SITE]}"
        nuclei, cells = (read_image(f"{stem}_{kind}.tiff").astype(np.int32) for kind in KINDS)
        try:
            masks[field_name(row)] = Masks(nuclei, cells)
        except ValueError as error:
            raise UserError(f"no usable true masks: {error}", where=f"{stem}_*.tiff") from None
    return masks


def score_masks(folder: Path, truth: Path, fields: pd.DataFrame, wells: pd.DataFrame) -> Any:
    """Score the masks of a screen against the true ones.

    Parameters
    ----------
    folder
        Masks, as :func:`phenoprot.imaging.segmentation.run.segment_fields` writes them.
    truth
        Folder of true masks, see :func:`true_masks`.
    fields
        Key columns of the fields of view to score.
    wells
        Plate layout, with ``Metadata_Concentration``.

    Returns
    -------
    dict
        JSON content: for nuclei and cells, over all fields, by dose and by field, the counts of
        matches at an overlap of 0.5 and their average precision, TP / (TP + FP + FN).

    Raises
    ------
    UserError
        Masks of a field are missing, or have another shape than the true ones.
    """
    matches = _match_fields(predicted_masks(folder), true_masks(truth, fields), str(folder))
    doses = _doses(fields, wells)
    return {
        "iou": IOU,
        "fields": len(matches),
        **{kind: _summary({n: m[kind] for n, m in matches.items()}, doses) for kind in KINDS},
    }


def predicted_masks(folder: Path) -> dict[str, Masks]:
    """All masks of a screen, by name of the field of view."""
    files = sorted(folder.glob(f"*/*{ENDING}"))
    return {name: masks for path in files for name, masks in read_masks(path).items()}


def _match_fields(
    predicted: dict[str, Masks], truth: dict[str, Masks], where: str
) -> dict[str, dict[str, Matches]]:
    remedy = "Segment the fields of view again (stage segment)."
    if missing := [name for name in truth if name not in predicted]:
        what = f"no masks for {len(missing)} of {len(truth)} field(s) of view: {listed(missing)}"
        raise UserError(what, where=where, remedy=remedy)
    other = [n for n, masks in truth.items() if masks.cells.shape != predicted[n].cells.shape]
    if other:
        what = f"masks of {len(other)} field(s) have another size than the truth: {listed(other)}"
        raise UserError(what, where=where, remedy=remedy)
    return {
        name: {kind: match(_of(masks, kind), _of(predicted[name], kind), IOU) for kind in KINDS}
        for name, masks in truth.items()
    }


def _of(masks: Masks, kind: str) -> Labels:
    return masks.nuclei if kind == "nuclei" else masks.cells


def _doses(fields: pd.DataFrame, wells: pd.DataFrame) -> dict[str, str]:
    """Concentration of each field as a string, ``control`` where there is none."""
    table = fields[FIELD_KEY].merge(wells[[*WELL_KEY, CONCENTRATION]], on=WELL_KEY, how="left")
    return {
        field_name(row): CONTROL_DOSE if pd.isna(row[CONCENTRATION]) else f"{row[CONCENTRATION]:g}"
        for row in table.to_dict("records")
    }


def _summary(matches: dict[str, Matches], doses: dict[str, str]) -> dict[str, Any]:
    by_dose: dict[str, Matches] = {}
    for name, counts in matches.items():
        by_dose[doses[name]] = by_dose.get(doses[name], Matches()) + counts
    return {
        **_record(sum(matches.values(), Matches())),
        "by_dose": {dose: _record(counts) for dose, counts in by_dose.items()},
        "by_field": {n: round(counts.average_precision, 6) for n, counts in matches.items()},
    }


def _record(counts: Matches) -> dict[str, float]:
    return {
        "true_positives": counts.true_positives,
        "false_positives": counts.false_positives,
        "false_negatives": counts.false_negatives,
        "average_precision": round(counts.average_precision, 6),
    }
