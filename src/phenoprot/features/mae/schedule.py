"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from phenoprot.features.mae.settings import TrainingSettings


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """Learning rate of step `step` (0 .. steps - 1): linear warm-up, then half a cosine.

    The warm-up rises over the first ``warmup_share`` of the steps and reaches the peak on its last
    one; the cosine falls from the peak and would reach the final rate at step `steps`.
    """
    warmup = round(settings.warmup_share * settings.steps)
    peak, final = settings.learning_rate, settings.final_learning_rate
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(settings.steps - warmup, 1)
    return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * progress))
