"""Cellpose-SAM: cells from the cytoplasm stains and DNA, nuclei from DNA, matched by overlap.

The network, its tiling and the dynamics that turn flows into masks are the package's own
(Pachitariu et al. 2025, doi:10.1101/2025.04.28.651001; Stringer et al. 2021,
doi:10.1038/s41592-020-01018-x). What is done here: the file of weights is the one that was meant,
with all its tensors; fields go through the network together; the two runs become one pair of masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import CPU, choose_device, device_name, require_device
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.imaging.segmentation.masks import Labels, Segmented, relabel
from phenoprot.imaging.segmentation.pairing import pair
from phenoprot.imaging.segmentation.settings import DNA, CellposeSettings
from phenoprot.screens.contract import STAINS
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under
from phenoprot.weights.store import locate

if TYPE_CHECKING:
    from cellpose.models import CellposeModel  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float32]

NETWORK = "Cellpose-SAM"
FIRST_WEIGHT = "encoder.patch_embed.proj.weight"
READOUT = "W2"
"""A tensor that networks of Cellpose 4 have and earlier ones have not."""
OTHER_ENCODER = "encoder.cls_token"
"""A tensor that the networks on DINOv3 have, which the package cannot build without more."""


@dataclass(frozen=True)
class Cellpose:
    """The method ``cellpose``, a :class:`phenoprot.imaging.segmentation.method.Segmenter`."""

    settings: CellposeSettings
    weights: Path
    """File of weights, checked."""
    device: str
    """Name of the device that it runs on, see :func:`phenoprot.core.device.device_name`."""

    def __call__(self, fields: Iterable[Floats]) -> Iterator[Segmented]:
        """Segment fields of view, several at a time.

        Raises
        ------
        UserError
            The weights do not fit, or this process has another device.
        """
        return segment_fields(fields, _model(self.weights, self.device), self.settings)

    def fingerprint(self) -> str:
        """Hash of settings, weights (by content, wherever they lie), device and code."""
        return fingerprint(
            self.settings.model_dump(exclude={"weights"}),
            file_sha256(self.weights),
            self.device,
            code_fingerprint(__name__),
        )


def find_cellpose(settings: CellposeSettings) -> Cellpose:
    """Make the method from its settings, on the device of this machine.

    Raises
    ------
    UserError
        The weights are not there or not the right ones.
    """
    return Cellpose(settings, locate(settings.weights), device_name())


@lru_cache(maxsize=1)
def _model(weights: Path, device: str) -> CellposeModel:
    """The network, once for all shards of a process."""
    return load_model(weights, require_device(device))


def load_model(path: Path, device: str | None = None) -> CellposeModel:
    """Load Cellpose-SAM: float32 on a CPU, bfloat16 on a GPU.

    Parameters
    ----------
    path
        An existing file of weights, whose hash was checked
        (:func:`phenoprot.weights.store.locate`).
    device
        Torch device; None: see :func:`phenoprot.core.device.choose_device`.

    Raises
    ------
    UserError
        The file is missing, damaged, or lacks a tensor of the network or has one too many.
    """
    where = str(path)
    tensors = tensors_under(read_checkpoint(path), where)
    if READOUT not in tensors or OTHER_ENCODER in tensors:
        raise UserError(
            f"no weights of {NETWORK}: they are of another network",
            where=where,
            remedy="Give a checkpoint of Cellpose 4 named cpsam or cpsam_v2, or one that was "
            "trained from it.",
        )
    import torch
    from cellpose.models import CellposeModel

    device = device or choose_device()
    model = CellposeModel(
        pretrained_model=where, device=torch.device(device), use_bfloat16=device != CPU
    )
    # The package takes what fits and passes over the rest in silence.
    load_strictly(model.net, tensors, where, NETWORK, FIRST_WEIGHT)
    return model


def segment_fields(
    fields: Iterable[Floats], model: CellposeModel, settings: CellposeSettings
) -> Iterator[Segmented]:
    """Segment fields of view, tiles of several fields in a batch.

    Parameters
    ----------
    fields
        (C, Y, X) float32 in [0, 1] each, stains in the order of the contract.
    model
        The network.
    settings
        Of the method.

    Yields
    ------
    Segmented
        Masks of each field, in their order, and what was left out: cells without a nucleus, and
        nuclei without a cell or beside a larger one in their cell.
    """
    for _, alike in groupby(fields, key=lambda field: field.shape):
        while batch := list(islice(alike, settings.batch_size)):
            cells = run_network(model, [cell_image(f, settings) for f in batch], settings)
            nuclei = run_network(model, [nucleus_image(f) for f in batch], settings)
            yield from map(pair, nuclei, cells)


def cell_image(field: Floats, settings: CellposeSettings) -> Floats:
    """What the network sees in the run on cells: cytoplasm, DNA, nothing; (Y, X, 3)."""
    stains = [scaled(field[STAINS.index(stain)]) for stain in settings.cytoplasm]
    cytoplasm = np.mean(np.stack(stains), axis=0)
    dna = scaled(field[STAINS.index(DNA)])
    return np.stack([cytoplasm, dna, np.zeros_like(dna)], axis=-1)


def nucleus_image(field: Floats) -> Floats:
    """What the network sees in the run on nuclei: DNA, nothing, nothing; (Y, X, 3)."""
    dna = scaled(field[STAINS.index(DNA)])
    return np.stack([dna, np.zeros_like(dna), np.zeros_like(dna)], axis=-1)


def scaled(light: Floats) -> Floats:
    """Bring the 1st and 99th percentile of a stain to 0 and 1, (Y, X); a blank one is 0.

    Cellpose does so too, but takes a range below 0.001 for an empty channel: of light in [0, 1]
    that would blank a stain of 65 counts.
    """
    low, high = np.percentile(light, [1, 99])
    if high <= low:
        return np.zeros_like(light)
    return ((light - low) / (high - low)).astype(np.float32)


def run_network(
    model: CellposeModel, images: list[Floats], settings: CellposeSettings
) -> list[Labels]:
    """Find objects in images of one shape.

    Parameters
    ----------
    model
        The network.
    images
        (Y, X, 3) each. They go through it as one stack: the package fills batches across them.
    settings
        Of the method.

    Returns
    -------
    list of numpy.ndarray
        (Y, X) int32 each, labels 1..n.
    """
    options: dict[str, Any] = {
        "channel_axis": -1,
        # Each image by its own percentiles, as when it comes alone.
        "normalize": {"normalize": True, "norm3D": False},
        "batch_size": settings.batch_size,
        "diameter": settings.diameter,
        "flow_threshold": settings.flow_threshold,
        "cellprob_threshold": settings.cell_probability,
        "min_size": settings.min_size,
    }
    found = model.eval(np.stack(images), **options)[0]
    # Of a stack of one image the package drops the axis.
    stack = np.asarray(found).reshape(len(images), *images[0].shape[:2])
    return [relabel(labels.astype(np.int32)) for labels in stack]
