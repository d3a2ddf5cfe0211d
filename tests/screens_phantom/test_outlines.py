"""Outlines and traits of cells: areas, nesting, and who owns a pixel."""

import re
from pathlib import Path

import numpy as np
import pytest
from skimage.measure import regionprops

from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.outlines import (
    ANGLES,
    Outlines,
    Territory,
    draw_outlines,
    settle,
    smooth_noise,
    true_masks,
)
from phenoprot.phantom.settings import ImageSettings
from phenoprot.phantom.traits import BASE, EFFECTS, draw_traits

SETTINGS = ImageSettings()


def draw(count=200, seed=0, **activities):
    rng = np.random.default_rng(seed)
    traits = draw_traits(activities, {}, count, SETTINGS, rng)
    return traits, draw_outlines(traits, SETTINGS, rng)


def disks(centres, nucleus, cell):
    """Round cells with round nuclei."""
    count = len(centres)
    ones = np.ones((count, ANGLES))
    return Outlines(np.array(centres, float), np.zeros(count), nucleus * ones, cell * ones)


def test_programmes_that_show_in_images_have_effects_on_known_traits():
    assert set(EFFECTS) == {name for name in CATALOGUE if CATALOGUE[name].in_images}
    assert {trait for factors in EFFECTS.values() for trait in factors} <= set(BASE)


def test_the_table_of_effects_in_the_docs_is_the_one_that_acts():
    text = (Path(__file__).parents[2] / "docs" / "phantom.md").read_text(encoding="utf-8")
    told = {
        line.split("`")[1]: {
            trait: float(factor) for trait, factor in re.findall(r"`(\w+)` ([\d.]+)", line)
        }
        for line in text.splitlines()
        if re.match(r"\| `\w+` \| `\w+` [\d.]", line)
    }
    assert told == EFFECTS


def test_outlines_enclose_the_areas_that_are_asked_for():
    traits, outlines = draw()
    enclosed = (outlines.cells**2).sum(axis=1) * np.pi / ANGLES
    disk = np.pi * (SETTINGS.cell_diameter / SETTINGS.pixel_size / 2) ** 2
    # A few are widened where cytoplasm would not have gone around the nucleus.
    assert np.median(enclosed / (disk * traits["cell_area"])) == pytest.approx(1, abs=0.01)
    nuclear = (outlines.nuclei**2).sum(axis=1) * np.pi / ANGLES
    disk = np.pi * (SETTINGS.nucleus_diameter / SETTINGS.pixel_size / 2) ** 2
    assert np.mean(nuclear / (disk * traits["nucleus_area"])) == pytest.approx(1, abs=0.03)


def test_cytoplasm_goes_all_around_every_nucleus():
    for activities in ({}, {"proliferation_loss": 1.0, "cytoskeleton_spreading": 1.0}):
        _, outlines = draw(**activities)
        assert np.isfinite(outlines.cells).all()
        assert (outlines.cells > outlines.nuclei + 1).all()


def test_activity_multiplies_the_median_and_its_half_by_the_root():
    # Without variation of the answer: exactly.
    settings = SETTINGS.model_copy(update={"response_sd": 0.0})
    plain, half, full = (
        draw_traits({"er_stress": a}, {}, 9, settings, np.random.default_rng(0))
        for a in (0, 0.5, 1)
    )
    for name in BASE:
        factor = EFFECTS["er_stress"].get(name, 1.0)
        np.testing.assert_allclose(full[name] / plain[name], factor)
        np.testing.assert_allclose(half[name] / plain[name], np.sqrt(factor))


def test_stain_levels_of_a_well_multiply_its_cells():
    plain, stained = (
        draw_traits({}, {"mito": level}, 9, SETTINGS, np.random.default_rng(0)) for level in (1, 2)
    )
    np.testing.assert_allclose(stained["mito"], 2 * plain["mito"])
    np.testing.assert_array_equal(stained["er"], plain["er"])


def test_a_lone_cell_is_its_outline():
    outlines = disks([(60, 60)], nucleus=10, cell=30)
    ground = settle(outlines, ImageSettings(size=120, cells=1), np.random.default_rng(0))
    nuclei, cells = true_masks(ground)
    assert (cells > 0).sum() == pytest.approx(np.pi * 30**2, rel=0.06)
    assert (nuclei > 0).sum() == pytest.approx(np.pi * 10**2, rel=0.12)
    assert regionprops(cells)[0].centroid == pytest.approx((60, 60), abs=1.5)


def test_two_equal_cells_share_the_ground_between_them():
    outlines = disks([(60, 40), (60, 80)], nucleus=9, cell=30)
    ground = settle(outlines, ImageSettings(size=120, cells=1), np.random.default_rng(0))
    nuclei, cells = true_masks(ground)
    assert cells.max() == 2
    left, right = (cells == 1).sum(), (cells == 2).sum()
    # Two disks of radius 30 less half their lens each, 40 px apart.
    lens = 2 * 30**2 * np.arccos(40 / 60) - 20 * np.sqrt(4 * 30**2 - 40**2)
    assert left == pytest.approx(np.pi * 30**2 - lens / 2, rel=0.08)
    assert right == pytest.approx(left, rel=0.1)
    assert set(np.unique(nuclei[cells == 1])) == {0, 1}


def test_a_nucleus_lies_above_the_cytoplasm_of_a_neighbour():
    # The nucleus of the second cell is nearer to the first centre than to its own outline.
    outlines = disks([(60, 50), (60, 72)], nucleus=10, cell=40)
    ground = settle(outlines, ImageSettings(size=120, cells=1), np.random.default_rng(0))
    nuclei, _ = true_masks(ground)
    sizes = np.bincount(nuclei.ravel())[1:]
    np.testing.assert_allclose(sizes, np.pi * 10**2, rtol=0.1)


def test_a_cell_whose_nucleus_is_cut_off_is_in_no_mask():
    outlines = disks([(60, -12), (60, 70)], nucleus=10, cell=35)
    ground = settle(outlines, ImageSettings(size=120, cells=1), np.random.default_rng(0))
    nuclei, cells = true_masks(ground)
    assert (ground.owner == 0).any()
    assert cells.max() == nuclei.max() == 1
    assert (ground.owner[cells == 1] == 1).all()


def test_a_piece_that_a_neighbour_cuts_off_is_in_no_mask():
    owner = np.zeros((40, 60), dtype=np.int32)
    owner[:, 25:35] = 1
    middle = np.array([(20, 12), (20, 30)])
    y, x = np.mgrid[:40, :60]
    distance = np.hypot(y - middle[owner, 0], x - middle[owner, 1]).astype(np.float32)
    rest = np.zeros_like(distance)
    ground = Territory(owner, rest, distance / 4, rest, rest, rest, rest, rest)
    nuclei, cells = true_masks(ground)
    assert nuclei.max() == cells.max() == 2
    assert (cells[:, 35:] == 0).all()
    assert (cells[:, :25] == cells[20, 12]).all()


def test_smooth_noise_has_unit_variance():
    rng = np.random.default_rng(0)
    for sigma in (1.0, 3.0):
        noise = smooth_noise(400, sigma, rng)
        assert noise.std() == pytest.approx(1, abs=0.06)
        assert noise.mean() == pytest.approx(0, abs=0.1)
