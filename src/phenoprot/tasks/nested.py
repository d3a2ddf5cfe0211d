"""Models ``mlp`` and ``mlp_poster``: nested cross-validation of the networks.

Everything that is fitted sees the training part of its fold only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from phenoprot.tasks.fit_settings import Loss, MlpConfig, MlpModelSettings, MlpSettings
from phenoprot.tasks.folds import inner_holdouts
from phenoprot.tasks.mlp import predict
from phenoprot.tasks.model import BOTH, refuse_parameters
from phenoprot.tasks.scaling import (
    Scaler,
    common_scale,
    principal_components,
    scale_features,
    train_rows,
)
from phenoprot.tasks.start import LinearStart, best_penalty, linear_start
from phenoprot.tasks.training import (
    Member,
    Training,
    TrainPlan,
    best_epoch,
    learning_curves,
    train_networks,
)

if TYPE_CHECKING:
    from phenoprot.tasks.settings import TaskSettings

BLOCK = 16
"""Label columns are filled up to a multiple of this with masked ones. Vectorised loops round a
tensor's last few elements otherwise than the rest, and which are last depends on the number of
networks that still train: with whole blocks (widths too) a network is the same to the bit whatever
the others do."""
SEARCH, FINAL = 0, 1
"""Streams of random numbers: networks of the inner splits, and those of the whole training part."""


@dataclass(frozen=True)
class Mlp:
    """Multi-target networks; grid point and number of epochs are chosen inside each fold."""

    settings: MlpModelSettings
    name: ClassVar[str] = "mlp"
    scorers = BOTH
    on_device = True

    @classmethod
    def make(cls, settings: TaskSettings, parameters: Mapping[str, Any]) -> Self:
        """The model as the block of its name below ``tasks`` has it."""
        refuse_parameters(cls.name, parameters, f"tasks.{cls.name}")
        return cls(MlpModelSettings(network=getattr(settings, cls.name), clip=settings.clip))

    def cross_validate(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        folds: np.ndarray,
        groups: np.ndarray,
        loss: Loss,
        repeat: int,
        device: str,
    ) -> np.ndarray:
        """Scores (rows, n_targets) float32, see :func:`nested_mlp`."""
        with _one_result():
            return nested_mlp(
                features, labels, folds, groups, self.settings, loss, repeat, device
            ).scores


class PosterMlp(Mlp):
    """The poster's own MLP: no principal components, no base rate, no ensemble."""

    name = "mlp_poster"


@contextmanager
def _one_result() -> Iterator[None]:
    """Let torch compute the same bits wherever it runs: sums are split by thread, so one thread."""
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_num_threads(1)
    # torch.use_deterministic_algorithms would first load the compiler, for four seconds.
    torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)


@dataclass(frozen=True)
class FoldModel:
    """The final networks of one outer fold."""

    config: MlpConfig
    epochs: int
    """Epochs that each of them trained for; 0: it stayed the linear model that it began as."""
    networks: list[list[Tensor]]
    """Weights and biases of each layer in turn, network by network."""
    labels: Scaler | None
    """Standardisation of the labels, in regression."""


@dataclass(frozen=True)
class NestedResult:
    """Predictions of every row by the models that did not see its fold."""

    scores: np.ndarray
    """(rows, targets): logits, or levels in the labels' own units; means over an ensemble."""
    models: list[FoldModel]


def nested_mlp(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    settings: MlpModelSettings,
    loss: Loss,
    repeat: int = 0,
    device: str = "cpu",
) -> NestedResult:
    """Cross-validate the MLP; grid point and number of epochs are chosen inside each training part.

    Parameters
    ----------
    features
        (rows, n_features) float; NaN is a missing value.
    labels
        (rows, n_targets): 1 / 0 for ``bce``, levels otherwise; NaN is masked.
    folds, groups
        (rows,): outer fold and compound group of each row.
    settings, loss
        Grid and training; objective.
    repeat
        Number of the draw of the folds: each has random numbers of its own.
    device
        Torch device.

    Returns
    -------
    NestedResult
        Per fold: the grid point and the number of epochs with the lowest mean loss over the
        inner splits, trained anew on the whole training part.
    """
    network = settings.network
    names = np.unique(folds)
    trains = [train_rows(folds, fold) for fold in names]
    x = _stacked([_inputs(features, train, settings) for train in trains])
    scalers = [None if loss == "bce" else Scaler.fit(labels[train]) for train in trains]
    y = np.stack([labels if s is None else s.scale(labels) for s in scalers]).astype(np.float32)
    y = np.pad(y, ((0, 0), (0, 0), (0, -y.shape[2] % BLOCK)), constant_values=np.nan)
    # Row by row in memory: pandas hands over columns, and a batch would copy the whole array.
    x_all, y_all = (torch.from_numpy(np.ascontiguousarray(v)).to(device) for v in (x, y))
    chosen = _search(x_all, y_all, trains, groups, network, loss, repeat)
    models = _refit(x_all, y_all, trains, chosen, scalers, network, loss, repeat)
    scores = np.full(labels.shape, np.nan, dtype=np.float32)
    for i, (fold, model) in enumerate(zip(names, models, strict=True)):
        test = np.flatnonzero(folds == fold)
        outputs = [predict(weights, x_all[i, test], model.config) for weights in model.networks]
        output = torch.stack(outputs).mean(dim=0)[:, : labels.shape[1]].cpu().numpy()
        scores[test] = output if model.labels is None else model.labels.restore(output)
    return NestedResult(scores, models)


