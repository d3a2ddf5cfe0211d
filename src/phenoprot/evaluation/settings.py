"""Settings of the evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phenoprot.core.settings import Name, Seed, Settings, Share


class EvaluationSettings(Settings):
    """Scores and their uncertainty.

    The width of the intervals is checked for 5 folds x 5 repeats of `tasks.splits`
    (docs/coverage.md); the tables say so where these are others.
    """

    auc_thresholds: list[Share]
    """Targets at or above each ROC AUC are counted (poster: 0.6, 0.7, 0.8; Table 3 also 0.9)."""
    r2_thresholds: list[Annotated[float, Field(le=1)]]
    """Proteins at or above each R2 are counted."""
    permutations: int = Field(ge=1, le=1_000_000)
    """Permutations of the compounds behind what chance gives: counts, their spread and p."""
    bootstrap: int = Field(default=0, ge=0, le=1_000_000)
    """Draws of the compounds with replacement behind `bootstrap_sd` in the tables of targets: the
    standard deviation of each ROC AUC with the models held fixed. 0: no such column. The intervals
    need no draws."""
    comparisons: Literal["first", "all"] = "first"
    """Rows that are compared target by target: the first one of the screen with every other, and a
    row with the one named ``<row>-untrained``, if there is one; or every two. Rows with shuffled
    labels have other labels and are left out."""
    false_discovery_rate: float = Field(default=0.05, gt=0, lt=1)
    """Targets on which two rows differ are counted at this rate (Benjamini-Hochberg)."""
    strata: Name | None = None
    """Profile table with one feature, the cell number: ROC AUCs are given within its thirds, too. A
    screen without it has none. null: for no screen."""
    seed: Seed
    """Seed of the permutations and of the bootstrap."""
