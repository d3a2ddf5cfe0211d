"""Sums of rows in drawn orders, against numpy."""

import numpy as np
import pytest

from phenoprot.core.compiled import inlined
from phenoprot.evaluation import row_sums
from phenoprot.evaluation.row_sums import COLUMNS, weighed_rows


@inlined
def compiled(
    table: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    weights: np.ndarray,
    start: int,
    stop: int,
    sums: np.ndarray,
) -> None:
    weighed_rows(table, first, second, weights, start, stop, sums)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 40), (3, 40), (7, 7)])
@pytest.mark.parametrize("offset", [0, 1], ids=["on a line", "between lines"])
def test_the_vectors_add_up_what_numpy_does(start: int, stop: int, offset: int) -> None:
    rng = np.random.default_rng(start)
    values = rng.normal(size=60 * COLUMNS + offset)[offset:]
    table, weights = values.reshape(60, COLUMNS), rng.normal(size=(40, COLUMNS))
    orders = [rng.permutation(60)[:40].astype(np.int32) for _ in range(2)]
    found = np.full((2, COLUMNS), np.nan)
    compiled(table, *orders, weights, start, stop, found)
    part = slice(start, stop)
    for sums, order in zip(found, orders, strict=True):
        expected = (table[order[part]] * weights[part]).sum(axis=0)
        np.testing.assert_allclose(sums, expected, rtol=1e-13, atol=1e-13)
    # In one order, as without numba: the same bits.
    plain = np.empty((2, COLUMNS))
    row_sums._plain(table, *orders, weights, start, stop, plain)
    np.testing.assert_array_equal(found, plain)
