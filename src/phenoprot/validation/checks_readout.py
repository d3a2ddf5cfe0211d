"""Summaries of the protein readout: as a whole, or in blocks of proteins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.screens.contract import PLATE, VALUE, WELL_KEY, ProteomicsTable
from phenoprot.screens.loader import Screen
from phenoprot.screens.readout import protein_blocks
from phenoprot.validation import summaries_design as design
from phenoprot.validation import summaries_measured as measured
from phenoprot.validation import summaries_readout as readouts
from phenoprot.validation.checks_treatments import Batches
from phenoprot.validation.rule import TABLE
from phenoprot.validation.settings import ValidationSettings


def readout_batches(
    table: ProteomicsTable,
    proteomics: pd.DataFrame,
    wells: pd.DataFrame | None,
    settings: ValidationSettings,
) -> dict[str, pd.DataFrame]:
    """Summaries of the protein readout."""
    batches = {
        "rows": measured.row_summary(proteomics, "proteomics", table.path, wells),
        "proteins": readouts.protein_summary(
            proteomics, table.kind, table.path, wells, settings.max_readout
        ),
    }
    batches["readout"] = readouts.readout_summary(
        proteomics[VALUE], batches["proteins"], table.kind, settings.max_missing_values, table.path
    )
    if wells is None:
        return batches
    controls = measured.readout_control_summary(proteomics, wells)
    return batches | _of_design(table, proteomics, controls, wells, settings)


def large_readout_batches(
    screen: Screen,
    table: ProteomicsTable,
    wells: pd.DataFrame | None,
    settings: ValidationSettings,
) -> tuple[pd.DataFrame, Batches]:
    """Summaries of a readout that does not fit into memory, read in blocks of proteins.

    Returns
    -------
    keys
        Plate and well of every well of the readout.
    batches
        As :func:`readout_batches` gives them for the readout as a whole.
    """
    keys, names = screen.readout_wells(), screen.proteins()
    limits = (table.kind, table.path, wells, settings.max_readout)
    rows, proteins, controls, values = [], [], [], []
    for block in protein_blocks(names, len(keys)):
        part = screen.proteomics(set(block))
        rows.append(measured.row_summary(part, "proteomics", table.path, wells))
        proteins.append(
            readouts.protein_summary(part, *limits, n_wells=len(keys), names=pd.Series(names))
        )
        values.append(part[VALUE].to_numpy(dtype=np.float64))
        if wells is not None:
            controls.append(measured.readout_control_summary(part, wells))
    batches = {"rows": _summed(rows), "proteins": pd.concat(proteins, ignore_index=True)}
    batches["readout"] = readouts.readout_summary(
        pd.Series(np.concatenate(values)), batches["proteins"], table.kind,
        settings.max_missing_values, table.path,
    )  # fmt: skip
    if wells is None:
        return keys, {name: [batch] for name, batch in batches.items()}
    shifts = pd.concat(controls).sort_values(PLATE, kind="stable", ignore_index=True)
    batches |= _of_design(table, keys, shifts, wells, settings)
    return keys, {name: [batch] for name, batch in batches.items()}


def _summed(rows: list[pd.DataFrame]) -> pd.DataFrame:
    """Row summaries of blocks as one."""
    whole = pd.concat(rows)
    groups = whole.groupby(WELL_KEY, dropna=False, sort=False, observed=True)
    counts = groups[["incomplete", "n_repeated"]].sum().reset_index()
    counts["complete"] = (counts["incomplete"] == 0).astype(int)
    others = groups[["has_well", TABLE]].first().reset_index(drop=True)
    return pd.concat([counts, others], axis=1)


def _of_design(
    table: ProteomicsTable,
    proteomics: pd.DataFrame,
    controls: pd.DataFrame,
    wells: pd.DataFrame,
    settings: ValidationSettings,
) -> dict[str, pd.DataFrame]:
    """Summaries of the plates and doses of a readout; its wells count, not its values."""
    controls = controls.copy()
    batches: dict[str, pd.DataFrame] = {}
    # Raw intensities are normalised later; levels are only centred, their spread is their own.
    controls["spread"] = float("nan")
    if table.kind == "intensity":
        controls["shift"] = float("nan")
    batches["plates"] = measured.plate_summary(
        proteomics, wells, controls, table.path, settings.max_control_shift
    )
    treated = design.treatments(wells, proteomics)
    if table.design == "single_dose":
        batches["single_doses"] = design.dose_summary(treated, table.path, False)
        batches["replicates"] = design.replicate_summary(treated, table.path)
    else:
        batches["response_doses"] = design.dose_summary(treated, table.path, True)
    return batches
