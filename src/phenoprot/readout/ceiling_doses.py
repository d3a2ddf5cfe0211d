"""The ceiling of a dose-response screen: curves of some replicates against effects of the others.

As :mod:`phenoprot.readout.ceiling`, with the labels of the curves that are fitted to one part of
the replicates, and as score the mean log2 ratio at the highest doses of the other part.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from itertools import combinations

import numpy as np
import pandas as pd

from phenoprot.curves.columns import LABEL, RATIO
from phenoprot.curves.designs import ScreenCurves, mean_ratios, screen_curves
from phenoprot.curves.long import REPLICATE
from phenoprot.curves.screen import fit_screen
from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.ceiling import (
    CEILING_COLUMNS,
    KINDS,
    at_full_size,
    auc_of_states,
    level_rows,
    spearman_brown,
    splits,
)
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PLATE, PROTEIN, TREATMENT_KEY

UPPER_DOSES = 2
"""Highest concentrations of a compound that the score is the mean of."""


def dose_response_ceiling(long: pd.DataFrame, settings: CurveSettings) -> pd.DataFrame:
    """Ceiling of every protein and kind.

    Parameters
    ----------
    long
        Result of :func:`phenoprot.curves.long.long_readout`, corrected for the position.
    settings
        Options of the fits, with the names of the screen.

    Returns
    -------
    pandas.DataFrame
        `CEILING_COLUMNS`; the reliability and the ceiling of ``level`` are those of log2 ratios
        over all treatments. Empty if most treatments have one replicate.
    """
    is_control = (long[COMPOUND] == settings.control_compound) | long[CONCENTRATION].eq(0)
    counts = long[~is_control].groupby(TREATMENT_KEY)[REPLICATE].nunique()
    n = int(counts.mode().max())
    if n < 2:
        return pd.DataFrame(columns=CEILING_COLUMNS)
    pairs = splits(n)
    wanted = {(i,) for i in range(n)} | {part for pair in pairs for part in pair}
    with redirect_stderr(io.StringIO()):  # the stage `curves` has said what is suspicious
        parts = {p: screen_curves(_part(long, is_control, p), settings) for p in wanted}
        labels = {p: _labels(parts[p], settings) for p in {label for _, label in pairs}}
        levels = {part: _log_ratios(curves, settings) for part, curves in parts.items()}
    upper = {part: _upper(table) for part, table in levels.items()}
    single = _reliability([levels[(i,)] for i in range(n)])
    single_upper = _reliability([upper[(i,)] for i in range(n)])
    tables = []
    for kind in KINDS:
        scored = [
            auc_of_states(upper[score], labels[label], kind).assign(m=len(score))
            for score, label in pairs
        ]
        tables.append(at_full_size(pd.concat(scored), single_upper, n, kind))
    whole = spearman_brown(single, n)
    return level_rows(tables, whole, levels[tuple(pairs[-1][0])].count())


def _part(long: pd.DataFrame, is_control: pd.Series, part: tuple[int, ...]) -> pd.DataFrame:
    """Treated samples of some replicates (from 0), with the controls of their plates."""
    chosen = ~is_control & long[REPLICATE].isin([i + 1 for i in part])
    return long[chosen | (is_control & long[PLATE].isin(long.loc[chosen, PLATE]))]


def _labels(curves: ScreenCurves, settings: CurveSettings) -> pd.DataFrame:
    """Labels of fitted curves, compounds x proteins."""
    return fit_screen(curves, settings).pivot(index=COMPOUND, columns=PROTEIN, values=LABEL)


def _log_ratios(curves: ScreenCurves, settings: CurveSettings) -> pd.DataFrame:
    """Log2 ratios to the controls, treatments x proteins; ratios of 0 or less are missing."""
    ratios = mean_ratios(curves, settings)
    ratios = ratios[ratios[RATIO] > 0]
    logs = ratios.assign(**{RATIO: np.log2(ratios[RATIO])})
    return logs.pivot(index=TREATMENT_KEY, columns=PROTEIN, values=RATIO)


def _upper(levels: pd.DataFrame) -> pd.DataFrame:
    """Mean over the highest doses of each compound, compounds x proteins."""
    doses = levels.index.to_frame(index=False)
    rank = doses.groupby(COMPOUND)[CONCENTRATION].rank(ascending=False, method="first")
    return levels[(rank <= UPPER_DOSES).to_numpy()].groupby(level=COMPOUND).mean()


def _reliability(replicates: list[pd.DataFrame]) -> pd.Series:
    """Reliability of one replicate: mean correlation of two, at least 0, by protein."""
    pairs = [one.corrwith(two) for one, two in combinations(replicates, 2)]
    return pd.concat(pairs, axis=1).mean(axis=1).clip(0, 1)
