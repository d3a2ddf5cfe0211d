"""The proteome's way through the packages: downwards only, and tight where work is kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import phenoprot
from phenoprot.core.closure import import_closure

ROOT = Path(phenoprot.__file__).parent
IMPORT = re.compile(r"^\s*(?:from|import) phenoprot\.(\w+)", re.MULTILINE)
BELOW = {
    "wells": {"core", "screens", "validation"},
    "curves": {"core", "execution", "imports", "screens", "wells"},
    "readout": {"core", "curves", "execution", "screens", "wells"},
}
"""What each package may import."""


@pytest.mark.parametrize("package", BELOW)
def test_nothing_is_imported_from_above(package: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / package).rglob("*.py")]
    imported = {name for text in texts for name in IMPORT.findall(text)} - {package}
    assert "screens" in imported
    assert imported <= BELOW[package]


def test_the_worker_s_module_imports_what_decides_a_fit_alone() -> None:
    modules = import_closure("phenoprot.curves.blocks").modules
    assert {f"phenoprot.curves.{name}" for name in ("kernel", "polish", "prepare")} <= {*modules}
    others = ("cli", "config", "designs", "long", "plot", "readers", "screen", "stream", "wide")
    assert not {f"phenoprot.curves.{name}" for name in others} & {*modules}
    assert not {"phenoprot.execution.run", "phenoprot.screens.loader"} & {*modules}


def test_labels_of_curves_do_not_depend_on_the_code_that_fits() -> None:
    """The ceiling does: it fits parts of the replicates."""
    modules = import_closure("phenoprot.readout.dose_response").modules
    assert "phenoprot.curves.columns" in modules
    assert "phenoprot.curves.engine" not in modules
