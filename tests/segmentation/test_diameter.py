"""The diameter of nuclei, measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.segmentation.scenes import draw, write_screen

from phenoprot.core.errors import UserError
from phenoprot.imaging.segmentation.diameter import measure, settle_diameter
from phenoprot.imaging.segmentation.settings import CellProfilerSettings

AUTO = CellProfilerSettings()


def nuclei(radius: float, side: int, number: int, seed: int = 0) -> np.ndarray:
    """A field of nuclei of one radius that do not touch."""
    rng = np.random.default_rng(seed)
    centres: list[tuple[float, float]] = []
    while len(centres) < number:
        place = tuple(rng.uniform(2 * radius, side - 2 * radius, 2))
        if all(np.hypot(place[0] - y, place[1] - x) > 2.6 * radius for y, x in centres):
            centres.append(place)
    return draw((side, side), centres, nucleus=radius, cell=2 * radius)[0]


@pytest.mark.parametrize("radius", [6, 8.5, 17])
def test_within_a_tenth_at_any_magnification(radius: float) -> None:
    fields = [nuclei(radius, int(24 * radius), 20, seed)[0] for seed in range(2)]
    found = measure(fields, AUTO)
    assert found is not None
    assert found[0] == pytest.approx(2 * radius, rel=0.1)
    assert found[1] == 40


def test_a_field_at_twice_the_pixels_has_twice_the_diameter() -> None:
    small = nuclei(8, 200, 20)[0]
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    first, second = measure([small], AUTO), measure([large], AUTO)
    assert first is not None
    assert second is not None
    assert second[0] == pytest.approx(2 * first[0], rel=0.05)


def test_no_nucleus_no_diameter() -> None:
    assert measure([np.full((50, 60), 0.1, np.float32)], AUTO) is None


@pytest.fixture
def screen(tmp_path: Path) -> pd.DataFrame:
    return write_screen(tmp_path, {("P1", "A01", "1"): nuclei(12, 220, 12)})


def test_auto_becomes_a_number(screen: pd.DataFrame) -> None:
    settings, measured = settle_diameter(screen, AUTO)
    assert measured is not None
    assert settings.diameter == measured.diameter == pytest.approx(24, rel=0.1)
    record = measured.record(settings)
    assert record == {
        "nucleus_diameter": measured.diameter,
        "measured": measured.diameter,
        "nuclei": 12,
        "fields": ["P1/A01/1"],
    }


@pytest.mark.parametrize(("given", "warned"), [(17, True), (20, False), (34, True)])
def test_a_given_number_that_does_not_fit_is_a_warning(
    screen: pd.DataFrame, capsys: pytest.CaptureFixture[str], given: float, warned: bool
) -> None:
    settings, measured = settle_diameter(screen, CellProfilerSettings(nucleus_diameter=given))
    assert settings.diameter == given
    assert measured is not None
    line = capsys.readouterr().err
    assert (
        f"is {given:g} px, but 12 nuclei on 1 fields have {measured.diameter:g} px" in line
    ) == (warned)


def test_fields_without_nuclei_are_named(tmp_path: Path) -> None:
    field = np.full((5, 60, 60), 0.1, np.float32)
    fields = write_screen(tmp_path, {("P1", "B02", "3"): field})
    with pytest.raises(UserError, match=r"no nucleus was found on 1 field\(s\).*P1/B02/3"):
        settle_diameter(fields, AUTO)
    settings, measured = settle_diameter(fields, CellProfilerSettings(nucleus_diameter=20))
    assert (settings.diameter, measured) == (20, None)
