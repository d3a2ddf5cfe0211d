"""Compiled fit of blocks of curves: a grid of shapes to find the basins, then `polish`.

A block holds curves with the same valid doses, so its grid is built once. For every shape (pEC50,
slope) of the grid the centred, normalised fraction g is a unit vector q, and the residual sum with
free plateaus falls by (q . y)**2 against the mean: scoring the grid is one matrix product.
"""

from __future__ import annotations

import math

import numpy as np

from phenoprot.core.compiled import fma, inlined, one_variant
from phenoprot.curves.polish import polish
from phenoprot.curves.summary import SUMMARY, summarise

# Curves per block: enough to pay for the block's grid, few enough to share among threads.
BLOCK = 256
# A back plateau below this many times its lower bound is also tried at the bound.
NEAR_BOUND = 100.0
# In place of 0 in a denominator.
TINY = 1e-300


@inlined
def scale_shapes(g, m, shapes, q, moments):  # type: ignore[no-untyped-def]
    """Centre and normalise `g` (m, shapes) into `q`; the control (g = 0) counts as a point.

    `moments` (6, shapes) receives mean g, 1 / |g - mean|, sum g^2, sum g (1 - g), sum (1 - g)^2
    and |g - mean|.
    """
    n = m + 1.0
    for k in range(shapes):
        total, sgg = 0.0, 0.0
        for i in range(m):
            total += g[i, k]
            sgg = fma(g[i, k], g[i, k], sgg)
        mean = total / n
        square = mean * mean
        for i in range(m):
            d = g[i, k] - mean
            square = fma(d, d, square)
        inverse = 1.0 / math.sqrt(square) if square > 0.0 else 0.0
        for i in range(m):
            q[i, k] = (g[i, k] - mean) * inverse
        moments[0, k], moments[1, k], moments[2, k] = mean, inverse, max(sgg, TINY)
        moments[3, k], moments[4, k] = total - sgg, n - 2.0 * total + sgg
        moments[5, k] = math.sqrt(square)


@inlined
def score_shapes(y, m, shapes, q, moments, box, gain):  # type: ignore[no-untyped-def]
    """Fall of the residual sum against the mean for every shape, shape (shapes,), in `gain`.

    Where the best plateaus leave `box`, the gain is that of the better of two points on its edges.
    """
    n = m + 1.0
    sy, syy = 1.0, 1.0
    for i in range(m):
        sy += y[i]
        syy = fma(y[i], y[i], syy)
    mean_y = sy / n
    null = fma(-sy, mean_y, syy)
    for k in range(shapes):
        # The control's element of q is -mean * inverse.
        gain[k] = -(1.0 - mean_y) * moments[0, k] * moments[1, k]
    for i in range(m):
        c = y[i] - mean_y
        for k in range(shapes):
            gain[k] = fma(c, q[i, k], gain[k])
    # Branch-free, so that it is vectorised over the shapes.
    for k in range(shapes):
        mean, inverse, sgg, sgh, shh = (
            moments[0, k],
            moments[1, k],
            moments[2, k],
            moments[3, k],
            moments[4, k],
        )
        score = gain[k]
        difference = score * inverse
        front = fma(-difference, mean, mean_y)
        back = front + difference
        f2 = min(max(front, box[0]), box[1])
        b1 = min(max(back, box[2]), box[3])
        sgy = fma(n * mean, mean_y, score * moments[5, k])
        shy = sy - sgy
        f1 = min(max(fma(-b1, sgh, shy) / shh, box[0]), box[1])
        b2 = min(max(fma(-f2, sgh, sgy) / sgg, box[2]), box[3])
        s1 = fma(b1, fma(b1, sgg, -2.0 * sgy), f1 * fma(f1, shh, -2.0 * shy))
        s1 = fma(2.0 * f1 * b1, sgh, s1)
        s2 = fma(f2, fma(f2, shh, -2.0 * shy), b2 * fma(b2, sgg, -2.0 * sgy))
        s2 = fma(2.0 * f2 * b2, sgh, s2)
        inside = f2 == front and b1 == back
        gain[k] = score * score if inside else null - syy - min(s1, s2)


@inlined
def pick_starts(gain, rows, columns, starts, ridge):  # type: ignore[no-untyped-def]
    """Indices of the best local maxima of `gain` (rows slopes x columns pEC50s) in `starts`.

    `ridge` (columns,) is work space. Returns how many were found, best first.
    """
    found = 0
    wanted = len(starts)
    for r in range(rows):
        first = r * columns
        # Peaks within the row first: one branch-free pass, vectorised, leaves a few candidates.
        ridge[0] = gain[first] >= gain[first + 1]
        for c in range(1, columns - 1):
            k = first + c
            ridge[c] = (gain[k] > gain[k - 1]) & (gain[k] >= gain[k + 1])
        ridge[columns - 1] = gain[first + columns - 1] > gain[first + columns - 2]
        for c in range(columns):
            if not ridge[c]:
                continue
            k = first + c
            value = gain[k]
            if found == wanted and value <= gain[starts[found - 1]]:
                continue
            peak = True
            for other in range(max(c - 1, 0), min(c + 2, columns)):
                if r > 0 and gain[k - c - columns + other] >= value:
                    peak = False
                if r + 1 < rows and gain[k - c + columns + other] > value:
                    peak = False
            if not peak:
                continue
            if found < wanted:
                found += 1
            place = found - 1
            while place > 0 and gain[starts[place - 1]] < value:
                starts[place] = starts[place - 1]
                place -= 1
            starts[place] = k
    return found


