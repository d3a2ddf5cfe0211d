"""How many calls are expected to be false: negative controls taken for compounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.readout.settings import SingleDoseSettings
from phenoprot.readout.single_dose import (
    CALLED,
    compare_treatments,
    standardised,
)
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    TREATMENT_KEY,
    WELL_KEY,
    feature_columns,
)

MAX_PLATE_SETS = 20
"""Sets of plates that pseudo-compounds are made for, those with most treatments first."""
MIN_CONTROLS = 3
"""Fewest controls of a plate that can spare one."""
_PSEUDO = "negative control taken for a compound"


@dataclass(frozen=True)
class FalseCalls:
    """What the rule of the labels makes of negative controls."""

    pseudo_compounds: int
    """Negative controls that were taken for compounds, each on its own."""
    expected: float
    """Pairs of all treatments and proteins that would be called if no treatment did anything."""
    called: int
    """Pairs that are called."""

    @property
    def percent(self) -> float | None:
        """Expected false calls in percent of the called pairs; None if nothing is called."""
        return 100 * self.expected / self.called if self.called else None


def control_false_calls(
    matrix: pd.DataFrame, wells: pd.DataFrame, labels: pd.DataFrame, rule: SingleDoseSettings
) -> FalseCalls:
    """Take each negative control for a compound, and count how often it is called.

    A pseudo-compound is made like the treatments: of one control on each plate that a treatment
    lies on, the k-th by name of the well, which is one position if the layout is the same on these
    plates. Its wells are no controls then, and it is tested against the others as a treatment is,
    with the thresholds of p that Benjamini and Hochberg's procedure set on the treatments, protein
    by protein. The mean number of calls times the number of treatments is what is expected if no
    treatment had an effect: an upper bound.

    Parameters
    ----------
    matrix
        Wells x proteins, corrected for the position: there each control is free of its own fit.
    wells
        Plate layout.
    labels
        Result of :func:`phenoprot.readout.single_dose.label_single_dose`.
    rule
        Thresholds of the rule.
    """
    thresholds = call_thresholds(labels, rule.alpha)
    n_treatments = len(labels[TREATMENT_KEY].drop_duplicates())
    calls, weights = [], []
    for pseudo, weight in pseudo_compounds(matrix, wells):
        effect, p = pseudo_effects(matrix, wells, pseudo)
        limits = thresholds.reindex(effect.index).to_numpy()
        called = (p.to_numpy() <= limits) & (effect.abs().to_numpy() >= rule.min_effect)
        calls.append(int(called.sum()))
        weights.append(weight)
    expected = float(np.average(calls, weights=weights)) * n_treatments if calls else 0.0
    return FalseCalls(len(calls), expected, int(labels["Label"].isin(CALLED).sum()))


def call_thresholds(labels: pd.DataFrame, alpha: float) -> pd.Series:
    """Largest p that counts as significant, by protein; proteins without one are left out."""
    return labels[labels["Q"] < alpha].groupby(PROTEIN)["P"].max()


def pseudo_compounds(matrix: pd.DataFrame, wells: pd.DataFrame) -> list[tuple[pd.DataFrame, float]]:
    """Keys of the wells of every pseudo-compound, and its weight; see `control_false_calls`."""
    laid_out = wells[wells[PLATE].isin(matrix[PLATE])]
    is_control = laid_out[CONTROL] == NEGATIVE_CONTROL
    treated = laid_out[~is_control & laid_out[CONCENTRATION].gt(0)]
    on_plates = treated.groupby(TREATMENT_KEY)[PLATE].agg(lambda plates: tuple(sorted(set(plates))))
    controls = laid_out.loc[is_control, WELL_KEY].merge(matrix[WELL_KEY]).sort_values(WELL_KEY)
    n_controls = controls.groupby(PLATE).size()
    rank = controls.groupby(PLATE).cumcount()
    made = []
    for plates, weight in on_plates.value_counts(sort=True).head(MAX_PLATE_SETS).items():
        if n_controls.reindex(plates, fill_value=0).min() < MIN_CONTROLS:
            continue
        chosen = controls[PLATE].isin(plates)
        groups = [rows for _, rows in controls[chosen].groupby(rank[chosen])]
        whole = [rows for rows in groups if len(rows) == len(plates)]
        made += [(rows, weight / len(whole)) for rows in whole]
    return made


def pseudo_layout(wells: pd.DataFrame, pseudo: pd.DataFrame) -> pd.DataFrame:
    """Layout of the negative controls alone, in which some wells are those of a compound."""
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, [*WELL_KEY, *TREATMENT_KEY, CONTROL]]
    taken = pd.MultiIndex.from_frame(controls[WELL_KEY]).isin(pd.MultiIndex.from_frame(pseudo))
    return controls.assign(
        **{
            CONTROL: np.where(taken, "", NEGATIVE_CONTROL),
            COMPOUND: np.where(taken, _PSEUDO, controls[COMPOUND]),
            CONCENTRATION: np.where(taken, 1.0, 0.0),
        }
    )


def pseudo_effects(
    matrix: pd.DataFrame, wells: pd.DataFrame, pseudo: pd.DataFrame
) -> tuple[pd.Series, pd.Series]:
    """Effect and p of every protein for one pseudo-compound against the other controls."""
    layout = pseudo_layout(wells, pseudo)
    readout = standardised(matrix.merge(layout[WELL_KEY], on=WELL_KEY), layout)
    _, tested = compare_treatments(readout, layout)
    proteins = feature_columns(readout)
    return pd.Series(tested.effect[0], proteins), pd.Series(tested.p[0], proteins)
