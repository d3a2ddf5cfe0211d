"""The results of the evaluation, typed: in memory, and as nested JSON in data/scores.

What is not defined (a mean over no target, an interval without draws) is None, and is left out of
the file. Values are rounded to six decimals where they are made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ValidationError, model_validator

from phenoprot.core.artefacts import REMEDY, damaged, read_object
from phenoprot.core.files import write_json
from phenoprot.core.settings import Settings

ScorerName = Literal["auc", "levels"]
COMPARISONS = "comparisons"
"""Folder of the scores of one row against another."""
LABELS = "labels"
"""Folder of what is known of the labels."""
ACTIVITY = "activity.json"
"""How many treatments are active."""


@dataclass(frozen=True)
class ScoreNames:
    """Names of the scores that one kind of scoring gives; they are parts of keys in metrics/."""

    main: str
    """The score whose thresholds are counted."""
    means: tuple[str, ...]
    """Scores of the table of results."""
    by_dose: tuple[str, ...]
    """Scores at each concentration."""
    leak: str
    """Score of the leak gauge."""
    planted: tuple[str, ...]
    """Scores of each group of targets with one planted effect."""
    chance: float
    """The main score, and the first of the means, of a prediction without information."""


SCORE_NAMES: dict[ScorerName, ScoreNames] = {
    "auc": ScoreNames("auc", ("auc",), ("auc",), "auc", ("auc",), 0.5),
    "levels": ScoreNames(
        main="r2",
        means=("skill", "pearson_r2", "smape", "rmse", "concordance"),
        by_dose=("skill",),
        leak="concordance",
        planted=("pearson_r2", "concordance"),
        chance=0.0,
    ),
}
"""By the scorer of a task."""


class Estimate(Settings):
    """A value, its 95 % interval and its spread over the repeats."""

    value: float
    low: float | None = None
    """Lower end; None: no interval."""
    high: float | None = None
    """Upper end; None: no interval."""
    repeat_sd: float | None = None
    """Standard deviation over the repeats of the cross-validation; None: unknown."""


class ThresholdCount(Settings):
    """Targets at or above a threshold."""

    threshold: float
    n: int
    """Number of targets."""
    percent: float
    """Their share of all targets."""
    expected_by_chance: float
    """The number that permuted labels reach, on average."""
    chance_sd: float | None = None
    """Its standard deviation, the compounds permuted for all targets at once."""
    p: float | None = None
    """Share of these permutations that reach the number; None: not permuted at once."""


Stratum = Literal["few", "middle", "many", "within"]
"""Thirds of the treatments by their cell number; ``within``: all, each third for itself."""
Activeness = Literal["active", "inactive"]
"""Compounds with an active treatment, and those without."""


class StratumScores(Settings):
    """Scores among some of the treatments: of about as many cells, or of (in)active compounds."""

    name: Stratum | Activeness
    n_targets_scored: int
    """Targets with a score."""
    means: dict[str, Estimate]
    """By score."""


class ChosenScores(Settings):
    """Scores of levels over some of the proteins."""

    n: float
    """Number of these proteins, mean over the test folds."""
    skill: Estimate | None = None
    """Pooled skill over them."""
    median: float | None = None
    """Median of their R2 in each test fold, mean over the folds."""


class ProteinChoice(Settings):
    """Scores over the proteins that the classification does well."""

    every: ChosenScores
    """Over all proteins."""
    inside: ChosenScores
    """Over those chosen inside the training part of each fold."""
    all: ChosenScores
    """Over those chosen on all compounds, those of the test fold among them: the poster's way."""
    optimism: Estimate | None = None
    """Pooled skill of the last minus that of the one before."""


class Ceiling(Settings):
    """What a repeat of the assay would score in place of a row."""

    value: float
    """Mean AUC, or median R2, over the targets with a ceiling and a score."""
    n: int
    """Number of these targets."""
    share: float | None = None
    """The row's score over the same targets, as a share of the way from chance to the ceiling;
    None where the ceiling is no better than chance."""


