"""Parts of the engine against scipy, scikit-image, centrosome and plain definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy.ndimage as ndi
from centrosome import cpmorphology
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.stats import rankdata
from skimage.measure import regionprops
from skimage.morphology import disk, erosion, reconstruction

from phenoprot.features.cellprofiler.distance import measure_distances
from phenoprot.features.cellprofiler.hull import measure_hulls
from phenoprot.features.cellprofiler.objects import list_objects
from phenoprot.features.cellprofiler.openings import opened_images
from phenoprot.features.cellprofiler.ranks import sort_within
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.cellprofiler.shape import NAMES, measure_shape
from phenoprot.features.cellprofiler.zernike import measure_zernike, zernike_orders

quick = settings(max_examples=40, deadline=None)


@st.composite
def ragged_masks(draw: st.DrawFn) -> np.ndarray:
    """A label image of up to three objects with holes and loose parts, some at the border."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    height, width = rng.integers(3, 22, 2)
    smooth = ndi.gaussian_filter(rng.normal(size=(height, width)), rng.uniform(0, 2))
    labels = np.digitize(smooth, np.quantile(smooth, [0.3, 0.6, 0.9]))
    labels[rng.integers(height), rng.integers(width)] = 1
    labels[rng.integers(height), rng.integers(width)] = 0
    labels = labels if (labels == 0).any() and (labels == 1).any() else np.eye(3, dtype=int)
    return labels.astype(np.int32)


@quick
@given(ragged_masks())
def test_objects_and_their_edges(mask: np.ndarray) -> None:
    objects = list_objects(mask)
    np.testing.assert_array_equal(objects.labels, np.unique(mask[mask > 0]))
    inner = np.zeros(mask.shape, bool)
    for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        moved = np.pad(mask, 1, mode="edge")[1 + dy :, 1 + dx :][: mask.shape[0], : mask.shape[1]]
        inner |= moved != mask
    for k, label in enumerate(objects.labels):
        part = slice(objects.start[k], objects.start[k + 1])
        places = np.argwhere(mask == label)
        np.testing.assert_array_equal(np.stack([objects.y[part], objects.x[part]], 1), places)
        np.testing.assert_array_equal(objects.edge[part], inner[tuple(places.T)])


@quick
@given(ragged_masks())
def test_distances(mask: np.ndarray) -> None:
    objects = list_objects(mask)
    got = measure_distances(objects, mask.shape)
    step_y, step_x = np.mgrid[-1:2, -1:2].reshape(2, -1)
    for k, label in enumerate(objects.labels):
        part = slice(objects.start[k], objects.start[k + 1])
        y, x = objects.y[part], objects.x[part]
        alone = mask == label
        padded = ndi.distance_transform_edt(np.pad(alone, 1))[1:-1, 1:-1]
        np.testing.assert_array_equal(got.inside[part], np.rint(padded[y, x] ** 2))
        free = ndi.distance_transform_edt(alone)
        np.testing.assert_array_equal(got.to_edge[part], free[y, x])
        first = np.unravel_index(np.argmax(free), free.shape)
        assert tuple(got.centre[k]) == first
        # shortest paths in the graph of 8-neighbours
        number = np.full(np.add(mask.shape, 2), -1)
        number[y + 1, x + 1] = np.arange(len(y))
        a, b, w = [], [], []
        for dy, dx in zip(step_y, step_x, strict=True):
            other = number[y + 1 + dy, x + 1 + dx]
            a.append(np.flatnonzero(other >= 0))
            b.append(other[other >= 0])
            w.append(np.full(len(a[-1]), np.hypot(dy, dx)))
        ends = (np.concatenate(a), np.concatenate(b))
        graph = coo_matrix((np.concatenate(w), ends), shape=(len(y), len(y)))
        paths = dijkstra(graph, indices=number[first[0] + 1, first[1] + 1])
        expected = np.where(np.isinf(paths), -1, paths)
        np.testing.assert_allclose(got.from_centre[part], expected, rtol=1e-12)


