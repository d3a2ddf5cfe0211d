"""The made-up screen of the benchmark has all that a page of tables shows, at any size."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.page.full import FOLDER, N_TARGETS, SCREEN, MadeUp
from tests.wild.stages import inside

from phenoprot.core.paths import Paths
from phenoprot.page.build import write_page

PROTEINS = 12
SECTIONS = {"answer", "tables", "doses", "targets", "features", "comparisons", "folds"}


def test_the_page_of_a_small_one(tmp_path: Path) -> None:
    with inside(tmp_path):
        MadeUp(compounds=30, proteins=PROTEINS, doses=2).write()
        write_page(Paths(SCREEN), FOLDER)
        text = Paths(SCREEN).page.read_text(encoding="utf-8")
    assert set(re.findall(r'<section id="(\w+)"', text)) >= SECTIONS
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
    explorer = data["explorer"]
    sizes = {name: len(table["columns"]["target"]) for name, table in explorer["tables"].items()}
    assert sizes.pop("targets") == N_TARGETS
    assert set(sizes.values()) == {PROTEINS}
    assert len(explorer["details"]["curves"]["of"]) == PROTEINS
    assert explorer["details"]["carriers"].keys() == {"classification/up", "classification/down"}
