"""How much work each stage has, in units that its cost is proportional to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phenoprot.costs.sizes import Sizes
from phenoprot.curves.screen import CURVES_PER_SHARD
from phenoprot.evaluation.blocks import VALUES
from phenoprot.features.mae.settings import MAE_NAMES
from phenoprot.screens.readout import LARGEST_IN_MEMORY, VALUES_OF_BLOCK
from phenoprot.tasks.classification import TASK as CLASSIFICATION
from phenoprot.tasks.fusion import fusions_of, stacked_rows
from phenoprot.tasks.registry import all_tasks, tasks_of
from phenoprot.tasks.ridge import FEW_ROWS
from phenoprot.tasks.settings import RowSettings
from phenoprot.wells.names import DOSE, POSITION, PROTEOME, STRUCTURE

if TYPE_CHECKING:
    from phenoprot.pipeline.params import Params

UNITS = {
    "readout": "wells x proteins of the readout",
    "profiles": "wells x features, summed over profile tables and extracted features",
    "curves": "compounds x proteins of a dose series",
    "levels": "treatments x proteins",
    "given": "compounds x proteins of labels that others found",
    "treatments": "treatments",
    "pixels": "fields x stains x pixels of an image",
    "pixels of METHOD": "the same, once for each extracted feature method but the count of cells",
    "pixels of a field": "stains x pixels of an image",
    "crops": "crops that the training of the autoencoder sees: steps x crops of a step",
    "folds of MODEL": "fits x folds; a fit is a row, part and repeat, and (folds - 1) / 2 more of "
    "a row that a stack is of",
    "folds of contributions": "rows whose contributions are asked for x parts x folds",
    "products of MODEL": "fits x folds x treatments x features x the smaller of these two",
    "labels of MODEL": "fits x treatments x label columns",
    "systems of MODEL": "fits x folds x label columns, of so many treatments that nearly each has "
    "a ridge system of its own",
    "steps of MODEL": "fits x folds x networks x steps, at most",
    "outputs of MODEL": "the same x treatments of a step x label columns",
    "largest": "treatments x label columns of the largest part",
    "columns": "label columns of the largest part: each takes memory while a file is written",
    "inputs": "treatments x features of the row that has most of them",
    "predictions": "fits x treatments x label columns of all models",
    "explained": "treatments x label columns of rows whose contributions are asked for",
    "torch": "1 if a network is trained: its libraries",
    "in blocks": "1 if the readout is read in blocks of proteins",
    "results": "rows and comparisons, summed over parts",
    "scores": "results x treatments x label columns x repeats",
}
"""Units of work."""
WHOLE = ("folds of", "results", "treatments", "columns", "torch", "in blocks")
"""Units that rates are given for as they are; of the others they are given for a million."""
COUNTED = "cell_count"
"""Extracted method that has no shards: cells are counted in the masks."""
WIDTHS = {"cellprofiler": 4195, "cell_count": 1, "mae": 128, "cloome": 512, "dino": 768}
"""Features of the extracted methods, as the default run has them (count)."""
MADE = {STRUCTURE: 1833, POSITION: 11, DOSE: 1}
"""Features of the tables that are made (count)."""
CLASSIFIED = tuple(part.name for part in CLASSIFICATION.parts)
"""Parts that proteins are chosen by, and contributions are of."""
OTHER_METHOD = 1000
"""Features that another method is taken to have (count)."""


@dataclass(frozen=True)
class Work:
    """What a stage has to do."""

    amounts: Mapping[str, float]
    """What its time depends on, by unit of :data:`UNITS`."""
    shards: int = 1
    """Pieces that can be done at the same time."""
    held: Mapping[str, float] | None = None
    """What its memory depends on. None: the same."""
    made: Mapping[str, float] | None = None
    """What the size of its files depends on. None: the same."""

    @property
    def memory(self) -> Mapping[str, float]:
        """What its memory depends on."""
        return self.amounts if self.held is None else self.held

    @property
    def disk(self) -> Mapping[str, float]:
        """What the size of its files depends on."""
        return self.amounts if self.made is None else self.made


@dataclass(frozen=True)
class Screen:
    """A screen and what is asked of it."""

    name: str
    sizes: Sizes
    rows: Mapping[str, RowSettings]
    extracted: tuple[str, ...]
    params: Params
    """As they hold for the screen."""

    def width(self, feature: str) -> int:
        """Features of a table that rows can name."""
        if feature == PROTEOME:
            return self.sizes.proteins
        own = self.sizes.tables.get(feature, MADE.get(feature))
        return own if own is not None else _width(feature)


def _width(method: str) -> int:
    return WIDTHS.get(method.removesuffix("-untrained"), OTHER_METHOD)


def work_of(stage: str, screen: Screen) -> Work:
    """The work of a stage by its name.

    Raises
    ------
    KeyError
        There is no such stage.
    """
    if stage.startswith("predict-"):
        return _predict(stage.removeprefix("predict-"), screen)
    return STAGES[stage](screen)


def _inputs(screen: Screen) -> Work:
    sizes = screen.sizes
    own = sum(sizes.tables.values()) * sizes.wells
    return Work({"readout": sizes.readout_values, "profiles": own, "given": _given(sizes)})


def _given(sizes: Sizes) -> int:
    return 0 if sizes.readout_values else sizes.compounds * sizes.proteins


def _images(screen: Screen) -> Work:
    sizes = screen.sizes
    held = {"pixels of a field": float(sizes.stains * sizes.field_pixels)}
    return Work({"pixels": _pixels(screen)}, sizes.plate_rows, held, {"pixels": _pixels(screen)})


def _pixels(screen: Screen) -> int:
    return screen.sizes.fields * screen.sizes.stains * screen.sizes.field_pixels


def _mae(screen: Screen) -> Work:
    if not set(MAE_NAMES) & set(screen.extracted):
        return Work({})
    training = screen.params.mae.training
    return Work({"crops": training.steps * training.batch})


def _features(screen: Screen) -> Work:
    pixels, wells = float(_pixels(screen)), screen.sizes.wells
    methods = [method for method in screen.extracted if method != COUNTED]
    amounts = {f"pixels of {method}": pixels for method in methods}
    made = {"profiles": float(wells * sum(map(_width, screen.extracted)))}
    held = {"pixels of a field": float(screen.sizes.stains * screen.sizes.field_pixels)}
    if not amounts:
        return Work({})
    return Work(amounts, len(amounts) * screen.sizes.plate_rows, held, made)


def _profiles(screen: Screen) -> Work:
    sizes = screen.sizes
    widths = sum(sizes.tables.values()) + sum(map(_width, screen.extracted))
    made = {name for row in screen.rows.values() for name in row.features if name in MADE}
    rows = sizes.treatments * sum(MADE[name] for name in made)
    files = {"profiles": sizes.treatments * widths + rows}
    return Work({"profiles": sizes.wells * widths + rows}, made=files)


def _activity(screen: Screen) -> Work:
    return Work({**_profiles(screen).amounts, "treatments": screen.sizes.treatments})


def _curves(screen: Screen) -> Work:
    sizes = screen.sizes
    if not sizes.dose_response:
        return Work({})
    curves = {"curves": sizes.compounds * sizes.proteins}
    held = {**curves, "in blocks": float(sizes.readout_values > LARGEST_IN_MEMORY)}
    return Work({**curves, "readout": sizes.readout_values}, _blocks(sizes), held, curves)


def _blocks(sizes: Sizes) -> int:
    """Shards of curves."""
    if sizes.readout_values > LARGEST_IN_MEMORY:
        return -(-sizes.readout_values // VALUES_OF_BLOCK)
    return -(-sizes.compounds * sizes.proteins // CURVES_PER_SHARD["batched"])


def _labels(screen: Screen) -> Work:
    sizes = screen.sizes
    large = sizes.readout_values > LARGEST_IN_MEMORY and sizes.replicates > 1
    levels = {"levels": sizes.treatments * sizes.proteins if sizes.readout_values else 0}
    ceiling = sizes.readout_values if sizes.replicates > 1 else 0
    amounts = {**levels, "given": _given(sizes), "readout": ceiling}
    return Work(amounts, _blocks(sizes) if large else 1, levels, levels)


def _splits(screen: Screen) -> Work:
    return Work({"treatments": screen.sizes.treatments})


def _check_labels(screen: Screen) -> Work:
    return Work({"levels": screen.sizes.treatments * screen.sizes.proteins})


@dataclass(frozen=True)
class _Fits:
    """Fits of one row on one part, in all repeats."""

    row: RowSettings
    part: str
    count: float
    predicted: int
    """Times that each treatment is predicted."""
    shards: int


def _fits(task: str, screen: Screen) -> Iterator[_Fits]:
    """Rows of a task that have a model; a leak gauge is one more.

    A row that a stack is of is fitted without each two folds, too: as one more shard a repeat,
    with one fit of a fold for each pair, which are those of (folds - 1) / 2 cross-validations.
    """
    found, splits = all_tasks()[task], screen.params.tasks.splits
    stacked = stacked_rows(fusions_of(found, screen.rows))
    for name, row in screen.rows.items():
        if row.model is not None and row.takes_part(task, found.asked):
            plain, pairs = 1 + row.leak_gauge, name in stacked
            count = splits.repeats * (plain + pairs * (splits.folds - 1) / 2)
            predicted = splits.repeats * (plain + pairs * (splits.folds - 1))
            shards = splits.repeats * (plain + pairs)
            for part in found.parts:
                yield _Fits(row, part.name, count, predicted, shards)


def _treatments(task: str, screen: Screen) -> int:
    return screen.sizes.treatments if task == "targets" else screen.sizes.labelled


def _predict(task: str, screen: Screen) -> Work:
    amounts: dict[str, float] = {}
    treatments, most, widest, made, shards = _treatments(task, screen), 0, 0, 0, 0
    for fits in _fits(task, screen):
        columns = screen.sizes.columns_of(fits.part)
        most, shards = max(most, columns), shards + fits.shards
        widest = max(widest, sum(map(screen.width, fits.row.features)))
        made += fits.predicted * treatments * columns
        for unit, amount in _fit(fits, columns, treatments, screen).items():
            amounts[unit] = amounts.get(unit, 0.0) + amount
    torch = any(unit.startswith("steps of") for unit in amounts)
    held = {
        "largest": float(treatments * most),
        "columns": float(most),
        "inputs": float(treatments * widest),
        "torch": float(torch),
    }
    return Work(amounts, max(1, shards), held, {"predictions": made})


def _fit(fits: _Fits, columns: int, treatments: int, screen: Screen) -> dict[str, float]:
    """Work of the fits of a row, by unit."""
    name = fits.row.model.estimator if fits.row.model else ""
    count, tasks = fits.count, screen.params.tasks
    used = treatments * fits.row.train_share
    settings = {"mlp": tasks.mlp, "mlp_poster": tasks.mlp_poster}.get(name)
    if settings is None:
        width, folds = sum(map(screen.width, fits.row.features)), tasks.splits.folds
        many = used * (folds - 1) / folds > FEW_ROWS
        return {
            f"folds of {name}": float(count * folds),
            f"products of {name}": count * folds * used * width * min(used, width),
            f"labels of {name}": count * used * columns,
            f"systems of {name}": float(count * folds * columns * many),
        }
    networks = settings.ensemble + settings.inner.splits * len(settings.points())
    steps = count * tasks.splits.folds * networks * settings.max_steps
    step = min(settings.batch_size, treatments)
    return {f"steps of {name}": steps, f"outputs of {name}": steps * step * columns}


def _choose(screen: Screen) -> Work:
    splits, sizes = screen.params.tasks.splits, screen.sizes
    parts = CLASSIFIED
    columns = sum(map(sizes.columns_of, parts))
    values = splits.repeats * splits.folds * sizes.labelled * columns
    chosen = screen.params.tasks.regression.selection
    row = screen.rows.get(chosen.row) if chosen else None
    if row is None:  # nothing is chosen by a row that is not there
        return Work({})
    held = {
        "largest": sizes.labelled * max(map(sizes.columns_of, parts)),
        "inputs": sizes.labelled * sum(map(screen.width, row.features)),
    }
    shards = len(parts) * splits.repeats
    # Within the training part of each fold a cross-validation of its own.
    amounts = {"folds of linear": float(shards * splits.folds**2), "labels of linear": values}
    return Work(amounts, shards, held)


def _evaluate(screen: Screen) -> Work:
    repeats = screen.params.tasks.splits.repeats
    amounts, largest = {"results": 0.0, "scores": 0.0}, 0
    for name, task in tasks_of(screen.sizes.contents, screen.rows.values()).items():
        rows = sum(row.takes_part(name, task.asked) for row in screen.rows.values())
        for part in task.parts:
            values = _treatments(name, screen) * screen.sizes.columns_of(part.name)
            results = rows + max(0, rows - 1)
            amounts["results"] += results
            amounts["scores"] += results * values * repeats
            largest = max(largest, values)
    held = {"largest": min(largest, VALUES // repeats)}
    return Work(amounts, max(1, int(amounts["results"])), held)


def _contributions(screen: Screen) -> Work:
    sizes, parts = screen.sizes, CLASSIFIED
    asked = sum(row.contributions for row in screen.rows.values())  # the first repeat only
    columns = sum(map(sizes.columns_of, parts))
    amounts = {
        "folds of contributions": float(asked * len(parts) * screen.params.tasks.splits.folds),
        "explained": float(asked * sizes.labelled * columns),
    }
    return Work(amounts, max(1, asked * len(parts)), {"explained": amounts["explained"]})


def _report(screen: Screen) -> Work:
    return Work({"results": _evaluate(screen).amounts["results"]})


STAGES: dict[str, Callable[[Screen], Work]] = {
    "simulate": _images,
    "validate": _inputs,
    "images": _images,
    "segment": _images,
    "crops": _images,
    "mae": _mae,
    "features": _features,
    "profiles": _profiles,
    "activity": _activity,
    "curves": _curves,
    "labels": _labels,
    "splits": _splits,
    "check_labels": _check_labels,
    "choose": _choose,
    "contributions": _contributions,
    "evaluate": _evaluate,
    "report": _report,
    "page": _report,
}
"""Work of each stage by its name; those of tasks aside."""
