"""Feature methods whose values can be worked out by hand, importable by worker processes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phenoprot.features.method import Measure, Reads
from phenoprot.imaging.segmentation.masks import Masks


@dataclass(frozen=True)
class Toy:
    """Sum of the DNA channel and number of pixels above 0 of what it reads."""

    reads: Reads
    counts: Path | None = None
    """Folder with a line per field measured."""
    fate: str = ""
    """``half``: sit in the second field of plate row P1/A until killed."""

    name = "toy"
    columns = ("Sum", "Pixels", "Label_Odd")

    def fingerprint(self) -> str:
        return "toy 1"

    def warm(self) -> None:
        if self.counts is not None:
            self.counts.mkdir(exist_ok=True)
            (self.counts / "warm").touch()

    def prepare(self) -> Measure:
        return self.cells if self.reads == "cells" else self.batch

    def cells(self, field: Any, masks: Masks) -> tuple[Any, Any]:
        if self.counts is not None:
            with (self.counts / "begun").open("a") as stream:
                stream.write(f"{os.getpid()}\n")
            if self.fate == "half" and masks.count == 0:
                time.sleep(60)
        labels = np.arange(1, masks.count + 1)
        rows = [
            (field[0][own].sum(dtype=np.float64), own.sum(), label if label % 2 else np.nan)
            for label in labels
            for own in [masks.cells == label]
        ]
        return labels, np.array(rows, dtype=np.float64).reshape(-1, 3)

    def batch(self, images: Any) -> Any:
        sums = images[:, 0].sum(axis=(1, 2), dtype=np.float64)
        pixels = (images[:, 0] > 0).sum(axis=(1, 2))
        missing = np.full(len(images), np.nan)
        return np.stack([sums, pixels, missing], axis=1).astype(np.float32)
