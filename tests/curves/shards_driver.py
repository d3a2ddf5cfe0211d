"""Fit a shard per protein in a process of its own: shards_driver.py WORK."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.curves.screens import SETTINGS, many_proteins

from phenoprot.curves.designs import screen_curves
from phenoprot.curves.screen import fit_screen_in_shards
from phenoprot.execution.settings import ExecutionSettings

if __name__ == "__main__":
    curves = screen_curves(many_proteins(), SETTINGS)
    one = ExecutionSettings(workers=1)
    fit_screen_in_shards(curves, SETTINGS, Path(sys.argv[1]), "toy", one, 1)
