"""Settings of the prediction tasks and of the rows of the tables.

Settings of the splits and of our own models stand in :mod:`phenoprot.tasks.fit_settings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from phenoprot.core.errors import listed, quoted
from phenoprot.core.settings import Count, Name, Settings, Share
from phenoprot.tasks.fit_settings import (
    Clip,
    LinearSettings,
    MlpSettings,
    SplitKind,
    SplitSettings,
)
from phenoprot.wells.names import PROTEOME


class ClassificationSettings(Settings):
    """UP-vs-NOT and DOWN-vs-NOT."""

    min_positives: Count
    """Compounds that must be regulated for a protein to enter."""
    min_negatives: Count
    """Compounds that must be not regulated for a protein to enter."""


class SelectionSettings(Settings):
    """Proteins chosen for the regression by how well their direction is classified."""

    row: Name
    """Row of the classification whose features and model choose. A screen without it chooses
    none."""
    min_auc: Share
    """ROC AUC that the better one of UP and DOWN must reach."""


class RegressionSettings(Settings):
    """Protein level per treatment."""

    loss: Literal["mse", "smape"]
    """Objective of the MLP (poster: MSE; SMAPE failed to converge)."""
    min_treatments: int = Field(ge=2)
    """Treatments that must have a level for a protein to enter."""
    selection: SelectionSettings | None = None
    """The poster's 2,944 of 6,782 genes: means of the regression over the proteins that the
    classification does well, beside those over all. null: over all alone."""


class TargetSettings(Settings):
    """Annotated compound targets."""

    min_compounds: Count
    """Annotated compounds that a target needs to enter."""


class TaskSettings(Settings):
    """All prediction tasks."""

    splits: SplitSettings
    """Cross-validation."""
    mlp: MlpSettings
    """The MLP."""
    mlp_poster: MlpSettings
    """The poster's MLP, to be compared with ours."""
    linear: LinearSettings
    """The linear model beside them."""
    clip: Clip
    """Features are clipped to this many standard deviations of the training part."""
    classification: ClassificationSettings
    """Up / down regulation."""
    regression: RegressionSettings
    """Protein level."""
    targets: TargetSettings
    """Compound targets."""
    others: dict[Name, dict[str, Any]] = {}
    """Settings of tasks of other packages, by the name of the task: what its own model has."""


class ModelSettings(Settings):
    """A model by name, and its parameters."""

    estimator: str
    """``mlp``, ``mlp_poster``, ``linear``, a model of another package by its entry point, or any
    classifier or regressor of scikit-learn by its dotted name, e.g. ``sklearn.svm.SVC``. Without
    parameters the name can stand alone: ``model: mlp``."""
    parameters: dict[str, Any] = {}
    """Arguments of scikit-learn's estimator, or of another package's model; our own
    are set under ``tasks``. An estimator with a ``random_state`` gets the seed of
    ``tasks.splits`` plus the number of the repeat, if none is given."""


class FusionSettings(Settings):
    """Scores of other rows, made one: late fusion, where `features` side by side are early."""

    of: tuple[Name, ...] = Field(min_length=2)
    """Rows whose out-of-fold scores are fused."""
    by: Literal["mean", "stack"]
    """``mean``: of the scores as they are, which rows of one model have in one unit. ``stack``:
    weighted target by target, by what models without the test fold say of the other folds: one
    more fit of each row for every two folds."""

    @field_validator("of")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a row twice")
        return value


ALONE = ("predictions", "fusion")
"""Keys that take the place of features and model; `tasks` alone may stand beside them."""
CLASSIFIED = "classification"
"""Task whose contributions of features are looked at."""
EXPLAINED = ("linear", "mlp")
"""Models whose predictions come apart into parts of groups of features."""


