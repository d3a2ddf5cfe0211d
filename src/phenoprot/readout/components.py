"""The error of a treatment's mean, from what the negative controls show of positions and wells.

Replicates of a compound often share one well position on all plates. What a position does to a
well, they share too: they are not independent, and a test that takes them for independent calls
too much. The readout y of a control at position i of plate p, centred on its plate, is

    y_ip = a_i + e_ip,   var(a) = between positions,   var(e) = between wells of a position,

and the difference d of a treatment's mean to the controls' mean has the variance

    var(d) = var(a) sum_i (t_i - c_i)^2 + var(e) (1 / n_t + 1 / n_c),

where t_i and c_i are the shares of the n_t treated and of the n_c control wells at position i.
Replicates at one position of P plates are so compared with the control positions' means over P
plates; replicates at positions of their own with single wells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Components:
    """Analysis of variance of the negative controls, of every protein; all (proteins,)."""

    between: np.ndarray
    """Mean square between positions, MSB."""
    within: np.ndarray
    """Mean square between wells of one position, MSW; 0 where no position has two."""
    wells: np.ndarray
    """Effective number of wells of a position, n0; 1 where no position has two."""
    df_between: np.ndarray
    df_within: np.ndarray
    """Degrees of freedom; infinite where no position has two wells."""

    @property
    def position(self) -> np.ndarray:
        """Variance between positions; as an unbiased estimate it can be negative."""
        return (self.between - self.within) / self.wells

    def of_difference(
        self, positions: np.ndarray, wells: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Variance of the difference of two means and its degrees of freedom.

        The variance is a sum of MSB and MSW with weights. A negative estimate of var(a) counts as
        long as both weights are positive: cut off at 0, the test would call too little, 3.8 % at
        5 % if positions share nothing. Only where more wells of a position are averaged than the
        controls show, it is taken as 0, and MSB as var(e).

        Parameters
        ----------
        positions, wells
            (treatments, proteins): the factors of var(a) and of var(e), as in the module's text.

        Returns
        -------
        variance, df
            (treatments, proteins): degrees of freedom after Satterthwaite (1946).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            share = positions / self.wells
            share = np.where(self.between < self.within, np.minimum(share, wells), share)
            between, within = share * self.between, (wells - share) * self.within
            variance = between + within
            df = variance**2 / (between**2 / self.df_between + within**2 / self.df_within)
        return variance, df


def variance_components(
    values: np.ndarray, positions: np.ndarray, plates: np.ndarray
) -> Components:
    """Estimate both variances from the control wells by the analysis of variance.

    var(e) is MSW and var(a) is (MSB - MSW) / n0, where n0 allows for unequal numbers (Searle,
    Casella and McCulloch 1992, section 3.6). Centring costs each plate one degree of freedom; MSW
    bears its share of the wells. Without controls that repeat a position the variances cannot be
    told apart, and all counts as var(a): wells at one position are then one, wells at different
    positions independent.

    Parameters
    ----------
    values
        (wells, proteins): negative controls, centred on their plate; NaN where missing.
    positions
        (wells,): code of the position, from 0.
    plates
        (wells,): code of the plate, from 0.

    Returns
    -------
    Components
        NaN where a protein has no degree of freedom.
    """
    there = (~np.isnan(values)).astype(np.float64)
    filled = np.nan_to_num(values)
    counts = summed(there, positions)
    n, used = counts.sum(axis=0), (counts > 0).sum(axis=0)
    n_plates = (summed(there, plates) > 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.nan_to_num(summed(filled, positions) / counts)
        between = (counts * (means - filled.sum(axis=0) / n) ** 2).sum(axis=0)
        within = (there * (filled - means[positions]) ** 2).sum(axis=0)
        df_within = (n - used) * (1 - n_plates / n)
        alone = ~(df_within >= 1)
        between, df_within = (
            np.where(alone, between + within, between),
            np.where(alone, 0, df_within),
        )
        df_between = n - n_plates - df_within
        n0 = (n - (counts**2).sum(axis=0) / n) / (used - 1)
        return Components(
            between=np.where(df_between > 0, between / df_between, np.nan),
            within=np.where(alone, 0.0, within / df_within),
            wells=np.where(alone, 1.0, n0),
            df_between=df_between,
            df_within=np.where(alone, np.inf, df_within),
        )


def summed(values: np.ndarray, codes: np.ndarray, size: int | None = None) -> np.ndarray:
    """Sums of the rows of each code, (size or codes, columns)."""
    total = np.zeros((int(codes.max(initial=-1)) + 1 if size is None else size, values.shape[1]))
    np.add.at(total, codes, values)
    return total


@dataclass(frozen=True)
class Comparison:
    """Treatments against the negative controls; all (treatments, proteins)."""

    effect: np.ndarray
    """Difference of the means; NaN without a replicate."""
    p: np.ndarray
    """Two-sided p; NaN also where the controls have no variance or no degree of freedom."""
    replicates: np.ndarray
    """Wells with a value."""


def compare_with_controls(
    values: np.ndarray,
    positions: np.ndarray,
    plates: np.ndarray,
    treatments: np.ndarray,
) -> Comparison:
    """Test every treatment and protein with the error of the module's text.

    Parameters
    ----------
    values
        (wells, proteins): centred on the plate's negative controls; NaN where missing.
    positions, plates
        (wells,): codes, from 0.
    treatments
        (wells,): code of the treatment, from 0; -1 for a negative control.
    """
    is_control = treatments < 0
    controls, at = values[is_control], positions[is_control]
    n_positions = int(positions.max(initial=-1)) + 1
    there = (~np.isnan(controls)).astype(np.float64)
    n_control = there.sum(axis=0)
    treated, code = values[~is_control], treatments[~is_control]
    present = (~np.isnan(treated)).astype(np.float64)
    n_treated = summed(present, code)
    pairs, pair = np.unique(
        np.column_stack([code, positions[~is_control]]), axis=0, return_inverse=True
    )
    treatment, position = pairs.T
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = summed(np.nan_to_num(treated), code) / n_treated
        effect = effect - np.nan_to_num(controls).sum(axis=0) / n_control
        of_control = summed(there, at, n_positions) / n_control
        of_treatment = summed(present, pair.ravel()) / n_treated[treatment]
        apart = of_treatment**2 - 2 * of_treatment * of_control[position]
        squares = summed(apart, treatment) + (of_control**2).sum(axis=0)
        components = variance_components(controls, at, plates[is_control])
        variance, df = components.of_difference(squares, 1 / n_treated + 1 / n_control)
        p = 2 * stats.t.sf(np.abs(effect) / np.sqrt(variance), df)
    return Comparison(effect, np.where(variance > 0, p, np.nan), n_treated.astype(np.int64))
