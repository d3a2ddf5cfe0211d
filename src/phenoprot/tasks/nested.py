"""Models ``mlp`` and ``mlp_poster``: nested cross-validation of the networks.

Everything that is fitted sees the training part of its fold only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from phenoprot.tasks.fit_settings import Loss, MlpConfig, MlpModelSettings, MlpSettings
from phenoprot.tasks.folds import inner_holdouts
from phenoprot.tasks.mlp import predict
from phenoprot.tasks.model import BOTH, refuse_parameters
from phenoprot.tasks.ridge import Products, best_penalty
from phenoprot.tasks.scaling import (
    Scaler,
    common_scale,
    principal_components,
    scale_features,
    tested_folds,
    train_rows,
)
from phenoprot.tasks.start import LinearStart, linear_start
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
TOGETHER = 2**30
"""Bytes of labels and networks of outer folds that train together; more folds train in turn."""
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
                features, labels, folds, groups, self.settings, loss, repeat, device,
                tested_folds(folds).tolist(),
            ).scores  # fmt: skip


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
    tested: Sequence[int] | None = None,
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
    tested
        Outer folds to train and predict, as a run of all does; the scores of others stay NaN. None:
        all.

    Returns
    -------
    NestedResult
        Per fold, ascending: the grid point and the number of epochs with the lowest mean loss over
        the inner splits, trained anew on the whole training part.
    """
    network = settings.network
    names = np.unique(folds)
    trains = [train_rows(folds, fold) for fold in names]
    wanted = [i for i, fold in enumerate(names) if tested is None or fold in tested]
    # Widths, batches and random numbers are those of all folds, whichever train together.
    x = _stacked_inputs(features, trains, wanted, settings)
    holdouts = [
        inner_holdouts(groups, train, network.inner, (network.seed, repeat, fold))
        for fold, train in enumerate(trains)
    ]
    scores = np.full(labels.shape, np.nan, dtype=np.float32)
    models: list[FoldModel] = []
    for work in _Work.of_all(trains, holdouts, network, loss, repeat).turns(
        wanted, x.shape[2], *labels.shape
    ):
        scalers = [None if loss == "bce" else Scaler.fit(labels[train]) for train in work.trains]
        x_some = torch.from_numpy(x[len(models) : len(models) + len(work.folds)]).to(device)
        y_some = torch.from_numpy(_padded(labels, scalers)).to(device)
        fitted = _refit(x_some, y_some, _search(x_some, y_some, work), scalers, work)
        models += fitted
        for i, (fold, model) in enumerate(zip(work.folds, fitted, strict=True)):
            test = np.flatnonzero(folds == names[fold])
            outputs = [predict(own, x_some[i, test], model.config) for own in model.networks]
            output = torch.stack(outputs).mean(dim=0)[:, : labels.shape[1]].cpu().numpy()
            scores[test] = output if model.labels is None else model.labels.restore(output)
    return NestedResult(scores, models)


def _padded(labels: np.ndarray, scalers: list[Scaler | None]) -> np.ndarray:
    """Labels as each of some folds has them, (folds, rows, whole blocks of targets) float32."""
    rows, count = labels.shape
    y = np.full((len(scalers), rows, count + -count % BLOCK), np.nan, dtype=np.float32)
    for own, scaler in zip(y, scalers, strict=True):
        own[:, :count] = labels if scaler is None else scaler.scale(labels)
    return y


def _inputs(features: np.ndarray, train: np.ndarray, settings: MlpModelSettings) -> np.ndarray:
    """What the networks of one fold see of all rows, (rows, inputs) float32."""
    scaled = scale_features(features, train, settings.clip)
    components = settings.network.components
    if components is None:
        return scaled
    return common_scale(principal_components(scaled, train, components), train)


def _stacked_inputs(
    features: np.ndarray,
    trains: Sequence[np.ndarray],
    wanted: Sequence[int],
    settings: MlpModelSettings,
) -> np.ndarray:
    """Inputs of the wanted folds, as wide as those of the widest of all folds."""
    inputs = [_inputs(features, trains[fold], settings) for fold in wanted]
    width = max(values.shape[1] for values in inputs)
    if width < (settings.network.components or features.shape[1]):  # another may have more
        others = [train for fold, train in enumerate(trains) if fold not in wanted]
        width = max([width, *(_inputs(features, t, settings).shape[1] for t in others)])
    return _stacked(inputs, width)


