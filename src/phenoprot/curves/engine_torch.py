"""The batched search on a GPU through torch: the steps of `kernel` and `polish`, for all curves.

Same grid, same Newton steps, one step of every descent at a time. Shapes: N curves, m doses, K
descents per curve, M = N * K. Everything is float64; weights w are 1 at valid doses and 0
elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from phenoprot.curves.model import LN10
from phenoprot.curves.polish import (
    ABSOLUTE_GAIN,
    MAX_STEPS,
    RELATIVE_GAIN,
    STEP_PEC50,
    STEP_SLOPE,
    STEP_V,
)

# A rejected step is tried again at this share, until it is shorter than the smallest share.
SHORTEN = 0.3
SMALLEST_SHARE = 1e-6
TINY = 1e-300
# Curves on the device at a time: their grid takes some 2 GB.
SLICE = 16_384


def search(
    ratios: np.ndarray,
    x: np.ndarray,
    grid_p: np.ndarray,
    grid_t: np.ndarray,
    limits: np.ndarray,
    box: np.ndarray,
    starts: int,
    device: str,
) -> np.ndarray:
    """Least residual sums of many curves on `device`; arguments as for `kernel.fit_blocks`.

    Returns
    -------
    parameters
        pEC50, slope, front, back, residual sum of each curve, shape (N, 5).
    """
    if len(ratios) > SLICE:
        parts = [ratios[i : i + SLICE] for i in range(0, len(ratios), SLICE)]
        return np.concatenate(
            [search(part, x, grid_p, grid_t, limits, box, starts, device) for part in parts]
        )
    on: dict[str, Any] = {"dtype": torch.float64, "device": torch.device(device)}
    valid = np.isfinite(ratios)
    y = torch.tensor(np.where(valid, ratios, 0.0), **on)
    w = torch.tensor(valid, **on)
    at = torch.tensor(x, **on)
    ps, ts = torch.tensor(grid_p, **on), torch.tensor(grid_t, **on)
    bounds = tuple(float(value) for value in box)
    slots = _starts(y, w, at, ps, ts, bounds, starts)
    p, t = ps[slots % len(ps)].ravel(), ts[slots // len(ps)].ravel()
    many = slots.shape[1]
    total, p, t, front, back = _descend(
        y.repeat_interleave(many, 0), w.repeat_interleave(many, 0), at, p, t, limits, bounds
    )
    best = total.reshape(-1, many).argmin(dim=1) + many * torch.arange(len(y), device=device)
    chosen = torch.stack([p, t.exp(), front, back, total], dim=1)[best]
    return chosen.cpu().numpy()


def _fraction(at: Tensor, p: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """u = slope (x + pEC50) and the fraction of the back plateau, (M, m)."""
    u = t.exp()[:, None] * (at + p[:, None])
    return u, torch.sigmoid(LN10 * u)


def _starts(
    y: Tensor,
    w: Tensor,
    at: Tensor,
    ps: Tensor,
    ts: Tensor,
    box: tuple[float, ...],
    starts: int,
) -> Tensor:
    """Best local maxima of the gain over the grid, as indices (N, starts)."""
    u = ts.exp()[:, None, None] * (at + ps[None, :, None])
    g = torch.sigmoid(LN10 * u).reshape(-1, len(at)).T
    n = 1 + w.sum(1, keepdim=True)
    sg, sgg, sgy = w @ g, w @ (g * g), y @ g
    sy, syy = 1 + y.sum(1, keepdim=True), 1 + (y * y).sum(1, keepdim=True)
    sgh, shh, shy = sg - sgg, n - 2 * sg + sgg, sy - sgy
    back = (sgy - sg * sy / n) / (sgg - sg * sg / n).clamp(min=TINY)
    front = (sy - back * sg) / n
    back = front + back
    f2, b1 = front.clamp(box[0], box[1]), back.clamp(box[2], box[3])
    f1 = ((shy - b1 * sgh) / shh).clamp(box[0], box[1])
    b2 = ((sgy - f2 * sgh) / sgg.clamp(min=TINY)).clamp(box[2], box[3])
    sums = [
        f * (f * shh - 2 * shy) + b * (b * sgg - 2 * sgy) + 2 * f * b * sgh
        for f, b in ((f1, b1), (f2, b2))
    ]
    gain = -(syy + torch.minimum(*sums)).reshape(len(y), 1, len(ts), len(ps))
    peak = gain >= max_pool2d(gain, 3, stride=1, padding=1)
    gain = torch.where(peak, gain, -torch.inf).reshape(len(y), -1)
    return gain.topk(min(starts, gain.shape[1]), dim=1).indices


def _plateaus(
    y: Tensor, g: Tensor, w: Tensor, box: tuple[float, ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Best plateaus within `box`: residual sum, front, back, front is free, back is free, (M,)."""
    n = 1 + w.sum(1)
    mean_g, mean_y = (w * g).sum(1) / n, (1 + y.sum(1)) / n
    d = w * (g - mean_g[:, None])
    cgg = mean_g**2 + (d * d).sum(1)
    cgy = (d * (y - mean_y[:, None])).sum(1) - mean_g * (1 - mean_y)
    front = mean_y - cgy / cgg.clamp(min=TINY) * mean_g
    back = front + cgy / cgg.clamp(min=TINY)
    h = 1 - g
    sgg, sgh, sgy = (w * g * g).sum(1), (w * g * h).sum(1), (g * y).sum(1)
    shh, shy = 1 + (w * h * h).sum(1), 1 + (h * y).sum(1)

    def residual(f: Tensor, b: Tensor) -> Tensor:
        r = w * (y - f[:, None] - (b - f)[:, None] * g)
        return (1 - f) ** 2 + (r * r).sum(1)

    inside = (front >= box[0]) & (front <= box[1]) & (back >= box[2]) & (back <= box[3])
    best = torch.where(inside, residual(front, back), torch.inf)
    free_f, free_b = inside, inside & (cgg > 0)
    for edge in range(4):
        if edge < 2:
            f = torch.full_like(front, box[edge])
            loose = (sgy - f * sgh) / sgg.clamp(min=TINY)
            b = loose.clamp(box[2], box[3])
            free = (loose > box[2]) & (loose < box[3]) & (sgg > 0)
        else:
            b = torch.full_like(back, box[edge])
            loose = (shy - b * sgh) / shh
            f = loose.clamp(box[0], box[1])
            free = (loose > box[0]) & (loose < box[1])
        total = torch.where(inside, torch.inf, residual(f, b))
        better = total < best
        best = torch.where(better, total, best)
        front, back = torch.where(better, f, front), torch.where(better, b, back)
        free_f = torch.where(better, free & (edge >= 2), free_f)
        free_b = torch.where(better, free & (edge < 2), free_b)
    return best, front, back, free_f, free_b


