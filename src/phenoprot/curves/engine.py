"""The batched engine: all curves of one dose design at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from phenoprot.core.errors import UserError
from phenoprot.curves.design import DoseDesign, interpolation_points
from phenoprot.curves.kernel import BLOCK, fit_blocks
from phenoprot.curves.model import LN10, PLATEAU_LIMITS, SLOPE_LIMITS, pec50_limits
from phenoprot.curves.prepare import Prepared
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.statistics import (
    call,
    degrees_of_freedom,
    fudge_factor,
    p_value,
    sam_correct,
)
from phenoprot.curves.summary import COLUMNS, SUMMARY, summarise_all

# The grid that finds the basins: decades of pEC50, slopes, and how many basins are descended into.
# Chosen on 20,000 simulated curves: the coarsest that never ended above CurveCurator's minimum.
PEC50_STEP = 0.1
SLOPES = (0.01, 0.1, 0.2, 0.35, 0.6, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0)
STARTS = 8
TESTED = ("P", "Log_P", "F_Adjusted", "Relevance")
"""p value, its -log10, the F statistic after the SAM correction, and the -log10 of its p value."""


def fit_ratios(
    ratios: np.ndarray,
    log_doses: np.ndarray,
    settings: FitSettings,
    threads: int = 1,
    device: str | None = None,
) -> np.ndarray:
    """Fit curves to ratios.

    Parameters
    ----------
    ratios
        Treated / control, NaN where missing, shape (N, d).
    log_doses
        log10 dose of each column in base units, ascending, shape (d,).
    settings
        Options of the fit.
    threads
        Threads that share the curves; no result depends on it.
    device
        Torch device to search on, e.g. ``cuda``; None is the compiled code on the CPU.

    Returns
    -------
    summaries
        Shape (N, SUMMARY): `summary.COLUMNS`, then the residual sum that was minimised; NaN for
        curves with fewer than 4 valid doses.
    """
    ratios, x = _plain(ratios), _plain(log_doses)
    points = interpolation_points(x) if settings.interpolation else np.empty(0)
    low, high = pec50_limits(x)
    grid_p = np.linspace(low, high, int(np.ceil((high - low) / PEC50_STEP)) + 1)
    slopes = SLOPES if settings.slope is None else (settings.slope,)
    slope_limits = SLOPE_LIMITS if settings.slope is None else (settings.slope, settings.slope)
    grid_t = np.log(np.array(slopes))
    at = np.concatenate([x, points])
    u = np.exp(grid_t)[None, :, None] * (at[:, None, None] + grid_p[None, None, :])
    shapes = np.ascontiguousarray(
        (1 / (1 + np.exp(-np.maximum(LN10 * u, -700)))).reshape(len(at), -1)
    )
    box = [
        *(PLATEAU_LIMITS if settings.front is None else (settings.front, settings.front)),
        *(PLATEAU_LIMITS if settings.back is None else (settings.back, settings.back)),
    ]
    limits = np.array([low, high, *np.log(slope_limits)])
    out = np.empty((len(ratios), SUMMARY))
    if device is not None:
        from phenoprot.curves.engine_torch import search

        if settings.interpolation:
            raise UserError(
                "interpolation is not supported on a torch device",
                where=f"device {device}",
                remedy="Leave the device out",
            )
        found = _plain(search(ratios, x, grid_p, grid_t, limits, np.array(box), STARTS, device))
        free, to_control = settings.free_parameters, settings.control_fold_change
        summarise_all(x, ratios, found, free, to_control, out)
        return out
    order, blocks = _blocks(np.isfinite(ratios))

    def fit(share: np.ndarray) -> None:
        fit_blocks(
            ratios,
            order,
            share,
            x,
            points,
            grid_p,
            grid_t,
            shapes,
            limits,
            np.array(box),
            settings.free_parameters,
            settings.control_fold_change,
            STARTS,
            out,
        )

    # Dealt out in turn, and copied: every thread gets the layout that the kernel is compiled for.
    _shared(fit, [np.ascontiguousarray(blocks[i::threads]) for i in range(threads)])
    return out


def _plain(values: np.ndarray) -> np.ndarray:
    """`values` as the kernels are compiled for: float64, C order, writeable."""
    return np.require(values, np.float64, ["C", "W", "A"])


def _blocks(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order of the curves by which doses are valid, and the (first, last + 1) of each block."""
    # One word of 63 doses at a time, the last one being the first key.
    words = [
        valid[:, i : i + 63] @ (1 << np.arange(min(63, valid.shape[1] - i), dtype=np.int64))
        for i in range(0, valid.shape[1], 63)
    ]
    order = np.lexsort(words)
    sorted_words = np.stack([word[order] for word in words])
    new = np.flatnonzero((np.diff(sorted_words, axis=1) != 0).any(axis=0)) + 1
    edges = np.concatenate([[0], new, [len(valid)]])
    blocks = [
        (start, min(start + BLOCK, end))
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        for start in range(first, end, BLOCK)
    ]
    return order, np.array(blocks, dtype=np.int64).reshape(-1, 2)


