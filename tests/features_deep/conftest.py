"""Images and pixel statistics that the tests of the embeddings share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from phenoprot.imaging.statistics import ChannelStatistics, write_channel_statistics
from phenoprot.screens.contract import STAINS


def blobs(n: int, height: int, width: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Images of bright discs, different in each stain: (N, 5, height, width) in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    images = 0.02 * rng.random((n, len(STAINS), height, width))
    for image in images:
        for c in range(len(STAINS)):
            cy, cx = rng.uniform(0, height), rng.uniform(0, width)
            radius = rng.uniform(6, 20)
            image[c] += (0.1 + 0.15 * c) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / radius**2)
    return np.clip(images, 0, 1).astype(np.float32)


@pytest.fixture(scope="session")
def statistics() -> dict[str, tuple[float, float]]:
    """By stain, not in the order of the arrays."""
    return {
        "Mito": (0.1, 0.18),
        "DNA": (0.02, 0.1),
        "ER": (0.04, 0.12),
        "RNA": (0.06, 0.14),
        "AGP": (0.08, 0.16),
    }


@pytest.fixture(scope="session")
def channels(
    statistics: dict[str, tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same as the images stage writes them."""
    path = tmp_path_factory.mktemp("images") / "channels.json"
    write_channel_statistics(
        path,
        {
            stain: ChannelStatistics(mean=mean, sd=sd, pixels=100, fields=1)
            for stain, (mean, sd) in statistics.items()
        },
    )
    return path


def of_shape(state: dict[str, Tensor], **others: tuple[int, ...]) -> dict[str, Tensor]:
    """Zeros of the same shapes, or of others, that take no space in a file."""
    return {
        name: torch.zeros(1, dtype=value.dtype).expand(others.get(name, value.shape))
        if value.ndim
        else torch.zeros_like(value)
        for name, value in state.items()
    }
