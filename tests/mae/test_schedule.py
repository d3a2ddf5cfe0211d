from __future__ import annotations

import pytest

from phenoprot.features.mae.schedule import learning_rate
from phenoprot.features.mae.settings import TrainingSettings
from phenoprot.pipeline.presets import POSTER


def rates(**changes: object) -> list[float]:
    settings = TrainingSettings(
        **{"steps": 10, "warmup_share": 0.2, "learning_rate": 0.8, **changes}
    )
    return [learning_rate(step, settings) for step in range(settings.steps)]


def test_by_hand() -> None:
    found = rates()
    assert found[:3] == [0.4, 0.8, 0.8]  # two steps up; the cosine begins at its peak
    assert found[4] == pytest.approx(0.4 * (1 + 2**-0.5))  # a quarter of the way down
    assert found[6] == pytest.approx(0.4)  # half
    assert found[9] == pytest.approx(0.4 * (1 - 0.9238795325112867))  # cos(7 pi / 8)


def test_corners() -> None:
    assert rates(warmup_share=0.0)[0] == 0.8
    assert rates(warmup_share=1.0) == pytest.approx([0.08 * step for step in range(1, 11)])
    assert rates(steps=1) == [0.8]
    assert rates(final_learning_rate=0.2)[6] == pytest.approx(0.5)
    assert min(rates(final_learning_rate=0.2)[2:]) > 0.2


def test_the_poster_s_schedule() -> None:
    head = "mae.training."
    values = {k.removeprefix(head): v for k, v in POSTER.items() if k.startswith(head)}
    settings = TrainingSettings.model_validate(values)
    assert settings.batch == 2048
    assert learning_rate(0, settings) == pytest.approx(1e-8)
    assert learning_rate(9_999, settings) == 1e-4
    assert learning_rate(55_000, settings) == pytest.approx(0.5e-4)
    assert 0 < learning_rate(99_999, settings) < 1e-11
