"""Simulated dose-response tables for the parity and speed runs, from a seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.curves.curvecurator import raw
from phenoprot.curves.design import DoseDesign

CONTROLS = ("c0", "c1", "c2")


def make_design(doses: int) -> DoseDesign:
    """`doses` doses up to 100 uM, a decade apart for 5, half a decade for more; 3 controls."""
    step = 1.0 if doses == 5 else 0.5
    levels = 10.0 ** (2 - step * np.arange(doses)[::-1])
    return DoseDesign(
        experiments=CONTROLS + tuple(f"d{i}" for i in range(doses)),
        doses=(0.0,) * len(CONTROLS) + tuple(float(f"{v:.6g}") for v in levels),
        controls=CONTROLS,
        dose_scale=1e-6,
    )


def make_table(
    design: DoseDesign,
    curves: int,
    seed: int,
    *,
    null: bool = False,
    most_missing: int = 2,
) -> pd.DataFrame:
    """Intensities of `curves` proteins.

    A third of the proteins (all with `null`) does not respond. The others: slope 0.3-5, pEC50 from
    one decade below to one above the doses, plateaus 1 and 2**U(-3, 3). Noise is normal, with a
    standard deviation of 0.02-0.3 ratio units (log-uniform), cut at a ratio of 0.001; the same
    noise is in the controls. Up to `most_missing` doses of a protein are missing.
    """
    rng = np.random.default_rng(seed)
    x = design.log_doses
    n, d = curves, len(x)
    back = 2.0 ** rng.uniform(-3, 3, n)
    back[rng.random(n) < (1.0 if null else 1 / 3)] = 1.0
    slope = np.exp(rng.uniform(np.log(0.3), np.log(5), n))
    pec50 = rng.uniform(-x.max() - 1, -x.min() + 1, n)
    noise = np.exp(rng.uniform(np.log(0.02), np.log(0.3), n))
    g = 1 - 1 / (1 + 10 ** (slope[:, None] * (x + pec50[:, None])))
    treated = 1 + (back[:, None] - 1) * g + noise[:, None] * rng.normal(size=(n, d))
    control = 1 + noise[:, None] * rng.normal(size=(n, len(CONTROLS)))
    level = 2.0 ** rng.uniform(18, 30, n)[:, None]
    treated = np.maximum(treated, 1e-3) * level
    control = np.maximum(control, 1e-3) * level
    order = rng.random((n, d)).argsort(axis=1)
    treated[order < rng.integers(0, most_missing + 1, n)[:, None]] = np.nan
    table = pd.DataFrame(
        np.hstack([control, treated]), columns=raw(design.controls + design.treated)
    )
    table.insert(0, "Name", [f"P{i:07d}" for i in range(n)])
    return table
