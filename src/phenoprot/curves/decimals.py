"""Compiled: the shortest decimal text that reads back as the same number, as Python's ``repr``.

The digits are those of Schubfach (Giulietti 2020, "The Schubfach way to render doubles", 9): a
double lies in an interval of reals that round to it; one multiplication by a power of ten of 126
bits tells the decimals of the fewest digits in there, of which the nearest is taken.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import inlined, one_variant

LONGEST_NUMBER = 25
"""Bytes, at most, of a number: ``-1.7976931348623157e+308`` has 24."""
TEXT, WHOLE, REAL = 0, 1, 2
"""Kinds of columns."""
FIRST_K, LAST_K = -324, 292
"""Powers of ten of the digits of doubles."""
_U = np.uint64
ZERO, ONE, TWO, FOUR, TEN, HUNDRED = _U(0), _U(1), _U(2), _U(4), _U(10), _U(100)
HALF, HALF_BITS, MASK_63 = _U(32), _U(0xFFFFFFFF), _U(0x7FFFFFFFFFFFFFFF)
LARGEST = _U(10**16)
"""The least number of 17 digits, the most that a double needs."""
SIGN_SHIFT, FRACTION_BITS = _U(63), _U(52)
HIDDEN, FRACTION, EXPONENT = _U(1 << 52), _U((1 << 52) - 1), _U(0x7FF)
POINT, MINUS, PLUS, LETTER_E, DIGIT_0, NEW_LINE = 46, 45, 43, 101, 48, 10


def _powers() -> npt.NDArray[np.uint64]:
    """``floor(10**-k * 2**r) + 1``, of 126 bits, for every k: upper and lower 63 bits, (617, 2)."""
    table = np.empty((LAST_K - FIRST_K + 1, 2), dtype=np.uint64)
    for row, k in enumerate(range(FIRST_K, LAST_K + 1)):
        over, under = 10 ** max(-k, 0), 10 ** max(k, 0)
        shift = 126 - over.bit_length() + under.bit_length()
        g = (over << shift) // under if shift >= 0 else (over >> -shift) // under
        excess = g.bit_length() - 126
        if excess > 0:
            shift -= excess
            g = (over << shift) // under if shift >= 0 else (over >> -shift) // under
        g += 1
        table[row] = g >> 63, g & ((1 << 63) - 1)
    return table


POWERS = _powers()
PAIRS = np.array([(48 + i // 10) | (48 + i % 10) << 8 for i in range(100)], dtype=np.int64)
"""The two digits of each number below 100, the first in the lower byte."""


@inlined
def high_product(a, b):  # type: ignore[no-untyped-def]
    """Upper 64 bits of the product of two numbers of 64 bits."""
    a1, a0, b1, b0 = a >> HALF, a & HALF_BITS, b >> HALF, b & HALF_BITS
    middle = a1 * b0 + (a0 * b0 >> HALF)
    other = (middle & HALF_BITS) + a0 * b1
    return a1 * b1 + (middle >> HALF) + (other >> HALF)


@inlined
def round_to_odd(row, c, powers):  # type: ignore[no-untyped-def]
    """Product of `c` and a power, in quarters; its last bit is set if anything is cut off."""
    x1 = high_product(powers[row, 1], c)
    y0 = powers[row, 0] * c
    y1 = high_product(powers[row, 0], c)
    z = (y0 >> ONE) + x1
    w = y1 + (z >> SIGN_SHIFT)
    return w | (((z & MASK_63) + MASK_63) >> SIGN_SHIFT)


@inlined
def shortest(bits, powers):  # type: ignore[no-untyped-def]
    """Digits (an integer) and power of ten of a finite double above 0, given as its bits."""
    biased = (bits >> FRACTION_BITS) & EXPONENT
    c = bits & FRACTION
    q = np.int64(-1074)
    if biased != ZERO:
        c |= HIDDEN
        q = np.int64(biased) - 1075
    odd = c & ONE
    middle = c << TWO
    right = middle + TWO
    # floor(log10(2**q)), and of 3/4 of it where the gap below is half the gap above
    if c != HIDDEN or biased <= ONE:
        left = middle - TWO
        k = (q * 661971961083) >> 41
    else:
        left = middle - ONE
        k = (q * 661971961083 - 274743187321) >> 41
    h = _U(q + ((-k * 913124641741) >> 38) + 2)
    row = k - FIRST_K
    v = round_to_odd(row, middle << h, powers)
    low = round_to_odd(row, left << h, powers) + odd
    up = round_to_odd(row, right << h, powers) - odd
    s = v >> TWO
    if s >= TEN:
        tens = s // TEN * TEN
        below, above = low <= tens * FOUR, (tens + TEN) * FOUR <= up
        if below != above:
            return (tens if below else tens + TEN), k
    below, above = low <= s * FOUR, (s + ONE) * FOUR <= up
    if below != above:
        return (s if below else s + ONE), k
    twice = (s + s + ONE) * TWO
    if v < twice or (v == twice and s & ONE == ZERO):
        return s, k
    return s + ONE, k


@inlined
def put_digits(digits, count, out, at):  # type: ignore[no-untyped-def]
    """Write the `count` digits of an integer, two at a time."""
    place = at + count
    while place - at >= 2:
        rest = digits // HUNDRED
        pair = PAIRS[digits - rest * HUNDRED]
        out[place - 1] = pair >> 8
        out[place - 2] = pair & 255
        digits = rest
        place -= 2
    if place > at:
        out[at] = DIGIT_0 + np.int64(digits)
    return at + count


@inlined
def put_text(text, out, at):  # type: ignore[no-untyped-def]
    """Write ASCII text."""
    for i in range(len(text)):
        out[at + i] = text[i]
    return at + len(text)


@inlined
def put_number(value, bits, whole, powers, out, at):  # type: ignore[no-untyped-def]
    """Write a number as ``repr`` does, a whole one without ``.0``; nothing for NaN."""
    if math.isnan(value):
        return at
    if bits >> SIGN_SHIFT != ZERO:
        out[at] = MINUS
        at += 1
    if math.isinf(value):
        return put_text(b"inf", out, at)
    if value == 0.0:
        return put_text(b"0" if whole else b"0.0", out, at)
    digits, power = shortest(bits & MASK_63, powers)
    while True:
        rest = digits // TEN
        if rest * TEN != digits:
            break
        digits, power = rest, power + 1
    count, limit = 17, LARGEST
    while digits < limit:
        count, limit = count - 1, limit // TEN
    point = count + power
    if whole or -3 <= point <= 16:
        return put_fixed(digits, count, point, whole, out, at)
    # d.ddde+XX, at least two digits of exponent
    end = put_digits(digits, count, out, at + 1)
    out[at] = out[at + 1]
    out[at + 1] = POINT
    at = end if count > 1 else at + 1
    exponent = point - 1
    out[at] = LETTER_E
    out[at + 1] = MINUS if exponent < 0 else PLUS
    exponent = abs(exponent)
    return put_digits(_U(exponent), 2 if exponent < 100 else 3, out, at + 2)


@inlined
def put_fixed(digits, count, point, whole, out, at):  # type: ignore[no-untyped-def]
    """Write digits with the decimal point after `point` of them."""
    if point <= 0:
        at = put_text(b"0.", out, at)
        for _ in range(-point):
            out[at] = DIGIT_0
            at += 1
        return put_digits(digits, count, out, at)
    if point < count:
        end = put_digits(digits, count, out, at + 1)
        for i in range(point):
            out[at + i] = out[at + i + 1]
        out[at + point] = POINT
        return end
    at = put_digits(digits, count, out, at)
    for _ in range(point - count):
        out[at] = DIGIT_0
        at += 1
    return at if whole else put_text(b".0", out, at)


@one_variant("(f8[:, ::1], u8[:, ::1], i8[::1], u1[::1], i8[:, ::1], u8[:, ::1], u1, u1[::1])")
def put_rows(values, bits, kinds, text, offsets, powers, separator, out):  # type: ignore[no-untyped-def]
    """Write rows as lines; returns the number of bytes.

    Parameters
    ----------
    values, bits
        (rows, numbers): the numbers, and the same memory as integers.
    kinds
        (columns,): `TEXT`, `WHOLE` or `REAL`.
    text, offsets
        The texts of all text columns one after another, and where each starts,
        (text columns, rows + 1).
    powers
        `POWERS`.
    separator
        Between the fields.
    out
        Receives the lines, which end in LF.
    """
    at = 0
    for row in range(len(values)):
        number, texts = 0, 0
        for column in range(len(kinds)):
            if column:
                out[at] = separator
                at += 1
            if kinds[column] == TEXT:
                for place in range(offsets[texts, row], offsets[texts, row + 1]):
                    out[at] = text[place]
                    at += 1
                texts += 1
            else:
                whole = kinds[column] == WHOLE
                at = put_number(values[row, number], bits[row, number], whole, powers, out, at)
                number += 1
        out[at] = NEW_LINE
        at += 1
    return at