class Group(Settings):
    """Targets with one planted effect: a bin of effects, or a kind."""

    low: float | None = None
    """Effects above this absolute log2 fold change; None: the group is a kind."""
    high: float | None = None
    """And up to this one; None: no upper limit."""
    kind: str | None = None
    """E.g. ``null``: nothing planted."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.low is None) == (self.kind is None) or (self.low is None and self.high):
            raise ValueError("a group is either a bin with low, or a kind")
        return self

    @property
    def order(self) -> tuple[bool, float, str]:
        """Sort key: bins by effect, then kinds by name."""
        return self.low is None, self.low or 0.0, self.kind or ""


class GroupScores(Settings):
    """Mean scores of one group of targets."""

    group: Group
    n: int
    """Number of targets."""
    means: dict[str, Estimate]
    """By score."""


class LeakGauge(Settings):
    """Scores under folds of treatments instead of compounds."""

    score: str
    """The score that is compared, e.g. ``auc``."""
    mean: float | None = None
    """Its mean under folds of treatments."""
    gap: Estimate | None = None
    """How much it is above that under folds of compounds."""
    n_doses: int
    """Concentrations of the dose series; 1 without one."""


class DoseScores(Settings):
    """Scores at one concentration."""

    concentration: float
    """In the unit of the screen."""
    n_compounds: int
    n_targets_scored: int
    """Targets with a score."""
    means: dict[str, Estimate]
    """By score."""
    median: float | None = None
    """Median over the targets of the main score of levels."""


class RowResult(Settings):
    """All that is said of one row in one part of the benchmark."""

    scorer: ScorerName
    n_targets: int
    n_compounds: int
    n_repeats: int | None = None
    """Draws of the outer folds that the scores are means over."""
    n_folds: int | None = None
    """Outer folds of each."""
    n_targets_scored: int | None = None
    """Targets of which a fold has both classes; None for levels."""
    n_folds_skipped: int | None = None
    """Folds without both classes in a repeat, summed over the targets; None for levels."""
    means: dict[str, Estimate]
    """Means over the targets by score, see :data:`SCORE_NAMES`."""
    mean_chance_sd: float | None = None
    """Standard deviation of the mean of the main score by chance; None for levels."""
    mean_p: float | None = None
    """Share of the permutations that reach the mean of the main score; None for levels."""
    n_above_chance: int | None = None
    """Targets whose AUC is above chance at the false discovery rate; None for levels."""
    median: float | None = None
    """Median of the main score of levels."""
    maximum: float | None = None
    """Largest main score of levels."""
    median_over_doses: float | None = None
    """Median of the mean over the concentrations of the main score of levels at each; None without
    a dose series."""
    maximum_over_doses: float | None = None
    """Largest such mean."""
    thresholds: list[ThresholdCount]
    """Counts of the main score, thresholds in the order of params.yaml."""
    ceiling: Ceiling | None = None
    """None: nothing is known of the replicates behind the labels."""
    leak: LeakGauge | None = None
    """None: the row was not gauged."""
    planted: list[GroupScores] = []
    """Groups of a simulated screen, effects ascending, then kinds by name."""
    strata: list[StratumScores] = []
    """By cell number; empty where it is not known."""
    activity: list[StratumScores] = []
    """By activity of the compound; empty where it is not known."""
    choice: ProteinChoice | None = None
    """None: no proteins were chosen."""
    doses: list[DoseScores] = []
    """Concentrations, ascending; empty where no compound was given at two."""

    @property
    def n_concentrations(self) -> int:
        """Number of concentrations of the dose series; 1 without one."""
        return max(1, len(self.doses))


class DoseActivity(Settings):
    """Activity of the treatments at one concentration."""

    concentration: float
    """In the unit of the screen."""
    n: int
    """Treatments with a test."""
    n_active: int
    n_first: int
    """Compounds of which it is the first active concentration."""


class ActivityCounts(Settings):
    """Activity of a screen's treatments: do replicates resemble each other more than controls?"""

    doses: list[DoseActivity]
    """Concentrations, ascending."""
    n_compounds: int
    """Compounds with a test."""
    n_active: int
    """Those with an active treatment."""
    n_untested: int = 0
    """Treatments without a test, for want of replicate wells."""


class RowComparison(Settings):
    """One row against another, target by target and on average."""

    row: str
    against: str
    n_compounds: int
    n_targets_tested: int
    n_better: int
    """Targets on which `row` is better at the false discovery rate."""
    n_worse: int
    mean_auc_difference: Estimate | None = None
    p: float | None = None
    """Two-sided p of no difference of the means."""
    q: float | None = None
    """The same, corrected over all comparisons of the part (Benjamini-Hochberg)."""
    smallest_difference: float | None = None
    """Difference of the means that would be found in 80 % of such screens, two-sided at 5 %."""
    jaccard: float | None = None
    """Targets above chance in both rows, as a share of those in either; None where there is none.
    """
    smallest_target_difference: float | None = None
    """The same of a single target: median over those that are tested."""


class Comparisons(Settings):
    """All comparisons of one part."""

    comparisons: list[RowComparison]


class EffectRecall(Settings):
    """Labels of the pairs with one size of the planted effect."""

    group: Group
    n: int
    """Pairs of compound and protein."""
    recall: float | None = None
    """Share that is called in the planted direction; None without pairs."""


class LabelTruth(Settings):
    """The labels of a simulated screen against what was planted."""

    effects: list[EffectRecall]
    """By planted effect, ascending."""
    n_wrong_direction: int
    n_null: int
    """Pairs with nothing planted."""
    false_call_share: float | None = None
    """Share of these that is called up or down; None without such pairs."""


def tidy(value: float) -> float:
    """Six decimals: enough to compare, too few to show the noise of another machine."""
    return round(float(value), 6)


def defined(value: float) -> float | None:
    """A tidy value; None if it is NaN."""
    return None if math.isnan(value) else tidy(value)


def estimate(
    value: float, low: float = math.nan, high: float = math.nan, repeat_sd: float = math.nan
) -> Estimate | None:
    """A tidy value with its interval and spread over the repeats; None if the value is NaN."""
    if math.isnan(value):
        return None
    ends = {"low": defined(low), "high": defined(high), "repeat_sd": defined(repeat_sd)}
    return Estimate(value=tidy(value), **ends)


def estimates(values: dict[str, Estimate | None]) -> dict[str, Estimate]:
    """Those that are defined."""
    return {name: value for name, value in values.items() if value is not None}


def write_result(path: Path, result: BaseModel) -> None:
    """Write a result as JSON; what is not defined is left out."""
    write_json(path, result.model_dump(mode="json", exclude_none=True))


R = TypeVar("R", bound=BaseModel)


def read_result(path: Path, model: type[R], remedy: str = REMEDY) -> R:
    """Read a JSON object as `model`.

    Raises
    ------
    UserError
        The file is missing or damaged; the message names the first key at fault.
    """
    content = read_object(path, remedy=remedy)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise damaged(path, first_fault(error), remedy) from None


def first_fault(error: ValidationError) -> str:
    """The first key at fault, and what is wrong with it."""
    fault = error.errors()[0]
    key = ".".join(map(str, fault["loc"]))
    message = fault["msg"].removeprefix("Value error, ")
    return f"'{key}': {message}" if key else message
