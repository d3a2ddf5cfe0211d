from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.crops.scenes import Scene, usual
from tests.execution.computations import in_process

from phenoprot.execution.run import EXECUTORS

from .measured_plates import COMPARTMENTS, REAL, Tables, as_csv, import_cellprofiler


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are computed in this process."""
    monkeypatch.setitem(EXECUTORS, "local", in_process)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two plates, three plate rows, five fields; one field has no cell, one only a cut one."""
    return usual(tmp_path)


@pytest.fixture(scope="module")
def real() -> Tables:
    """109 cells of one field of view."""
    return {name: pd.read_csv(REAL / f"{name}.csv") for name in ("Image", *COMPARTMENTS)}


@pytest.fixture(scope="module")
def two(real: Tables) -> Tables:
    """Three fields: the cells dealt out to the first two, renumbered; the third has none."""
    tables = {}
    for name in COMPARTMENTS:
        table = real[name].copy()
        first = table["ObjectNumber"] <= 40
        table["ImageNumber"] = np.where(first, 1, 2)
        for column in table.columns.intersection(
            ["ObjectNumber", "Number_Object_Number", "Parent_Cells", "Parent_Nuclei"]
        ):
            table[column] = np.where(first, table[column], table[column] - 40)
        tables[name] = table
    images = pd.concat([real["Image"]] * 3, ignore_index=True)
    wells = {"ImageNumber": [1, 2, 3], "Metadata_Well": ["B01", "a2", "A03"]}
    return {"Image": images.assign(**wells), **tables}


@pytest.fixture
def good(two: Tables, tmp_path: Path) -> pd.DataFrame:
    return import_cellprofiler(as_csv(two, tmp_path / "good"))