def _descend(
    y: Tensor,
    w: Tensor,
    at: Tensor,
    p: Tensor,
    t: Tensor,
    limits: np.ndarray,
    box: tuple[float, ...],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Newton steps of all descents until each one has converged; see `polish.polish`."""
    low_p, high_p, low_t, high_t = (float(value) for value in limits)
    u, g = _fraction(at, p, t)
    total, front, back, free_f, free_b = _plateaus(y, g, w, box)
    share = torch.ones_like(p)
    active = torch.arange(len(p), device=p.device)
    for _ in range(4 * MAX_STEPS):
        if not len(active):
            break
        ya, wa, pa, ta = y[active], w[active], p[active], t[active]
        slope, old = ta.exp(), total[active]
        u, g = _fraction(at, pa, ta)
        gp, gt, hpp, hpt, htt = _derivatives(
            ya, g, u, wa, slope, front[active], back[active], free_f[active], free_b[active]
        )
        move_p = ((pa > low_p) | (gp < 0)) & ((pa < high_p) | (gp > 0))
        turned = (pa > low_p) & (pa < high_p)
        pivot = at[(wa * g * (1 - g)).argmax(1)]
        reach = pivot + pa
        htt = torch.where(turned, htt + reach * (reach * hpp - 2 * hpt + gp), htt)
        hpt = torch.where(turned, (hpt - reach * hpp - gp) / slope, hpt)
        gt = torch.where(turned, gt - reach * gp, gt)
        gp = torch.where(turned, gp / slope, gp)
        hpp = torch.where(turned, hpp / slope**2, hpp)
        move_t = ((ta > low_t) | (gt < 0)) & ((ta < high_t) | (gt > 0))
        da, dt = _newton(gp, gt, hpp, hpt, htt, move_p, move_t)
        at_t = (ta + dt).clamp(low_t, high_t)
        stopped = (at_t != ta + dt) & (hpp > 0) & move_p
        dt = torch.where(stopped, at_t - ta, dt)
        da = torch.where(stopped, -(gp + hpt * dt) / hpp, da)
        going = -(gp * da + gt * dt) > RELATIVE_GAIN * old + ABSOLUTE_GAIN
        largest = torch.where(turned, STEP_V, STEP_PEC50)
        shrink = (largest / da.abs().clamp(min=TINY)).clamp(max=1.0)
        shrink = torch.minimum(shrink, STEP_SLOPE / dt.abs().clamp(min=TINY)) * share[active]
        new_t = (ta + shrink * dt).clamp(low_t, high_t)
        moved = torch.where(
            turned, (slope * reach + shrink * da) / new_t.exp() - pivot, pa + shrink * da
        ).clamp(low_p, high_p)
        trial, f, b, ff, fb = _plateaus(ya, _fraction(at, moved, new_t)[1], wa, box)
        better = going & (trial < old)
        hit = active[better]
        p[hit], t[hit], total[hit] = moved[better], new_t[better], trial[better]
        front[hit], back[hit] = f[better], b[better]
        free_f[hit], free_b[hit] = ff[better], fb[better]
        share[active] = torch.where(better, 1.0, share[active] * SHORTEN)
        active = active[going & (share[active] > SMALLEST_SHARE)]
    return total, p, t, front, back


def _derivatives(
    y: Tensor,
    g: Tensor,
    u: Tensor,
    w: Tensor,
    slope: Tensor,
    front: Tensor,
    back: Tensor,
    free_f: Tensor,
    free_b: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradient and Hessian of the projected residual sum; see `polish.derivatives`."""
    d, h, s = back - front, 1 - g, slope[:, None]
    r = w * (y - front[:, None] - d[:, None] * g)
    q = LN10 * g * h
    curved = LN10 * q * (h - g)
    dp, dt = q * s, q * u
    rp, rt = (r * dp).sum(1), (r * dt).sum(1)
    fpp = d * d * (w * dp * dp).sum(1) - d * (r * curved * s * s).sum(1)
    fpt = d * d * (w * dp * dt).sum(1) - d * (r * (curved * s * u + q * s)).sum(1)
    ftt = d * d * (w * dt * dt).sum(1) - d * (r * (curved * u * u + q * u)).sum(1)
    pb, tb = d * (w * g * dp).sum(1) - rp, d * (w * g * dt).sum(1) - rt
    pf, tf = d * (w * h * dp).sum(1) + rp, d * (w * h * dt).sum(1) + rt
    gg, gh, hh = (w * g * g).sum(1), (w * g * h).sum(1), 1 + (w * h * h).sum(1)
    det = hh * gg - gh * gh
    both = free_f & free_b & (det > 0)
    zero = torch.zeros_like(det)
    # Inverse of the plateaus' block, in which bound plateaus have no part.
    only_f, only_b = free_f & ~free_b, free_b & ~free_f
    iff = torch.where(both, gg / det, torch.where(only_f, 1 / hh, zero))
    ibb = torch.where(both, hh / det, torch.where(only_b, 1 / gg, zero))
    ifb = torch.where(both, -gh / det, zero)
    fpp = fpp - (iff * pf * pf + 2 * ifb * pf * pb + ibb * pb * pb)
    fpt = fpt - (iff * pf * tf + ifb * (pf * tb + pb * tf) + ibb * pb * tb)
    ftt = ftt - (iff * tf * tf + 2 * ifb * tf * tb + ibb * tb * tb)
    return -2 * d * rp, -2 * d * rt, 2 * fpp, 2 * fpt, 2 * ftt


def _newton(
    gp: Tensor,
    gt: Tensor,
    hpp: Tensor,
    hpt: Tensor,
    htt: Tensor,
    move_p: Tensor,
    move_t: Tensor,
) -> tuple[Tensor, Tensor]:
    """Newton step with the absolute eigenvalues of the Hessian; see `polish.newton_step`."""
    middle, half = (hpp + htt) / 2, (hpp - htt) / 2
    radius = torch.hypot(half, hpt)
    high, low = middle + radius, middle - radius
    floor = 1e-12 * torch.maximum(high.abs(), low.abs()).clamp(min=TINY)
    first = half >= 0
    c = torch.where(first, half + radius, hpt)
    s = torch.where(first, hpt, radius - half)
    length = torch.hypot(c, s)
    flat = length == 0
    c = torch.where(flat, 1.0, c / length.clamp(min=TINY))
    s = torch.where(flat, 0.0, s / length.clamp(min=TINY))
    along = -(c * gp + s * gt) / torch.maximum(high.abs(), floor)
    across = -(c * gt - s * gp) / torch.maximum(low.abs(), floor)
    both, zero = move_p & move_t, torch.zeros_like(gp)
    alone_p = torch.where(move_p, -gp / hpp.abs().clamp(min=TINY), zero)
    alone_t = torch.where(move_t, -gt / htt.abs().clamp(min=TINY), zero)
    return (
        torch.where(both, c * along - s * across, alone_p),
        torch.where(both, s * along + c * across, alone_t),
    )
