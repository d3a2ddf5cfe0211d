"""What each stage of a screen will cost, by the sizes of the screen and the measured rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phenoprot.core.paths import Paths
from phenoprot.costs.rates import Rates, StageRates
from phenoprot.costs.sizes import full_sizes, phantom_sizes, sizes_of
from phenoprot.costs.work import Screen, Work, work_of
from phenoprot.phantom.full import METHOD, FullSettings
from phenoprot.pipeline.stages import SIMULATED, stages_of
from phenoprot.tasks.settings import RowSettings

if TYPE_CHECKING:
    from phenoprot.pipeline.params import Params

FULL = "full"
"""Name of the screen of the size that the suite is made for."""


@dataclass(frozen=True)
class Workers:
    """Where a run takes place."""

    cores: int
    """Workers of one core each."""
    gpus: int = 0
    """GPUs, for stages whose rate on one is measured."""


@dataclass(frozen=True)
class Cost:
    """What a stage costs; None: not measured, or not for so much work."""

    stage: str
    shards: int
    """Pieces that can be done at the same time."""
    seconds: float | None
    """Wall time."""
    process_bytes: float | None
    """Most memory of one process."""
    memory_bytes: float | None
    """Of all processes at a time, at most."""
    disk_bytes: float | None
    """What it makes."""
    beyond: bool = False
    """Whether the time is that of far more work than was measured, an order of magnitude."""


@dataclass(frozen=True)
class Total(Cost):
    """What all stages cost."""

    unknown: Mapping[str, int] | None = None
    """Stages of which a figure is not known, by its name: the total is at least what it says."""


def rated(stage: str) -> str:
    """Name that the rates of a stage stand under: what fits models has the same."""
    return "predict" if stage.startswith("predict-") or stage == "choose" else stage


def cost(stage: str, work: Work, rates: Rates, at: Workers) -> Cost:
    """The cost of one stage.

    Workers share the parallel part evenly, and no more of them than there are shards; GPUs share
    all of a stage that was measured on one. Of more than
    :data:`phenoprot.costs.rates.BEYOND` times the work that was measured, the memory is not told,
    and the time is marked as `beyond`.
    """
    own = rates.stages.get(rated(stage))
    if own is None:
        return Cost(stage, work.shards, None, None, None, None)
    # A stage without shards has one process of its own.
    busy = min(at.cores, work.shards) if work.shards > 1 else 1
    memory = None
    if own.memory is not None and not own.memory.beyond(work.memory):
        memory = own.memory.of(work.memory)
    line = own.gpu_seconds if at.gpus and own.gpu_seconds is not None else own.seconds
    return Cost(
        stage=stage,
        shards=work.shards,
        seconds=_seconds(own, work, rates.start, busy, at.gpus),
        process_bytes=memory,
        memory_bytes=None if memory is None else memory * (busy + (busy > 1)),
        disk_bytes=own.disk.of(work.disk) if own.disk else None,
        beyond=line.beyond(work.amounts),
    )


def _seconds(own: StageRates, work: Work, start: float, busy: int, gpus: int) -> float | None:
    if gpus and own.gpu_seconds is not None:
        on_gpu = own.gpu_seconds.of(work.amounts)
        return None if on_gpu is None else start + on_gpu / gpus
    seconds = own.seconds.of(work.amounts)
    if seconds is None:
        return None
    return start + seconds * (1 - own.parallel + own.parallel / busy)


def costs(screen: Screen, rates: Rates, at: Workers) -> list[Cost]:
    """The cost of every stage of a screen, in the order of the data."""
    stages = stages_of(screen.name, screen.sizes.contents, screen.rows.values())
    return [cost(one.name, work_of(one.name, screen), rates, at) for one in stages]


def total(found: Iterable[Cost]) -> Total:
    """All stages in turn: their time and disk, and the most memory of one of them.

    Of the stages of which it is known, see :attr:`Total.unknown`; None: of no stage.
    """
    stages = list(found)
    values = {
        name: [getattr(one, name) for one in stages]
        for name in ("seconds", "process_bytes", "memory_bytes", "disk_bytes")
    }
    known = {name: [v for v in own if v is not None] for name, own in values.items()}
    return Total(
        stage="all",
        shards=sum(one.shards for one in stages),
        seconds=sum(known["seconds"]) if known["seconds"] else None,
        process_bytes=max(known["process_bytes"], default=None),
        memory_bytes=max(known["memory_bytes"], default=None),
        disk_bytes=sum(known["disk_bytes"]) if known["disk_bytes"] else None,
        beyond=any(one.beyond for one in stages),
        unknown={name: len(stages) - len(own) for name, own in known.items()},
    )


def screen_named(name: str, params: Params) -> Screen:
    """A screen of params.yaml, the one of full size, or that of a folder.

    Parameters
    ----------
    name
        Key of params.yaml, :data:`FULL`, or a screen folder. The rows of a folder that params.yaml
        does not name are one of the MLP and one of the linear model on its first profile table.
    params
        The whole of params.yaml.

    Raises
    ------
    UserError
        There is no such screen, or its folder breaks the contract.
    """
    if name in params.screens:
        block = params.screens[name]
        if name == SIMULATED and not (block.folder / "screen.yaml").is_file():
            sizes = phantom_sizes(params.phantom, Paths(name))
        else:
            sizes = sizes_of(name, block.folder)
        own = params.of_screen(name)
        return Screen(name, sizes, block.rows, tuple(block.extracted), own)
    if name == FULL:
        sizes = full_sizes(FullSettings())
        return Screen(name, sizes, two_rows(METHOD), (), params)
    folder = Path(name)
    if not (folder / "screen.yaml").is_file():
        params.screen(name)
    sizes = sizes_of(folder.name, folder)
    first = next(iter(sizes.tables), METHOD)
    return Screen(folder.name, sizes, two_rows(first), (), params)


def two_rows(method: str) -> dict[str, RowSettings]:
    """A row of each model on one table."""
    return {
        f"{method}{end}": RowSettings.model_validate({"features": [method], "model": model})
        for model, end in (("mlp", ""), ("linear", "_linear"))
    }
