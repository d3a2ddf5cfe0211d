"""Leading components of large screens: by iteration, and equal to the whole decomposition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import ArpackNoConvergence

from phenoprot.tasks import scaling
from phenoprot.tasks.scaling import principal_components

SHAPES = {"wide": (130, 900), "tall": (900, 130)}


def features_of(shape: str, spectrum: np.ndarray, rows_besides: int = 20) -> np.ndarray:
    """Rows to train on, whose covariance has a given spectrum, and some others behind them."""
    rows, columns = SHAPES[shape]
    rng = np.random.default_rng(3)
    few = min(rows, columns)
    left = np.linalg.qr(rng.normal(size=(rows, few)))[0]
    right = np.linalg.qr(rng.normal(size=(columns, few)))[0]
    variances = np.zeros(few)
    variances[: len(spectrum)] = spectrum
    others = rng.normal(size=(rows_besides, columns))
    return np.vstack([left * np.sqrt(variances) @ right.T, others])


SPECTRA = {
    "steep": 2.0 ** -np.arange(40.0),
    "flat": np.linspace(2, 1, 130),
    "equal in threes": np.repeat(np.arange(40.0, 0, -1), 3),
    "all equal": np.ones(130),
    "rank of 4": np.array([4.0, 3, 2, 1]),
    "nothing": np.zeros(1),
}


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "LARGE", 100)
    monkeypatch.setattr(scaling, "KRYLOV", 20)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.usefixtures("small_is_large")
def test_components_by_iteration_span_those_of_singular_values(shape: str, spectrum: str) -> None:
    x = features_of(shape, SPECTRA[spectrum])
    train = np.arange(SHAPES[shape][0])
    scores = principal_components(x, train, 6)
    _, singular, axes = np.linalg.svd(x[train], full_matrices=False)
    kept = max(1, int((SPECTRA[spectrum][:6] > 0).sum()))
    assert scores.shape == (len(x), kept)
    np.testing.assert_allclose(
        np.sort((scores[train] ** 2).sum(axis=0))[::-1], singular[:kept] ** 2, atol=1e-10
    )
    if spectrum in ("steep", "flat", "rank of 4"):  # single: each component up to its sign
        np.testing.assert_allclose(np.abs(scores), np.abs(x @ axes[:kept].T), atol=1e-7)
    products = scores[train].T @ scores[train]
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-10)


@pytest.mark.usefixtures("small_is_large")
def test_equal_input_gives_equal_bytes() -> None:
    x = features_of("tall", SPECTRA["equal in threes"])
    one, two = (principal_components(x, np.arange(900), 6) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@pytest.mark.usefixtures("small_is_large")
def test_without_convergence_the_whole_matrix_is_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    x = features_of("tall", SPECTRA["flat"])
    calls = []

    def never(*arguments: object, **options: object) -> None:
        calls.append(options)
        raise ArpackNoConvergence("no convergence", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr(scaling, "eigsh", never)
    found = principal_components(x, np.arange(900), 6)
    monkeypatch.setattr(scaling, "LARGE", 10**6)
    np.testing.assert_array_equal(found, principal_components(x, np.arange(900), 6))
    assert len(calls) == 1


@pytest.mark.parametrize("components", [26, 130])
@pytest.mark.usefixtures("small_is_large")
def test_many_components_are_not_iterated(components: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "eigsh", None)
    scores = principal_components(features_of("tall", SPECTRA["flat"]), np.arange(900), components)
    assert scores.shape == (920, components)
