from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from skimage.measure import label, regionprops
from tests.segmentation.scenes import BACKGROUND, disk, draw

from phenoprot.imaging.segmentation.agreement import average_precision, overlaps
from phenoprot.imaging.segmentation.classical import find_nuclei, segment_field
from phenoprot.imaging.segmentation.masks import touching_border
from phenoprot.imaging.segmentation.settings import CellProfilerSettings, SegmentationSettings
from phenoprot.screens.contract import STAINS

SETTINGS = CellProfilerSettings(nucleus_diameter=17)


def test_single_disks_are_found_at_their_size() -> None:
    field, truth = draw((150, 200), [(40, 50), (100, 60), (70, 150)])
    masks = segment_field(field, SETTINGS).masks
    assert masks.count == 3
    # A pixel around a nucleus of radius 8 is a fifth of both, around a cell of 22 a twelfth.
    assert overlaps(truth.nuclei, masks.nuclei).max(axis=1).min() > 0.75
    assert overlaps(truth.cells, masks.cells).max(axis=1).min() > 0.8


@pytest.mark.parametrize("gap", [14, 17, 24])
def test_touching_nuclei_are_split_and_the_cells_with_them(gap: int) -> None:
    field, truth = draw((120, 140), [(60, 50), (60, 50 + gap)])
    masks = segment_field(field, SETTINGS).masks
    assert masks.count == 2
    assert average_precision(truth.nuclei, masks.nuclei, 0.75) == 1
    assert average_precision(truth.cells, masks.cells, 0.75) == 1


def test_a_long_nucleus_is_not_split() -> None:
    field = np.full((len(STAINS), 100, 100), BACKGROUND, np.float32)
    rows, columns = np.indices((100, 100))
    field[0][np.hypot((rows - 50) / 8, (columns - 50) / 16) <= 1] = 0.2
    assert find_nuclei(field[0], SETTINGS).max() == 1


@pytest.mark.parametrize("level", [0, 0.01, 1])
@pytest.mark.parametrize("noise", [0, 0.05])
def test_a_field_without_cells_has_none(level: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    field = level * (1 + noise * rng.standard_normal((len(STAINS), 80, 90)))
    segmented = segment_field(np.clip(field, 0, 1).astype(np.float32), SETTINGS)
    assert segmented.masks.count == 0
    assert segmented.masks.cells.shape == (80, 90)
    assert segmented.dead == 0


def test_a_blank_cytoplasm_leaves_the_nuclei() -> None:
    field, truth = draw((100, 100), [(50, 50)])
    field[1:] = 0
    masks = segment_field(field, SETTINGS).masks
    assert np.array_equal(masks.nuclei, masks.cells)
    assert average_precision(truth.nuclei, masks.nuclei, 0.75) == 1


def test_a_blank_dna_stain_has_no_cells() -> None:
    field, _ = draw((100, 100), [(50, 50)])
    field[0] = 0
    assert segment_field(field, SETTINGS).masks.count == 0


def test_debris_is_no_nucleus_and_cells_without_one_are_left_out() -> None:
    field, _ = draw((120, 160), [(60, 40), (60, 110)])
    field[0, :, 80:] = BACKGROUND
    field[0, 60:63, 110:113] = 0.2
    masks = segment_field(field, SETTINGS).masks
    assert masks.count == 1
    assert not masks.cells[:, 80:].any()


def test_cells_at_the_border_are_kept_and_named() -> None:
    field, _ = draw((120, 120), [(4, 60), (70, 60)])
    masks = segment_field(field, SETTINGS).masks
    assert masks.count == 2
    assert touching_border(masks.nuclei).tolist() == [1]


def add_light(field: np.ndarray, here: np.ndarray, level: float) -> None:
    field += ndimage.gaussian_filter(level * here.astype(np.float32), (0, 0.8, 0.8))


def add_dead_cell(field: np.ndarray, centre: tuple[int, int], radius: float = 4) -> None:
    add_light(field[:1], disk(field.shape[1:], centre, radius)[None], 0.6)
    add_light(field[1:], disk(field.shape[1:], centre, radius + 3)[None], 0.6)


LIVE = [(40.0, 40.0), (40, 110), (110, 40), (110, 110)]


def test_round_small_and_bright_cells_are_dead() -> None:
    field, truth = draw((150, 150), LIVE)
    add_dead_cell(field, (75, 75))
    segmented = segment_field(field, SETTINGS)
    assert (segmented.masks.count, segmented.dead) == (4, 1)
    assert average_precision(truth.nuclei, segmented.masks.nuclei, 0.75) == 1
    kept = segment_field(field, CellProfilerSettings(nucleus_diameter=17, dead_brightness=None))
    assert (kept.masks.count, kept.dead) == (5, 0)


def test_each_part_of_the_rule_for_dead_cells_is_needed() -> None:
    dim, large = (draw((150, 150), LIVE)[0] for _ in range(2))
    add_light(dim, disk((150, 150), (75, 75), 4)[None], 0.12)
    add_dead_cell(large, (75, 75), radius=8)
    long, _ = draw((150, 150), LIVE)
    bar = np.zeros((150, 150))
    bar[72:78, 65:81] = 1
    add_light(long, bar[None], 0.6)
    for field in (dim, large, long):
        segmented = segment_field(field, SETTINGS)
        assert (segmented.masks.count, segmented.dead) == (5, 0)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_on_random_fields_each_cell_is_one_piece_with_its_nucleus_inside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = [tuple(place) for place in rng.uniform(0, 110, (rng.integers(1, 12), 2))]
    masks = segment_field(draw((110, 110), centres, seed=seed)[0], SETTINGS).masks
    # Masks() itself checks labels 1..n in both and nuclei inside their cells.
    for each in regionprops(masks.cells):
        assert label(each.image, connectivity=1).max() == 1
    assert (np.bincount(masks.nuclei.ravel()) > 0).all()


def test_equal_fields_give_equal_masks_whatever_the_gain() -> None:
    field, _ = draw((110, 110), [(50, 40), (60, 80)])
    first = segment_field(field, SETTINGS).masks
    again = segment_field(field.copy(), SETTINGS).masks
    assert np.array_equal(first.cells, again.cells)
    brighter = segment_field(4 * field, SETTINGS).masks
    assert np.mean(first.cells != brighter.cells) < 0.01


def test_one_setting_follows_the_magnification() -> None:
    field, truth = draw((220, 220), [(80, 80), (80, 112), (160, 150)], nucleus=16, cell=44)
    masks = segment_field(field, CellProfilerSettings(nucleus_diameter=34)).masks
    assert average_precision(truth.nuclei, masks.nuclei, 0.75) == 1


@pytest.mark.parametrize("stains", [[], ["DNA"], ["RNA", "RNA"], ["Actin"]])
def test_wrong_cytoplasm_stains(stains: list[str]) -> None:
    with pytest.raises(ValidationError, match="name one or more of ER, RNA, AGP, Mito, each once"):
        SegmentationSettings.model_validate({"cellprofiler": {"cytoplasm": stains}})
