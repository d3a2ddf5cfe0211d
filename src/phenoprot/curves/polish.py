"""Compiled search for the least residual sum of one curve, given where to start.

Variable projection (Golub & Pereyra 1973): for a given pEC50 and slope the plateaus are a linear
least-squares solution within bounds, so only theta = (pEC50, ln slope) is searched, by Newton steps
on the residual sum with the plateaus projected out. The model is written
``f = front * (1 - g) + back * g`` with ``g = e / (1 + e)``, ``e = 10**(slope * (x + pEC50))``: g
stays exact where it is tiny. The control is no array element; it adds 1 to the point count, with
g = 0 and y = 1.

Shapes: m fitted points; work arrays have at least m elements.
"""

from __future__ import annotations

import math

import numpy as np

from phenoprot.core.compiled import fma, inlined

LN10 = math.log(10.0)
MAX_STEPS = 60
MAX_HALVINGS = 12
# A descent is given up if it stays above the best one known even when it gains this many times
# what it promises (twice the gain of the quadratic model).
HOPE = 20.0
# Largest step in pEC50 (decades), in v (see `polish`; decades of 10**v) and in ln slope.
STEP_PEC50 = 0.75
STEP_V = 1.5
STEP_SLOPE = 1.5
# Stop when a step promises less than this share of the residual sum ...
RELATIVE_GAIN = 1e-11
# ... or of this: residual sums are of ratios near 1, in double precision.
ABSOLUTE_GAIN = 1e-22
LARGEST_EXPONENT = 700.0


@inlined
def fraction(x, m, pec50, slope, g, u):  # type: ignore[no-untyped-def]
    """Fill `u` with slope * (x + pEC50) and `g` with the fraction of the back plateau."""
    for i in range(m):
        u[i] = slope * (x[i] + pec50)
        e = math.exp(min(LN10 * u[i], LARGEST_EXPONENT))
        g[i] = e / (1.0 + e)


@inlined
def residual_sum(y, g, m, front, back):  # type: ignore[no-untyped-def]
    """Sum of squared residuals of m points and the control."""
    total = (1.0 - front) ** 2
    for i in range(m):
        r = fma(front - back, g[i], y[i] - front)
        total = fma(r, r, total)
    return total


@inlined
def plateaus(y, g, m, box):  # type: ignore[no-untyped-def]
    """Best plateaus within `box` (front low, high, back low, high) for fractions `g`.

    Returns (residual sum, front, back, front is free, back is free).
    """
    n = m + 1.0
    mean_g, mean_y = 0.0, 1.0
    for i in range(m):
        mean_g += g[i]
        mean_y += y[i]
    mean_g /= n
    mean_y /= n
    cgg = mean_g * mean_g
    cgy = -mean_g * (1.0 - mean_y)
    for i in range(m):
        d = g[i] - mean_g
        cgg = fma(d, d, cgg)
        cgy = fma(d, y[i] - mean_y, cgy)
    difference = 0.0
    if cgg > 0.0:
        difference = cgy / cgg
    front = fma(-difference, mean_g, mean_y)
    back = front + difference
    if box[0] <= front <= box[1] and box[2] <= back <= box[3]:
        return residual_sum(y, g, m, front, back), front, back, True, cgg > 0.0
    # The minimum of a convex quadratic outside a box lies on an edge of the box.
    sgg = 0.0
    shh, shy, sgh, sgy = 1.0, 1.0, 0.0, 0.0
    for i in range(m):
        h = 1.0 - g[i]
        sgg = fma(g[i], g[i], sgg)
        sgh = fma(g[i], h, sgh)
        shh = fma(h, h, shh)
        sgy = fma(g[i], y[i], sgy)
        shy = fma(h, y[i], shy)
    best, best_front, best_back = np.inf, 0.0, 0.0
    free_front, free_back = False, False
    for edge in range(4):
        if edge < 2:
            front = box[edge]
            back = fma(-front, sgh, sgy) / sgg if sgg > 0.0 else front
            inside = box[2] < back < box[3]
            back = min(max(back, box[2]), box[3])
        else:
            back = box[edge]
            front = fma(-back, sgh, shy) / shh
            inside = box[0] < front < box[1]
            front = min(max(front, box[0]), box[1])
        total = residual_sum(y, g, m, front, back)
        if total < best:
            best, best_front, best_back = total, front, back
            free_front, free_back = edge >= 2 and inside, edge < 2 and inside and sgg > 0.0
    return best, best_front, best_back, free_front, free_back


