"""Numbers of fields against fields whose faults are known, and CellProfiler's own code."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from centrosome import radial_power_spectrum
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from tests.crops.scenes import usual

from phenoprot.core.errors import UserError
from phenoprot.core.files import read_json
from phenoprot.imaging.crops.run import crop_fields
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.quality.measure import (
    area_ratio,
    measure_field,
    measure_image,
    power_slope,
)
from phenoprot.imaging.quality.outliers import (
    NUMBERS,
    OUTLIER,
    fields_table,
    read_quality,
    reasons,
    summary,
    write_quality,
)
from phenoprot.imaging.quality.text import quality_lines
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.screens.contract import FIELD_KEY, STAINS


class _Ptp(np.ndarray):
    """An array with the method that numpy 2 took away, and centrosome calls."""

    def ptp(self) -> float:
        return float(np.ptp(np.asarray(self)))


@pytest.mark.parametrize("shape", [(360, 360), (120, 200), (201, 83)], ids=str)
def test_focus_is_that_of_cellprofiler(shape: tuple[int, int]) -> None:
    light = ndimage.gaussian_filter(np.random.default_rng(3).random(shape), 1.3)
    image = np.rint(40_000 * light).astype(np.uint16)
    radii, _, power = radial_power_spectrum.rps((image / 65535).view(_Ptp))
    expected = np.polyfit(np.log(radii), np.log(power), 1)[0]
    assert power_slope(image) == pytest.approx(expected, abs=1e-4)


def test_blur_and_brightness() -> None:
    rng = np.random.default_rng(0)
    sharp = 9000 + 20_000 * (ndimage.gaussian_filter(rng.random((128, 128)), 1) - 0.4)
    slopes = [
        power_slope(ndimage.gaussian_filter(sharp, blur).astype(np.uint16)) for blur in (0, 2, 4)
    ]
    assert slopes[0] > slopes[1] + 0.1 > slopes[2] + 0.3  # each blur is told from the one before
    image = sharp.astype(np.uint16)
    assert power_slope(3 * image + 100) == pytest.approx(power_slope(image), abs=1e-4)


def test_no_focus_of_small_or_flat_images() -> None:
    assert math.isnan(power_slope(np.zeros((31, 200), np.uint16)))
    assert math.isnan(power_slope(np.full((64, 64), 7, np.uint16)))


def test_an_image_by_hand() -> None:
    image = np.full(2000, 300, np.uint16)  # background
    image[:900] = 1000
    image[:10] = 65535  # 0.5 % saturated
    found = measure_image(np.random.default_rng(1).permutation(image).reshape(40, 50))
    assert found["Saturated"] == pytest.approx(0.005)
    assert (found["Background"], found["Median"], found["Top"]) == (300, 300, 65535)
    image[:10] = 4095  # a camera of 12 bits
    assert measure_image(image.reshape(40, 50))["Saturated"] == pytest.approx(0.005)
    assert measure_image(np.zeros((4, 4), np.uint8))["Saturated"] == 1


@given(
    counts=st.lists(st.integers(0, 255), min_size=1, max_size=60),
    share=st.sampled_from([("Background", 0.05), ("Median", 0.5), ("Top", 0.999)]),
)
def test_quantiles(counts: list[int], share: tuple[str, float]) -> None:
    image = np.array(counts, np.uint8).reshape(1, -1)
    expected = np.quantile(image, share[1], method="inverted_cdf")
    assert measure_image(image)[share[0]] == expected


def test_area_ratio_by_hand() -> None:
    nuclei, cells = np.zeros((2, 20, 20), dtype=np.int32)
    for label, (top, height) in enumerate([(1, 2), (5, 4), (11, 8)], start=1):
        cells[top : top + height, 2:12] = label  # 20, 40 and 80 px
        nuclei[top, 2:12] = label  # 10 px
    assert area_ratio(Masks(nuclei, cells)) == 4
    assert math.isnan(area_ratio(Masks(*np.zeros((2, 9, 9), dtype=np.int32))))


def test_a_field_has_all_numbers() -> None:
    images = [np.full((40, 40), 10 * (1 + i), np.uint16) for i in range(5)]
    found = measure_field(images, Masks(*np.zeros((2, 40, 40), dtype=np.int32)))
    assert {f"Median_{stain}": found[f"Median_{stain}"] for stain in STAINS} == {
        "Median_DNA": 10, "Median_ER": 20, "Median_RNA": 30, "Median_AGP": 40, "Median_Mito": 50,
    }  # fmt: skip
    assert set(found) <= set(NUMBERS)


def table(fields: int = 10, plate: str = "P1") -> pd.DataFrame:
    """Fields that are alike but for a little noise."""
    rng = np.random.default_rng(5)
    keys = {"Metadata_Plate": plate, "Metadata_Well": [f"A{i + 1:02}" for i in range(fields)],
            "Metadata_Site": "1"}  # fmt: skip
    columns: dict[str, object] = {name: 100 + rng.random(fields) for name in NUMBERS}
    columns |= {"Cells": 100, "Crops": 50, "Overflow": 0.1, "AreaRatio": 4 + rng.random(fields) / 9}
    for stain in STAINS:
        columns[f"Saturated_{stain}"] = 0.0
        columns[f"Focus_{stain}"] = -1.5 + 0.1 * rng.standard_normal(fields)
    return pd.DataFrame(keys | columns)


def test_outliers_are_named_with_reasons() -> None:
    fields = table()
    assert reasons(fields, 5) == [""] * 10
    fields.loc[2, "Focus_ER"] = -4.0
    fields.loc[2, "Cells"] = 20  # 80 fewer than 100, whose chance is 10: z -8
    fields.loc[7, "Saturated_DNA"] = 0.01  # the plate has none: 0.01 / 0.0005 = 20
    fields.loc[8, "Median_DNA"] = 1e6  # what a treatment does: not judged
    found = reasons(fields, 5)
    assert found[2].startswith("Cells 20 (plate 100, z -8.0); Focus_ER -4 (plate -1.5")
    assert found[7] == "Saturated_DNA 0.01 (plate 0, z +20.0)"
    assert sum(map(bool, found)) == 2
    assert sum(map(bool, reasons(fields, 9))) == 2
    assert "Cells" not in reasons(fields, 9)[2]


def test_robust_z_by_hand() -> None:
    fields = table()
    fields["Background_DNA"] = [100.0, 102, 104, 106, 108, 110, 112, 114, 116, 200]
    # Median 109; deviations 9 7 5 3 1 1 3 5 7 91, their median 5: (200 - 109) / (1.4826 * 5).
    assert reasons(fields, 5)[9] == f"Background_DNA 200 (plate 109, z {91 / 7.413:+.1f})"


def test_plates_are_judged_by_themselves() -> None:
    bright = table(plate="P2")
    bright[[f"Background_{stain}" for stain in STAINS]] += 5000
    few = table(7, plate="P3")
    few.loc[0, "Cells"] = 0
    both = pd.concat([table(), bright, few], ignore_index=True)
    both[OUTLIER] = reasons(both, 5)
    assert (both[OUTLIER] == "").all()
    assert summary(both)["fields_judged"] == 20
    assert "not judged, fewer than 8 fields: P3" in list(quality_lines(both, 64))


def test_numbers_that_are_missing() -> None:
    fields = table()
    fields.loc[:, "Focus_DNA"] = np.nan
    fields.loc[3, ["Overflow", "AreaRatio"]] = np.nan
    assert reasons(fields, 5) == [""] * 10
    assert summary(fields.assign(Outlier=""))["focus"]["DNA"] is None


@pytest.mark.usefixtures("here")
def test_the_crops_stage_counts_the_overflow(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    found = []

    def report(store, numbers, size):  # type: ignore[no-untyped-def]
        write_quality(
            tmp_path / "quality", fields_table(store.field_table, numbers, 5), size.record()
        )
        found.append(numbers)

    # Cells with a radius of 9 px reach 18 + 1 px: none fits 16 px, all fit 20 px.
    for size, overflow in ((16, 1.0), (20, 0.0)):
        crop_fields(
            scene.fields, scene.masks_folder, tmp_path / "crops", tmp_path / "work", "toy",
            CropSettings(size=size), report=report,
        )  # fmt: skip
        fields = read_quality(tmp_path / "quality")
        assert list(fields) == [*FIELD_KEY, *NUMBERS, OUTLIER]
        assert fields["Cells"].tolist() == [3, 0, 1, 1, 2]
        assert fields["Crops"].tolist() == [2, 0, 1, 0, 2]
        with_crops = fields["Crops"] > 0
        assert (fields.loc[with_crops, "Overflow"] == overflow).all()
        assert fields.loc[~with_crops, "Overflow"].isna().all()
        written = read_json(tmp_path / "quality/summary.json")
        assert written["crop_overflow"] == overflow
        assert written["crop_size"]["size"] == size
        assert (written["fields"], written["fields_judged"], written["outliers"]) == (5, 0, 0)
    first = scene.images["P1/A01/1"][STAINS.index("RNA")]
    assert fields.loc[0, "Median_RNA"] == np.quantile(first, 0.5, method="inverted_cdf")


def test_a_table_that_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file. Run the stage crops"):
        read_quality(tmp_path)
    table().to_parquet(tmp_path / "fields.parquet")
    with pytest.raises(UserError, match=r"lacks 1 column\(s\): Outlier"):
        read_quality(tmp_path)
