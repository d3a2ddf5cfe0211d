"""Reading crops at random, and stores that are not what they should be."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.execution.computations import in_process

from phenoprot.core.errors import UserError
from phenoprot.execution.run import EXECUTORS
from phenoprot.imaging.crops import store as store_module
from phenoprot.imaging.crops.run import crop_fields
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.store import CropStore

from .scenes import usual


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the usual scene: 2 + 0 + 1 crops on P1/A, none on P1/B, 2 on P2/A."""
    root = tmp_path_factory.mktemp("store")
    scene = usual(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXECUTORS, "local", in_process)
        crop_fields(
            scene.fields, scene.masks_folder, root / "crops", root / "work", "t",
            CropSettings(size=24),
        )  # fmt: skip
    return root / "crops"


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be damaged."""
    for path in folder.rglob("*.*"):
        target = tmp_path / "crops" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path / "crops"


def sequential(folder: Path) -> np.ndarray:
    """All crops, as numpy reads them."""
    return np.concatenate([np.load(folder / f"{row}.npy") for row in ("P1/A", "P1/B", "P2/A")])


def test_length_shape_and_index(folder: Path) -> None:
    store = CropStore.open(folder)
    assert len(store) == 5
    assert store.shape == (5, 24, 24)
    names = store.index[["Metadata_Plate", "Metadata_Well", "Metadata_Site"]].agg("/".join, axis=1)
    assert names.tolist() == ["P1/A01/1", "P1/A01/1", "P1/A02/1", "P2/A01/1", "P2/A01/1"]
    assert store.index["Cell_Label"].tolist() == [1, 2, 1, 1, 2]
    assert store.index["Cell_Centre_Y"].tolist() == [20, 40, 31, 20, 45]
    assert store.index["Metadata_Plate"].dtype == object


def test_fields_without_a_crop_are_counted(folder: Path) -> None:
    store = CropStore.open(folder)
    assert [indices.tolist() for indices in store.fields] == [[0, 1], [2], [3, 4]]
    counts = store.field_table.drop(columns="Metadata_Plate").to_numpy().tolist()
    # Cells, at the border, crops, crops of a cell larger than they are.
    assert counts == [
        ["A01", "1", 3, 1, 2, 0],
        ["A01", "2", 0, 0, 0, 0],
        ["A02", "1", 1, 0, 1, 0],
        ["B01", "1", 1, 1, 0, 0],
        ["A01", "1", 2, 0, 2, 0],
    ]


@given(wanted=st.lists(st.integers(0, 4), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_reads_equal_sequential_ones(folder: Path, wanted: list[int]) -> None:
    crops = CropStore.open(folder).read(wanted)
    assert crops.dtype == np.uint16
    np.testing.assert_array_equal(crops, sequential(folder)[np.array(wanted, dtype=int)])


def test_a_batch_is_the_callers_own(folder: Path) -> None:
    store = CropStore.open(folder)
    store.read([0])[:] = 0
    np.testing.assert_array_equal(store.read([0]), sequential(folder)[:1])


@pytest.mark.parametrize("wanted", [[5], [0, -1]])
def test_no_such_crop(folder: Path, wanted: list[int]) -> None:
    with pytest.raises(IndexError, match="of a store of 5 crops"):
        CropStore.open(folder).read(wanted)


def test_some_plate_rows(folder: Path) -> None:
    store = CropStore.open(folder, ["P2/A"])
    assert len(store) == 2
    np.testing.assert_array_equal(store.read([1]), sequential(folder)[4:])
    empty = CropStore.open(folder, ["P1/B"])
    assert len(empty) == 0
    assert empty.fields == []
    assert empty.read([]).shape == (0, 5, 24, 24)
    assert empty.index.empty


def test_no_more_files_stay_open_than_allowed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None  # noqa: PTH208
    monkeypatch.setattr(store_module, "HANDLES", 1)
    store = CropStore.open(folder)
    np.testing.assert_array_equal(store.read([4, 0, 3, 1]), sequential(folder)[[4, 0, 3, 1]])
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before + 1  # noqa: PTH208
        del store
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def _read_in_child(store: CropStore, wanted: list[int]) -> np.ndarray:
    return store.read(wanted)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_readers_in_other_processes(folder: Path, method: str) -> None:
    store = CropStore.open(folder)
    store.read([0, 4])  # files are open
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        crops = pool.submit(_read_in_child, store, [4, 0]).result()
    np.testing.assert_array_equal(crops, sequential(folder)[[4, 0]])


def test_a_pickled_store_is_small(folder: Path) -> None:
    store = CropStore.open(folder)
    _ = store.index
    data = pickle.dumps(store)
    assert len(data) < 2000
    np.testing.assert_array_equal(pickle.loads(data).read([3]), sequential(folder)[3:4])


def test_plate_rows_in_their_order(broken: Path) -> None:
    for ending in (".npy", ".parquet", ".fields.parquet"):
        (broken / "P1" / f"B{ending}").rename(broken / "P1" / f"AA{ending}")
        (broken / "P1" / f"A{ending}").rename(broken / "P1" / f"C{ending}")
    names = [part.path.stem for part in CropStore.open(broken)._parts]
    assert names == ["C", "AA", "A"]


def message(broken: Path) -> str:
    def read_all() -> None:
        store = CropStore.open(broken)
        assert len(store.fields) + len(store.index)

    with pytest.raises(UserError) as error:
        read_all()
    return str(error.value).replace(str(broken), "CROPS")


def test_nothing_there(tmp_path: Path) -> None:
    assert message(tmp_path) == "CROPS: holds no crops. Run the stage crops."


def test_a_truncated_file(broken: Path) -> None:
    path = broken / "P1/A.npy"
    whole = path.read_bytes()
    store = CropStore.open(broken)
    path.write_bytes(whole[:-1000])
    assert message(broken) == (
        f"CROPS/P1/A.npy: is no file of a crop store: {len(whole) - 1000} bytes, expected "
        f"{len(whole)}. Remove it and run the stage crops."
    )
    # Truncated after the store was opened: an error still, where a memory map has a bus error.
    with pytest.raises(UserError, match=r"P1/A\.npy: ends before crop 2 of 3\. Remove it"):
        store.read([2])


def test_other_arrays(broken: Path) -> None:
    np.save(broken / "P1/A.npy", np.zeros((3, 5)))
    assert "an array of float64 with 2 axes" in message(broken)
    (broken / "P1/A.npy").write_bytes(b"nothing of the kind")
    assert "the magic string is not correct" in message(broken)


def test_crops_of_two_sizes(broken: Path) -> None:
    np.save(broken / "P2/A.npy", np.zeros((2, 5, 16, 16), dtype=np.uint16))
    assert message(broken) == (
        "CROPS: crops of 2 shapes: (5, 16, 16), (5, 24, 24). Remove the folder and run the stage "
        "crops."
    )


def test_tables_of_other_crops(broken: Path) -> None:
    path = broken / "P1/A.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    assert message(broken).startswith("CROPS: holds 5 crops, but its tables name 4.")
    (broken / "P1/A.fields.parquet").unlink()
    assert message(broken) == "CROPS/P1/A.fields.parquet: no such file. Run the stage crops."