@inlined
def derivatives(y, g, u, m, slope, front, back, free_front, free_back):  # type: ignore[no-untyped-def]
    """Gradient and Hessian of the projected residual sum in (pEC50, ln slope).

    The Hessian is the Schur complement F_tt - F_tc F_cc^-1 F_ct over the free plateaus c.
    Returns (g_p, g_t, h_pp, h_pt, h_tt).
    """
    d = back - front
    rp, rt, rpp, rpt, rtt = 0.0, 0.0, 0.0, 0.0, 0.0
    pp, pt, tt, gp, gt, hp, ht = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    gg, gh, hh = 0.0, 0.0, 1.0
    for i in range(m):
        h = 1.0 - g[i]
        r = fma(-d, g[i], y[i] - front)
        q = LN10 * g[i] * h
        curved = LN10 * q * (h - g[i])
        dp, dt = q * slope, q * u[i]
        rp, rt = fma(r, dp, rp), fma(r, dt, rt)
        rpp = fma(r * curved * slope, slope, rpp)
        rpt = fma(r, fma(curved * slope, u[i], dp), rpt)
        rtt = fma(r, fma(curved * u[i], u[i], dt), rtt)
        pp, pt, tt = fma(dp, dp, pp), fma(dp, dt, pt), fma(dt, dt, tt)
        gp, gt = fma(g[i], dp, gp), fma(g[i], dt, gt)
        hp, ht = fma(h, dp, hp), fma(h, dt, ht)
        gg, gh, hh = fma(g[i], g[i], gg), fma(g[i], h, gh), fma(h, h, hh)
    dd = d * d
    fpp, fpt, ftt = fma(dd, pp, -d * rpp), fma(dd, pt, -d * rpt), fma(dd, tt, -d * rtt)
    pb, tb = fma(d, gp, -rp), fma(d, gt, -rt)
    pf, tf = fma(d, hp, rp), fma(d, ht, rt)
    if free_front and free_back:
        det = fma(hh, gg, -gh * gh)
        if det > 0.0:
            fpp -= fma(hh * pb, pb, fma(gg * pf, pf, -2.0 * gh * pf * pb)) / det
            fpt -= fma(hh * pb, tb, fma(gg * pf, tf, -gh * fma(pf, tb, pb * tf))) / det
            ftt -= fma(hh * tb, tb, fma(gg * tf, tf, -2.0 * gh * tf * tb)) / det
    elif free_front:
        fpp -= pf * pf / hh
        fpt -= pf * tf / hh
        ftt -= tf * tf / hh
    elif free_back:
        fpp -= pb * pb / gg
        fpt -= pb * tb / gg
        ftt -= tb * tb / gg
    return -2.0 * d * rp, -2.0 * d * rt, 2.0 * fpp, 2.0 * fpt, 2.0 * ftt


@inlined
def newton_step(gp, gt, hpp, hpt, htt, move_p, move_t):  # type: ignore[no-untyped-def]
    """Newton step with the absolute values of the Hessian's eigenvalues: always downhill."""
    if not move_p and not move_t:
        return 0.0, 0.0
    if not move_t:
        return -gp / max(abs(hpp), 1e-300), 0.0
    if not move_p:
        return 0.0, -gt / max(abs(htt), 1e-300)
    middle, half = 0.5 * (hpp + htt), 0.5 * (hpp - htt)
    radius = math.sqrt(fma(hpt, hpt, half * half))
    high, low = middle + radius, middle - radius
    largest = max(abs(high), abs(low), 1e-300)
    # Unit eigenvector of `high`; the other one is at right angles to it.
    if radius == 0.0:
        c, s = 1.0, 0.0
    elif half >= 0.0:
        c, s = half + radius, hpt
    else:
        c, s = hpt, radius - half
    length = math.sqrt(fma(c, c, s * s))
    if length > 0.0:
        c, s = c / length, s / length
    else:
        c, s = 1.0, 0.0
    along = -fma(c, gp, s * gt) / max(abs(high), 1e-12 * largest)
    across = -fma(c, gt, -s * gp) / max(abs(low), 1e-12 * largest)
    return fma(c, along, -s * across), fma(s, along, c * across)


