"""Where cells lie and how far they spread: outlines, who owns a pixel, and the true masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phenoprot.phantom.settings import ImageSettings
from phenoprot.phantom.traits import Traits

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]

ANGLES = 512
"""Directions in which an outline is tabulated (count)."""
CANDIDATES = 24
"""Places that are tried for each cell (count)."""
VISIBLE_NUCLEUS = 12
"""Pixels of its nucleus that a cell must show to be in the masks (count): of one whose nucleus the
border cuts off, a segmentation sees no cell."""


@dataclass(frozen=True)
class Outlines:
    """Positions and outlines of N cells (px), star-shaped around the centres of their nuclei.

    Parameters
    ----------
    centres
        Row and column of the nuclei, shape (N, 2); may lie beyond the border of the field.
    axes
        Direction of the long axis (rad), shape (N,).
    nuclei, cells
        Distance of the outline from the centre in each of ``ANGLES`` directions, (N, ANGLES).
    """

    centres: npt.NDArray[np.float64]
    axes: npt.NDArray[np.float64]
    nuclei: npt.NDArray[np.float64]
    cells: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Territory:
    """For each pixel of a field (Y, X): whose it is and where in the cell it lies.

    Parameters
    ----------
    owner
        Index of the cell, -1 outside of all.
    depth
        Distance from the nucleus' centre, as a share of that of the cell's outline: 0..1 inside.
    nuclear
        The same with the nucleus' outline: below 1 in the nucleus.
    outside_nucleus
        Distance from the nucleus' outline, 0 within (px).
    edge
        Distance from the nearest pixel of another owner (px).
    along, across
        Position along and across the cell's long axis, from the nucleus' centre (px).
    angle
        Direction from the nucleus' centre (rad).
    """

    owner: Labels
    depth: Floats
    nuclear: Floats
    outside_nucleus: Floats
    edge: Floats
    along: Floats
    across: Floats
    angle: Floats


def draw_outlines(traits: Traits, settings: ImageSettings, rng: np.random.Generator) -> Outlines:
    """Place the cells and draw their outlines.

    A cell is a polygon of 4 to 7 points where it holds on to the ground, longer than wide,
    with edges pulled in between them; its nucleus lies off its middle.
    """
    count = len(traits["cell_area"])
    cell_radius = settings.cell_diameter / 2 / settings.pixel_size * np.sqrt(traits["cell_area"])
    nucleus_radius = (
        settings.nucleus_diameter / 2 / settings.pixel_size * np.sqrt(traits["nucleus_area"])
    )
    axes = rng.uniform(0, np.pi, count)
    nuclei = _nuclear_outlines(nucleus_radius, axes, traits["elongation"], rng)
    cells = _cell_outlines(cell_radius, axes, traits, rng)
    # However small the cell, cytoplasm is all around its nucleus.
    cells = np.maximum(cells, 1.18 * nuclei + 1.5)
    return Outlines(draw_places(cell_radius, nucleus_radius, settings, rng), axes, nuclei, cells)


def margin(settings: ImageSettings) -> float:
    """How far beyond the border cells are placed (px): those further out are not seen."""
    return 0.9 * settings.cell_diameter / settings.pixel_size


def draw_places(
    cell_radius: npt.NDArray[np.float64],
    nucleus_radius: npt.NDArray[np.float64],
    settings: ImageSettings,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Centres (N, 2) in px: one after the other, beside an earlier cell or anywhere.

    Of ``CANDIDATES`` places a cell takes the first where it would not lie on another one, or else
    the one where it overlaps least. The ground, field and margin, has no edges: what leaves it on
    one side comes back on the other. So every place is as likely as any other, and the expected
    number of centres in the field is its share of the ground times N.
    """
    count = len(cell_radius)
    far = margin(settings)
    side = settings.size + 2 * far
    joins = rng.random(count) < settings.colony_share
    anywhere = rng.uniform(0, side, (count, CANDIDATES, 2))
    which = rng.random((count, CANDIDATES))
    angle = rng.uniform(0, 2 * np.pi, (count, CANDIDATES))
    gap = rng.uniform(0.5, 0.8, (count, CANDIDATES))
    centres = np.zeros((count, 2))
    for cell in range(count):
        places = anywhere[cell]
        if cell and joins[cell]:
            host = (which[cell] * cell).astype(int)
            distance = gap[cell] * (cell_radius[host] + cell_radius[cell])
            step = np.stack([np.sin(angle[cell]), np.cos(angle[cell])], axis=1)
            places = np.mod(centres[host] + distance[:, None] * step, side)
        apart = np.abs(places[:, None] - centres[None, :cell])
        others = np.linalg.norm(np.minimum(apart, side - apart), axis=2)
        near = 0.5 * (cell_radius[:cell] + cell_radius[cell])
        touch = 1.1 * (nucleus_radius[:cell] + nucleus_radius[cell])
        room = (others / np.maximum(near, touch)).min(axis=1, initial=2.0)
        free = np.flatnonzero(room >= 1)
        centres[cell] = places[free[0] if len(free) else room.argmax()]
    return centres - far


