"""Rules for the variance of a score, and what they say of simulated data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from benchmarks.coverage.simulate import FOLDS, DataSet, Design, World, cross_validate, draw, scored
from scipy import stats

from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.evaluation.auc import placements
from phenoprot.evaluation.chance import permuted_auc, widened
from phenoprot.evaluation.compare import class_variance
from phenoprot.evaluation.repeated import RepeatedAuc
from phenoprot.evaluation.summary import permutation_p
from phenoprot.evaluation.uncertainty import combined, jackknife

PERMUTATIONS = 200
THRESHOLDS = (0.6, 0.7)


@dataclass
class Means:
    """Of each data set: a mean over targets, and what its variance may be made from."""

    value: np.ndarray
    fixed: np.ndarray
    """Jackknife variance over compounds, models held fixed."""
    df: np.ndarray
    by_repeat: np.ndarray
    """(repeats, data sets)."""
    folds: np.ndarray
    """(folds x repeats, data sets): what each fold adds to the mean, around it. No lines where
    this was not asked for."""

    @classmethod
    def of(cls, rows: list[tuple[RepeatedAuc, np.ndarray]]) -> Means:
        """From the AUCs and the parts of the folds of each data set."""
        fixed, df = jackknife(np.stack([aucs.changes.mean(axis=1) for aucs, _ in rows], axis=1))
        by_repeat = np.stack([aucs.by_repeat.mean(axis=1) for aucs, _ in rows], axis=1)
        folds = np.stack([parts for _, parts in rows], axis=1)
        return cls(by_repeat.mean(axis=0), fixed, df, by_repeat, folds)

    @property
    def between(self) -> np.ndarray:
        """Variance between the repeats."""
        return self.by_repeat.var(axis=0, ddof=1)


@dataclass(frozen=True)
class Errors:
    """Standard errors and degrees of freedom of each data set."""

    error: np.ndarray
    df: np.ndarray

    def covers(self, value: np.ndarray, truth: float) -> np.ndarray:
        """Whether the interval of 95 % has the truth in it."""
        return np.abs(value - truth) <= stats.t.ppf(0.975, self.df) * self.error


def _ours(means: Means) -> Errors:
    found = combined(means.fixed, means.df, means.by_repeat)
    return Errors(found.error, found.df)


def _fixed(means: Means) -> Errors:
    return Errors(np.sqrt(means.fixed), means.df)


def _from_repeats(means: Means) -> Errors:
    """What training adds by theory, seen in the spread over the repeats."""
    repeats = len(means.by_repeat)
    more = ((FOLDS - 1) / 2 + 1 / repeats) * means.between
    total = means.fixed + more
    return Errors(np.sqrt(total), total**2 / (means.fixed**2 / means.df + more**2 / (repeats - 1)))


def _nadeau_bengio(means: Means) -> Errors:
    """Corrected resampled t: (1 / J + n_test / n_train) s^2 over the J folds of all repeats."""
    j = len(means.folds)
    error = np.sqrt((1 / j + 1 / (FOLDS - 1)) * means.folds.var(axis=0, ddof=1))
    return Errors(error, np.full(error.shape, j - 1.0))


CANDIDATES: dict[str, Callable[[Means], Errors]] = {
    "used": _ours,
    "models held fixed": _fixed,
    "training from the repeats": _from_repeats,
    "Nadeau & Bengio": _nadeau_bengio,
}
"""The first is what the package does."""


@dataclass
class Records:
    """What was found in each data set of a design."""

    design: Design
    kind: str
    """``no signal``, ``signal``, ``two seeds of one row``."""
    mean: Means
    difference: Means
    of_targets: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Of each target's difference: variance with the models held fixed and its degrees of freedom,
    (data sets, targets); difference in each repeat (repeats, data sets, targets)."""
    aucs: np.ndarray
    """(data sets, targets) of the first row."""
    drawn: list[np.ndarray] = field(default_factory=list)
    """(permutations, targets) of each data set without signal, the models held fixed."""

    @property
    def p(self) -> np.ndarray:
        """Of the difference of the means."""
        gain = self.difference
        return combined(gain.fixed, gain.df, gain.by_repeat).p(gain.value)

    @property
    def target_p(self) -> np.ndarray:
        """(data sets, targets): of each target's difference."""
        return combined(*self.of_targets).p(self.of_targets[2].mean(axis=0))

    @property
    def any_target(self) -> np.ndarray:
        """Whether a target is called better or worse."""
        return np.array([(benjamini_hochberg(p) <= 0.05).any() for p in self.target_p])

    @property
    def permuted(self) -> list[np.ndarray]:
        """(permutations, targets) of each data set without signal."""
        return [widened(one, 0.5) for one in self.drawn]

    @property
    def chance_sd(self) -> np.ndarray:
        """Standard deviation of the permuted mean."""
        return np.array([drawn.mean(axis=1).std() for drawn in self.permuted])

    @property
    def chance_p(self) -> np.ndarray:
        """Permutation p of the mean."""
        pairs = zip(self.permuted, self.aucs.mean(axis=1), strict=True)
        return np.array([permutation_p(drawn.mean(axis=1), mean) for drawn, mean in pairs])

    def counts(self) -> Iterator[tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Threshold; counts; expected; sd and p by permutation, of each data set."""
        for threshold in THRESHOLDS:
            n = (self.aucs >= threshold).sum(axis=1)
            drawn = [(of_one >= threshold).sum(axis=1) for of_one in self.permuted]
            p = [permutation_p(one, count) for one, count in zip(drawn, n, strict=True)]
            expected, sd = ([f(one) for one in drawn] for f in (np.mean, np.std))
            yield threshold, n, np.array(expected), np.array(sd), np.array(p)


def collect(
    design: Design,
    repetitions: int,
    seeds: bool = False,
    permute: bool = True,
    parts: bool = True,
    seed: int = 1,
) -> Records:
    """Draw data sets, train and score two rows in each.

    Parameters
    ----------
    design
        What is drawn.
    repetitions
        Number of data sets.
    seeds
        The rows are one with two seeds, not two sets of features.
    permute
        Without signal, permute the compounds of each data set.
    parts
        Find what each fold adds to the mean; the rule of Nadeau & Bengio needs it.
    seed
        Random seed.
    """
    rng, world = np.random.default_rng(seed), World.of(design)
    means, gains, targets, permuted = [], [], [], []
    for number in range(repetitions):
        data = draw(world, rng)
        if seeds:
            streams = [np.random.default_rng([seed, number, i]) for i in (0, 1)]
            rows = [cross_validate(data.features[0], data, stream) for stream in streams]
        else:
            rows = [cross_validate(features, data) for features in data.features]
        one, other = (scored(scores, data) for scores in rows)
        adds = [
            fold_parts(scores, data, auc) if parts else np.empty(0)
            for scores, auc in zip(rows, (one, other), strict=True)
        ]
        means.append((one, adds[0]))
        gain = one.minus(other)
        gains.append((gain, adds[0] - adds[1]))
        targets.append((*class_variance(gain.changes, data.labels), gain.by_repeat))
        if permute and not design.signal:
            permuted.append(_permuted(rows[0], data, number))
    kind = "signal" if design.signal else "no signal"
    variance, df, by_repeat = zip(*targets, strict=True)
    return Records(
        design,
        "two seeds of one row" if seeds else kind,
        Means.of(means),
        Means.of(gains),
        (np.array(variance), np.array(df), np.stack(by_repeat, axis=1)),
        np.array([aucs.auc for aucs, _ in means]),
        permuted,
    )


def _permuted(scores: list[np.ndarray], data: DataSet, seed: int) -> np.ndarray:
    n, repeats = len(data.compounds), len(scores)
    folds = [[rows + i * n for rows in of_repeat] for i, of_repeat in enumerate(data.repeats)]
    return permuted_auc(
        data.labels, np.concatenate(scores), np.tile(data.compounds, repeats), folds,
        PERMUTATIONS, seed,
    ).astype(np.float32)  # fmt: skip


def fold_parts(scores: list[np.ndarray], data: DataSet, aucs: RepeatedAuc) -> np.ndarray:
    """What each fold adds to the mean over targets, around it: the ratio of sums, linearised.

    Parameters
    ----------
    scores
        (rows, targets) of each repeat.
    data
        Labels and folds.
    aucs
        Of these scores.
    """
    parts = []
    for of_repeat, folds in zip(scores, data.repeats, strict=True):
        placed, counted = [], []
        for rows in folds:
            labels = data.labels[data.compounds[rows]]
            positive = labels == 1
            both = positive.any(axis=0) & (labels == 0).any(axis=0)
            own = np.where(positive, placements(labels, of_repeat[rows]), 0.0).sum(axis=0)
            placed.append(np.where(both, own, 0.0))
            counted.append(np.where(both, positive.sum(axis=0), 0))
        total = np.sum(counted, axis=0)
        around = np.array(placed) - aucs.auc * np.array(counted)
        parts.append((around * len(folds) / total).mean(axis=1))
    return np.concatenate(parts)
