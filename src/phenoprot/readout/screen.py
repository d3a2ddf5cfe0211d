"""Labels and levels of a screen, whichever its design."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError
from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.dose_response import label_curves, long_readout, ratio_levels
from phenoprot.readout.settings import LabelSettings
from phenoprot.readout.single_dose import label_single_dose, standardised_readout
from phenoprot.screens.loader import Screen
from phenoprot.wells.treatments import treatment_profiles

CURVE_COLUMNS = [
    *("compound", "gene", "Curve Regulation", "Curve Fold Change", "Curve P_Value", "pEC50"),
]
"""Columns of ``curves.parquet`` that become labels."""


def label_screen(
    screen: Screen, curves_file: Path, labels: LabelSettings, curves: CurveSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label every compound and protein, and average levels per treatment.

    Parameters
    ----------
    screen
        The screen.
    curves_file
        Its fitted curves (dose-response screens).
    labels, curves
        Rule of single-dose labels; options of the curve fits.

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
    wells, proteomics = screen.wells(), screen.proteomics()
    if table.design == "single_dose":
        readout = standardised_readout(proteomics, wells, labels)
        return (
            label_single_dose(readout, wells, labels.single_dose),
            treatment_profiles(readout, wells),
        )
    fitted = read_table(curves_file, CURVE_COLUMNS)
    settings = curves.for_screen(screen.info.negative_control, screen.info.concentration_unit)
    return label_curves(fitted), ratio_levels(long_readout(proteomics, wells), settings)
