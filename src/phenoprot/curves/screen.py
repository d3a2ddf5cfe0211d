"""Fit the curves of a screen: in this process, or in shards that are parallel and resumable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import device_name
from phenoprot.core.files import fingerprint
from phenoprot.curves.blocks import FITTED, RESULT, Block, fit_block, fitted_rows
from phenoprot.curves.columns import CURVE_KEY, FILTER, LABEL, VALID_DOSES
from phenoprot.curves.design import DesignCurves
from phenoprot.curves.designs import ScreenCurves
from phenoprot.curves.engine import fit_ratios
from phenoprot.curves.prepare import NO_CONTROL, TOO_MANY_IMPUTED, TOO_MANY_MISSING
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.statistics import STATES
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard, shard_folder
from phenoprot.screens.contract import PROTEIN

FEW_SAMPLES = "fewer than 4 treated samples"
FEW_DOSES = "too few valid doses"
FILTERS = (TOO_MANY_MISSING, TOO_MANY_IMPUTED, NO_CONTROL, FEW_SAMPLES, FEW_DOSES)
CURVES_PER_SHARD = {"batched": 200_000, "curvecurator": 500}
"""Curves that each engine fits in some seconds."""


def fit_screen(curves: ScreenCurves, settings: CurveSettings) -> pd.DataFrame:
    """Fit a curve to every compound and protein of a screen, in this process.

    Parameters
    ----------
    curves
        Result of `screen_curves`.
    settings
        Options of the fit and the calls.

    Returns
    -------
    pandas.DataFrame
        One row per compound and protein, sorted: ``Metadata_Compound``, ``Metadata_Protein``,
        ``Valid_Doses``, ``Filter`` (one of `FILTERS` or ""), and `FITTED`, which is missing where a
        filter removed the curve, except for its empty ``Label``.
    """
    fitted = [fitted_rows(Block(curves.designs, settings))] if curves.designs else []
    return _assembled(fitted, curves.few_samples, settings)


def fit_screen_in_shards(
    curves: ScreenCurves,
    settings: CurveSettings,
    work: Path,
    title: str,
    execution: ExecutionSettings = LOCAL,
    curves_per_shard: int | None = None,
) -> pd.DataFrame:
    """Fit the curves of a screen as `fit_screen` does, a block of proteins in each shard.

    Parameters
    ----------
    curves, settings
        As for `fit_screen`.
    work
        Work folder of the shards, kept between runs.
    title
        For progress lines and errors.
    execution
        Executor and number of workers; no number depends on it.
    curves_per_shard
        About so many curves in each shard; None: `CURVES_PER_SHARD` of the engine. No number
        depends on it.

    Returns
    -------
    pandas.DataFrame
        As from `fit_screen`.
    """
    size = curves_per_shard or CURVES_PER_SHARD[settings.engine]
    shards = plan(curves.designs, settings, size)
    missing = sum(not shard_folder(work.absolute(), shard).exists() for shard in shards)
    if missing > 1 and settings.engine == "batched" and settings.device is None:
        _compile()
    folders = run_shards(fit_block, shards, work, title, execution)
    fitted = [read_table(folder / RESULT, CURVE_KEY) for folder in folders]
    return _assembled(fitted, curves.few_samples, settings)


def plan(designs: Sequence[DesignCurves], settings: CurveSettings, size: int) -> list[Shard]:
    """Shards under the hash of all they depend on: values, settings, code and device.

    Everything is one shard if curves depend on each other or share a device: an imputed value is
    a quantile of all curves, and batches on a GPU would compete for its memory.

    Parameters
    ----------
    designs
        All curves.
    settings
        Options of the fit.
    size
        About so many curves in each shard.
    """
    if not designs:
        return []
    proteins = sorted({name for part in designs for name in part.key[PROTEIN].unique()})
    total = sum(len(part.key) for part in designs)
    whole = settings.imputation or settings.device is not None
    count = 1 if whole else min(len(proteins), -(-total // size))
    engine = [settings.engine, settings.device and device_name(settings.device)]
    code = code_fingerprint(fit_block.__module__)
    shards = []
    for block in np.array_split(np.array(proteins, dtype=object), count):
        parts = tuple(_chosen(designs, set(block)))
        key = fingerprint(_digest(parts), settings.fit_settings.model_dump(), engine, code)
        shards.append(Shard(f"{block[0]} to {block[-1]}", key, Block(parts, settings)))
    return shards


def _chosen(designs: Sequence[DesignCurves], proteins: set[str]) -> Iterator[DesignCurves]:
    """The curves of some proteins, by dose design."""
    for part in designs:
        rows = part.key[PROTEIN].isin(proteins).to_numpy()
        if rows.any():
            key = part.key[rows].reset_index(drop=True)
            yield DesignCurves(key, part.values[rows], part.design)


def _digest(parts: Sequence[DesignCurves]) -> str:
    """Hash of curves: keys, values, doses and controls."""
    digest = hashlib.sha256()
    for part in parts:
        design = part.design
        doses = [design.experiments, design.doses, design.controls, design.dose_scale]
        digest.update(fingerprint(part.key.to_numpy().tolist(), doses).encode())
        digest.update(np.ascontiguousarray(part.values).tobytes())
    return digest.hexdigest()


def _compile() -> None:
    """Compile the kernels before several workers need them: they are kept on disk."""
    fit_ratios(np.ones((1, 4)), np.arange(4.0), CurveSettings().fit_settings)


def _assembled(
    fitted: list[pd.DataFrame], few_samples: pd.DataFrame, settings: CurveSettings
) -> pd.DataFrame:
    """All curves of a screen, sorted; those of few doses lose their call."""
    parts = [*fitted]
    if len(few_samples) or not fitted:  # columns of an empty table would decide types
        parts.append(few_samples.assign(**{FILTER: FEW_SAMPLES}))
    out = pd.concat(parts, ignore_index=True)
    out = out.reindex(columns=[*CURVE_KEY, VALID_DOSES, FILTER, *FITTED])
    out[VALID_DOSES] = out[VALID_DOSES].fillna(0).astype(int)
    out[LABEL] = out[LABEL].astype(object).where(out[LABEL].notna(), "")
    few = (out[FILTER] == "") & (out[VALID_DOSES] < settings.minimum_valid_doses)
    out.loc[few, FILTER] = FEW_DOSES
    out.loc[few, LABEL] = ""
    return out.sort_values(CURVE_KEY, ignore_index=True)


def count_states(curves: pd.DataFrame) -> dict[str, int]:
    """Number of curves in each state, and of those each filter left unclassified.

    Keys: ``curves``, the names in `STATES`, ``removed: <filter>``.
    """
    calls = curves[LABEL].replace("", STATES[0]).value_counts()
    filters = curves[FILTER].value_counts()
    return {
        "curves": len(curves),
        **{state: int(calls.get(state, 0)) for state in STATES},
        **{f"removed: {name}": int(filters.get(name, 0)) for name in FILTERS},
    }
