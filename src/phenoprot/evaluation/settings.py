"""Settings of the evaluation."""

from __future__ import annotations

from pydantic import Field

from phenoprot.settings import Settings


class EvaluationSettings(Settings):
    """Scores and their uncertainty."""

    auc_thresholds: list[float]
    """Targets at or above each ROC AUC are counted (poster: 0.6, 0.7, 0.8; Table 3 also 0.9)."""
    r2_thresholds: list[float]
    """Proteins at or above each R2 are counted."""
    permutations: int = Field(ge=1)
    """Label permutations behind the counts expected by chance."""
    bootstraps: int = Field(ge=1)
    """Resamplings of the compounds behind the 95 % intervals."""
    seed: int
    """Seed of permutations and bootstraps."""
