"""Model ``mlp``: nested cross-validation of the networks.

Everything that is fitted sees the training part of its fold only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from phenoprot.tasks.fit_settings import Loss, MlpConfig, MlpModelSettings
from phenoprot.tasks.folds import inner_holdouts
from phenoprot.tasks.mlp import Fit, Member, predict, train_stack
from phenoprot.tasks.model import BOTH, refuse_parameters
from phenoprot.tasks.scaling import Scaler, scale_features, train_rows

if TYPE_CHECKING:
    from phenoprot.tasks.settings import TaskSettings

BLOCK = 16
"""Label columns are filled up to a multiple of this with masked ones. Vectorised loops round a
tensor's last few elements otherwise than the rest, and which are last depends on the number of
networks that still train: with whole blocks (widths too) a network is the same to the bit whatever
the others do."""


@dataclass(frozen=True)
class Mlp:
    """Multi-target networks; grid point and number of epochs are chosen inside each fold."""

    settings: MlpModelSettings
    name = "mlp"
    scorers = BOTH
    on_device = True

    @classmethod
    def make(cls, settings: TaskSettings, parameters: Mapping[str, Any]) -> Mlp:
        """The model as ``tasks`` of params.yaml has it."""
        refuse_parameters(cls.name, parameters, "tasks.mlp and tasks.training")
        needed = {name: getattr(settings, name) for name in MlpModelSettings.model_fields}
        return cls(MlpModelSettings(**needed))

    def cross_validate(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        folds: np.ndarray,
        groups: np.ndarray,
        loss: Loss,
        device: str,
    ) -> np.ndarray:
        """Scores (rows, n_targets) float32, see :func:`nested_mlp`."""
        with _one_result():
            return nested_mlp(features, labels, folds, groups, self.settings, loss, device).scores


@contextmanager
def _one_result() -> Iterator[None]:
    """Let torch compute the same bits wherever it runs: sums are split by thread, so one thread."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


@dataclass(frozen=True)
class FoldModel:
    """The final network of one outer fold."""

    config: MlpConfig
    fit: Fit
    labels: Scaler | None
    """Standardisation of the labels, in regression."""


@dataclass(frozen=True)
class NestedResult:
    """Predictions of every row by the model that did not see its fold."""

    scores: np.ndarray
    """(rows, targets): logits, or levels in the labels' own units."""
    models: list[FoldModel]


def nested_mlp(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    settings: MlpModelSettings,
    loss: Loss,
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
    settings, loss, device
        Cross-validation, grid and training; objective; torch device.

    Returns
    -------
    NestedResult
        Per fold: the grid point with the lowest mean stopping loss over the inner splits, trained
        anew on the whole training part for the mean number of epochs found there.
    """
    names = np.unique(folds)
    trains = [train_rows(folds, fold) for fold in names]
    x = np.stack([scale_features(features, train, settings.clip) for train in trains])
    scalers = [None if loss == "bce" else Scaler.fit(labels[train]) for train in trains]
    y = np.stack([labels if s is None else s.scale(labels) for s in scalers]).astype(np.float32)
    y = np.pad(y, ((0, 0), (0, 0), (0, -y.shape[2] % BLOCK)), constant_values=np.nan)
    # Row by row in memory: pandas hands over columns, and a batch would copy the whole array.
    x_all, y_all = (torch.from_numpy(np.ascontiguousarray(v)).to(device) for v in (x, y))
    chosen = _search(x_all, y_all, trains, groups, settings, loss)
    scores = np.full(labels.shape, np.nan, dtype=np.float32)
    models: list[FoldModel] = []
    finals = _refit(x_all, y_all, trains, chosen, settings, loss)
    for i, (fold, (config, _), fit) in enumerate(zip(names, chosen, finals, strict=True)):
        test = np.flatnonzero(folds == fold)
        logits = predict(fit.parameters, x_all[i, test], config)[:, : labels.shape[1]]
        output = logits.cpu().numpy()
        scaler = scalers[i]
        scores[test] = output if scaler is None else scaler.restore(output)
        models.append(FoldModel(config, fit, scaler))
    return NestedResult(scores, models)


def _search(
    x: Tensor,
    y: Tensor,
    trains: list[np.ndarray],
    groups: np.ndarray,
    settings: MlpModelSettings,
    loss: Loss,
) -> list[tuple[MlpConfig, int]]:
    """Best grid point and its mean number of epochs for each outer fold."""
    splits = settings.splits
    members: list[Member] = []
    for fold, train in enumerate(trains):
        holdouts = inner_holdouts(
            groups, train, splits.inner_splits, splits.inner_share, splits.seed + 1 + fold
        )
        members += [
            Member(fold, np.setdiff1d(train, held), held, stream=len(members) + i)
            for i, held in enumerate(holdouts)
        ]
    longest = max(len(member.train) for member in members)
    losses, epochs = [], []
    for config in settings.mlp.points():
        fits = train_stack(x, y, members, config, settings.training, loss, longest)
        losses.append([fit.stop_loss for fit in fits])
        epochs.append([fit.epochs for fit in fits])
    shape = (-1, len(trains), splits.inner_splits)
    mean_loss = np.array(losses).reshape(shape).mean(axis=2)
    mean_epochs = np.array(epochs).reshape(shape).mean(axis=2)
    best = mean_loss.argmin(axis=0)
    points = settings.mlp.points()
    return [
        (points[point], max(1, round(float(mean_epochs[point, fold]))))
        for fold, point in enumerate(best)
    ]


def _refit(
    x: Tensor,
    y: Tensor,
    trains: list[np.ndarray],
    chosen: list[tuple[MlpConfig, int]],
    settings: MlpModelSettings,
    loss: Loss,
) -> list[Fit]:
    """Train the chosen grid point of each fold on its whole training part."""
    none = np.empty(0, dtype=np.int64)
    longest = max(map(len, trains))
    finals: dict[int, Fit] = {}
    for config in settings.mlp.points():
        lanes = [i for i, (best, _) in enumerate(chosen) if best == config]
        if lanes:
            members = [Member(i, trains[i], none, chosen[i][1], stream=i) for i in lanes]
            fits = train_stack(x, y, members, config, settings.training, loss, longest)
            finals |= dict(zip(lanes, fits, strict=True))
    return [finals[i] for i in range(len(chosen))]
