from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.segmentation.scenes import draw, write_screen

from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256
from phenoprot.core.folders import MARKER
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging.reader import read_field
from phenoprot.imaging.segmentation.folder import CONFLUENT, COUNTS
from phenoprot.imaging.segmentation.masks import read_masks
from phenoprot.imaging.segmentation.run import find_segmenter, plan, segment_fields
from phenoprot.imaging.segmentation.score import score_masks
from phenoprot.imaging.segmentation.settings import CellProfilerSettings, SegmentationSettings
from phenoprot.screens.contract import FIELD_KEY

SETTINGS = SegmentationSettings(cellprofiler=CellProfilerSettings(nucleus_diameter=17))
SHAPE = (100, 120)
CENTRES = {
    ("P1", "A01", "1"): [(50, 40), (50, 90)],
    ("P1", "A02", "1"): [(2, 60)],
    ("P1", "B01", "1"): [(30, 30), (70, 80)],
    ("P2", "A01", "1"): [(50, 60)],
}


@pytest.fixture
def screen(tmp_path: Path) -> pd.DataFrame:
    fields = {key: draw(SHAPE, centres)[0] for key, centres in CENTRES.items()}
    return write_screen(tmp_path, fields)


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MARKER
    }


def test_masks_and_counts_of_a_screen(screen: pd.DataFrame, tmp_path: Path, here: None) -> None:
    output = tmp_path / "masks"
    objects = segment_fields(screen, SETTINGS, output, tmp_path / "work", "test")
    assert list(tree(output)) == [
        "P1/A.zip",
        "P1/B.zip",
        "P2/A.zip",
        "nuclei.json",
        "objects.parquet",
    ]
    assert objects.columns.tolist() == [*FIELD_KEY, *COUNTS, CONFLUENT]
    assert objects[list(COUNTS)].to_numpy().tolist() == [
        [2, 0, 0, 0],
        [1, 1, 0, 0],
        [2, 0, 0, 0],
        [1, 0, 0, 0],
    ]
    pd.testing.assert_frame_equal(objects, pd.read_parquet(output / "objects.parquet"))
    masks = read_masks(output / "P1" / "A.zip")
    assert list(masks) == ["P1/A01/1", "P1/A02/1"]
    for row in screen.to_dict("records")[:2]:
        (alone,) = find_segmenter(SETTINGS)([read_field(row)])
        name = "/".join(row[column] for column in FIELD_KEY)
        assert np.array_equal(masks[name].cells, alone.masks.cells)


def test_bytes_do_not_depend_on_the_number_of_workers(
    screen: pd.DataFrame, tmp_path: Path, here: None
) -> None:
    segment_fields(screen, SETTINGS, tmp_path / "a", tmp_path / "work_a", "test")
    two = ExecutionSettings(workers=2)
    shuffled = screen.iloc[::-1]
    segment_fields(shuffled, SETTINGS, tmp_path / "b", tmp_path / "work_b", "test", two)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_the_output_is_replaced_as_a_whole(
    screen: pd.DataFrame, tmp_path: Path, here: None
) -> None:
    output = tmp_path / "masks"
    segment_fields(screen, SETTINGS, output, tmp_path / "work", "test")
    segment_fields(screen.iloc[:2], SETTINGS, output, tmp_path / "work", "test")
    assert list(tree(output)) == ["P1/A.zip", "nuclei.json", "objects.parquet"]


def test_a_shard_depends_on_images_and_the_settings_of_its_method(
    screen: pd.DataFrame, tmp_path: Path
) -> None:
    before = plan(screen, SETTINGS)
    other = SETTINGS.model_copy(update={"cellpose": SETTINGS.cellpose.model_copy()})
    assert [s.fingerprint for s in plan(screen, other)] == [s.fingerprint for s in before]
    changed = SegmentationSettings(
        cellprofiler=CellProfilerSettings(nucleus_diameter=17, noise=6.0)
    )
    assert plan(screen, changed)[0].fingerprint != before[0].fingerprint
    tifffile.imwrite(tmp_path / "P1_B01_1_ER.tiff", np.ones(SHAPE, np.uint16))
    after = plan(screen, SETTINGS)
    same = [a.fingerprint == b.fingerprint for a, b in zip(after, before, strict=True)]
    assert same == [True, False, True]