@inlined
def polish(x, y, m, pec50, log_slope, limits, box, best, g, u):  # type: ignore[no-untyped-def]
    """Descend from (pEC50, ln slope) to a local minimum within `limits` and `box`.

    `limits` holds pEC50 low, high, ln slope low, high. Gives up on a descent that is not going to
    undercut the residual sum `best`. Returns (residual sum, pEC50, ln slope, front, back).
    """
    p, t = pec50, log_slope
    slope = math.exp(t)
    fraction(x, m, p, slope, g, u)
    total, front, back, free_front, free_back = plateaus(y, g, m, box)
    for _ in range(MAX_STEPS):
        gp, gt, hpp, hpt, htt = derivatives(y, g, u, m, slope, front, back, free_front, free_back)
        # A variable at its bound moves only inwards.
        move_p = (p > limits[0] or gp < 0.0) and (p < limits[1] or gp > 0.0)
        move_t = (t > limits[2] or gt < 0.0) and (t < limits[3] or gt > 0.0)
        # Where a curve passes through a lone dose on its flank, the minimum is a narrow valley
        # along constant v = slope * (x_dose + pEC50). Steps in (v, ln slope) follow it, straight.
        turned = limits[0] < p < limits[1]
        pivot = 0.0
        if turned:
            steepest = -1.0
            for i in range(m):
                if g[i] * (1.0 - g[i]) > steepest:
                    steepest, pivot = g[i] * (1.0 - g[i]), x[i]
            reach = pivot + p
            htt = fma(reach, reach * hpp - 2.0 * hpt + gp, htt)
            hpt = (hpt - reach * hpp - gp) / slope
            gt = fma(-reach, gp, gt)
            gp, hpp = gp / slope, hpp / (slope * slope)
            move_t = (t > limits[2] or gt < 0.0) and (t < limits[3] or gt > 0.0)
        da, dt = newton_step(gp, gt, hpp, hpt, htt, move_p, move_t)
        promised = -fma(gp, da, gt * dt)
        if promised <= fma(RELATIVE_GAIN, total, ABSOLUTE_GAIN):
            break
        if fma(-HOPE, promised, total) > best:
            break
        # A step that meets the slope's bound stops there, and the other variable follows.
        at_t = min(max(t + dt, limits[2]), limits[3])
        if at_t != t + dt and hpp > 0.0 and move_p:
            dt = at_t - t
            da = -fma(hpt, dt, gp) / hpp
        largest = STEP_V if turned else STEP_PEC50
        shrink = min(1.0, largest / max(abs(da), 1e-300), STEP_SLOPE / max(abs(dt), 1e-300))
        improved = False
        for _ in range(MAX_HALVINGS):
            new_t = min(max(fma(shrink, dt, t), limits[2]), limits[3])
            new_slope = math.exp(new_t)
            if turned:
                new_p = (slope * reach + shrink * da) / new_slope - pivot
            else:
                new_p = p + shrink * da
            new_p = min(max(new_p, limits[0]), limits[1])
            fraction(x, m, new_p, new_slope, g, u)
            trial, f, b, free_f, free_b = plateaus(y, g, m, box)
            if trial < total:
                improved = True
                break
            shrink *= 0.3
        if not improved:
            break
        p, t, slope, total, front, back = new_p, new_t, new_slope, trial, f, b
        free_front, free_back = free_f, free_b
    return total, p, t, front, back
