"""From fitted curves to what the tasks learn: labels, ratios, and the counts behind them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from phenoprot.curves.design import ratio
from phenoprot.curves.prepare import prepare
from phenoprot.curves.screen import FILTER, FILTERS, design_tables
from phenoprot.curves.settings import CurveSettings, FitSettings
from phenoprot.curves.statistics import STATES

Direction = Literal["up", "down"]


def label_matrix(curves: pd.DataFrame, direction: Direction) -> pd.DataFrame:
    """Labels of one task: 1 regulated in `direction`, 0 clearly not, NaN masked.

    Curves that are unclassified or regulated the other way are masked.

    Parameters
    ----------
    curves
        Result of `fit_screen`.
    direction
        ``up`` or ``down``.

    Returns
    -------
    labels
        float, compounds x genes, both sorted.
    """
    values = curves["Curve Regulation"].map({direction: 1.0, "not": 0.0}).astype(float)
    table = curves[["compound", "gene"]].assign(label=values)
    return table.pivot(index="compound", columns="gene", values="label")


def count_states(curves: pd.DataFrame) -> dict[str, int]:
    """Number of curves in each state, and of those each filter left unclassified.

    Keys: ``curves``, the names in `STATES`, ``removed: <filter>``.
    """
    calls = curves["Curve Regulation"].fillna(STATES[0]).value_counts()
    filters = curves[FILTER].value_counts()
    return {
        "curves": len(curves),
        **{state: int(calls.get(state, 0)) for state in STATES},
        **{f"removed: {name}": int(filters.get(name, 0)) for name in FILTERS},
    }


def ratio_targets(proteomics: pd.DataFrame, settings: CurveSettings) -> pd.DataFrame:
    """Normalised ratio (treated / mean control) per concentration, the regression target.

    Parameters
    ----------
    proteomics
        Long table, as for `fit_screen`.
    settings
        Options of controls, filters and normalisation.

    Returns
    -------
    ratios
        compound, gene, concentration (in ``settings.dose_unit``), ratio: the mean of the
        replicates; sorted; without missing values.
    """
    fit = FitSettings(**settings.model_dump(include=set(FitSettings.model_fields)))
    fit = fit.model_copy(update={"normalization": False})
    parts = []
    for table, design in design_tables(proteomics, settings):
        if design is None:
            continue
        curves = prepare(table, design, fit).curves
        dose = dict(zip(design.experiments, design.doses, strict=True))
        wide = table[["Name", "compound", "gene"]].merge(curves, on="Name")
        long = wide.melt(
            id_vars=["compound", "gene"],
            value_vars=ratio(design.treated),
            var_name="concentration",
            value_name="ratio",
        )
        long["concentration"] = long["concentration"].map(
            {
                name: dose[sample]
                for name, sample in zip(ratio(design.treated), design.treated, strict=True)
            }
        )
        parts.append(long)
    columns = ["compound", "gene", "concentration"]
    if not parts:
        return pd.DataFrame(columns=[*columns, "ratio"]).astype({"ratio": np.float64})
    return (
        pd.concat(parts, ignore_index=True)
        .dropna(subset=["ratio"])
        .groupby(columns, as_index=False, sort=True)["ratio"]
        .mean()
    )