def _shared(work: Callable[[np.ndarray], None], shares: list[np.ndarray]) -> None:
    """Do `work` on every share, in as many threads; errors are raised here."""
    if len(shares) == 1:
        work(shares[0])
        return
    with ThreadPoolExecutor(len(shares)) as pool:
        for done in [pool.submit(work, share) for share in shares]:
            done.result()


def judge(
    summaries: np.ndarray,
    points: np.ndarray,
    quality: np.ndarray,
    settings: FitSettings,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """p values and calls of fitted curves.

    Parameters
    ----------
    summaries
        Result of `fit_ratios`, shape (N, SUMMARY).
    points
        Valid doses + 1 of each curve, shape (N,).
    quality
        log2 mean control intensity, shape (N,).
    settings
        Options of the fit.
    threads
        Threads that share the curves.

    Returns
    -------
    tested
        Columns `TESTED`, shape (N, 4).
    states
        Codes into `statistics.STATES`, int8, shape (N,).
    """
    column = {name: i for i, name in enumerate(COLUMNS)}
    levels, which = np.unique(points, return_inverse=True)
    dfn, dfd = degrees_of_freedom(levels, settings)
    s0 = fudge_factor(dfn, dfd, settings)
    tested = np.empty((len(points), len(TESTED)))
    states = np.empty(len(points), dtype=np.int8)

    def test(share: np.ndarray) -> None:
        rows = slice(int(share[0]), int(share[1]))
        level, part = which[rows], summaries[rows]
        fold_change = part[:, column["Effect"]]
        f_value = part[:, column["F"]]
        adjusted = sam_correct(f_value, fold_change, s0[level])
        with np.errstate(divide="ignore"):
            p = p_value(f_value, dfn[level], dfd[level], settings)
            relevance = -np.log10(p_value(adjusted, dfn[level], dfd[level], settings))
            tested[rows] = np.stack([p, -np.log10(p), adjusted, relevance], axis=1)
        states[rows] = call(
            relevance,
            fold_change,
            part[:, column["pEC50"]],
            part[:, column["Null_Model"]],
            part[:, column["Null_RMSE"]],
            quality[rows],
            settings,
        )

    edges = np.linspace(0, len(points), threads + 1).astype(np.int64)
    _shared(test, [edges[i : i + 2] for i in range(threads)])
    return tested, states


@dataclass(frozen=True)
class Fits:
    """Fits of N curves."""

    summaries: np.ndarray
    """(N, SUMMARY): result of `fit_ratios`."""
    tested: np.ndarray
    """(N, 4): columns `TESTED`."""
    states: np.ndarray
    """(N,) int8: codes into `statistics.STATES`."""


def fit_curves(
    prepared: Prepared,
    design: DoseDesign,
    settings: FitSettings,
    threads: int = 1,
    device: str | None = None,
) -> Fits:
    """Fit, test and call curves; each of them by itself.

    Parameters
    ----------
    prepared
        Result of `prepare`.
    design
        Doses of the experiments.
    settings
        Options of the fit.
    threads
        Threads that share the curves; no result depends on it.
    device
        Torch device to search on, e.g. ``cuda``; None is the compiled code on the CPU.
    """
    ratios = _plain(prepared.clipped[:, design.treated_columns])
    summaries = fit_ratios(ratios, design.log_doses, settings, threads, device)
    points = np.isfinite(ratios).sum(axis=1) + 1
    return Fits(summaries, *judge(summaries, points, prepared.quality, settings, threads))
