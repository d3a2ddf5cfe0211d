"""Embeddings of cells and fields by a trained masked autoencoder, nothing masked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from phenoprot.core.device import CPU, choose_device
from phenoprot.core.errors import UserError
from phenoprot.core.files import require_file
from phenoprot.features.mae.folder import CONFIG, TRAIN, WEIGHTS, Config, read_config
from phenoprot.features.mae.model import MaskedAutoencoder, seeded_model
from phenoprot.features.mae.patches import orient, patchify, token_share
from phenoprot.features.mae.settings import EmbeddingSettings, ModelSettings
from phenoprot.features.mae.standardise import (
    FULL_SCALE,
    CropArray,
    Standardiser,
    cell_pixels,
)
from phenoprot.features.memory import keep_freed_memory

GPU_BATCH = 64
CPU_BATCH = 16
"""Views of crops that are encoded at once; on a CPU the hidden layers of more leave its cache."""
TURNS = {1: (0,), 2: (0, 2), 4: (0, 1, 2, 3), 8: tuple(range(8))}
"""Orientations whose embeddings are averaged, by their number; see `orient`."""

PARTS = {"half": 2, "quarter": 4}
"""Parts that the patches of a crop are seen in, see `part`."""

Weights = Literal["trained", "initial"]


class Embedder:
    """Embeds crops and fields.

    Parameters
    ----------
    model
        Network.
    config
        What it was trained with.
    settings
        Which token is the embedding, and over how many orientations it is averaged.
    device
        Torch device; None: see :func:`phenoprot.core.device.choose_device`.
    """

    def __init__(
        self,
        model: MaskedAutoencoder,
        config: Config,
        settings: EmbeddingSettings,
        device: str | None = None,
    ) -> None:
        device = device or choose_device()
        self.config, self.settings, self.device = config, settings, device
        self.batch = CPU_BATCH if device == CPU else GPU_BATCH
        if device == CPU:
            keep_freed_memory()
        self.model = model.to(device).eval()
        self.standardiser = Standardiser(config.standardisation).to(device)

    @property
    def width(self) -> int:
        """Elements of an embedding."""
        return self.config.settings.model.width

    def __call__(self, crops: CropArray) -> NDArray[np.float32]:
        """Embed crops.

        Parameters
        ----------
        crops
            uint16, shape (B, C, S, S), channels in the order of the config's stains, 0 outside the
            cell.

        Returns
        -------
        embeddings
            float32, shape (B, width): CLS or the mean of the patch tokens, as the settings say,
            averaged over orientations.

        Raises
        ------
        ValueError
            The crops are not of the type and shape that the network was trained on.
        """
        m = self.config.settings.model
        wanted = (m.channels, m.image_size, m.image_size)
        if crops.dtype != np.uint16 or crops.shape[1:] != wanted:
            raise ValueError(
                f"crops are {crops.dtype} {crops.shape}, the network takes uint16 (B, "
                f"{wanted[0]}, {wanted[1]}, {wanted[2]})"
            )
        return self._in_batches(crops, self.settings.tokens == "cell")

    def _in_batches(self, crops: CropArray, cell_only: bool) -> NDArray[np.float32]:
        parts = PARTS.get(self.settings.tokens, 1)
        n = max(self.batch * parts // self.settings.orientations, 1)
        if cell_only and self.device == CPU:
            n = 1  # all views of a crop have as many tokens: nothing is filled up
        found = [self._embed(crops[i : i + n], cell_only) for i in range(0, len(crops), n)]
        return np.concatenate([np.empty((0, self.width), dtype=np.float32), *found])

    @torch.inference_mode()
    def _embed(self, crops: CropArray, cell_only: bool) -> NDArray[np.float32]:
        """Embed a batch; `cell_only`: encode the tokens of `shown` alone."""
        # A copy: of a single crop numpy takes even negative strides for contiguous, torch does not.
        raw = torch.from_numpy(crops.copy()).to(self.device)
        turns, m = TURNS[self.settings.orientations], self.model.settings
        images = self.standardiser(raw)
        tokens = patchify(torch.cat([orient(images, turn) for turn in turns]), m)
        visible = real = None
        if cell_only:
            cell = cell_pixels(raw)
            cell = torch.cat([orient(cell, turn) for turn in turns])
            visible, real = filled_up(shown(token_share(cell[:, 0], m)))
        elif self.settings.tokens in PARTS:
            visible = part(self.settings.tokens, m).to(self.device).expand(len(tokens), -1)
        pooled = self._pooled(tokens, visible, real)
        means = pooled.unflatten(0, (len(turns), len(crops))).mean(dim=0)
        return np.asarray(means.cpu().numpy(), dtype=np.float32)

    def _pooled(self, tokens: Tensor, visible: Tensor | None, real: Tensor | None) -> Tensor:
        """Embedding of each crop from its tokens; see :meth:`MaskedAutoencoder.encode`."""
        encoded = self.model.encode(tokens, visible, real).float()
        if self.settings.pool == "cls":
            return encoded[:, 0]
        if real is None:
            return encoded[:, 1:].mean(dim=1)
        return (encoded[:, 1:] * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)

    def field(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed a whole field by tiles, background and all.

        Parameters
        ----------
        field
            float32 in 0..1, shape (C, Y, X).

        Returns
        -------
        embeddings
            float32, shape (tiles, width), tiles as in `tiles`.
        """
        return self._in_batches(tiles(field, self.config.settings.model.image_size), False)


