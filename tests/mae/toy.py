"""Small crops, small networks, and runs of them in processes of their own."""

from __future__ import annotations

import os
import runpy
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.features.mae.settings import (
    LossSettings,
    MAESettings,
    ModelSettings,
    TrainingSettings,
)
from phenoprot.features.mae.standardise import CropArray, IntArray, Standardisation
from phenoprot.imaging.crops.cut import CELL_COLUMNS
from phenoprot.imaging.crops.store import COUNT_COLUMNS, CROP_COUNT

STAINS = ("DNA", "ER")
STANDARD = Standardisation(stains=STAINS, mean=(0.02, 0.05), sd=(0.01, 0.02))
MODEL = ModelSettings(
    image_size=16,
    patch_size=4,
    channels=2,
    mask_ratio=0.75,
    width=16,
    depth=2,
    heads=2,
    decoder_width=8,
    decoder_heads=2,
)
TRAINING = TrainingSettings(
    steps=12,
    fields=2,
    cells=3,
    learning_rate=1e-3,
    brightness=0.1,
    log_every=2,
    checkpoint_every=3,
    picture_every=100,
)


@dataclass
class ArrayCrops:
    """Crops in memory, in blobs of a random brightness on black."""

    seed: int = 0
    n_fields: int = 6
    size: int = 16
    channels: int = 2
    fields: Sequence[IntArray] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        ends = np.cumsum(rng.integers(2, 7, self.n_fields))
        starts = [0, *ends[:-1]]
        self.fields = [np.arange(a, b) for a, b in zip(starts, ends, strict=True)]
        place = np.arange(self.size) - (self.size - 1) / 2
        inside = place[:, None] ** 2 + place**2 < rng.uniform(
            0.1 * self.size**2, 0.25 * self.size**2, (ends[-1], 1, 1, 1)
        )
        level = rng.uniform(500, 6000, (ends[-1], self.channels, 1, 1))
        noise = rng.uniform(0.8, 1.2, (ends[-1], self.channels, self.size, self.size))
        self.pixels = (inside * level * noise).astype(np.uint16)

    def read(self, indices: IntArray) -> CropArray:
        return self.pixels[indices]


def write_crops(folder: Path, crops: ArrayCrops, plate: str) -> Path:
    """Write six fields as a crop store: wells 01 to 03 of the plate rows A and B."""
    (folder / plate).mkdir(parents=True)
    for row, numbers in (("A", (0, 1, 2)), ("B", (3, 4, 5))):
        parts = [crops.fields[number] for number in numbers]
        np.save(folder / f"{plate}/{row}.npy", crops.pixels[np.concatenate(parts)])
        keys = pd.DataFrame(
            {
                "Metadata_Plate": plate,
                "Metadata_Well": [f"{row}0{n % 3 + 1}" for n in numbers],
                "Metadata_Site": "1",
            }
        )
        counts = keys.assign(**dict.fromkeys(COUNT_COLUMNS, 0))
        counts[CROP_COUNT] = [len(part) for part in parts]
        counts.to_parquet(folder / f"{plate}/{row}.fields.parquet")
        cells = keys.loc[keys.index.repeat([len(part) for part in parts])]
        cells = cells.assign(**dict.fromkeys(CELL_COLUMNS, 0))
        cells.to_parquet(folder / f"{plate}/{row}.parquet")
    return folder


def settings(
    model: dict[str, object] | None = None,
    loss: dict[str, object] | None = None,
    **training: object,
) -> MAESettings:
    """The toy's settings with changes; those not named belong to the training."""
    return MAESettings(
        model=ModelSettings(**{**MODEL.model_dump(), **(model or {})}),
        loss=LossSettings(**(loss or {})),
        training=TrainingSettings(**{**TRAINING.model_dump(), **training}),
    )


def as_torchrun(n: int) -> list[dict[str, str]]:
    """The environments that ``torchrun --nproc-per-node n`` gives its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {
        **{"GROUP_RANK": "0", "WORLD_SIZE": str(n), "LOCAL_WORLD_SIZE": str(n)},
        **{"TORCHELASTIC_RUN_ID": "toy", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
        "CUDA_VISIBLE_DEVICES": "",
    }
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(n)]


def run_stage_script(root: Path, folder: Path, environment: dict[str, str]) -> None:
    """Run the stage on the screen toy in `folder`: the body of a process."""
    os.environ.update({"CUDA_VISIBLE_DEVICES": "", **environment})
    os.chdir(folder)
    sys.argv = ["mae.py", "toy"]
    runpy.run_path(str(root / "stages/mae.py"), run_name="__main__")


def run_toy(
    work: Path,
    changes: dict[str, object],
    environment: dict[str, str] | None = None,
    errors: Path | None = None,
) -> None:
    """Train on the toy crops: the body of a process."""
    os.environ.update(environment or {})
    if errors is not None:
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    from phenoprot.features.mae.train import train

    train(ArrayCrops(), STANDARD, settings(**changes), work, "toy", "toy")
