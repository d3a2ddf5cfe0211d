"""Nuclei and cells under what cameras, lamps and stains do to the light; the truth is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from tests.segmentation.scenes import BACKGROUND, disk, draw

from phenoprot.imaging.segmentation.agreement import average_precision, overlaps
from phenoprot.imaging.segmentation.background import black_and_spread, block_means, local_black
from phenoprot.imaging.segmentation.classical import find_nuclei, segment_field
from phenoprot.imaging.segmentation.settings import CellProfilerSettings

SETTINGS = CellProfilerSettings(nucleus_diameter=17)
CENTRES = [(40.0, 40.0), (50, 130), (120, 50), (125, 140), (190, 90), (80, 200), (180, 210)]
SHAPE = (230, 250)


def scene(dim: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Light of DNA, (Y, X), with the second and fifth nucleus at a share of the others' light."""
    field, truth = draw(SHAPE, CENTRES)
    dna = field[0] - BACKGROUND
    for label in (2, 5):
        around = disk(SHAPE, CENTRES[label - 1], 14)
        dna[around] *= dim
    return (dna + BACKGROUND).astype(np.float32), truth.nuclei


@pytest.mark.parametrize("offset", [0, 0.02, 0.1])
@pytest.mark.parametrize("dim", [1, 0.25])
def test_a_camera_offset_changes_nothing(offset: float, dim: float) -> None:
    dna, truth = scene(dim)
    rng = np.random.default_rng(1)
    seen = dna + np.float32(offset) + 0.0005 * rng.standard_normal(SHAPE).astype(np.float32)
    assert average_precision(truth, find_nuclei(seen, SETTINGS), 0.7) == 1


@pytest.mark.parametrize("gradient", [0.5, 1.0])
def test_uneven_light(gradient: float) -> None:
    dna, truth = scene(0.3)
    lamp = 1 + gradient * np.linspace(-0.5, 0.5, SHAPE[1], dtype=np.float32)
    glow = 0.03 * np.hypot(*np.indices(SHAPE) / 300).astype(np.float32)
    assert average_precision(truth, find_nuclei(dna * lamp + glow, SETTINGS), 0.7) == 1


def test_the_outline_of_bright_and_of_dim_nuclei_is_where_their_own_light_is_half() -> None:
    areas = []
    for level in (0.05, 0.2, 0.8):
        dna = np.full((80, 80), BACKGROUND, np.float32)
        dna[disk((80, 80), (40, 40), 9)] = level
        from scipy import ndimage

        nuclei = find_nuclei(ndimage.gaussian_filter(dna, 1.5), SETTINGS)
        areas.append(int((nuclei == 1).sum()))
    assert max(areas) - min(areas) <= 8
    assert areas[0] == pytest.approx(np.pi * 9**2, rel=0.06)


def test_a_halo_of_cytoplasm_is_no_nucleus() -> None:
    dna, truth = scene()
    for y, x in CENTRES:
        dna[disk(SHAPE, (y + 8, x), 22) & (truth == 0)] += 0.03
    found = find_nuclei(dna, SETTINGS)
    assert overlaps(truth, found).max(axis=1).min() > 0.75
    assert found.max() == len(CENTRES)


def test_light_too_faint_for_a_nucleus() -> None:
    dna, _ = scene(0.05)
    assert find_nuclei(dna, SETTINGS).max() == len(CENTRES) - 2
    kept = SETTINGS.model_copy(update={"min_nucleus_light": 0.0})
    assert find_nuclei(dna, kept).max() == len(CENTRES)


def test_black_of_a_plane_is_the_plane() -> None:
    y, x = np.indices((120, 150), dtype=np.float32)
    plane = 0.1 + 0.001 * y + 0.0005 * x
    black = local_black(plane, diameter=8, window=2)
    # The 25th percentile of a window lies a little below its middle.
    assert np.abs(black - plane)[20:-20, 20:-20].max() < 0.008
    assert local_black(np.full((30, 41), 0.5, np.float32), 17, 5) == pytest.approx(0.5)


def test_block_means_by_hand() -> None:
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    # The margin mirrors the last column: [2, 2] and [5, 5].
    assert block_means(image, 2).tolist() == [[2.0, 3.5]]


def test_black_and_spread_of_noise_under_cells() -> None:
    rng = np.random.default_rng(0)
    light = 0.2 + 0.01 * rng.standard_normal((400, 400))
    light[:, :240] += 0.3  # cells on six tenths of the field
    black, sd = black_and_spread(light.astype(np.float32))
    assert sd == pytest.approx(0.01, rel=0.25)
    assert black == pytest.approx(0.2, abs=0.01)


def confluent_field() -> np.ndarray:
    """Cells that touch everywhere: no background in the stains of the cytoplasm."""
    centres = [(15.0 + 30 * i, 15.0 + 30 * j) for i in range(6) for j in range(6)]
    field, _ = draw((180, 180), centres, nucleus=8, cell=40)
    field[1:] += 0.05
    return field


def test_cells_of_a_confluent_field_reach_out() -> None:
    segmented = segment_field(confluent_field(), SETTINGS)
    assert segmented.confluent
    nuclei, cells = (
        np.bincount(m.ravel())[1:] for m in (segmented.masks.nuclei, segmented.masks.cells)
    )
    assert np.median(cells) >= 3 * np.median(nuclei)
    near = segment_field(confluent_field(), SETTINGS.model_copy(update={"cell_reach": 0.2}))
    assert np.median(np.bincount(near.masks.cells.ravel())[1:]) < np.median(cells) / 1.5


def test_a_sparse_field_is_not_confluent() -> None:
    field, _ = draw(SHAPE, CENTRES)
    assert not segment_field(field, SETTINGS).confluent
