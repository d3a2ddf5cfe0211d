"""Dose designs: the dose of each experiment, and which experiments are controls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted

# Molar value of one unit. A micro sign is read as "u".
UNITS = {"M": 1.0, "mM": 1e-3, "uM": 1e-6, "nM": 1e-9, "pM": 1e-12}
# Half of a half-log10 step: wider gaps between doses get interpolated points.
INTERPOLATION_STEP = float(np.log10(10 / 3) / 2)
MINIMUM_DOSES = 4


@dataclass(frozen=True)
class DoseDesign:
    """The experiments that the curves of a table share: one column each.

    Parameters
    ----------
    experiments
        Names of the experiments.
    doses
        Dose of each experiment in units of `dose_scale` base units; 0 is untreated.
    controls
        Experiments whose mean is the denominator of the ratios.
    dose_scale
        Base units (`dose_unit`) in one dose unit, e.g. 1e-6 for doses in uM.
    dose_unit
        Base unit, e.g. ``M``.
    """

    experiments: tuple[str, ...]
    doses: tuple[float, ...]
    controls: tuple[str, ...]
    dose_scale: float = 1.0
    dose_unit: str = "M"

    def __post_init__(self) -> None:
        where = "experiments"
        if len(self.experiments) != len(self.doses):
            raise UserError(
                f"{len(self.experiments)} experiments but {len(self.doses)} doses",
                where=where,
                remedy="Give every experiment one dose, 0 for untreated",
            )
        twice = sorted(e for e, count in Counter(self.experiments).items() if count > 1)
        if twice:
            raise UserError(
                f"{len(twice)} experiment(s) occur twice: {listed(twice)}",
                where=where,
                remedy="Make the names unique",
            )
        bad = [d for d in self.doses if not (np.isfinite(d) and d >= 0)]
        if bad:
            raise UserError(
                f"{len(bad)} dose(s) are negative or not a number: {listed(bad)}",
                where="doses",
                remedy="Doses are >= 0 and not logarithms",
            )
        if not self.controls:
            raise UserError(
                "there is no control",
                where="control_experiment",
                remedy="Name at least one experiment as control",
            )
        if len(set(self.controls)) < len(self.controls):
            raise UserError(
                "a control is named twice",
                where="control_experiment",
                remedy="Name every control once",
            )
        known = set(self.experiments)
        unknown = [c for c in self.controls if c not in known]
        if unknown:
            raise UserError(
                f"{len(unknown)} control(s) are not experiments: {listed(unknown)}",
                where="control_experiment",
                remedy="Controls must be among the experiments",
            )
        if not (self.dose_scale > 0 and np.isfinite(self.dose_scale)):
            raise UserError(
                f"{self.dose_scale} is not a scale", where="dose_scale", remedy="Use e.g. 1e-6"
            )
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.array([dose for dose in self.doses if dose]) * self.dose_scale
        if not (np.isfinite(scaled) & (scaled >= np.finfo(np.float64).tiny)).all():
            raise UserError(
                "doses times dose_scale are too large or too small for numbers",
                where="doses, dose_scale",
                remedy="Use e.g. doses in nM and the scale 1e-9",
            )
        if len(self.treated) < MINIMUM_DOSES:
            raise UserError(
                f"{len(self.treated)} treated experiment(s), {MINIMUM_DOSES} are needed",
                where=where,
                remedy="Four parameters cannot be fitted to fewer points",
            )

    @property
    def treated(self) -> tuple[str, ...]:
        """Experiments with a dose above 0, from low to high dose."""
        return tuple(self.experiments[i] for i in self._order())

    @property
    def log_doses(self) -> np.ndarray:
        """log10 of the doses of `treated` in base units, ascending, shape (d,)."""
        doses = np.array([self.doses[i] for i in self._order()], dtype=np.float64)
        return np.log10(doses * self.dose_scale)

    @property
    def control_columns(self) -> list[int]:
        """Positions of `controls` among the experiments."""
        return [self.experiments.index(name) for name in self.controls]

    @property
    def treated_columns(self) -> list[int]:
        """Positions of `treated` among the experiments, from low to high dose."""
        return self._order()

    def _order(self) -> list[int]:
        dosed = [i for i, dose in enumerate(self.doses) if dose != 0]
        return sorted(dosed, key=lambda i: self.doses[i])

    def without(self, empty: set[str]) -> DoseDesign:
        """Return the design less the experiments in `empty`."""
        keep = [i for i, name in enumerate(self.experiments) if name not in empty]
        return DoseDesign(
            experiments=tuple(self.experiments[i] for i in keep),
            doses=tuple(self.doses[i] for i in keep),
            controls=tuple(c for c in self.controls if c not in empty),
            dose_scale=self.dose_scale,
            dose_unit=self.dose_unit,
        )


@dataclass(frozen=True)
class DesignCurves:
    """Curves that share one dose design."""

    key: pd.DataFrame
    """(N rows): ``Metadata_Compound`` and ``Metadata_Protein``."""
    values: np.ndarray
    """(N, experiments) float64: values in the units of the readout, NaN where missing."""
    design: DoseDesign
    """Doses and controls of the experiments."""


def interpolation_points(log_doses: np.ndarray) -> np.ndarray:
    """Add points to `log_doses` until no gap is wider than a quarter of a decade.

    CurveCurator halves every gap of at least log10(10/3)/2, again and again, for as long as one
    is wider than that; the doses themselves are kept, so the fit counts them twice.

    Parameters
    ----------
    log_doses
        log10 doses, ascending, shape (d,).

    Returns
    -------
    points
        Ascending, shape (m,), m >= d.
    """
    points = np.sort(np.asarray(log_doses, dtype=np.float64))
    gaps = np.diff(points)
    while (gaps > INTERPOLATION_STEP).any():
        wide = np.flatnonzero(gaps >= INTERPOLATION_STEP)
        points = np.sort(np.append(points, (points[wide] + points[wide + 1]) / 2))
        gaps = np.diff(points)
    return points


def molar_scale(unit: str) -> float | None:
    """Molar value of `unit`; None for a unit that is not in `UNITS`."""
    # Two characters look like a micro sign.
    return UNITS.get(unit.strip().replace("\u00b5", "u").replace("\u03bc", "u"))


def dose_scale(unit: str) -> float:
    """Molar value of `unit`; raises UserError for a unit that is not in `UNITS`."""
    scale = molar_scale(unit)
    if scale is None:
        raise UserError(
            f"{quoted(unit)} is not a concentration unit",
            where="dose_unit",
            remedy=f"Use one of {', '.join(UNITS)}",
        )
    return scale
