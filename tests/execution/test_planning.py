"""Groups of fields, and what changes the fingerprint of code."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core import runtime
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.execution import planning
from phenoprot.execution.planning import code_fingerprint, plate_rows

KEYS = [
    ("P1", "A01", "1"),
    ("P1", "A01", "2"),
    ("P1", "A12", "1"),
    ("P1", "Z01", "1"),
    ("P1", "AA01", "1"),
    ("P10", "B02", "1"),
    ("P2", "B01", "1"),
]


@pytest.mark.parametrize("seed", range(5))
def test_plate_rows_do_not_depend_on_the_order_of_fields(seed: int) -> None:
    fields = pd.DataFrame(KEYS, columns=["Metadata_Plate", "Metadata_Well", "Metadata_Site"])
    fields["URL_DNA"] = [f"{i}.tiff" for i in range(len(fields))]
    order = np.random.default_rng(seed).permutation(len(fields))
    groups = plate_rows(fields.iloc[order])
    assert [(name, len(rows)) for name, rows in groups] == [
        ("P1/A", 3),
        ("P1/Z", 1),
        ("P1/AA", 1),
        ("P10/B", 1),
        ("P2/B", 1),
    ]
    together = pd.concat([rows for _, rows in groups], ignore_index=True)
    pd.testing.assert_frame_equal(together, fields)
    assert groups[0][1].index.tolist() == [0, 1, 2]


def test_wells_without_sites() -> None:
    wells = pd.DataFrame({"Metadata_Plate": ["P", "P"], "Metadata_Well": ["B02", "A01"]})
    assert [name for name, _ in plate_rows(wells)] == ["P/A", "P/B"]


def test_a_well_without_a_row() -> None:
    wells = pd.DataFrame({"Metadata_Plate": "P", "Metadata_Well": ["A01", "7", "C-1", "7"]})
    with pytest.raises(UserError) as error:
        plate_rows(wells)
    assert str(error.value) == (
        "Metadata_Well: 2 wells have no plate row: 7, C-1. Write wells as row and column, e.g. C05."
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported."""
    folder = tmp_path / "shardtoy"
    (folder / "sub").mkdir(parents=True)
    for name in ("__init__.py", "one.py", "sub/__init__.py", "sub/two.py"):
        (folder / name).write_text("raise ImportError('not to be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_code_is_hashed_by_name_and_content(package: Path) -> None:
    got = code_fingerprint(["shardtoy.one", "shardtoy.sub"], ["numpy"])
    names = ["shardtoy/one.py", "shardtoy/sub/__init__.py", "shardtoy/sub/two.py"]
    hashes = {name: file_sha256(package.parent / name) for name in names}
    assert got == fingerprint(hashes, {"numpy": np.__version__}, runtime.PINNED)
    assert "shardtoy" not in sys.modules


def test_what_changes_the_fingerprint(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ["shardtoy.one", "shardtoy.sub"]
    seen = [code_fingerprint(parts, ["numpy"])]
    (package / "__init__.py").write_text("# no part of it\n")
    assert code_fingerprint(parts[::-1], ["numpy"]) == seen[0]
    (package / "sub" / "two.py").write_text("# changed\n")
    seen.append(code_fingerprint(parts, ["numpy"]))
    (package / "sub" / "three.py").touch()
    seen.append(code_fingerprint(parts, ["numpy"]))
    monkeypatch.setattr(planning, "version", lambda name: "0")
    seen.append(code_fingerprint(parts, ["numpy"]))
    monkeypatch.setitem(runtime.PINNED, "OMP_NUM_THREADS", "2")
    seen.append(code_fingerprint(parts, ["numpy"]))
    assert len(set(seen)) == 5


@pytest.mark.parametrize("name", ["shardtoy.missing", "no_such_package"])
def test_a_module_that_is_not_there(name: str, package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"no module {name}"):
        code_fingerprint([name])
