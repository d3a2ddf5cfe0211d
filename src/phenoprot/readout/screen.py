"""Labels, levels and ceiling of a screen of either design."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_object, read_table
from phenoprot.core.errors import UserError
from phenoprot.curves.columns import RATIO_COLUMNS
from phenoprot.curves.long import long_readout
from phenoprot.curves.position import POSITION_TERMS, without_position
from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.ceiling import single_dose_ceiling
from phenoprot.readout.ceiling_doses import dose_response_ceiling
from phenoprot.readout.dose_response import LABEL_COLUMNS, ratio_levels
from phenoprot.readout.false_calls import control_false_calls
from phenoprot.readout.given import given_labels
from phenoprot.readout.settings import LabelSettings
from phenoprot.readout.single_dose import (
    label_counts,
    label_single_dose,
    readout_matrix,
    standardised,
)
from phenoprot.screens.loader import Screen
from phenoprot.wells.position import without_position_effects
from phenoprot.wells.treatments import treatment_profiles


@dataclass(frozen=True)
class LabelledScreen:
    """What the readout of a screen says of its compounds."""

    labels: pd.DataFrame
    """One row per compound and protein, with ``Label``."""
    levels: pd.DataFrame | None
    """One row per treatment, one column per protein: standard deviations of the negative controls
    (single dose), or the ratio to them or its log2 (dose response). None: labels were given."""
    counts: dict[str, int | float]
    """Labels in each state (:func:`phenoprot.readout.single_dose.label_counts`);
    ``position_terms``, the number of terms of the position effects that were removed; for
    single-dose screens ``control_false_calls_percent``, the calls expected to be false in percent
    of all (missing if nothing is called), ``n_control_false_calls``, their expected number, and
    ``n_pseudo_compounds``, the negative controls that it was counted on."""
    ceiling: pd.DataFrame | None
    """What a repeat of the assay would score: see :mod:`phenoprot.readout.ceiling`. None: labels
    were given, so that nothing is known of repeats."""


def label_screen(
    screen: Screen, curves: Path, settings: LabelSettings, fits: CurveSettings
) -> LabelledScreen:
    """Label every compound and protein, and average levels per treatment.

    Parameters
    ----------
    screen
        The screen.
    curves
        Folder with its ``curves.parquet``, ``ratios.parquet`` and ``counts.json`` (dose-response
        screens).
    settings
        How readouts become labels and levels.
    fits
        Options of the curves, for the ceiling of dose-response screens.

    Raises
    ------
    UserError
        The screen has neither a protein readout nor labels, or labels of other compounds only.
    """
    given = screen.info.tables.labels
    if given is not None:
        states = given_labels(screen.labels(), given, screen.layout())
        return LabelledScreen(states, None, dict(label_counts(states)), None)
    table = screen.info.tables.proteomics
    if table is None:
        raise UserError(
            "the screen has no protein readout, so there is nothing to predict",
            where=str(screen.folder / "screen.yaml"),
            remedy="Add tables.proteomics.",
        )
    if table.design == "dose_response":
        return _dose_response(screen, curves, settings, fits)
    return _single_dose(screen.proteomics(), screen.wells(), settings)


def _dose_response(
    screen: Screen, curves: Path, settings: LabelSettings, fits: CurveSettings
) -> LabelledScreen:
    fitted = read_table(curves / "curves.parquet", LABEL_COLUMNS)
    ratios = read_table(curves / "ratios.parquet", RATIO_COLUMNS)
    labels = fitted[LABEL_COLUMNS]
    terms = read_object(curves / "counts.json", [POSITION_TERMS])[POSITION_TERMS]
    counts: dict[str, int | float] = {**label_counts(labels), POSITION_TERMS: terms}
    levels = ratio_levels(ratios, settings.levels)
    proteomics, wells, info = screen.proteomics(), screen.wells(), screen.info
    if settings.position_correction == "controls":
        proteomics, _ = without_position(proteomics, wells)
    named = fits.for_screen(info.negative_control, info.concentration_unit)
    ceiling = dose_response_ceiling(long_readout(proteomics, wells), named)
    return LabelledScreen(labels, levels, counts, ceiling)


def _single_dose(
    proteomics: pd.DataFrame, wells: pd.DataFrame, settings: LabelSettings
) -> LabelledScreen:
    matrix = readout_matrix(proteomics)
    terms: tuple[str, ...] = ()
    if settings.position_correction == "controls":
        matrix, terms = without_position_effects(matrix, wells)
    readout, rule = standardised(matrix, wells), settings.single_dose
    labels = label_single_dose(readout, wells, rule)
    false = control_false_calls(matrix, wells, labels, rule)
    counts: dict[str, int | float] = {
        **label_counts(labels),
        POSITION_TERMS: len(terms),
        "n_pseudo_compounds": false.pseudo_compounds,
        "n_control_false_calls": round(false.expected, 1),
    }
    if false.percent is not None:
        counts["control_false_calls_percent"] = round(false.percent, 1)
    levels = treatment_profiles(readout, wells)
    return LabelledScreen(labels, levels, counts, single_dose_ceiling(readout, wells, rule))
