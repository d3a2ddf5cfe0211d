"""The arrays of a pickled dictionary, without unpickling: what Cellpose writes as ``_seg.npy``.

Unpickling a file runs what the file says. Here its instructions move data only: a call is noted
down with its arguments and never made, a name is kept as text and never imported.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

DEEPEST = 10_000_000
"""Instructions that are read."""
TYPES = {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "b1"}
"""Types of arrays of labels, as NumPy abbreviates them."""


class NotInert(ValueError):
    """The file has an instruction or an array that is not known here."""


@dataclass
class Call:
    """A call that was not made: of what, with what, and the state that would have been set."""

    what: Any
    given: Any
    state: Any = None


class _Mark:
    """The place in the stack where a list, tuple or dictionary begins."""


def read_inert(stream: BinaryIO) -> Any:
    """Read pickled data: numbers, text, bytes, lists, tuples, dictionaries and :class:`Call`.

    Raises
    ------
    NotInert
        It is no such data, is cut, or holds an instruction that plain data does not need.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for number, (code, value, _) in enumerate(pickletools.genops(stream)):
            if number > DEEPEST:
                raise NotInert("more instructions than any file of masks")
            if code.name == "STOP":
                return stack.pop()
            _step(code.name, value, stack, memo)
    except NotInert:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError):
        raise NotInert("damaged or cut") from None
    raise NotInert("damaged or cut")


VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip
"""Instructions that push what stands beside them."""
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _step(name: str, value: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in VALUES:
        stack.append(value)
    elif name in CONSTANTS:
        stack.append(CONSTANTS[name])
    elif name in ("EMPTY_LIST", "EMPTY_DICT", "MARK"):
        stack.append([] if name == "EMPTY_LIST" else {} if name == "EMPTY_DICT" else _Mark())
    elif name in TUPLES:
        items = [stack.pop() for _ in range(TUPLES[name])]
        stack.append(tuple(reversed(items)))
    elif name == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif name in ("APPEND", "APPENDS"):
        items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
        stack[-1].extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else _since_mark(stack)
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    elif name == "GLOBAL":
        stack.append(value.replace(" ", "."))
    elif name == "STACK_GLOBAL":
        member, module = stack.pop(), stack.pop()
        stack.append(f"{module}.{member}")
    elif name in ("REDUCE", "NEWOBJ"):
        given, what = stack.pop(), stack.pop()
        stack.append(Call(what, given))
    elif name == "BUILD":
        state = stack.pop()
        if not isinstance(stack[-1], Call):
            raise NotInert("damaged or cut")
        stack[-1].state = state
    elif name in ("BINPUT", "LONG_BINPUT"):
        memo[value] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[value])
    elif name not in ("PROTO", "FRAME"):
        raise NotInert(f"instruction {name}, which plain data does not need")


def _since_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while not isinstance(last := stack.pop(), _Mark):
        items.append(last)
    return items[::-1]


def inert_array(call: Any) -> npt.NDArray[np.generic]:
    """An array of whole numbers from the call that would make it.

    Raises
    ------
    NotInert
        It is none, or its bytes do not fill its shape.
    """
    try:
        _, shape, dtype, fortran, content = call.state
        kind, order = dtype.given[0], dtype.state[1]
    except (AttributeError, TypeError, ValueError, IndexError):
        raise NotInert("no array where masks were expected") from None
    whole = isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)
    if kind not in TYPES or order not in ("<", ">", "|") or not isinstance(content, bytes):
        raise NotInert("no array of whole numbers where masks were expected")
    if not whole or len(content) != np.dtype(kind).itemsize * int(np.prod(shape, dtype=object)):
        raise NotInert("masks whose bytes do not fill their shape")
    flat = np.frombuffer(content, np.dtype(kind).newbyteorder(order))
    return flat.reshape(shape, order="F" if fortran else "C")
