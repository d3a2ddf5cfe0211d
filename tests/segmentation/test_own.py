"""Masks of one's own: what Cellpose, CellProfiler and others write, and what is refused."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.segmentation.scenes import draw, write_screen
from tests.segmentation.test_run import CENTRES, SHAPE, write_truth

from phenoprot.core.errors import UserError
from phenoprot.imaging.segmentation.inert import Call, NotInert, read_inert
from phenoprot.imaging.segmentation.masks import read_masks
from phenoprot.imaging.segmentation.own import read_labels
from phenoprot.imaging.segmentation.run import plan, segment_fields
from phenoprot.imaging.segmentation.settings import OwnMasksSettings, SegmentationSettings

LABELS = np.zeros((20, 30), np.int64)
LABELS[2:6, 3:9], LABELS[10:15, 10:20] = 7, 3
EXPECTED = np.select([LABELS == 7, LABELS == 3], [1, 2])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "int32"])
def test_tiff_of_whole_numbers(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", LABELS.astype(dtype))
    assert np.array_equal(read_labels(str(tmp_path / "a.tiff")), EXPECTED)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64"])
def test_cellpose(tmp_path: Path, dtype: str) -> None:
    from cellpose import io as cellpose_io

    flows = [np.zeros((20, 30, 3), np.uint8), np.zeros((2, 20, 30), np.float32), np.zeros((20, 30))]
    image = np.zeros((20, 30), np.uint16)
    cellpose_io.masks_flows_to_seg(image, LABELS.astype(dtype), flows, str(tmp_path / "x.tif"))
    assert np.array_equal(read_labels(str(tmp_path / "x_seg.npy")), EXPECTED)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_older_pickles_in_fortran_order(tmp_path: Path, protocol: int) -> None:
    array = np.array({"outlines": LABELS, "masks": np.asfortranarray(LABELS.astype(">u2"))})
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    if protocol > 2:
        content = header.getvalue() + pickle.dumps(array, protocol)
        (tmp_path / "x_seg.npy").write_bytes(content)
        assert np.array_equal(read_labels(str(tmp_path / "x_seg.npy")), EXPECTED)
    else:  # bytes as text through a codec: a call that is not plain data
        (tmp_path / "x_seg.npy").write_bytes(header.getvalue() + pickle.dumps(array, protocol))
        with pytest.raises(UserError, match="no label image"):
            read_labels(str(tmp_path / "x_seg.npy"))


def test_plain_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", LABELS)
    assert np.array_equal(read_labels(str(tmp_path / "a.npy")), EXPECTED)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for content in ({"masks": Evil()}, {"masks": LABELS, "more": Evil()}):
        np.save(tmp_path / "x_seg.npy", np.array(content), allow_pickle=True)
        try:
            found = read_labels("x_seg.npy")
        except UserError:
            assert "more" not in content
        else:
            assert np.array_equal(found, EXPECTED)
    assert not (tmp_path / "ran").exists()
    call = read_inert(io.BytesIO(pickle.dumps(Evil(), 4)))
    assert isinstance(call, Call)
    assert call.what.endswith("mkdir")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    )
)
@settings(max_examples=60, deadline=None)
def test_plain_data_is_read_as_pickle_reads_it(value: Any) -> None:
    for protocol in (3, 4):
        assert read_inert(io.BytesIO(pickle.dumps(value, protocol))) == value


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_data_or_refused(content: bytes) -> None:
    with contextlib.suppress(NotInert):
        read_inert(io.BytesIO(content))


def edit(change: Callable[[np.ndarray], np.ndarray], **options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, change(LABELS.astype(np.uint16)), **options)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (edit(lambda a: a.astype(np.float32)), "holds float32, expected whole numbers"),
        (edit(lambda a: np.stack([a, a])), "holds 2 page"),
        (edit(lambda a: np.stack([a.astype(np.uint8)] * 3, -1), photometric="rgb"), "RGB"),
        (edit(lambda a: a.astype(np.int16) - 1), "negative numbers, down to -1"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "it is a PNG file"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"), "header is damaged"),
    ],
)
def test_refused(tmp_path: Path, write: Callable[[Path], Any], message: str) -> None:
    path = tmp_path / "a.tiff"
    write(path)
    with pytest.raises(UserError, match="no label image") as error:
        read_labels(str(path))
    assert message in str(error.value)
    assert "a.tiff" in str(error.value)
    assert "0 is background" in str(error.value)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_files(tmp_path: Path, share: float) -> None:
    np.save(tmp_path / "x_seg.npy", np.array({"masks": LABELS, "outlines": LABELS}))
    content = (tmp_path / "x_seg.npy").read_bytes()
    (tmp_path / "x_seg.npy").write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"_seg\.npy"):
        read_labels(str(tmp_path / "x_seg.npy"))


PATTERNS = OwnMasksSettings(
    nuclei="truth/{plate}/{well}_s{site}_nuclei.tiff",
    cells="truth/{plate}/{well}_s{site}_cells.tiff",
)
OWN = SegmentationSettings(method="masks", masks=PATTERNS)


def test_masks_in_place_of_a_segmentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: None
) -> None:
    monkeypatch.chdir(tmp_path)
    fields = write_screen(tmp_path, {key: draw(SHAPE, at)[0] for key, at in CENTRES.items()})
    write_truth(tmp_path / "truth")
    before = plan(fields, OWN)
    objects = segment_fields(fields, OWN, tmp_path / "masks", tmp_path / "work", "test")
    assert objects["Count_Cells"].tolist() == [len(at) for _, at in sorted(CENTRES.items())]
    masks = read_masks(tmp_path / "masks" / "P1" / "B.zip")["P1/B01/1"]
    truth = draw(SHAPE, CENTRES["P1", "B01", "1"])[1]
    assert np.array_equal(masks.nuclei, truth.nuclei)
    assert np.array_equal(masks.cells, truth.cells)
    # Other masks are other work: for their plate row alone.
    path = tmp_path / "truth" / "P1" / "B01_s1_cells.tiff"
    tifffile.imwrite(path, np.zeros(SHAPE, np.uint16))
    after = plan(fields, OWN)
    same = [a.fingerprint == b.fingerprint for a, b in zip(after, before, strict=True)]
    assert same == [True, False, True]
    tifffile.imwrite(path, np.ones((9, 9), np.uint16))
    with pytest.raises(UserError, match="is 9 x 9, but the images of field P1/B01/1 are 100 x 120"):
        segment_fields(fields, OWN, tmp_path / "masks", tmp_path / "work", "test")
    path.unlink()
    with pytest.raises(UserError, match=r"1 of 2 files of masks are missing: .*B01_s1_cells.tiff"):
        plan(fields, OWN)


@pytest.mark.parametrize("pattern", ["masks.tif", "{plate}/{site}.tif", "{well}/{name}", "{well"])
def test_patterns(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\{well\} must be in it"):
        OwnMasksSettings(nuclei=pattern)
