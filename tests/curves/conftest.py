from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.curves.curvecurator import raw
from phenoprot.curves.design import DoseDesign

CTRP = Path(__file__).parent / "data" / "ctrp40"
DOSES = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0)


@pytest.fixture
def design() -> DoseDesign:
    """Five doses, a decade apart, in uM, and one control."""
    return DoseDesign(("c", "d1", "d2", "d3", "d4", "d5"), DOSES, ("c",), 1e-6)


def table_of(ratios: np.ndarray, design: DoseDesign, level: float = 1000.0) -> pd.DataFrame:
    """Intensities with one control of 1 and `ratios` (N, d) in the order of the doses."""
    values = np.hstack([np.ones((len(ratios), 1)), ratios]) * level
    table = pd.DataFrame(values, columns=raw((*design.controls, *design.treated)))
    table.insert(0, "Name", [f"g{i}" for i in range(len(ratios))])
    return table


def noisy_ratios(seed: int, curves: int, noise: float = 0.05) -> np.ndarray:
    """Half of the curves respond; 5 doses."""
    rng = np.random.default_rng(seed)
    x = np.log10(np.array(DOSES[1:]) * 1e-6)
    back = np.where(rng.random(curves) < 0.5, 1.0, 2 ** rng.uniform(-3, 3, curves))
    pec50 = rng.uniform(4.5, 8, curves)
    g = 1 - 1 / (1 + 10 ** (x + pec50[:, None]))
    mean = 1 + (back[:, None] - 1) * g
    return np.maximum(mean + noise * rng.normal(size=mean.shape), 1e-3)


TOML = """
['Meta']
id = 'x'
description = 'x'
condition = 'x'
treatment_time = '1 h'
['Experiment']
experiments = [0, 1, 2, 3, 4, 5]
doses = [0.0, 0.01, 0.1, 1.0, 10.0, 100.0]
dose_scale = '1e-6'
dose_unit = 'M'
control_experiment = [0]
['Paths']
input_file = 'in.tsv'
curves_file = 'curves.txt'
['F Statistic']
alpha = 0.05
fc_lim = 0.45
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A TOML file and its table of 12 curves."""
    ratios = np.hstack([np.ones((12, 1)), noisy_ratios(3, 12)])
    table = pd.DataFrame(1000 * ratios, columns=[f"Raw {i}" for i in range(6)])
    table.insert(0, "Name", [f"g{i:02d}" for i in range(12)])
    table.to_csv(tmp_path / "in.tsv", sep="\t", index=False)
    path = tmp_path / "params.toml"
    path.write_text(TOML, encoding="utf-8")
    return path
