"""Measured rates: what a unit of work costs, in the file ``rates.json``.

``python -m benchmarks.scale.rates fit`` makes the file from the measured runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import Field

from phenoprot.core.files import read_json
from phenoprot.core.settings import Settings, Share, parse_settings
from phenoprot.costs.work import WHOLE

RATES = Path(__file__).with_name("rates.json")
MILLION = 1e6
BEYOND = 2.0
"""A line holds up to this many times the most that was measured of each unit."""


class Line(Settings):
    """A cost as a sum: a constant, and so much for each unit of work."""

    base: float = Field(default=0.0, ge=0)
    """Whatever the work is."""
    per: dict[str, float] = {}
    """For each unit by its name, see :data:`phenoprot.costs.work.UNITS`: per million, but per one
    result or treatment."""
    most: dict[str, float] = {}
    """The most of each unit in the runs that it is of; without an entry there is no limit."""

    def beyond(self, amounts: Mapping[str, float]) -> bool:
        """Whether so much work is more than :data:`BEYOND` times what was measured."""
        return any(
            unit in self.most and amount > BEYOND * self.most[unit]
            for unit, amount in amounts.items()
        )

    def of(self, amounts: Mapping[str, float]) -> float | None:
        """The cost of so much work; None: of one of its units no rate is known."""
        if any(amount and unit not in self.per for unit, amount in amounts.items()):
            return None
        return self.base + sum(
            self.per[unit] * counted(unit, amount) for unit, amount in amounts.items() if amount
        )


class StageRates(Settings):
    """What the work of a stage costs on one core of the machine that was measured."""

    seconds: Line
    """Processor seconds of all its processes."""
    parallel: Share = 0.0
    """Share of them that workers divide among them."""
    memory: Line | None = None
    """Most bytes that one of its processes holds. None: not measured."""
    disk: Line | None = None
    """Bytes of what it makes. None: not measured."""
    gpu_seconds: Line | None = None
    """Seconds of one GPU, with all else of the stage. None: not measured."""
    sources: list[str]
    """Runs that the rates are taken from, and where from a rate that is not one of a run."""


class Rates(Settings):
    """All rates, and the machine that they are of."""

    machine: str
    """Processor."""
    start: float = Field(ge=0)
    """Seconds of a stage that computes nothing: DVC's and those of imports."""
    stages: dict[str, StageRates]
    """By stage; those of all tasks are one, ``predict``."""


def counted(unit: str, amount: float) -> float:
    """An amount of work in the unit that rates are given for."""
    return amount if unit.startswith(WHOLE) else amount / MILLION


@cache
def read_rates(path: Path = RATES) -> Rates:
    """The rates of this version.

    Raises
    ------
    UserError
        The file is missing or damaged.
    """
    return parse_settings(Rates, read_json(path, "Install the package again."), str(path))