def _inputs(features: np.ndarray, train: np.ndarray, settings: MlpModelSettings) -> np.ndarray:
    """What the networks of one fold see of all rows, (rows, inputs) float32."""
    scaled = scale_features(features, train, settings.clip)
    components = settings.network.components
    if components is None:
        return scaled
    return common_scale(principal_components(scaled, train, components), train)


def _stacked(inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Inputs of all folds, (folds, rows, inputs); a fold of lower rank ends in zeros."""
    width = max(values.shape[1] for values in inputs)
    return np.stack([np.pad(v, ((0, 0), (0, width - v.shape[1]))) for v in inputs])


class _Choice(NamedTuple):
    """What the inner splits of a fold have chosen."""

    config: MlpConfig
    epochs: int
    penalty: float | None
    """Of the ridge regression that the network begins as."""


class _Split(NamedTuple):
    """An inner split."""

    fold: int
    fitted: np.ndarray
    held: np.ndarray
    stream: tuple[int, ...]
    start: LinearStart | None


def _search(
    x: Tensor,
    y: Tensor,
    trains: list[np.ndarray],
    groups: np.ndarray,
    network: MlpSettings,
    loss: Loss,
    repeat: int,
) -> list[_Choice]:
    """Best grid point and number of epochs for each outer fold."""
    splits: list[_Split] = []
    penalties: list[float | None] = []
    for fold, train in enumerate(trains):
        seed = (network.seed, repeat, fold)
        holdouts = list(inner_holdouts(groups, train, network.inner, seed))
        penalties.append(_penalty(x[fold], y[fold], train, holdouts, network))
        for number, held in enumerate(holdouts):
            fitted = np.setdiff1d(train, held)
            stream = (network.seed, repeat, SEARCH, fold, number)
            start = _start(x[fold], y[fold], fitted, penalties[fold], loss)
            splits.append(_Split(fold, fitted, held, stream, start))
    plan = _plan([split.fitted for split in splits], network, loss)
    found: list[list[tuple[float, MlpConfig, int]]] = [[] for _ in trains]
    for configs in _alike(network.points()):
        members = [
            Member(split.fold, split.fitted, split.stream, config, split.start)
            for config in configs
            for split in splits
        ]
        held_out = [split.held for _ in configs for split in splits]
        teams = [k * len(trains) + split.fold for k in range(len(configs)) for split in splits]
        training = Training(x, y, members, plan)
        curves = learning_curves(training, held_out, teams, network.max_steps, network.patience)
        for team, curve in enumerate(curves):
            point, fold = divmod(team, len(trains))
            epochs = best_epoch(curve)
            found[fold].append((curve[epochs], configs[point], epochs))
    best = [min(points, key=lambda point: point[0]) for points in found]  # the first of equals
    return [
        _Choice(config, epochs, penalty)
        for (_, config, epochs), penalty in zip(best, penalties, strict=True)
    ]


def _penalty(
    x: Tensor, y: Tensor, train: np.ndarray, holdouts: list[np.ndarray], network: MlpSettings
) -> float | None:
    if network.ridge is None:
        return None
    return best_penalty(x.cpu().numpy(), y.cpu().numpy(), train, holdouts, network.ridge)


def _start(
    x: Tensor, y: Tensor, train: np.ndarray, penalty: float | None, loss: Loss
) -> LinearStart | None:
    if penalty is None:
        return None
    return linear_start(x.cpu().numpy(), y.cpu().numpy(), train, penalty, loss)


def _alike(points: Sequence[MlpConfig]) -> list[list[MlpConfig]]:
    """Grid points that train in one stack: they differ in weight decay alone."""
    stacks: dict[MlpConfig, list[MlpConfig]] = {}
    for config in points:
        stacks.setdefault(config.model_copy(update={"weight_decay": 0.0}), []).append(config)
    return list(stacks.values())


def _plan(trains: Sequence[np.ndarray], network: MlpSettings, loss: Loss) -> TrainPlan:
    return TrainPlan(
        batch_size=network.batch_size,
        epoch_rows=max(map(len, trains)),
        loss=loss,
        base_rate=network.output_bias == "base_rate",
    )


def _refit(
    x: Tensor,
    y: Tensor,
    trains: list[np.ndarray],
    chosen: list[_Choice],
    scalers: list[Scaler | None],
    network: MlpSettings,
    loss: Loss,
    repeat: int,
) -> list[FoldModel]:
    """Train the chosen grid point of each fold on its whole training part, seed by seed."""
    plan = _plan(trains, network, loss)
    models: dict[int, FoldModel] = {}
    for configs in _alike(network.points()):
        folds = [fold for fold, choice in enumerate(chosen) if choice.config in configs]
        if not folds:
            continue
        starts = {f: _start(x[f], y[f], trains[f], chosen[f].penalty, loss) for f in folds}
        members = [
            Member(
                fold,
                trains[fold],
                (network.seed, repeat, FINAL, fold, number),
                chosen[fold].config,
                starts[fold],
            )
            for fold in folds
            for number in range(network.ensemble)
        ]
        epochs = [chosen[member.fold].epochs for member in members]
        networks = iter(train_networks(x, y, members, epochs, plan))
        for fold in folds:
            own = [next(networks) for _ in range(network.ensemble)]
            choice = chosen[fold]
            models[fold] = FoldModel(choice.config, choice.epochs, own, scalers[fold])
    return [models[fold] for fold in range(len(chosen))]
