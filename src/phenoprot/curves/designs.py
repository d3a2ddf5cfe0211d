"""From a screen's readout to curves by dose design, and the ratios that the regression learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.curves.columns import CURVE_KEY, RATIO
from phenoprot.curves.design import MINIMUM_DOSES, DesignCurves, DoseDesign, dose_scale
from phenoprot.curves.long import IS_CONTROL, REPLICATE, check_long
from phenoprot.curves.prepare import prepare
from phenoprot.curves.settings import CurveSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN, VALUE

_CONTROL = "control"
"""Name of the experiment that holds the control level of every curve."""
_LEVEL, _SCALED, _SAMPLE = "level", "scaled", "sample"


@dataclass(frozen=True)
class ScreenCurves:
    """All curves of a screen, before any fit."""

    designs: tuple[DesignCurves, ...]
    """The curves by dose design."""
    few_samples: pd.DataFrame
    """Key of the curves of compounds with fewer than 4 treated samples, which are not fitted."""


def screen_curves(readout: pd.DataFrame, settings: CurveSettings) -> ScreenCurves:
    """Check a readout and split it by dose design.

    Compounds with the same samples (concentrations and replicates) form a dose design. Treated
    values are divided by the mean of the controls of their own control group, missing ones left
    out, and multiplied by the mean control of the curve.

    Parameters
    ----------
    readout
        Long table: `LONG` and the columns of ``settings.control_group``; see `check_long`.
    settings
        Options of controls. With ``normalization`` the log2 median of every sample of the screen
        is brought to their common mean.

    Raises
    ------
    UserError
        As from `check_long`.
    """
    long = check_long(readout, settings, "proteomics")
    groups = list(settings.control_group)
    if settings.normalization:
        long = _centre_samples(long, groups)
    treated = _scaled_to_controls(long, groups)
    sample = [CONCENTRATION, REPLICATE, *groups]
    treated[_SAMPLE] = treated.groupby(sample, sort=True).ngroup()
    described = treated.drop_duplicates(_SAMPLE).set_index(_SAMPLE)[sample]
    members = treated.groupby(COMPOUND)[_SAMPLE].agg(lambda s: tuple(sorted(set(s))))
    designs: list[DesignCurves] = []
    few: list[pd.DataFrame] = []
    for samples, compounds in members.groupby(members, sort=True):
        rows = treated[treated[COMPOUND].isin(compounds.index)]
        wide = rows.pivot(index=CURVE_KEY, columns=_SAMPLE, values=_SCALED)
        control = rows.groupby(CURVE_KEY)[_LEVEL].first()
        key = wide.index.to_frame(index=False)
        if len(samples) < MINIMUM_DOSES:
            few.append(key)
            continue
        values = wide.join(control)[[_LEVEL, *samples]].to_numpy(dtype=np.float64)
        designs.append(DesignCurves(key, values, _design(described.loc[[*samples]], settings)))
    none = pd.DataFrame(columns=CURVE_KEY, dtype=object)
    return ScreenCurves(tuple(designs), pd.concat(few, ignore_index=True) if few else none)


def _design(samples: pd.DataFrame, settings: CurveSettings) -> DoseDesign:
    """Dose design of samples that are described by concentration, replicate and group."""
    described = list(samples.itertuples(index=False))
    names = ("_".join([f"{row[0]:.12g}", *map(str, row[1:])]) for row in described)
    doses = (float(row[0]) for row in described)
    scale = dose_scale(settings.dose_unit)
    return DoseDesign((_CONTROL, *names), (0.0, *doses), (_CONTROL,), scale)


def _centre_samples(long: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Bring the log2 median of every sample of the screen to their common mean."""
    logs = np.log2(long[VALUE])
    sample = long.groupby([COMPOUND, CONCENTRATION, REPLICATE, *groups], dropna=False).ngroup()
    medians = logs.groupby(sample).median()
    return long.assign(**{VALUE: 2 ** (logs + medians.mean() - sample.map(medians))})


def _scaled_to_controls(long: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Treated rows with the control level of their curve, and their value scaled to it.

    A scaled value has the ratio to the level of its curve that the value has to the controls of
    its own group.
    """
    level = long[long[IS_CONTROL]].groupby([*groups, PROTEIN], sort=False)[VALUE].mean()
    treated = long[~long[IS_CONTROL]].merge(
        level.rename(_LEVEL), left_on=[*groups, PROTEIN], right_index=True, how="left"
    )
    common = treated.groupby(CURVE_KEY)[_LEVEL].transform("mean")
    treated[_SCALED] = treated[VALUE] / treated[_LEVEL] * common
    treated[_LEVEL] = common
    return treated


def mean_ratios(curves: ScreenCurves, settings: CurveSettings) -> pd.DataFrame:
    """Normalised ratio (treated / mean control) per concentration, the regression target.

    Parameters
    ----------
    curves
        Result of `screen_curves`.
    settings
        Options of the filters.

    Returns
    -------
    ratios
        ``Metadata_Compound``, ``Metadata_Protein``, ``Metadata_Concentration`` (in
        ``settings.dose_unit``), ``Ratio``: the mean of the replicates; sorted; without missing
        values.
    """
    columns = [*CURVE_KEY, CONCENTRATION]
    parts = [_ratios(part, settings) for part in curves.designs]
    if not parts:
        return pd.DataFrame(columns=[*columns, RATIO]).astype({RATIO: np.float64})
    return (
        pd.concat(parts, ignore_index=True)
        .dropna(subset=[RATIO])
        .groupby(columns, as_index=False, sort=True)[RATIO]
        .mean()
    )


def _ratios(part: DesignCurves, settings: CurveSettings) -> pd.DataFrame:
    """Ratios of one dose design, sample by sample."""
    prepared = prepare(part.values, part.design, settings.fit_settings)
    treated = part.design.treated_columns
    key = part.key.iloc[prepared.rows]
    doses = np.array(part.design.doses, dtype=np.float64)[treated]
    return pd.DataFrame(
        {
            COMPOUND: np.tile(key[COMPOUND].to_numpy(), len(treated)),
            PROTEIN: np.tile(key[PROTEIN].to_numpy(), len(treated)),
            CONCENTRATION: np.repeat(doses, len(key)),
            RATIO: prepared.clipped[:, treated].ravel(order="F"),
        }
    )
