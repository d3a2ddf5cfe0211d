"""Models of scikit-learn, by their dotted names in params.yaml: one fit per fold and target.

Features are standardised and clipped by the training rows, as for our own models; levels are fitted
in their own units. Parameters are taken as they are: nothing is searched inside the folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.settings import Settings
from phenoprot.tasks.fit_settings import Clip, Loss, Scorer
from phenoprot.tasks.scaling import scale_features, tested_folds, train_rows

if TYPE_CHECKING:
    from phenoprot.tasks.settings import TaskSettings

EXAMPLE = "sklearn.ensemble.RandomForestClassifier"
METHODS = ("decision_function", "predict_proba")
"""Methods of a classifier whose scores rank rows; the first that is there is taken."""


class EstimatorSettings(Settings):
    """All that an estimator's results depend on."""

    estimator: str
    """Dotted name of the class."""
    parameters: dict[str, Any]
    """Arguments of the class."""
    seed: int | None
    """``random_state`` of the first repeat; each further one adds 1. None: the class has none, or
    the parameters set it."""
    clip: Clip
    """Features are clipped to this many standard deviations of the training part."""


@dataclass(frozen=True)
class Estimator:
    """A classifier for 1 / 0 labels or a regressor for levels."""

    settings: EstimatorSettings
    on_device = False

    @classmethod
    def make(
        cls, settings: TaskSettings, name: str, parameters: Mapping[str, Any], where: str
    ) -> Estimator:
        """Find an estimator and check that it can be used.

        Parameters
        ----------
        settings
            The block ``tasks`` of params.yaml: its clip and the seed of its splits.
        name
            Dotted name of the class, e.g. ``sklearn.svm.SVC``.
        parameters
            Its arguments. ``random_state`` is the seed of the splits plus the number of the repeat
            if the class has one and none is given.
        where
            Key of the model, for messages.

        Raises
        ------
        UserError
            It is no classifier or regressor of scikit-learn, has no such parameter, wants more
            than one process, or gives no scores.
        """
        kind = _find_class(name, where)
        given = dict(parameters)
        known = _parameters_of(kind, given, name, where)
        seeded = "random_state" in known and "random_state" not in given
        if given.get("n_jobs") not in {None, 1}:
            raise UserError(
                f"{name} asks for n_jobs={quoted(given['n_jobs'])}, but a model has one process",
                where=where,
                remedy="Leave n_jobs out; execution.workers sets how many models run at a time.",
            )
        seed = settings.splits.seed if seeded else None
        model = cls(
            EstimatorSettings(estimator=name, parameters=given, seed=seed, clip=settings.clip)
        )
        if issubclass(kind, ClassifierMixin):
            _score_method(kind(**given), name, where)
        return model

    @property
    def name(self) -> str:
        """Dotted name of the class."""
        return self.settings.estimator

    @property
    def scorers(self) -> frozenset[Scorer]:
        """``auc`` of a classifier, ``levels`` of a regressor."""
        classifies = issubclass(_find_class(self.name, self._where), ClassifierMixin)
        return frozenset({"auc" if classifies else "levels"})

    @property
    def _where(self) -> str:
        return f"model {self.name}"

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
        """Fit each target to the training rows whose label is there, and score the test rows.

        Arguments as :meth:`phenoprot.tasks.model.Model.cross_validate` has them. A target with one
        class, or with fewer than two levels, in a training part gets one score for all: 0, or the
        mean level (0 without any).

        Returns
        -------
        numpy.ndarray
            (rows, n_targets) float32.

        Raises
        ------
        UserError
            The estimator does not take the data or its parameters, or scores are not finite.
        """
        del groups, loss, device
        seed = self.settings.seed
        given = self.settings.parameters | ({} if seed is None else {"random_state": seed + repeat})
        unfitted = _find_class(self.name, self._where)(**given)
        scores = np.full(labels.shape, np.nan, dtype=np.float32)
        for fold in tested_folds(folds):
            train, test = train_rows(folds, fold), np.flatnonzero(folds == fold)
            x = scale_features(features, train, self.settings.clip).astype(np.float64)
            for target, y in enumerate(labels.T.astype(np.float64)):
                rows = train[~np.isnan(y[train])]
                scores[test, target] = self._fit_and_score(unfitted, x[rows], y[rows], x[test])
        tested = scores[folds >= 0]
        if not np.isfinite(tested).all():
            raise UserError(
                f"{np.sum(~np.isfinite(tested))} of {tested.size} scores are not finite",
                where=self._where,
                remedy="Choose other parameters or another estimator.",
            )
        return scores

    def _fit_and_score(
        self, unfitted: Any, x: np.ndarray, y: np.ndarray, x_test: np.ndarray
    ) -> np.ndarray:
        """Scores (test rows,) of a fit to (rows, n_features) and (rows,)."""
        classifies = isinstance(unfitted, ClassifierMixin)
        if len(np.unique(y)) < 2 if classifies else len(y) < 2:  # nothing to fit
            return np.full(len(x_test), 0.0 if classifies else y.sum())
        try:
            fitted = clone(unfitted).fit(x, y.astype(np.int64) if classifies else y)
            method = _score_method(fitted, self.name, self._where) if classifies else "predict"
            scores = np.asarray(getattr(fitted, method)(x_test))
        except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise UserError(
                f"cannot be fitted to {len(x)} rows of {x.shape[1]} features: {error}",
                where=self._where,
                remedy="Choose other parameters or another estimator.",
            ) from error
        return scores[:, 1] if method == "predict_proba" else scores.reshape(len(x_test))


def _find_class(name: str, where: str) -> type[Any]:
    """The class of a dotted name. Nothing but scikit-learn is imported.

    Raises
    ------
    UserError
        There is none, or it is no classifier or regressor.
    """
    module, _, last = name.rpartition(".")
    parts = name.split(".")
    if parts[0] != "sklearn" or not all(p.isidentifier() and p[0] != "_" for p in parts[1:]):
        raise _unknown(name, "is not the name of a public class of scikit-learn", where)
    try:
        kind = getattr(import_module(module), last)
    except (ImportError, AttributeError):
        raise _unknown(name, "is not in the installed scikit-learn", where) from None
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise _unknown(name, "is not an estimator", where)
    if not issubclass(kind, ClassifierMixin | RegressorMixin):
        raise _unknown(name, "is neither a classifier nor a regressor", where)
    return kind


def _unknown(name: str, what: str, where: str) -> UserError:
    return UserError(f"{quoted(name)} {what}", where=where, remedy=f"Name one such as {EXAMPLE}.")


def _parameters_of(
    kind: type[Any], given: Mapping[str, Any], name: str, where: str
) -> dict[str, Any]:
    """Parameters of a class, which must have all that are given.

    Raises
    ------
    UserError
        It lacks one, or wants one that is not given.
    """
    known = sorted(kind._get_param_names())
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UserError(
            f"{name} has no parameter(s) {', '.join(map(quoted, unknown))}; it has: "
            f"{', '.join(known)}",
            where=where,
            remedy="Fix these keys.",
        )
    try:
        return kind(**given).get_params(deep=False)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{name} cannot be made from these parameters: {error}",
            where=where,
            remedy="Fix parameters.",
        ) from error


def _score_method(estimator: Any, name: str, where: str) -> str:
    """How a classifier scores rows.

    Raises
    ------
    UserError
        It cannot, at least with these parameters.
    """
    for method in METHODS:
        if hasattr(estimator, method):
            return method
    raise UserError(
        f"{name} gives no scores: it has neither {' nor '.join(METHODS)} with these parameters",
        where=where,
        remedy="Choose parameters with which it has, or another classifier.",
    )