def _stacked(inputs: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Inputs of folds, (folds, rows, width); a fold of lower rank ends in zeros."""
    return np.stack([np.pad(v, ((0, 0), (0, width - v.shape[1]))) for v in inputs])


@dataclass(frozen=True)
class _Work:
    """Training parts and inner splits of some outer folds."""

    network: MlpSettings
    loss: Loss
    repeat: int
    trains: list[np.ndarray]
    holdouts: list[list[np.ndarray]]
    """Rows that the inner splits of each fold hold out."""
    search: TrainPlan
    """Batches of the inner splits: of all folds, whichever train together."""
    final: TrainPlan
    """Batches of the whole training parts, likewise."""
    folds: Sequence[int]
    """Which outer folds these are, by number."""

    @classmethod
    def of_all(
        cls,
        trains: list[np.ndarray],
        holdouts: list[list[np.ndarray]],
        network: MlpSettings,
        loss: Loss,
        repeat: int,
    ) -> _Work:
        """All outer folds."""
        final = TrainPlan(
            batch_size=network.batch_size,
            epoch_rows=max(map(len, trains)),
            loss=loss,
            base_rate=network.output_bias == "base_rate",
            precision=network.precision,
        )
        pairs = [(t, held) for t, some in zip(trains, holdouts, strict=True) for held in some]
        search = replace(
            final,
            epoch_rows=max(len(train) - len(held) for train, held in pairs),
            held_rows=max(len(held) for _, held in pairs),
        )
        folds = range(len(trains))
        return cls(network, loss, repeat, trains, holdouts, search, final, folds)

    def turns(self, wanted: Sequence[int], inputs: int, rows: int, targets: int) -> Iterator[_Work]:
        """Cut into wanted folds that train together; what they learn does not depend on it."""
        network = self.network
        stacked = max(map(len, _alike(network.points()))) * network.inner.splits
        width = max(network.width) + (inputs if any(network.skip) else 0)
        # Labels; weights, gradients and the two moments of Adam.
        each = 4 * targets * (rows + 4 * max(stacked, network.ensemble) * width)
        at_once = max(1, TOGETHER // each)
        for first in range(0, len(wanted), at_once):
            some = wanted[first : first + at_once]
            yield replace(
                self,
                trains=[self.trains[fold] for fold in some],
                holdouts=[self.holdouts[fold] for fold in some],
                folds=some,
            )


class _Choice(NamedTuple):
    """What the inner splits of a fold have chosen."""

    config: MlpConfig
    epochs: int
    penalty: float | None
    """Of the ridge regression that the network begins as."""


def _search(x: Tensor, y: Tensor, work: _Work) -> list[_Choice]:
    """Best grid point and number of epochs for each outer fold."""
    network, folds = work.network, range(len(work.folds))
    penalties = [_penalty(x[i], y[i], work.trains[i], work.holdouts[i], network) for i in folds]
    splits: list[Member] = []
    held_out: list[np.ndarray] = []
    point = network.points()[0]
    for i, fold in enumerate(work.folds):
        for number, held in enumerate(work.holdouts[i]):
            fitted = np.setdiff1d(work.trains[i], held)
            stream = (network.seed, work.repeat, SEARCH, fold, number)
            start = _start(x[i], y[i], fitted, penalties[i], work.loss)
            splits.append(Member(i, fitted, stream, point, start))
            held_out.append(held)
    found: list[list[tuple[float, MlpConfig, int]]] = [[] for _ in folds]
    for configs in _alike(network.points()):
        members = [replace(split, config=config) for config in configs for split in splits]
        teams = [k * len(folds) + split.fold for k in range(len(configs)) for split in splits]
        training = Training(x, y, members, work.search)
        curves = learning_curves(
            training, held_out * len(configs), teams, network.max_steps, network.patience
        )
        for team, curve in enumerate(curves):
            k, i = divmod(team, len(folds))
            epochs = best_epoch(curve)
            found[i].append((curve[epochs], configs[k], epochs))
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
    labels = y.cpu().numpy()
    products = Products(x.cpu().numpy().astype(np.float64), ~np.isnan(labels), train, holdouts)
    return best_penalty(products, labels, network.ridge)


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


def _refit(
    x: Tensor, y: Tensor, chosen: list[_Choice], scalers: list[Scaler | None], work: _Work
) -> list[FoldModel]:
    """Train the chosen grid point of each fold on its whole training part, seed by seed."""
    network = work.network
    models: dict[int, FoldModel] = {}
    for configs in _alike(network.points()):
        own = [i for i, choice in enumerate(chosen) if choice.config in configs]
        if not own:
            continue
        members = [
            Member(i, work.trains[i], (network.seed, work.repeat, FINAL, work.folds[i], number),
                   chosen[i].config, start)
            for i in own
            for start in [_start(x[i], y[i], work.trains[i], chosen[i].penalty, work.loss)]
            for number in range(network.ensemble)
        ]  # fmt: skip
        epochs = [chosen[member.fold].epochs for member in members]
        networks = iter(train_networks(x, y, members, epochs, work.final))
        for i in own:
            trained = [next(networks) for _ in range(network.ensemble)]
            choice = chosen[i]
            models[i] = FoldModel(choice.config, choice.epochs, trained, scalers[i])
    return [models[i] for i in range(len(chosen))]
