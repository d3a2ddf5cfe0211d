"""Which wells are controls: marks in the words of many laboratories, and names of vehicles."""

from __future__ import annotations

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.imports.columns import column_of, find
from phenoprot.screens.contract import NEGATIVE_CONTROL, POSITIVE_CONTROL
from phenoprot.screens.tables import canonical_compound

VEHICLES = ("dmso", "dimethylsulfoxide", "vehicle", "mock", "water", "h2o", "pbs", "ethanol")
"""Names of compounds that are none, folded."""
_NEGATIVE = {
    "negcon", "neg", "negative", "negativecontrol", "negctrl", "negcontrol", "nc", "vehicle",
    "vehiclecontrol", "dmso", "ctlvehicle", "solvent", "untreated", "ctluntrt",
}  # fmt: skip
_POSITIVE = {"pos", "positive", "positivecontrol", "posctrl", "poscontrol", "pc", "ctlpos"}
_TREATED = {
    "trt", "treated", "treatment", "sample", "test", "compound", "trtcp", "false", "query", "0",
}  # fmt: skip
_EMPTY = {"empty", "blank", "unused", "nocells", "emptywell"}


def read_marks(table: pd.DataFrame, where: str) -> pd.Series:
    """``negcon``, ``poscon``, ``control`` (which of both is to be seen), ``empty`` or none.

    Raises
    ------
    UserError
        A word in the column of the kinds of control is none of those known.
    """
    marks = pd.Series([""] * len(table), index=table.index, dtype=object)
    strange: list[str] = []
    for what in ("kind", "control"):  # the second is the more exact, and goes before the first
        words = column_of(table, what)
        known = {word: _mark(word) for word in words.dropna().unique()}
        if what == "control":
            strange = [word for word, mark in known.items() if mark is None]
        new = words.map(known).fillna("")
        marks = marks.mask(new != "", new)
    if strange:
        raise UserError(
            f"column '{find(table.columns, 'control')}' has {len(strange)} word(s) that are no "
            f"kind of control: {listed([quoted(word) for word in strange])}",
            where=where,
            remedy="Known are negcon, poscon (also poscon_...), control, trt, empty, or nothing.",
        )
    return marks


def _mark(word: str) -> str | None:
    mark = "".join(c for c in word.lower() if c.isalnum())
    if mark in _NEGATIVE or mark.startswith("negcon"):
        return NEGATIVE_CONTROL
    if mark in _POSITIVE or mark.startswith("poscon"):
        return POSITIVE_CONTROL
    if mark in _EMPTY:
        return "empty"
    if mark in _TREATED:
        return ""
    return "control" if mark in {"control", "ctrl", "ctl"} else None


def name_negative_control(
    names: pd.Series, marks: pd.Series, vehicle: pd.Series, asked: str | None, where: str
) -> str:
    """Name of the negative control: as asked for, as marked, or as vehicles are called.

    Raises
    ------
    UserError
        No well is one.
    """
    if asked is not None:
        return canonical_compound(asked)
    for chosen in (names[marks == NEGATIVE_CONTROL], names[vehicle]):
        if len(chosen):
            named = chosen.dropna()
            return canonical_compound(str(named.mode()[0])) if len(named) else "DMSO"
    raise UserError(
        "no well is a negative control",
        where=where,
        remedy="Name their compound (--negative-control), or mark them negcon in a column "
        "control_type.",
    )
