"""Checks that a feature method keeps the contract of :mod:`phenoprot.features.method`.

For the tests of any package that has feature methods::

    def test_my_method():
        check_feature_method(MyMethod(), others=[MyMethod(MySettings(bins=3))])
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.features.method import FeatureMethod
from phenoprot.imaging.segmentation.folder import COUNTS
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.screens.contract import FIELD_KEY, STAINS, WELL_KEY

IMAGES = 4
"""Crops or fields of view that are made up if none are given."""
TOLERANCE = 1e-5
"""Of values in another batch, relative to the largest: matrix products of another size may add up
in another order."""

Array = npt.NDArray[Any]


def check_feature_method(
    method: FeatureMethod,
    inputs: Any = None,
    *,
    others: Sequence[FeatureMethod] = (),
    size: int = 64,
) -> None:
    """Check that a feature method does what the extraction of features relies on.

    Parameters
    ----------
    method
        The method; what it needs to run, e.g. weights, must be there.
    inputs
        What it reads: crops or fields of view, (N, C, Y, X); a field of view and its masks; or a
        table of objects. None: made up, from a fixed seed.
    others
        The same method with another setting each.
    size
        Side of the images that are made up (px).

    Raises
    ------
    AssertionError
        It breaks the contract; the sentence says how.
    """
    copy = check_identity(method)
    check_fingerprints([method, *others])
    if inputs is None:
        inputs = made_up_inputs(method, size)
    measure = copy.prepare()
    if method.reads == "cells":
        field, masks = inputs
        first, second = (_of_cells(method, m, field, masks) for m in (measure, copy.prepare()))
    elif method.reads == "objects":
        first, second = (_of_objects(method, m, inputs) for m in (measure, copy.prepare()))
    else:
        first, second = (_of_images(method, m, inputs) for m in (measure, copy.prepare()))
        _check_batches(measure, inputs, first)
    _require(first.tobytes() == second.tobytes(), "equal methods give different values")


def check_identity(method: FeatureMethod) -> FeatureMethod:
    """Check name, columns and fingerprint; returns the method as a worker process gets it.

    Raises
    ------
    AssertionError
        It breaks the contract; the sentence says how.
    """
    _require(bool(method.name), "the method has no name")
    known = ("cells", "crops", "fields", "objects")
    _require(method.reads in known, f"reads is {method.reads!r}, expected one of {known}")
    columns = method.columns
    _require(len(columns) > 0, "the method has no columns")
    _require(all(isinstance(name, str) for name in columns), "names of columns are not strings")
    _require(len(set(columns)) == len(columns), "names of columns repeat")
    named = [name for name in columns if name.startswith("Metadata_")]
    _require(not named, f"columns begin with Metadata_, which features must not: {named[:3]}")
    copy: FeatureMethod = pickle.loads(pickle.dumps(method))
    _require(copy == method, "the method, pickled and read back, is not equal to itself")
    _require(hash(copy) == hash(method), "equal methods have different hashes")
    _require(copy.name == method.name, "the method's name is lost in a pickle")
    _require(copy.columns == columns, "the columns are others when they are asked for again")
    _require(copy.fingerprint() == method.fingerprint(), "equal methods, different fingerprints")
    method.warm()
    return copy


def check_fingerprints(methods: Sequence[FeatureMethod]) -> None:
    """Check that methods with different settings have different fingerprints.

    Raises
    ------
    AssertionError
        Two have the same one, or one is not a string.
    """
    prints = [method.fingerprint() for method in methods]
    _require(all(isinstance(each, str) and each for each in prints), "a fingerprint is no string")
    _require(len(set(prints)) == len(prints), "another setting leaves the fingerprint as it is")


def made_up_inputs(method: FeatureMethod, size: int = 64) -> Any:
    """Make up what a method reads, from a fixed seed: discs of light on noise.

    Parameters
    ----------
    method
        The method.
    size
        Side of the images (px), 32 or more.
    """
    if method.reads == "objects":
        return _objects()
    images = _images(size)
    if method.reads == "cells":
        return images[0], _masks(size)
    return np.rint(images * 65535).astype(np.uint16) if method.reads == "crops" else images


def _images(size: int) -> npt.NDArray[np.float32]:
    """Intensities in [0, 1], (`IMAGES`, C, size, size)."""
    rng = np.random.default_rng(0)
    images = 0.02 * rng.random((IMAGES, len(STAINS), size, size))
    y, x = np.mgrid[:size, :size]
    for place in np.ndindex(images.shape[:2]):
        row, column = rng.uniform(0.3 * size, 0.7 * size, 2)
        radius = rng.uniform(0.1, 0.3) * size
        disc = np.exp(-((y - row) ** 2 + (x - column) ** 2) / radius**2)
        images[place] += rng.uniform(0.1, 0.9) * disc
    return np.clip(images, 0, 1).astype(np.float32)


def _masks(size: int) -> Masks:
    """Two cells with their nuclei."""
    cells = np.zeros((size, size), dtype=np.int32)
    nuclei = np.zeros_like(cells)
    half, margin = size // 2, size // 8
    for label, left in ((1, 2), (2, half + 1)):
        right = left + half - 3
        cells[margin : size - margin, left:right] = label
        nuclei[2 * margin : size - 2 * margin, left + margin // 2 : right - margin // 2] = label
    return Masks(nuclei, cells)


def _objects() -> pd.DataFrame:
    """Three fields of view in two wells."""
    rows = [("P1", "A01", "1", 4), ("P1", "A01", "2", 7), ("P1", "B02", "1", 0)]
    table = pd.DataFrame(rows, columns=[*FIELD_KEY, COUNTS[0]])
    counts = dict.fromkeys(COUNTS[1:], 0)
    return table.assign(**counts).astype(dict.fromkeys(COUNTS, np.int32))


def _of_cells(method: FeatureMethod, measure: Any, field: Array, masks: Masks) -> Array:
    before = field.copy()
    labels, values = measure(field, masks)
    _require(np.array_equal(before, field), "measuring changes the field of view")
    _require(
        np.array_equal(labels, np.arange(1, masks.count + 1)),
        f"labels are {list(labels)[:5]}, expected those of the masks, 1 to {masks.count}",
    )
    _check_values(method, values, masks.count)
    return np.asarray(values)


def _of_images(method: FeatureMethod, measure: Any, images: Array) -> Array:
    before = images.copy()
    values = measure(images)
    _require(np.array_equal(before, images), "measuring changes the images")
    _check_values(method, values, len(images))
    _check_values(method, measure(images[:0]), 0)
    return np.asarray(values)


def _of_objects(method: FeatureMethod, measure: Any, objects: pd.DataFrame) -> Array:
    table = measure(objects)
    expected = [*WELL_KEY, *method.columns]
    _require(
        list(table.columns) == expected, f"columns are {list(table.columns)}, expected {expected}"
    )
    wells = objects[WELL_KEY].drop_duplicates().sort_values(WELL_KEY, ignore_index=True)
    _require(
        table[WELL_KEY].equals(wells),
        "the table has not one row per well, sorted by plate and well",
    )
    values = table[list(method.columns)].to_numpy()
    _check_values(method, values, len(wells))
    return np.asarray(values)


def _check_values(method: FeatureMethod, values: Any, rows: int) -> None:
    shape = (rows, len(method.columns))
    _require(isinstance(values, np.ndarray), f"values are a {type(values).__name__}, no array")
    _require(values.shape == shape, f"values have the shape {values.shape}, expected {shape}")
    _require(
        bool(np.issubdtype(values.dtype, np.floating)), f"values are {values.dtype}, not floats"
    )
    _require(not np.isinf(values).any(), "values are infinite; NaN says that one is not defined")


def _check_batches(measure: Any, images: Array, expected: Array) -> None:
    alone = np.concatenate([measure(images[i : i + 1]) for i in range(len(images))])
    reversed_ = measure(images[::-1])[::-1]
    scale = np.nanmax(np.abs(expected), initial=0) or 1
    for found in (alone, reversed_):
        equal = np.allclose(found / scale, expected / scale, rtol=0, atol=TOLERANCE, equal_nan=True)
        _require(equal, "the values of an image depend on what else is in its batch")
    rows = {row.tobytes() for row in expected}
    _require(len(images) < 2 or len(rows) > 1, "different images have equal values")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
