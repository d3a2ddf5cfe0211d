"""A rule of the validation: plain data that says what must hold, why, and what to do if not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TABLE = "table"
"""Column of every batch: the file that a row speaks of. Results are given per file."""

WEIGHT = "weight"
"""Column of a batch whose rows stand for several, all of which break no rule: their number."""

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Present:
    """No value is missing."""


@dataclass(frozen=True)
class Between:
    """Values lie within bounds, ends included unless said; missing values pass.

    A bound is a number, or the name of a setting.
    """

    minimum: float | str | None = None
    maximum: float | str | None = None
    strict: bool = False
    """Leave out the lower end."""
    strict_maximum: bool = False
    """Leave out the upper end."""


@dataclass(frozen=True)
class OneOf:
    """Values come from a fixed set; missing values pass."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """Texts match a regular expression; missing values pass."""

    pattern: str


@dataclass(frozen=True)
class Rule:
    """One check: a limit on one column of one batch (a table, or a summary of tables).

    `fault`, `item` and `remedy` are format strings. They may name any setting; `fault` also ``n``
    and ``total`` (failed and judged rows) and ``items``; `item` and `remedy` the columns of a row
    (`remedy`: of the first failed one).
    """

    id: str
    batch: str
    column: str
    limit: Present | Between | OneOf | Matches
    demand: str
    """What must hold, for the documentation."""
    fault: str
    """What is wrong, in one line."""
    why: str
    """What would go wrong downstream."""
    remedy: str
    """What the user can do."""
    item: str = ""
    """Names one failed row."""
    at: str = ""
    """Column of the user's table to look at."""
    severity: Severity = "critical"
    """``warning``: reported, does not stop the pipeline."""
    unless: str = ""
    """Rule of the same batch whose failed rows this one does not repeat."""
