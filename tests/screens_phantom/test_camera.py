"""Light path, noise and points of light, against closed forms and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from phenoprot.phantom.camera import Optics, expose, illumination
from phenoprot.phantom.camera import _wide_blur as wide_blur
from phenoprot.phantom.settings import ImageSettings
from phenoprot.phantom.stains import splat

CENTRED = Optics(centre=np.full((5, 2), 0.5), tilt=np.zeros((5, 2)))
EMPTY = np.zeros((5, 200, 200), dtype=np.float32)


def test_light_falls_to_the_corners_by_the_share_that_is_set():
    light = illumination(CENTRED, ImageSettings(size=400, vignetting=0.3))
    assert light.shape == (5, 400, 400)
    np.testing.assert_allclose(light[:, 200, 200], 1, atol=1e-4)
    np.testing.assert_allclose(light[:, 0, 0], 0.7, atol=2e-3)
    np.testing.assert_allclose(light[:, 200, 0], 0.85, atol=2e-3)
    assert (illumination(CENTRED, ImageSettings(vignetting=0)) == 1).all()


def test_noise_has_the_variance_of_photons_and_camera():
    camera = ImageSettings(
        size=200, cells=5, vignetting=0, photon_gain=3, read_noise=20, background=(400,) * 5
    )
    rng = np.random.default_rng(0)
    counts = expose(EMPTY, 0, CENTRED, camera, rng).astype(float)
    # Differences of neighbours leave the noise and none of the smooth background.
    noise = np.diff(counts, axis=2) / np.sqrt(2)
    middle = np.median(noise**2, axis=(1, 2)) / 0.4549  # median of chi2 with 1 degree of freedom
    np.testing.assert_allclose(middle, 400 * 3 + 20**2, rtol=0.05)
    np.testing.assert_allclose(np.median(counts, axis=(1, 2)), 400, rtol=0.02)


def test_counts_end_at_65535_and_at_0():
    bright = ImageSettings(size=200, cells=5, background=(1.0,) * 5, read_noise=100)
    light = EMPTY.copy()
    light[:, 80:120, 80:120] = 100.0
    counts = expose(light, 0, CENTRED, bright, np.random.default_rng(0))
    assert counts.dtype == np.uint16
    assert (counts[:, 100, 100] == 65535).all()
    assert counts.min() == 0


def test_dead_cells_are_bright_in_every_stain():
    settings_ = ImageSettings(size=200, cells=5)
    alive = expose(EMPTY, 0, CENTRED, settings_, np.random.default_rng(1))
    dead = expose(EMPTY, 6, CENTRED, settings_, np.random.default_rng(1))
    for stain, brightness in enumerate(settings_.brightness):
        assert dead[stain].max() > alive[stain].max() + 0.5 * brightness


def test_blur_on_the_coarse_grid_is_the_blur_of_every_pixel():
    image = np.random.default_rng(3).random((160, 160), dtype=np.float32)
    image[60:90, 40:100] += 5
    exact = ndimage.gaussian_filter(image, 12.5, mode="nearest")
    # At the very border the coarse grid goes on with the mean of four pixels.
    inner = np.s_[10:-10, 10:-10]
    np.testing.assert_allclose(
        wide_blur(image, 12.5)[inner], exact[inner], atol=0.012 * exact.max()
    )


@given(
    st.lists(
        st.tuples(st.floats(1, 18), st.floats(1, 28), st.floats(0.1, 5)), min_size=1, max_size=20
    )
)
@settings(max_examples=50, deadline=None)
def test_points_keep_their_light_and_their_place(points):
    rows, columns, light = np.array(points).T
    image = splat((rows, columns, light), (20, 30))
    assert image.sum() == pytest.approx(light.sum(), rel=1e-5)
    y, x = np.mgrid[:20, :30]
    assert (image * y).sum() == pytest.approx((light * rows).sum(), rel=1e-4)
    assert (image * x).sum() == pytest.approx((light * columns).sum(), rel=1e-4)


def test_points_beyond_the_border_give_no_light():
    outside = np.array([-5.0, 25.0, 3.0]), np.array([2.0, 2.0, 40.0]), np.ones(3)
    assert splat(outside, (20, 30)).sum() == 0