@quick
@given(ragged_masks())
def test_shape_and_hull(mask: np.ndarray) -> None:
    objects = list_objects(mask)
    hulls = measure_hulls(objects)
    shape = measure_shape(objects, measure_distances(objects, mask.shape), hulls)
    properties = {
        "Area": "area",
        "ConvexArea": "area_convex",
        "FilledArea": "area_filled",
        "Perimeter": "perimeter",
        "PerimeterCrofton": "perimeter_crofton",
        "EulerNumber": "euler_number",
        "MajorAxisLength": "axis_major_length",
        "Solidity": "solidity",
    }
    for k, region in enumerate(regionprops(mask)):
        for name, attribute in properties.items():
            got = shape[k, NAMES.index(name)]
            np.testing.assert_allclose(got, region[attribute], rtol=1e-9, err_msg=name)
    indices = objects.labels.astype(np.int32)
    hull, counts = cpmorphology.convex_hull(mask, indices)
    np.testing.assert_allclose(
        hulls.feret.T, cpmorphology.feret_diameter(hull, counts, indices), rtol=1e-12
    )
    centres, radii = cpmorphology.minimum_enclosing_circle(mask, indices, (hull, counts))
    np.testing.assert_allclose(hulls.circle[:, 2], radii, rtol=1e-12)
    np.testing.assert_allclose(hulls.circle[:, :2], centres, atol=1e-9)


@quick
@given(st.integers(0, 2**32 - 1))
def test_one_tree_yields_all_reconstructions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = ndi.gaussian_filter(rng.random((23, 31)), rng.uniform(0, 2))
    image = np.round(image, rng.integers(1, 8))  # with ties
    chosen = CellProfilerSettings(
        granularity_subsample=1,
        granularity_background_subsample=1,
        granularity_radius=5,
        granularity_length=4,
    )
    got = opened_images(image[None], chosen)
    assert got is not None
    padded = -erosion(-erosion(image, disk(5)), disk(5))
    signal = eroded = np.maximum(image - padded, 0)
    for step in range(4):
        eroded = erosion(eroded, disk(1))
        np.testing.assert_array_equal(
            got[0, :, :, step], reconstruction(eroded, signal, footprint=disk(1))
        )


@quick
@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_sorting(seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 400, 4)
    start = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.random((2, start[-1])) ** rng.integers(1, 40)
    if decimals:
        values = np.round(values, decimals)
    ascending, order, ranks = sort_within(start, values)
    for a, b in pairwise(start):
        for c in range(2):
            np.testing.assert_array_equal(ascending[c, a:b], np.sort(values[c, a:b]))
            np.testing.assert_array_equal(values[c, order[c, a:b]], ascending[c, a:b])
            dense = rankdata(values[c, a:b], method="dense") - 1
            np.testing.assert_array_equal(ranks[c, a:b], dense)


def test_zernike_moments_by_their_definition() -> None:
    rng = np.random.default_rng(5)
    mask = (ndi.gaussian_filter(rng.normal(size=(40, 40)), 4) > 0).astype(np.int32)
    objects = list_objects(mask)
    values = rng.random((1, len(objects.y)))
    circle = measure_hulls(objects).circle
    shape, intensity = measure_zernike(objects, circle, values, 9)
    ((cy, cx, radius),) = circle
    y, x = (objects.y - cy) / radius, (objects.x - cx) / radius
    r, angle = np.hypot(x, y), np.arctan2(x, y)
    inside = x * x + y * y <= 1
    for i, (n, m) in enumerate(zernike_orders(9)):
        # the radial polynomial by its recurrence-free sum, in complex numbers
        total = np.zeros(len(r), complex)
        for k in range((n - m) // 2 + 1):
            top = float(np.prod(np.arange(1, n - k + 1)))
            bottom = 1.0
            for part in (k, (n + m) // 2 - k, (n - m) // 2 - k):
                bottom *= float(np.prod(np.arange(1, part + 1)))
            total += (-1) ** k * top / bottom * r ** (n - 2 * k)
        total = np.where(inside, total * np.exp(1j * m * angle), 0)
        moment, weighted = total.sum(), (total * values[0]).sum()
        np.testing.assert_allclose(shape[0, i], abs(moment) / (np.pi * radius**2), rtol=1e-9)
        np.testing.assert_allclose(intensity[0, 0, 2 * i], abs(weighted) / len(r), rtol=1e-9)
        phase = np.arctan2(weighted.real, weighted.imag if m else 0.0)
        np.testing.assert_allclose(intensity[0, 0, 2 * i + 1], phase, rtol=1e-8)
