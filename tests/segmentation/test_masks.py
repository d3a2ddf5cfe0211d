from __future__ import annotations

import os
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.segmentation.scenes import draw

from phenoprot.core.errors import UserError
from phenoprot.imaging.segmentation.masks import (
    Masks,
    empty_masks,
    paired,
    read_masks,
    relabel,
    touching_border,
    write_masks,
)

NUCLEI = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 2]], np.int32)
CELLS = np.array([[1, 1, 0, 0], [1, 1, 0, 2], [1, 0, 2, 2]], np.int32)


def test_parts_of_a_cell() -> None:
    masks = Masks(NUCLEI, CELLS)
    assert masks.count == 2
    assert masks.cytoplasm.tolist() == [[1, 1, 0, 0], [1, 0, 0, 2], [1, 0, 2, 0]]
    assert masks.cytoplasm.dtype == np.int32


@pytest.mark.parametrize(
    ("nuclei", "cells", "reason"),
    [
        (NUCLEI.astype(np.int64), CELLS, r"nuclei are int64 \(3, 4\), expected int32 \(Y, X\)"),
        (NUCLEI, CELLS[:2], r"nuclei are \(3, 4\), cells \(2, 4\)"),
        (NUCLEI, np.array([0, 3, 2], np.int32)[CELLS], r"the 2 labels of cells are not 1\.\.2"),
        (NUCLEI, np.array([-1, 1, 2], np.int32)[CELLS], r"the 3 labels of cells are not 1\.\.3"),
        (NUCLEI % 2, CELLS, "1 nuclei, but 2 cells"),
        (np.array([0, 2, 1], np.int32)[NUCLEI], CELLS, "2 pixels of nuclei lie"),
    ],
)
def test_masks_that_do_not_fit_are_refused(
    nuclei: np.ndarray, cells: np.ndarray, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Masks(nuclei, cells)


def test_pairing_numbers_cells_from_the_top_and_drops_those_without_a_nucleus() -> None:
    nuclei = np.array([[0, 0, 9], [4, 0, 0], [4, 9, 0]], np.int32)
    cells = np.array([[7, 7, 9], [4, 9, 9], [4, 4, 0]], np.int32)
    masks = paired(nuclei, cells)
    assert masks.nuclei.tolist() == [[0, 0, 1], [2, 0, 0], [2, 0, 0]]
    assert masks.cells.tolist() == [[0, 0, 1], [2, 1, 1], [2, 2, 0]]


def test_relabel_and_border() -> None:
    labels = np.array([[0, 0, 0, 0], [0, 5, 3, 0], [0, 5, 0, 0], [0, 0, 0, 8]], np.int32)
    assert relabel(labels).tolist() == [[0, 0, 0, 0], [0, 1, 2, 0], [0, 1, 0, 0], [0, 0, 0, 3]]
    assert touching_border(labels).tolist() == [8]
    assert touching_border(np.zeros((3, 3), np.int32)).tolist() == []


def test_round_trip(tmp_path: Path) -> None:
    masks = {"P/B02/1": Masks(NUCLEI, CELLS), "P/A01/1": empty_masks((5, 6))}
    write_masks(tmp_path / "masks.zip", masks)
    back = read_masks(tmp_path / "masks.zip")
    assert list(back) == ["P/A01/1", "P/B02/1"]
    for name, each in masks.items():
        assert np.array_equal(back[name].nuclei, each.nuclei)
        assert np.array_equal(back[name].cells, each.cells)
        assert back[name].cells.dtype == np.int32


def test_bytes_depend_on_the_masks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = {"P/B02/1": Masks(NUCLEI, CELLS), "P/A01/1": empty_masks((5, 6))}
    write_masks(tmp_path / "a.zip", masks)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    os.umask(os.umask(0o077))
    write_masks(tmp_path / "b.zip", dict(reversed(masks.items())))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_file_is_small_and_opens_with_numpy(tmp_path: Path) -> None:
    _, truth = draw((200, 200), [(50, 50), (60, 120), (140, 90)])
    write_masks(tmp_path / "masks.npz", {"P/A01/1": truth})
    assert (tmp_path / "masks.npz").stat().st_size < 4000  # 160,000 bytes raw
    with np.load(tmp_path / "masks.npz") as archive:
        assert np.array_equal(archive["P/A01/1"], [truth.nuclei, truth.cells])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"A.zip: no such file. Segment the fields of view"):
        read_masks(tmp_path / "A.zip")


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "A.zip"
    write_masks(path, {"P/A01/1": draw((100, 100), [(50, 50)])[1]})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"A.zip: no usable masks: .*Remove it and segment"):
        read_masks(path)
    broken = bytearray(whole)
    broken[120:130] = bytes(10)
    path.write_bytes(bytes(broken))
    with pytest.raises(UserError, match="no usable masks"):
        read_masks(path)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (np.stack([NUCLEI, np.where(CELLS == 2, 0, CELLS)]).astype(np.uint16), "2 nuclei, but 1"),
        (CELLS.astype(np.uint16), r"P/A01/1.npy is uint16 \(3, 4\), expected uint16 \(2, Y, X\)"),
        (np.stack([NUCLEI, CELLS]).astype(np.float32), "is float32"),
    ],
)
def test_a_file_of_other_content_is_refused(tmp_path: Path, pair: np.ndarray, reason: str) -> None:
    with (
        zipfile.ZipFile(tmp_path / "A.zip", "w") as archive,
        archive.open("P/A01/1.npy", "w") as stream,
    ):
        np.lib.format.write_array(stream, pair)
    with pytest.raises(UserError, match=reason):
        read_masks(tmp_path / "A.zip")