def shown(share: Tensor) -> Tensor:
    """True for tokens that show some of the cell; where none does, for all: (B, L) to (B, L)."""
    touched = share > 0
    return touched | ~touched.any(dim=1, keepdim=True)


def filled_up(wanted: Tensor) -> tuple[Tensor, Tensor | None]:
    """Indices of the tokens `wanted`, (B, L), as many for each crop; which of them are real.

    Returns
    -------
    visible, real
        Shapes (B, K); real is None if all are.
    """
    visible = (~wanted).int().argsort(dim=1, stable=True)[:, : int(wanted.sum(dim=1).max())]
    real = wanted.gather(1, visible)
    return visible, None if real.all() else real


def part(which: str, settings: ModelSettings) -> Tensor:
    """Indices of the tokens of a part of the patches, (K,).

    ``half``: those of one colour of a chessboard; ``quarter``: every second one of every second
    row, from the first on. In a grid of even side the four quarter turns of a crop show each patch
    of it equally often, twice or once.
    """
    g = settings.grid
    row, column = torch.arange(g)[:, None], torch.arange(g)
    chosen = (row + column) % 2 == 0
    if which == "quarter":
        chosen = chosen & (row % 2 == 0)
    layers = torch.arange(0, settings.n_tokens, g * g)  # channel tokens: one for each channel
    return (layers[:, None] + chosen.flatten().nonzero()[:, 0]).flatten()


def load_embedder(
    folder: Path,
    weights: Weights = "trained",
    settings: EmbeddingSettings | None = None,
    device: str | None = None,
) -> Embedder:
    """Load a finished model.

    Parameters
    ----------
    folder
        Made by :func:`phenoprot.features.mae.train.train`.
    weights
        ``initial``: those the training began with, drawn from its seed: the untrained baseline.
    settings, device
        See `Embedder`; None: the default settings.

    Raises
    ------
    UserError
        The folder does not hold a model, or its weights are not of the network that its
        ``config.json`` describes.
    """
    config = read_config(folder)
    model = seeded_model(config.settings.model, config.settings.training.seed)
    if weights == "trained":
        path = folder / WEIGHTS
        require_file(path, TRAIN)
        try:
            model.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"not the weights of the network in {CONFIG}: {reason}",
                where=str(path),
                remedy="Train the model again, or take both files from one run.",
            ) from None
    return Embedder(model, config, settings or EmbeddingSettings(), device)


def tiles(field: NDArray[np.float32], size: int) -> CropArray:
    """Cut a field into square tiles without overlap, row by row, around its centre.

    What is left at the borders, less than a tile, is not used.

    Parameters
    ----------
    field
        float32 in 0..1, shape (C, Y, X).
    size
        Side of a tile (px).

    Returns
    -------
    tiles
        uint16, shape (T, C, size, size).

    Raises
    ------
    UserError
        The field is smaller than a tile.
    """
    c, height, width = field.shape
    rows, columns = height // size, width // size
    if not rows or not columns:
        raise UserError(
            f"a field of {height} x {width} px holds no tile of {size} px",
            where="mae",
            remedy="Train on smaller crops, or bin the images less.",
        )
    top, left = (height - rows * size) // 2, (width - columns * size) // 2
    inner = field[:, top : top + rows * size, left : left + columns * size]
    cut = inner.reshape(c, rows, size, columns, size).transpose(1, 3, 0, 2, 4)
    scaled = np.rint(np.clip(cut, 0, 1) * FULL_SCALE)
    return scaled.reshape(rows * columns, c, size, size).astype(np.uint16)
