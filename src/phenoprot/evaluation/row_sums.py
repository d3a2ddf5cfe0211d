"""Sums of rows of a table in orders drawn at random, by the processor's vectors.

LLVM finds no vectors in such a loop by itself: the sums would have to stay in registers, but may
overlap the table for all it knows. Here they are written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from phenoprot.core.compiled import config

COLUMNS = 8
"""Of a table: a row is as long as a line of the cache."""
LANES = 4
"""Doubles of one vector (AVX2)."""


def _plain(
    table: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    weights: np.ndarray,
    start: int,
    stop: int,
    sums: np.ndarray,
) -> None:
    """`weighed_rows` without numba."""
    sums[:] = 0.0
    for number in range(start, stop):
        for draw, rows in enumerate((first, second)):
            sums[draw] += table[rows[number]] * weights[number]


@intrinsic
def _vectors(
    _typing: Any,
    table: Any,
    first: Any,
    second: Any,
    weights: Any,
    start: Any,
    stop: Any,
    sums: Any,
) -> Any:
    signature = types.void(table, first, second, weights, start, stop, sums)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        vector = ir.VectorType(ir.DoubleType(), LANES)
        zero = ir.Constant(vector, [0.0] * LANES)
        parts = range(COLUMNS // LANES)

        def data(number: int) -> Any:
            return context.make_array(kinds[number])(context, builder, arguments[number]).data

        def place(array: Any, number: Any, part: int) -> Any:
            """Where a part of a row begins."""
            of_row = builder.mul(number, ir.Constant(number.type, len(parts)))
            return builder.gep(array, [builder.add(of_row, ir.Constant(number.type, part))])

        def load(array: Any, number: Any, part: int) -> Any:
            return builder.load(place(array, number, part), align=8)

        values, weight, out = (
            builder.bitcast(data(number), vector.as_pointer()) for number in (0, 3, 6)
        )
        orders = data(1), data(2)
        held = [[cgutils.alloca_once_value(builder, zero) for _ in parts] for _ in orders]
        for pointer in (one for of_order in held for one in of_order):
            builder.store(zero, pointer)  # at each call: the line above is run once for all
        one = ir.Constant(arguments[4].type, 1)
        with cgutils.for_range_slice(builder, arguments[4], arguments[5], one) as (number, _):
            by = [load(weight, number, part) for part in parts]
            for order, of_order in zip(orders, held, strict=True):
                row = builder.sext(builder.load(builder.gep(order, [number])), number.type)
                for part, pointer in zip(parts, of_order, strict=True):
                    weighed = builder.fmul(load(values, row, part), by[part])
                    builder.store(builder.fadd(builder.load(pointer), weighed), pointer)
        for number, of_order in enumerate(held):
            for part, pointer in zip(parts, of_order, strict=True):
                where = place(out, ir.Constant(ir.IntType(64), number), part)
                builder.store(builder.load(pointer), where, align=8)
        return context.get_dummy_value()

    return signature, code


weighed_rows: Any = _plain if config.DISABLE_JIT else _vectors
"""``weighed_rows(table, first, second, weights, start, stop, sums)``, in kernels.

Two orders at a time: their additions do not wait for each other, and the weights are loaded once.

Parameters
----------
table
    (rows, COLUMNS), float64.
first, second
    (n,), int32: two orders of rows of the table. No number is looked at whether it fits.
weights
    (n, COLUMNS), float64: by which the row at each place of an order is multiplied.
start, stop
    Places of the orders to sum up.
sums
    (2, COLUMNS), float64: the result.
"""