def test_too_many_cells_for_the_format(tmp_path: Path) -> None:
    labels = np.arange(1, 65537, dtype=np.int32).reshape(256, 256)
    with pytest.raises(ValueError, match=r"P/A01/1: 65536 cells, at most 65535"):
        write_masks(tmp_path / "A.zip", {"P/A01/1": Masks(labels, labels)})
    assert not list(tmp_path.iterdir())


def bomb(path: Path, shape: tuple[int, ...], real: int) -> None:
    """An archive whose only image claims a shape, with `real` zero bytes behind its header."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("P/A01/1.npy", "w", force_zip64=True) as stream,
    ):
        header = {"descr": "<u2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for _ in range(real // 2**20):
            stream.write(bytes(2**20))


@pytest.mark.parametrize(
    ("shape", "real"),
    [
        ((2, 2**20, 2**20), 2**26),
        ((2, 2**40, 2**40), 2**20),
        ((2, 4, 4), 2**26),
        ((2, 2**12, 2**12), 2**20),
        ((2, -1, 4), 2**20),
    ],
)
def test_no_more_is_unpacked_than_a_field_of_view(
    tmp_path: Path, shape: tuple[int, ...], real: int
) -> None:
    bomb(tmp_path / "A.zip", shape, real)
    tracemalloc.start()
    with pytest.raises(UserError, match="no usable masks"):
        read_masks(tmp_path / "A.zip")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_archives_with_any_byte_garbled_are_refused_or_read_right(tmp_path: Path) -> None:
    path = tmp_path / "A.zip"
    right = {"P/A01/1": draw((60, 60), [(30, 30)])[1], "P/A02/1": draw((60, 60), [(20, 40)])[1]}
    write_masks(path, right)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole)
        place = int(rng.integers(len(broken)))
        broken[place : place + int(rng.integers(1, 9))] = rng.bytes(int(rng.integers(0, 9)))
        path.write_bytes(broken)
        try:
            found = read_masks(path)
        except UserError as error:
            assert "no usable masks" in str(error)  # noqa: PT017
            continue
        for masks, name in zip(found.values(), right, strict=False):
            assert np.array_equal(masks.cells, right[name].cells)


def test_a_field_of_view_that_is_there_twice(tmp_path: Path) -> None:
    write_masks(tmp_path / "A.zip", {"P/A01/1": draw((60, 60), [(20, 40)])[1]})
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(tmp_path / "A.zip", "a") as archive,
    ):
        archive.writestr("P/A01/1.npy", archive.read("P/A01/1.npy"))
    with pytest.raises(UserError, match="twice"):
        read_masks(tmp_path / "A.zip")
