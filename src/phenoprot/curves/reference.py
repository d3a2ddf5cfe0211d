"""The reference engine: the CurveCurator package itself, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.core.folders import scratch_folder
from phenoprot.curves.columns import LABEL, QUALITY, VALID_DOSES
from phenoprot.curves.curvecurator import DUPLICATES, NAME, NAMES, REGULATION, SIGNAL, ratio, raw
from phenoprot.curves.design import DesignCurves, DoseDesign
from phenoprot.curves.settings import FitSettings

# One BLAS thread per process: the matrices are tiny, and threads fight for the same cores.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
)
NAN_LIMIT = {"quality_min": "quality_min", "pec50_filter": "pEC50_filter"}


def configuration(design: DoseDesign, settings: FitSettings, processes: int) -> dict[str, Any]:
    """CurveCurator's configuration (the content of its TOML file) of a design and settings."""
    statistic: dict[str, Any] = {
        "alpha": settings.alpha,
        "fc_lim": settings.fc_lim,
        "optimized_dofs": settings.optimized_dofs,
        "loc": settings.loc,
        "scale": settings.scale,
        "not_rmse_limit": settings.not_rmse_limit,
    }
    for name in ("dfn", "dfd"):
        if getattr(settings, name) is not None:
            statistic[name] = getattr(settings, name)
    for ours, theirs in NAN_LIMIT.items():
        if getattr(settings, ours) is not None:
            statistic[theirs] = getattr(settings, ours)
    fit: dict[str, Any] = {
        "type": "OLS",
        "speed": "standard",
        "control_fold_change": settings.control_fold_change,
        "interpolation": settings.interpolation,
    }
    for name in ("front", "slope", "back"):
        if getattr(settings, name) is not None:
            fit[name] = getattr(settings, name)
    processing: dict[str, Any] = {
        "available_cores": processes,
        "imputation": settings.imputation,
        "imputation_pct": settings.imputation_pct,
        "normalization": settings.normalization,
        "ratio_range": settings.ratio_range,
    }
    if settings.max_missing is not None:
        processing["max_missing"] = settings.max_missing
    return {
        "Experiment": {
            "experiments": list(design.experiments),
            "control_experiment": list(design.controls),
            "doses": list(design.doses),
            "dose_scale": design.dose_scale,
            "dose_unit": design.dose_unit,
        },
        "Paths": {},
        "Processing": processing,
        "Curve Fit": fit,
        "F Statistic": statistic,
    }


def fit_reference(
    jobs: Sequence[tuple[pd.DataFrame, DoseDesign]], settings: FitSettings, processes: int = 1
) -> list[pd.DataFrame]:
    """Fit tables with CurveCurator (speed ``standard``) in a process of its own.

    Parameters
    ----------
    jobs
        Tables of curves (``Name`` unique, ``Raw <experiment>``) and their designs.
    settings
        Options of the fit.
    processes
        Processes that share the curves of a table.

    Returns
    -------
    curves
        CurveCurator's columns for each job; rows keep the order of the table.

    Raises
    ------
    UserError
        The package is not installed, stops, or gives no or a partial answer. Its command line
        exits with 0 on an invalid configuration, so the answer itself is checked.
    """
    with scratch_folder("curvecurator") as directory:
        for number, (table, design) in enumerate(jobs):
            job = directory / f"{number:06d}.json"
            # An empty share of a table stops the package, so no more processes than curves.
            cores = max(1, min(processes, len(table)))
            job.write_text(json.dumps(configuration(design, settings, cores)), encoding="utf-8")
            data = table[[NAME, *raw(design.experiments)]].copy()
            data.insert(1, DUPLICATES, table.get(DUPLICATES, 1))
            data.to_parquet(job.with_suffix(".parquet"), index=False)
        done = subprocess.run(
            [sys.executable, "-m", "phenoprot.curves.curvecurator_worker", str(directory)],
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            text=True,
            check=False,
        )
        answers = [directory / f"{number:06d}.curves.parquet" for number in range(len(jobs))]
        missing = sum(not answer.exists() for answer in answers)
        if done.returncode or missing:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise UserError(
                f"CurveCurator left {missing} of {len(jobs)} table(s) without an answer: "
                f"{said[-1] if said else 'no message'}",
                where="engine curvecurator",
                remedy="Check that curve-curator 0.6 is installed, or use the engine batched",
            )
        return [pd.read_parquet(answer) for answer in answers]


def fit_parts(
    parts: Sequence[DesignCurves], settings: FitSettings, processes: int = 1
) -> list[pd.DataFrame]:
    """Fit the curves of dose designs with CurveCurator.

    Parameters
    ----------
    parts
        Curves by dose design.
    settings, processes
        As for `fit_reference`.

    Returns
    -------
    fits
        For each dose design a row per fitted curve, whose index is the row of the curve:
        ``Valid_Doses``, ``Signal_Quality``, `summary.COLUMNS`, `engine.TESTED` and ``Label``.
    """
    jobs = [(_named(part), part.design) for part in parts]
    answers = fit_reference(jobs, settings, processes)
    ours = {theirs: name for name, theirs in NAMES.items()} | {SIGNAL: QUALITY, REGULATION: LABEL}
    fits = []
    for part, answer in zip(parts, answers, strict=True):
        fit = answer.set_index(answer[NAME].astype(int)).rename(columns=ours)
        fit[VALID_DOSES] = fit[ratio(part.design.treated)].notna().sum(axis=1)
        fits.append(fit)
    return fits


def _named(part: DesignCurves) -> pd.DataFrame:
    """A table for CurveCurator: every curve under the number of its row."""
    table = pd.DataFrame(part.values, columns=raw(part.design.experiments))
    table.insert(0, NAME, [str(row) for row in range(len(table))])
    return table
