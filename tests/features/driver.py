"""An extraction of two workers in a process of its own: driver.py FOLDER COUNTS FATE."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.features.methods import Toy

from phenoprot.execution.settings import ExecutionSettings
from phenoprot.features.extract import Sources, extract
from phenoprot.screens.load_data import read_load_data

if __name__ == "__main__":
    folder, counts = Path(sys.argv[1]), Path(sys.argv[2])
    sources = Sources(read_load_data(folder / "images.csv"), masks=folder / "masks")
    method = Toy("cells", counts, sys.argv[3])
    extract(method, sources, folder / "work", "toy", execution=ExecutionSettings(workers=2))