def _directions() -> npt.NDArray[np.float64]:
    return np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)


def _nuclear_outlines(
    radius: npt.NDArray[np.float64],
    axes: npt.NDArray[np.float64],
    elongation: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Ellipses with a little dent, (N, ANGLES): about along the cell, less long than it."""
    count = len(radius)
    tilt = axes + 0.25 * rng.standard_normal(count)
    ratio = 1.1 + 0.5 * (elongation - 1) * rng.uniform(0.4, 1.3, count)
    theta = _directions()[None] - tilt[:, None]
    long, short = np.sqrt(ratio)[:, None], 1 / np.sqrt(ratio)[:, None]
    shape = 1 / np.hypot(np.cos(theta) / long, np.sin(theta) / short)
    for order in (2, 3, 4):
        height = 0.05 / order * rng.standard_normal(count)
        shape *= 1 + height[:, None] * np.cos(
            order * theta + rng.uniform(0, 2 * np.pi, count)[:, None]
        )
    return shape * radius[:, None]


def _cell_outlines(
    radius: npt.NDArray[np.float64],
    axes: npt.NDArray[np.float64],
    traits: Traits,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Polygons with edges drawn in, (N, ANGLES), each of the area of a disk of `radius`."""
    outlines = np.empty((len(radius), ANGLES))
    for cell in range(len(radius)):
        points = int(rng.integers(4, 8))
        # The order of draws is fixed, so each cell has a polygon of its own stream position.
        jitter, lengths, pull = (rng.random(points) for _ in range(3))
        offset = rng.standard_normal(2)
        phase = (np.arange(points) + 0.6 * jitter) * (2 * np.pi / points) + rng.uniform(0, np.pi)
        spread = traits["protrusion"][cell]
        length = np.exp(spread * 2.2 * (lengths - 0.5) + spread * 0.6 * (lengths > 0.75))
        stretch = np.sqrt(traits["elongation"][cell])
        along = length * np.cos(phase) * stretch + 0.14 * offset[0]
        across = length * np.sin(phase) / stretch + 0.08 * offset[1]
        outlines[cell] = _polygon(along, across, axes[cell], pull, spread)
    ripple = ndimage.gaussian_filter1d(rng.standard_normal(outlines.shape), 12, axis=1, mode="wrap")
    outlines = ndimage.gaussian_filter1d(outlines, 7, axis=1, mode="wrap") * (1 + 0.08 * ripple)
    area = 0.5 * (outlines**2).sum(axis=1, keepdims=True) * (2 * np.pi / ANGLES)
    return outlines * radius[:, None] * np.sqrt(np.pi / area)


def _polygon(
    along: npt.NDArray[np.float64],
    across: npt.NDArray[np.float64],
    axis: float,
    pull: npt.NDArray[np.float64],
    spread: float,
) -> npt.NDArray[np.float64]:
    """Distance of a polygon's edge from the origin in each direction, shape (ANGLES,).

    A straight edge between (r0, 0) and (r1, D) is, in polar coordinates,
    ``r0 r1 sin(D) / (r0 sin(t) + r1 sin(D - t))``. Each is pulled in by up to `pull` in its middle.
    """
    phase = np.mod(np.arctan2(across, along) + axis, 2 * np.pi)
    order = np.argsort(phase)
    phase, length = phase[order], np.hypot(along, across)[order]
    theta = _directions()
    left = np.searchsorted(phase, theta, side="right") - 1
    right = (left + 1) % len(phase)
    gap = np.mod(phase[right] - phase[left], 2 * np.pi)
    gap = np.clip(gap, 1e-3, 2.6)
    into = np.clip(np.mod(theta - phase[left], 2 * np.pi), 0, gap)
    near, far = length[left], length[right]
    edge = near * far * np.sin(gap) / (near * np.sin(into) + far * np.sin(gap - into))
    drawn_in = (0.05 + (0.16 + 0.5 * spread) * pull[left]) * np.minimum(gap, 1.5)
    return edge * (1 - drawn_in * np.sin(np.pi * into / gap))


def smooth_noise(size: int, sigma: float, rng: np.random.Generator) -> Floats:
    """Noise of mean 0 and standard deviation 1, (size, size), blurred by `sigma` px."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, sigma, mode="wrap")
    # 1 / (2 sqrt(pi) sigma) is the standard deviation that a wide filter leaves of white noise.
    return smooth * np.float32(max(1.0, 2 * np.sqrt(np.pi) * sigma))


def settle(outlines: Outlines, settings: ImageSettings, rng: np.random.Generator) -> Territory:
    """Give each pixel to the cell it lies deepest in; nuclei go before cytoplasm.

    Parameters
    ----------
    outlines
        Outlines of N cells.
    settings
        Size of the field.
    rng
        Random stream of the small-scale unevenness of the outlines.
    """
    size, pixel = settings.size, settings.pixel_size
    place = np.mgrid[:size, :size].astype(np.float32)
    # Outlines are drawn on ground that is bent by a micrometre or two: no border is quite smooth.
    for axis in range(2):
        for scale, shift in ((6.0, 1.2), (1.9, 0.32)):
            place[axis] += np.float32(shift / pixel) * smooth_noise(size, scale / pixel, rng)
    rows, columns = place
    owner = np.full((size, size), -1, dtype=np.int32)
    depth = np.full((size, size), np.inf, dtype=np.float32)
    for cell, (row, column) in enumerate(outlines.centres):
        reach = float(outlines.cells[cell].max()) + 6
        window = tuple(
            slice(max(0, int(place - reach)), max(0, min(size, int(place + reach) + 1)))
            for place in (row, column)
        )
        y, x = rows[window] - np.float32(row), columns[window] - np.float32(column)
        if not y.size:
            continue
        distance, step = np.hypot(y, x), _direction_index(y, x)
        inside = distance / outlines.cells[cell].astype(np.float32)[step]
        in_nucleus = distance / outlines.nuclei[cell].astype(np.float32)[step]
        # A nucleus lies above all cytoplasm: its depth is negative.
        here = np.where(in_nucleus < 1, in_nucleus - 1, np.where(inside < 1, inside, np.inf))
        deeper = here < depth[window]
        depth[window][deeper] = here[deeper]
        owner[window][deeper] = cell
    return _locate(outlines, owner, rows, columns)


def _direction_index(y: Floats, x: Floats) -> npt.NDArray[np.int32]:
    """Nearest tabulated direction."""
    angle = np.arctan2(y, x) * np.float32(ANGLES / (2 * np.pi))
    return np.rint(angle).astype(np.int32) % ANGLES


def _locate(outlines: Outlines, owner: Labels, rows: Floats, columns: Floats) -> Territory:
    """Coordinates of each pixel within its owner."""
    if not len(outlines.centres):
        nowhere = np.zeros(owner.shape, dtype=np.float32)
        return Territory(owner, *[nowhere] * 7)
    cell = np.maximum(owner, 0)
    centres = outlines.centres.astype(np.float32)
    y, x = rows - centres[cell, 0], columns - centres[cell, 1]
    step = _direction_index(y, x)
    distance = np.hypot(y, x)
    outline = outlines.nuclei.astype(np.float32)[cell, step]
    axes = outlines.axes.astype(np.float32)[cell]
    border = np.zeros(owner.shape, dtype=bool)
    border[1:] |= owner[1:] != owner[:-1]
    border[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    edge = ndimage.distance_transform_edt(~border) if border.any() else np.full(owner.shape, 1e3)
    return Territory(
        owner=owner,
        depth=distance / outlines.cells.astype(np.float32)[cell, step],
        nuclear=distance / outline,
        outside_nucleus=np.maximum(distance - outline, 0),
        edge=edge.astype(np.float32),
        along=x * np.cos(axes) + y * np.sin(axes),
        across=y * np.cos(axes) - x * np.sin(axes),
        angle=np.arctan2(y, x),
    )


def true_masks(territory: Territory) -> tuple[Labels, Labels]:
    """Nuclei and cells of a field, (Y, X) each, with the same labels 1..n in both.

    Only cells whose nucleus shows are in them, in the order of their nuclei from top to bottom.
    Every label is one connected piece, and each nucleus lies inside its cell.
    """
    nuclei = np.zeros(territory.owner.shape, dtype=np.int32)
    cells = np.zeros_like(nuclei)
    in_nucleus = (territory.nuclear < 1) & (territory.owner >= 0)
    label = 0
    windows = ndimage.find_objects(territory.owner + 1)
    seen = np.unique(territory.owner[in_nucleus], return_index=True)
    for owner in seen[0][np.argsort(seen[1])]:
        window = windows[owner]
        mine = territory.owner[window] == owner
        nucleus = _largest_piece(mine & in_nucleus[window])
        if nucleus.sum() < VISIBLE_NUCLEUS:
            continue
        pieces = ndimage.label(mine)[0]
        label += 1
        nuclei[window][nucleus] = label
        # The piece of the cell that holds the nucleus: others are cut off by neighbours.
        cells[window][pieces == pieces[nucleus][0]] = label
    return nuclei, cells


def _largest_piece(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    return pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
