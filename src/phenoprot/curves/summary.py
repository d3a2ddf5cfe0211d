"""Compiled numbers of one fitted curve: fold change, area, errors, F value.

Shapes: n valid values and the control (x = -inf, y = 1), which counts as a point.
"""

from __future__ import annotations

import math

import numpy as np

from phenoprot.core.compiled import fma, inlined, one_variant
from phenoprot.curves.polish import LARGEST_EXPONENT, LN10

# Order of the summary; the last element is the residual sum that was minimised.
COLUMNS = (
    "pEC50",
    "Slope",
    "Front",
    "Back",
    "Effect",
    "AUC",
    "RMSE",
    "R2",
    "pEC50_Error",
    "Slope_Error",
    "Front_Error",
    "Back_Error",
    "Null_Model",
    "Null_RMSE",
    "F",
)
"""``Effect`` is the log2 fold change; docs/curves.md has the equations."""
SUMMARY = len(COLUMNS) + 1
# Keep F finite for a perfect fit, and R2 for a constant curve (as CurveCurator does).
F_STABILITY = 1e-20
R2_STABILITY = 1e-10
SWEEPS = 30
EPSILON = float(np.finfo(np.float64).eps)


@inlined
def standard_errors(x, n, pec50, slope, front, back, residual, out):  # type: ignore[no-untyped-def]
    """Fill `out` (4,) with the standard errors of pEC50, slope, front and back.

    sqrt(diag(pinv(J'J)) * residual / (n + 1 - 4)), with the singular values of the Jacobian J below
    eps * max(J.shape) * largest left out. One-sided Jacobi rotations (Hestenes 1958) give them.
    """
    rows = n + 1
    j = np.zeros((4, rows))
    v = np.eye(4)
    j[2, n] = 1.0
    for i in range(n):
        u = slope * (x[i] + pec50)
        e = math.exp(min(LN10 * u, LARGEST_EXPONENT))
        g = e / (1.0 + e)
        h = 1.0 / (1.0 + e)
        j[0, i] = LN10 * (back - front) * slope * g * h
        j[1, i] = LN10 * (back - front) * (x[i] + pec50) * g * h
        j[2, i] = h
        j[3, i] = g
    for _ in range(SWEEPS):
        rotated = False
        for a in range(3):
            for b in range(a + 1, 4):
                aa, bb, ab = 0.0, 0.0, 0.0
                for i in range(rows):
                    aa = fma(j[a, i], j[a, i], aa)
                    bb = fma(j[b, i], j[b, i], bb)
                    ab = fma(j[a, i], j[b, i], ab)
                if abs(ab) <= EPSILON * math.sqrt(aa * bb):
                    continue
                rotated = True
                zeta = (bb - aa) / (2.0 * ab)
                t = 1.0 / (abs(zeta) + math.sqrt(fma(zeta, zeta, 1.0)))
                if zeta < 0.0:
                    t = -t
                c = 1.0 / math.sqrt(fma(t, t, 1.0))
                s = c * t
                for i in range(rows):
                    left, right = j[a, i], j[b, i]
                    j[a, i], j[b, i] = fma(c, left, -s * right), fma(s, left, c * right)
                for i in range(4):
                    left, right = v[a, i], v[b, i]
                    v[a, i], v[b, i] = fma(c, left, -s * right), fma(s, left, c * right)
        if not rotated:
            break
    square = np.zeros(4)
    for a in range(4):
        for i in range(rows):
            square[a] = fma(j[a, i], j[a, i], square[a])
    cut = EPSILON * max(rows, 4) * math.sqrt(square.max())
    variance = residual / (rows - 4.0) if rows > 4 else np.nan
    for k in range(4):
        total = 0.0
        for a in range(4):
            if math.sqrt(square[a]) > cut:
                total += v[a, k] * v[a, k] / square[a]
        out[k] = math.sqrt(total * variance)


@inlined
def predicted(x, pec50, slope, front, back):  # type: ignore[no-untyped-def]
    """Ratio of the fitted curve at log10 dose `x`."""
    e = math.exp(min(LN10 * slope * (x + pec50), LARGEST_EXPONENT))
    return fma(back - front, e / (1.0 + e), front)


@inlined
def log10_growth(x, pec50, slope):  # type: ignore[no-untyped-def]
    """log10(1 + 10**(slope * (x + pEC50)))."""
    u = slope * (x + pec50)
    if u > 0.0:
        return u + math.log1p(10.0**-u) / LN10
    return math.log1p(10.0**u) / LN10


@inlined
def summarise(  # type: ignore[no-untyped-def]
    x, y, n, pec50, slope, front, back, null, free_parameters, to_control, out
):
    """Fill `out` with the values of `COLUMNS` for a curve with ascending doses `x`."""
    points = n + 1.0
    residual, null_residual, mean = (1.0 - front) ** 2, (1.0 - null) ** 2, 1.0
    for i in range(n):
        r, r_null = y[i] - predicted(x[i], pec50, slope, front, back), y[i] - null
        residual, null_residual = fma(r, r, residual), fma(r_null, r_null, null_residual)
        mean += y[i]
    mean /= points
    total = (1.0 - mean) ** 2
    for i in range(n):
        total = fma(y[i] - mean, y[i] - mean, total)
    out[0], out[1], out[2], out[3] = pec50, slope, front, back
    low, high = x[0], x[n - 1]
    out[4] = math.log2(predicted(high, pec50, slope, front, back))
    if not to_control:
        out[4] -= math.log2(predicted(low, pec50, slope, front, back))
    if high > low:
        rise = log10_growth(high, pec50, slope) - log10_growth(low, pec50, slope)
        out[5] = front - (front - back) / slope * rise / (high - low)
    else:
        out[5] = np.nan
    out[6] = math.sqrt(residual / points)
    out[7] = max(0.0, 1.0 - (residual + R2_STABILITY) / (total + R2_STABILITY))
    standard_errors(x, n, pec50, slope, front, back, residual, out[8:12])
    out[12], out[13] = null, math.sqrt(null_residual / points)
    residual += F_STABILITY
    gained = null_residual + F_STABILITY - residual
    out[14] = max(0.0, gained / residual * (points / free_parameters))


@one_variant("(f8[::1], f8[:, ::1], f8[:, ::1], i8, b1, f8[:, ::1])")
def summarise_all(x, ratios, parameters, free_parameters, to_control, out):  # type: ignore[no-untyped-def]
    """`summarise` for curves fitted elsewhere, without interpolation.

    `ratios` (N, d) at doses `x` (d,); `parameters` (N, 5): pEC50, slope, front, back, residual sum.
    """
    data_x, data_y = np.empty(len(x)), np.empty(len(x))
    for i in range(len(ratios)):
        n, null = 0, 1.0
        for j in range(len(x)):
            if math.isfinite(ratios[i, j]):
                data_x[n], data_y[n] = x[j], ratios[i, j]
                null += data_y[n]
                n += 1
        if n < 4:
            out[i, :] = np.nan
            continue
        p, s, f, b, total = parameters[i]
        null /= n + 1.0
        summarise(data_x, data_y, n, p, s, f, b, null, free_parameters, to_control, out[i])
        out[i, SUMMARY - 1] = total
