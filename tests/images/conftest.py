"""Small screens of five-stain TIFF files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.execution.computations import in_process

from phenoprot.execution.run import EXECUTORS
from phenoprot.screens.contract import STAINS
from phenoprot.screens.load_data import read_load_data

Screen = Callable[..., pd.DataFrame]


@pytest.fixture
def make_fields(tmp_path: Path) -> Screen:
    """Write fields of random counts and their LoadData CSV; return the images table."""

    def make(
        fields: Sequence[tuple[str, str, str]] = (("P1", "A01", "1"), ("P1", "A01", "2")),
        shape: tuple[int, int] = (12, 10),
        dtype: Any = np.uint16,
        seed: int = 0,
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        rows = []
        for plate, well, site in fields:
            row = {"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": site}
            for stain in STAINS:
                name = f"{plate}_{well}_{site}_{stain}.tiff"
                image = rng.integers(1, np.iinfo(dtype).max, shape, dtype=dtype)
                tifffile.imwrite(tmp_path / name, image, photometric="minisblack")
                row |= {f"PathName_{stain}": ".", f"FileName_{stain}": name}
            rows.append(row)
        pd.DataFrame(rows).to_csv(tmp_path / "images.csv", index=False)
        return read_load_data(tmp_path / "images.csv")

    return make


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are computed in this process."""
    monkeypatch.setitem(EXECUTORS, "local", in_process)
