"""What every embedding must keep, besides what every feature method must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from phenoprot.features.method import Artefacts
from phenoprot.features.networks.embed import Embedder, embed
from phenoprot.features.networks.method import Embedding
from phenoprot.features.networks.settings import DeepSettings
from phenoprot.features.registry import find_method
from phenoprot.features.settings import FeatureSettings
from phenoprot.screens.contract import STAINS
from phenoprot.testing.features import check_identity

TOLERANCE = 1e-5
CPU = "cpu"

Images = npt.NDArray[Any]


def embedding_method(
    name: str, settings: DeepSettings, channels: Path | None = None, folder: Path | None = None
) -> Embedding:
    """A method from the registry, with `folder` as its weights folder."""
    found = find_method(name, FeatureSettings(deep=settings), Artefacts(channels=channels))
    assert isinstance(found, Embedding)
    return replace(found, folder=folder)


def check_method(method: Embedding, images: Images) -> Embedder:
    """Check an embedding as a feature method, and its embedder; returns the latter."""
    copy = check_identity(method)
    assert isinstance(copy, Embedding)
    assert len(method.columns) == method.width
    assert method.name.removesuffix("-untrained") == method.base
    made = []

    def make() -> Embedder:
        made.append(copy.embedder())
        return made[-1]

    check_embedder(make, images)
    assert made[0].name == method.name
    assert made[0].width == method.width
    return made[0]


def check_embedder(make: Callable[[], Embedder], images: Images) -> None:
    """Check an embedder on three images or more, (N, C, Y, X)."""
    embedder = make()
    table = embed(embedder, images, batch_size=2, device=CPU)
    check_values(table, images, embedder.width)
    check_nothing_but_the_image_matters(table, embedder, images)
    check_numbers_of_images(table, embedder, images)
    check_stains(table, embedder, images)
    again = embed(make(), images, batch_size=2, device=CPU)
    assert again.tobytes() == table.tobytes(), "made and run again, it gives other numbers"
    if torch.cuda.is_available():
        on_gpu = embed(embedder, images, batch_size=2, device="cuda")
        assert_equal(on_gpu, table, tolerance=1e-3)


def check_values(table: Images, images: Images, width: int) -> None:
    assert table.dtype == np.float32
    assert table.shape == (len(images), width)
    assert np.isfinite(table).all()
    # A network that sees nothing of its input passes all else.
    assert (table.std(axis=0) > 0).mean() > 0.5, "different images, equal embeddings"


def check_nothing_but_the_image_matters(table: Images, embedder: Embedder, images: Images) -> None:
    for batch_size in (1, len(images)):
        assert_equal(embed(embedder, images, batch_size=batch_size, device=CPU), table)
    order = np.roll(np.arange(len(images)), 1)[::-1]
    assert_equal(embed(embedder, images[order], batch_size=2, device=CPU), table[order])


def check_numbers_of_images(table: Images, embedder: Embedder, images: Images) -> None:
    assert_equal(embed(embedder, images[:1], device=CPU), table[:1])
    none = embed(embedder, images[:0], device=CPU)
    assert none.shape == (0, embedder.width)
    assert none.dtype == np.float32


def check_stains(table: Images, embedder: Embedder, images: Images) -> None:
    shuffled = [STAINS[i] for i in (3, 0, 4, 2, 1)]
    moved = np.ascontiguousarray(images[:, [STAINS.index(stain) for stain in shuffled]])
    assert embed(embedder, moved, shuffled, batch_size=2, device=CPU).tobytes() == table.tobytes()
    # The names matter: with channels in a wrong order the numbers are others.
    assert not np.allclose(embed(embedder, moved, batch_size=2, device=CPU), table, atol=1e-3)


def assert_equal(found: Images, expected: Images, tolerance: float = TOLERANCE) -> None:
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=tolerance)
