"""Labels and levels of a screen of either design."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError
from phenoprot.curves.columns import RATIO_COLUMNS
from phenoprot.readout.dose_response import LABEL_COLUMNS, ratio_levels
from phenoprot.readout.settings import LabelSettings
from phenoprot.readout.single_dose import label_single_dose, standardised_readout
from phenoprot.screens.loader import Screen
from phenoprot.wells.treatments import treatment_profiles


def label_screen(
    screen: Screen, curves: Path, settings: LabelSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label every compound and protein, and average levels per treatment.

    Parameters
    ----------
    screen
        The screen.
    curves
        Folder with its ``curves.parquet`` and ``ratios.parquet`` (dose-response screens).
    settings
        Rule of single-dose labels.

    Returns
    -------
    labels
        One row per compound and protein, with ``Label``.
    levels
        One row per treatment, one column per protein: standard deviations of the negative
        controls (single dose), or the ratio to them (dose response).

    Raises
    ------
    UserError
        The screen has no protein readout.
    """
    table = screen.info.tables.proteomics
    if table is None:
        raise UserError(
            "the screen has no protein readout, so there is nothing to predict",
            where=str(screen.folder / "screen.yaml"),
            remedy="Add tables.proteomics.",
        )
    if table.design == "dose_response":
        fitted = read_table(curves / "curves.parquet", LABEL_COLUMNS)
        ratios = read_table(curves / "ratios.parquet", RATIO_COLUMNS)
        return fitted[LABEL_COLUMNS], ratio_levels(ratios)
    wells = screen.wells()
    readout = standardised_readout(screen.proteomics(), wells, settings)
    return (
        label_single_dose(readout, wells, settings.single_dose),
        treatment_profiles(readout, wells),
    )