@one_variant(
    "(f8[:, ::1], i8[::1], i8[:, ::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[:, ::1], f8[::1], "
    "f8[::1], i8, b1, i8, f8[:, ::1])"
)
def fit_blocks(  # type: ignore[no-untyped-def]
    ratios,
    order,
    blocks,
    x,
    points,
    shapes_p,
    shapes_t,
    shapes_g,
    limits,
    box,
    free_parameters,
    to_control,
    most_starts,
    out,
):
    """Fit the curves of `blocks` and write their summaries.

    Parameters
    ----------
    ratios
        Ratios at ascending doses, NaN where missing, shape (N, d).
    order
        Curves sorted by their pattern of valid doses, shape (N,).
    blocks
        First and last + 1 position in `order` of each block, shape (B, 2).
    x
        log10 doses, ascending, shape (d,).
    points
        log10 doses of the interpolated points, ascending, shape (e,); may be empty.
    shapes_p, shapes_t
        The grid: pEC50 (P,) and ln slope (S,), ascending.
    shapes_g
        Fraction of the back plateau at the doses and points, shape (d + e, S * P).
    limits
        pEC50 low, high, ln slope low, high.
    box
        Front low, high, back low, high.
    free_parameters
        Number of fitted parameters.
    to_control
        Fold change against the control (1) in place of the lowest dose.
    most_starts
        Local minima of the grid that are descended into.
    out
        Receives the summaries, shape (N, SUMMARY).
    """
    d, e = len(x), len(points)
    rows, columns = len(shapes_t), len(shapes_p)
    shapes = rows * columns
    q = np.empty((d + e, shapes))
    g_block = np.empty((d + e, shapes))
    moments, gain = np.empty((6, shapes)), np.empty(shapes)
    fit_x, fit_y = np.empty(d + e), np.empty(d + e)
    data_x, data_y = np.empty(d), np.empty(d)
    level_x, level_y = np.empty(d), np.empty(d)
    count = np.empty(d)
    g, u = np.empty(d + e), np.empty(d + e)
    left = np.empty(e, dtype=np.int64)
    used = np.empty(d, dtype=np.int64)
    starts = np.empty(most_starts, dtype=np.int64)
    ridge = np.empty(columns, dtype=np.bool_)
    pinned = np.array([box[0], box[1], box[2], box[2]])
    for b in range(len(blocks)):
        first = order[blocks[b, 0]]
        n = 0
        for j in range(d):
            if math.isfinite(ratios[first, j]):
                used[n] = j
                data_x[n] = x[j]
                n += 1
        if n < 4:
            for at in range(blocks[b, 0], blocks[b, 1]):
                out[order[at], :] = np.nan
            continue
        m = n
        for i in range(n):
            fit_x[i] = data_x[i]
            g_block[i, :] = shapes_g[used[i], :]
        levels = 0
        if e > 0:
            # Replicates of a dose are averaged before values between doses are interpolated.
            for i in range(n):
                if levels == 0 or data_x[i] != level_x[levels - 1]:
                    level_x[levels] = data_x[i]
                    count[levels] = 0.0
                    levels += 1
                count[levels - 1] += 1.0
            for j in range(e):
                if data_x[0] <= points[j] <= data_x[n - 1]:
                    fit_x[m] = points[j]
                    g_block[m, :] = shapes_g[d + j, :]
                    at = 0
                    while at + 2 < levels and points[j] > level_x[at + 1]:
                        at += 1
                    left[m - n] = at
                    m += 1
        scale_shapes(g_block, m, shapes, q, moments)
        for at in range(blocks[b, 0], blocks[b, 1]):
            curve = order[at]
            for i in range(n):
                data_y[i] = ratios[curve, used[i]]
                fit_y[i] = data_y[i]
            if e > 0:
                level = -1
                for i in range(n):
                    if i == 0 or data_x[i] != data_x[i - 1]:
                        level += 1
                        level_y[level] = 0.0
                    level_y[level] += data_y[i] / count[level]
                for i in range(n, m):
                    j = left[i - n]
                    if levels == 1:
                        fit_y[i] = level_y[0]
                    else:
                        rise = (level_y[j + 1] - level_y[j]) / (level_x[j + 1] - level_x[j])
                        fit_y[i] = fma(rise, fit_x[i] - level_x[j], level_y[j])
            score_shapes(fit_y, m, shapes, q, moments, box, gain)
            found = pick_starts(gain, rows, columns, starts, ridge)
            best, p, t, front, back = np.inf, 0.0, 0.0, 0.0, 0.0
            for s in range(found):
                total, new_p, new_t, f, bk = polish(
                    fit_x,
                    fit_y,
                    m,
                    shapes_p[starts[s] % columns],
                    shapes_t[starts[s] // columns],
                    limits,
                    box,
                    best,
                    g,
                    u,
                )
                if total < best:
                    best, p, t, front, back = total, new_p, new_t, f, bk
            if back < NEAR_BOUND * box[2] and box[2] < box[3]:
                # The landscape has a crease where the back plateau meets its lower bound.
                total, new_p, new_t, f, bk = polish(
                    fit_x, fit_y, m, p, t, limits, pinned, best, g, u
                )
                if total < best:
                    best, p, t, front, back = total, new_p, new_t, f, bk
            null = 1.0
            for i in range(m):
                null += fit_y[i]
            null /= m + 1.0
            summarise(
                data_x,
                data_y,
                n,
                p,
                math.exp(t),
                front,
                back,
                null,
                free_parameters,
                to_control,
                out[curve],
            )
            out[curve, SUMMARY - 1] = best