class RowSettings(Settings):
    """One row of the tables: which features, which model.

    The model is a name, ``model: mlp``, or a name with parameters, one fit per target and fold::

        model:
          estimator: sklearn.ensemble.RandomForestClassifier
          parameters: {n_estimators: 100}

    A classifier predicts 1 / 0 labels, a regressor levels; `tasks` of the row says which tasks.

    In place of both a row may name a file of `predictions`, or other rows whose scores it fuses.
    """

    features: list[Name] = []
    """Profile tables of the screen, side by side. Four are made: ``plate_position`` from the well
    names, ``structure`` from the SMILES, ``concentration`` from the dose; ``proteome`` is the
    protein readout itself."""
    model: ModelSettings | None = None
    """What predicts from them: a name, or `estimator` and `parameters`."""
    predictions: Path | None = None
    """File (.parquet, .csv) of what a model of yours predicts, trained elsewhere in the folds of
    the tables, see docs/own-screen.md: instead of features and a model."""
    fusion: FusionSettings | None = None
    """Rows whose scores are fused, instead of features and a model."""
    shuffled: bool = False
    """Permute the labels among the compounds, anew in each repeat: the row's score is what no
    information gives."""
    splits: SplitKind | None = None
    """Cross-validate under this kind of folds instead of `tasks.splits.kind`, which must name it
    under `others`."""
    train_share: float = Field(default=1.0, gt=0, le=1)
    """Share of the training compounds of each fold that the row learns from; a smaller share is a
    part of a larger one, and the test compounds are all there."""
    tasks: tuple[Name, ...] | None = None
    """Tasks the row takes part in, those of other packages included; by default all, but for
    ``sensitivity``, which a row must name."""
    leak_gauge: bool = False
    """Cross-validate the row once more with folds of treatments instead of compounds, so that doses
    of a compound stand on both sides. The gain is what a leak would be worth; it enters no table
    but that of the gauge."""
    contributions: bool = False
    """Ask which groups of its features carry the classification, by compartment, stain and family:
    of rows on one table of CellProfiler features, in model ``linear`` or ``mlp``. One more
    cross-validation."""

    @property
    def variant(self) -> bool:
        """Whether it has other folds or fewer compounds than the tables: then it is in none."""
        return self.splits is not None or self.train_share < 1

    def is_variant_of(self, other: RowSettings) -> bool:
        """Whether it is a variant, and `other` the same row as the tables have it."""
        same = (self.features, self.model, self.shuffled)
        return (
            self.variant
            and not other.variant
            and same == (other.features, other.model, other.shuffled)
        )

    def takes_part(self, task: str, asked: bool = False) -> bool:
        """Whether the row is in the tables of a task; `asked`: only those that name it are."""
        return not asked if self.tasks is None else task in self.tasks

    @field_validator("model", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"estimator": value} if isinstance(value, str) else value

    @field_validator("tasks")
    @classmethod
    def _some_task(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("names no task; leave the key out for all tasks, or name some")
        return value

    @model_validator(mode="after")
    def _made_in_one_way(self) -> Self:
        own = next((key for key in ALONE if getattr(self, key) is not None), None)
        if own is None:
            missing = [name for name in ("features", "model") if not getattr(self, name)]
            if missing:
                raise ValueError(f"names no {' and no '.join(missing)}: a row has both, or "
                                 "predictions, or a fusion")  # fmt: skip
        else:
            plain = type(self).model_fields
            odd = [
                name
                for name in sorted(self.model_fields_set)
                if name not in (own, "tasks") and getattr(self, name) != plain[name].default
            ]
            if odd:
                goes = "predictions go" if own == "predictions" else "a fusion goes"
                raise ValueError(f"{goes} with tasks alone, not with {', '.join(odd)}")
        return self

    @model_validator(mode="after")
    def _explainable(self) -> Self:
        if self.contributions and (
            self.shuffled
            or self.variant
            or len(self.features) != 1
            or not self.takes_part(CLASSIFIED)
        ):
            raise ValueError("contributions are of a plain row of the classification on one table "
                             "of features, without shuffled, splits or train_share")  # fmt: skip
        if self.contributions and self.model and self.model.estimator not in EXPLAINED:
            raise ValueError(f"contributions are of models {' and '.join(EXPLAINED)}, not of "
                             f"{self.model.estimator}")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _no_circle(self) -> Self:
        if PROTEOME in self.features and set(self.tasks or ()) != {"targets"}:
            raise ValueError("the proteome can only predict targets, not itself: set tasks")
        return self

    @model_validator(mode="after")
    def _plain_variant(self) -> Self:
        if self.variant and (self.leak_gauge or self.shuffled):
            raise ValueError("splits and train_share go with neither shuffled nor leak_gauge")
        return self

    @model_validator(mode="after")
    def _gauge_of_true_labels(self) -> Self:
        if self.leak_gauge and self.shuffled:
            raise ValueError("a leak is gauged with true labels: set shuffled or leak_gauge")
        return self


def given_files(rows: Iterable[RowSettings]) -> tuple[Path, ...]:
    """Files of predictions that rows name, sorted."""
    return tuple(sorted({row.predictions for row in rows if row.predictions is not None}))


def require_fusions(rows: Mapping[str, RowSettings]) -> None:
    """Stop unless every fusion names rows that can be fused.

    Raises
    ------
    ValueError
        Of a fusion: rows that are not there, are fusions or files themselves, have shuffled labels
        or other folds, or take no part in one of its tasks; or a mean of rows of unlike models.
    """
    for name, row in rows.items():
        if row.fusion is None:
            continue
        where, of = f"fusion of row {quoted(name)}", row.fusion.of
        if missing := [other for other in of if other not in rows]:
            raise ValueError(f"{where}: no row {listed(missing)}; there are: {listed(list(rows))}")
        if fused := [other for other in of if rows[other].fusion is not None]:
            raise ValueError(f"{where}: {listed(fused)} is a fusion itself; name the rows that "
                             "it is of")  # fmt: skip
        if odd := [other for other in of if rows[other].shuffled or rows[other].variant]:
            raise ValueError(f"{where}: {listed(odd)} has shuffled labels, other folds or fewer "
                             "compounds than the tables")  # fmt: skip
        for other in of:
            named = rows[other].tasks
            if named is not None and not (row.tasks and set(row.tasks) <= set(named)):
                raise ValueError(f"{where}: row {quoted(other)} takes part in {listed(named)} "
                                 "alone; set tasks to some that all of them have")  # fmt: skip
        if given := [other for other in of if rows[other].model is None]:
            raise ValueError(f"{where}: {listed(given)} is a file of predictions, whose model is "
                             "not here")  # fmt: skip
        unlike = any(rows[other].model != rows[of[0]].model for other in of)
        if row.fusion.by == "mean" and unlike:
            raise ValueError(f"{where}: the scores of unlike models have no common unit to take "
                             "the mean in; set by: stack")  # fmt: skip