def test_a_missing_image_is_named_before_any_work(screen: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "P2_A01_1_DNA.tiff").unlink()
    with pytest.raises(UserError, match=r"1 image file\(s\) are missing: .*P2_A01_1_DNA.tiff"):
        segment_fields(screen, SETTINGS, tmp_path / "masks", tmp_path / "work", "test")
    assert not (tmp_path / "masks").exists()


def write_truth(folder: Path, shape: tuple[int, int] = SHAPE) -> None:
    for (plate, well, site), centres in CENTRES.items():
        _, truth = draw(shape, centres)
        (folder / plate).mkdir(parents=True, exist_ok=True)
        for kind, labels in (("nuclei", truth.nuclei), ("cells", truth.cells)):
            name = f"{well}_s{site}_{kind}.tiff"
            tifffile.imwrite(folder / plate / name, labels.astype(np.uint16))


WELLS = pd.DataFrame(
    [("P1", "A01", 0.5), ("P1", "A02", np.nan), ("P1", "B01", 10.0), ("P2", "A01", 10.0)],
    columns=["Metadata_Plate", "Metadata_Well", "Metadata_Concentration"],
)


def test_score_against_the_truth(screen: pd.DataFrame, tmp_path: Path, here: None) -> None:
    write_truth(tmp_path / "truth")
    # One object too many in the truth: P2/A01 lacks it.
    path = tmp_path / "truth" / "P2" / "A01_s1_{}.tiff"
    for kind in ("nuclei", "cells"):
        labels = tifffile.imread(str(path).format(kind))
        labels[:6, :6] = 2
        tifffile.imwrite(str(path).format(kind), labels)
    segment_fields(screen, SETTINGS, tmp_path / "masks", tmp_path / "work", "test")
    score = score_masks(tmp_path / "masks", tmp_path / "truth", screen, WELLS)
    assert (score["iou"], score["fields"]) == (0.5, 4)
    for kind in ("nuclei", "cells"):
        assert score[kind]["true_positives"] == 6
        assert score[kind]["false_positives"] == 0
        assert score[kind]["false_negatives"] == 1
        assert score[kind]["average_precision"] == pytest.approx(6 / 7, abs=1e-6)
        by_dose = {d: v["average_precision"] for d, v in score[kind]["by_dose"].items()}
        assert by_dose == {"0.5": 1, "control": 1, "10": 0.75}
        assert score[kind]["by_field"]["P2/A01/1"] == 0.5


def test_masks_that_the_truth_needs(screen: pd.DataFrame, tmp_path: Path, here: None) -> None:
    write_truth(tmp_path / "truth")
    segment_fields(screen.iloc[:3], SETTINGS, tmp_path / "masks", tmp_path / "work", "test")
    with pytest.raises(UserError, match=r"no masks for 1 of 4 field\(s\) of view: P2/A01/1"):
        score_masks(tmp_path / "masks", tmp_path / "truth", screen, WELLS)
    write_truth(tmp_path / "truth", (100, 130))
    with pytest.raises(UserError, match=r"masks of 3 field\(s\) have another size than the truth"):
        score_masks(tmp_path / "masks", tmp_path / "truth", screen.iloc[:3], WELLS)


def test_a_truth_that_contradicts_itself(screen: pd.DataFrame, tmp_path: Path) -> None:
    write_truth(tmp_path / "truth")
    path = tmp_path / "truth" / "P1" / "A01_s1_nuclei.tiff"
    tifffile.imwrite(path, np.zeros(SHAPE, np.uint16))
    with pytest.raises(UserError, match=r"A01_s1_\*.tiff: no usable true masks: 0 nuclei, but 2"):
        score_masks(tmp_path / "masks", tmp_path / "truth", screen, WELLS)
