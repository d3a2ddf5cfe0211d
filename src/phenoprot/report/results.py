"""All that the tables, the figure and the account of one screen are made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import model_validator

from phenoprot.core.settings import Settings
from phenoprot.evaluation.across_results import AcrossScreens
from phenoprot.evaluation.contribution_results import ContributionResult
from phenoprot.evaluation.results import (
    ActivityCounts,
    DoseScores,
    Group,
    LabelTruth,
    RowComparison,
    RowResult,
)
from phenoprot.report.parts import table_parts
from phenoprot.screens.contents import Content, Contents
from phenoprot.tasks.fit_settings import SplitKind
from phenoprot.tasks.task import Figures

Numbers = dict[str, float | int]
"""Counts by name."""
MLP, POSTER_MLP, LINEAR = "mlp", "mlp_poster", "linear"
GIVEN = "predictions"
"""Stands for the model of a row whose predictions are a file."""


NO_ACTIVITY = ActivityCounts(doses=[], n_compounds=0, n_active=0)


class MethodRecord(Settings):
    """How one row came about."""

    features: list[str]
    model: str | dict[str, Any]
    """``mlp``, ``linear``, or what params.yaml says of another model; `GIVEN`: none of ours."""
    shuffled: bool
    predictions: str | None = None
    """File that the row's predictions are from, which the data count with; None: made here."""
    fusion: list[str] | None = None
    """Rows whose scores it fuses; `model` then says how. None: it fuses none."""


class VariantRecord(Settings):
    """A row under other folds, or with fewer training compounds."""

    of: str | None = None
    """The row of the tables that is otherwise the same; None: there is none."""
    splits: SplitKind | None = None
    """Kind of its folds; None: that of the tables."""
    train_share: float = 1.0
    """Share of the training compounds that it learns from."""


class Provenance(Settings):
    """``provenance.json``: where the numbers come from, and what they are numbers of."""

    package_version: str
    data_sha256: str
    """Hash of the files of the screen that its stages read."""
    params_sha256: str
    """Hash of the parameters that its stages depend on."""
    screen: str
    title: str
    imaged_cell_line: str
    readout_cell_line: str | None = None
    measured: str = "protein"
    """What one column of the readout is, in one word."""
    caveats: list[str]
    """What a reader must know beside the numbers."""
    rows: list[str]
    """In the order of params.yaml."""
    methods: dict[str, MethodRecord]
    """By row."""
    variants: dict[str, VariantRecord] = {}
    """They stand in tables of their own."""
    missing: list[Content] = []
    """Parts that the screen does not have: what needs them is left out."""
    without_rows: list[str] = []
    """Tasks that the screen could have, and that no row takes part in: they are left out."""
    too_few_labels: list[str] = []
    """Parts of the benchmark without a target that has enough labels: they have no row."""
    concentration_unit: str
    false_discovery_rate: float
    strata: str | None = None
    """Profile table with the cell number, by whose thirds scores are split."""
    label_rule: str | None = None
    thresholds: dict[str, list[float]]
    """Thresholds at which targets are counted, by score."""
    concentrations: list[float] = []
    """Concentrations with scores of their own, ascending; empty without a dose series."""
    planted: list[Group] = []
    """Groups by planted effect, of a simulated screen."""

    @property
    def has(self) -> Contents:
        """What the screen has."""
        return Contents.without(self.missing)

    @model_validator(mode="after")
    def _every_row_has_a_method(self) -> Self:
        if lacking := [row for row in self.rows if row not in self.methods]:
            raise ValueError(f"no method of row {lacking[0]}")
        return self


class TopTarget(Settings):
    """One of the best predicted proteins."""

    row: str
    protein: str
    r2: float
    """Within each test fold, all concentrations together."""
    r2_over_doses: float | None = None
    """Mean of the R2 at each concentration; None without a dose series."""
    pearson_r2: float
    smape: float
    """Percent, on levels standardised by the training part."""


@dataclass(frozen=True)
class ScreenResults:
    """Everything that is known of one screen."""

    provenance: Provenance
    parts: dict[str, dict[str, RowResult]]
    """By part and row, rows in the order of params.yaml; a part without rows is empty."""
    labels: Numbers
    """Number of labels in each state; empty without a readout."""
    truth: LabelTruth | None = None
    """Labels against what was planted, for a simulated screen."""
    comparisons: dict[str, list[RowComparison]] = field(default_factory=dict)
    """By part, in the order of the rows."""
    top: dict[str, list[TopTarget]] = field(default_factory=dict)
    """Best predicted proteins by task."""
    variants: dict[str, dict[str, RowResult]] = field(default_factory=dict)
    """By part and row, those under other folds or with fewer compounds."""
    activity: ActivityCounts = NO_ACTIVITY
    """Of the treatments; without a concentration where it is not known."""
    images: Numbers = field(default_factory=dict)
    """Fields of view and cells found in them; empty without images."""
    contributions: dict[str, dict[str, ContributionResult]] = field(default_factory=dict)
    """By part and row, of the rows that ask for it."""
    across: AcrossScreens | None = None
    """Against the screen whose folds this one has; None: it has its own."""

    @property
    def doses(self) -> dict[str, dict[str, list[DoseScores]]]:
        """Scores by part, row and concentration, ascending; empty for a screen of single doses."""
        by_part = {
            part: {row: result.doses for row, result in rows.items() if result.doses}
            for part, rows in self.parts.items()
        }
        return {part: rows for part, rows in by_part.items() if rows}

    @property
    def n_concentrations(self) -> int:
        """Number of concentrations of the dose series; 1 without one."""
        rows = (result for rows in self.parts.values() for result in rows.values())
        return max((result.n_concentrations for result in rows), default=1)

    def completed(self) -> Self:
        """The same with the concentrations and groups of the results in the provenance."""
        rows = [result for rows in self.parts.values() for result in rows.values()]
        concentrations = {dose.concentration for row in rows for dose in row.doses}
        groups = {scores.group for row in rows for scores in row.planted}
        if self.truth is not None:
            groups |= {effect.group for effect in self.truth.effects}
        known = {
            "concentrations": sorted(concentrations),
            "planted": sorted(groups, key=lambda group: group.order),
        }
        return replace(self, provenance=self.provenance.model_copy(update=known))

    def published(self, part: str, row: str) -> Figures | None:
        """The poster's figures of what a row is: the same features in the MLP, labels as they are.

        Features of an untrained network have a name of their own, and no figures.
        """
        method = self.provenance.methods[row]
        if method.model not in (MLP, POSTER_MLP) or method.shuffled:
            return None
        return table_parts()[part].poster.get("+".join(method.features))
