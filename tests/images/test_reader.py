"""Reading of fields: the right numbers from any place, and what is said of bad files."""

from __future__ import annotations

import functools
import http.server
import importlib
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.images.conftest import Screen

from phenoprot.errors import UserError
from phenoprot.images import reader
from phenoprot.images.reader import read_bytes, read_field, read_illumination, read_image
from phenoprot.screens.contract import STAINS


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_field_is_scaled_by_its_type(make_fields: Screen, dtype: Any) -> None:
    row = make_fields(dtype=dtype).loc[0]
    field = read_field(row)
    assert field.shape == (5, 12, 10)
    assert field.dtype == np.float32
    for channel, stain in zip(field, STAINS, strict=True):
        counts = tifffile.imread(row[f"URL_{stain}"])
        expected = counts.astype(np.float64) / {np.uint8: 255, np.uint16: 65535}[dtype]
        np.testing.assert_allclose(channel, expected, rtol=1e-7)


def test_the_ends_of_the_scale(tmp_path: Path) -> None:
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535)):
        path = tmp_path / "ends.tif"
        tifffile.imwrite(path, np.array([[0, top]], dtype=dtype), photometric="minisblack")
        assert read_field({"URL_DNA": str(path)}, ["DNA"]).tolist() == [[[0.0, 1.0]]]


def test_channels_come_in_the_order_wanted(make_fields: Screen) -> None:
    row = make_fields().loc[1]
    field = read_field(row)
    np.testing.assert_array_equal(read_field(row, ("Mito", "DNA")), field[[4, 0]])


@pytest.mark.parametrize(
    "options", [{"compression": "lzw"}, {"compression": "zlib", "predictor": 2}]
)
def test_compressed_images(tmp_path: Path, options: dict[str, Any]) -> None:
    image = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **options)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")), image)


def test_an_image_in_memory(make_fields: Screen) -> None:
    row = make_fields().loc[0].to_dict()
    there = row | {f"URL_{stain}": f"memory://plate/{stain}.tiff" for stain in STAINS}
    for stain in STAINS:
        with fsspec.open(there[f"URL_{stain}"], "wb") as stream:
            stream.write(Path(row[f"URL_{stain}"]).read_bytes())
    np.testing.assert_array_equal(read_field(there), read_field(row))
    with pytest.raises(UserError, match=r"memory://plate/no\.tiff: no such file"):
        read_image("memory://plate/no.tiff")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{service.server_address[1]}"
        service.shutdown()
        thread.join()


def test_an_image_behind_http(make_fields: Screen, server: str) -> None:
    row = make_fields().loc[0].to_dict()
    there = {f"URL_{stain}": f"{server}/{Path(row[f'URL_{stain}']).name}" for stain in STAINS}
    np.testing.assert_array_equal(read_field(there), read_field(row))
    with pytest.raises(UserError, match="no such file"):
        read_image(f"{server}/no.tiff")


def test_public_buckets_need_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Bucket(fsspec.AbstractFileSystem):
        protocol = "s3"
        cachable = False

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            asked.append(options)

        def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
            asked.append(path)
            return fsspec.filesystem("memory").open("/there.bin", mode)

    fsspec.filesystem("memory").pipe_file("/there.bin", b"bytes")
    registered = importlib.import_module("fsspec.registry")._registry
    monkeypatch.setitem(registered, "s3", Bucket)
    assert read_bytes("s3://gallery/plate/a.tiff") == b"bytes"
    assert asked == [{"anon": True}, "gallery/plate/a.tiff"]


def test_the_real_s3_file_system_takes_the_options() -> None:
    s3 = fsspec.filesystem("s3", **reader.STORAGE_OPTIONS["s3"])
    assert type(s3).__module__.startswith("s3fs")
    assert s3.anon is True


def write_rgb(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((4, 5, 3), np.uint8), photometric="rgb")


def write_pages(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((2, 4, 5), np.uint16), photometric="minisblack")


def write_floats(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((4, 5), np.float32), photometric="minisblack")


def write_inverted(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((4, 5), np.uint16), photometric="miniswhite")


def write_truncated(path: Path) -> None:
    tifffile.imwrite(path, np.ones((40, 50), np.uint16), compression="zlib")
    content = path.read_bytes()
    path.write_bytes(content[:-20])


@pytest.mark.parametrize(
    ("write", "kind", "message"),
    [
        (write_rgb, "not_grey", "holds 1 page(s) of 4 x 5 x 3, RGB; expected one grey image"),
        (write_pages, "not_grey", "holds 2 page(s) of 4 x 5, MINISBLACK; expected one grey image"),
        (write_inverted, "not_grey", "holds 1 page(s) of 4 x 5, MINISWHITE; expected one grey"),
        (write_floats, "not_counts", "holds float32, expected 8- or 16-bit counts"),
        (write_truncated, "unreadable", "cannot be read as TIFF: "),
        (lambda path: path.write_bytes(b""), "unreadable", "cannot be read as TIFF: "),
        (lambda path: path.write_text("no TIFF"), "unreadable", "cannot be read as TIFF: "),
        (Path.mkdir, "unreadable", "cannot be read: "),
        (lambda path: None, "missing", "no such file"),
    ],
)
def test_bad_images(tmp_path: Path, write: Any, kind: str, message: str) -> None:
    path = tmp_path / "image.tif"
    write(path)
    with pytest.raises(reader.ImageError) as caught:
        read_image(str(path))
    assert caught.value.kind == kind
    assert str(caught.value).startswith(f"{path}: {message}")


def test_an_error_crosses_processes_whole(tmp_path: Path) -> None:
    with pytest.raises(reader.ImageError) as caught:
        read_image(str(tmp_path / "no.tif"))
    there = pickle.loads(pickle.dumps(caught.value))
    assert str(there).rstrip(".") == str(caught.value).rstrip(".")
    assert (there.what, there.where, there.kind) == (
        "no such file",
        str(tmp_path / "no.tif"),
        "missing",
    )


def test_an_unknown_protocol() -> None:
    with pytest.raises(UserError, match=r"gopher://a/b\.tif: cannot be read: .*gopher"):
        read_image("gopher://a/b.tif")


def test_channels_of_one_field_have_one_size(make_fields: Screen, tmp_path: Path) -> None:
    row = make_fields().loc[0]
    tifffile.imwrite(row["URL_RNA"], np.ones((6, 7), np.uint16), photometric="minisblack")
    message = r"_RNA\.tiff: is 6 x 7, but the image of DNA is 12 x 10"
    with pytest.raises(UserError, match=message):
        read_field(row)


@pytest.fixture
def corrected(make_fields: Screen, tmp_path: Path) -> pd.Series:
    row = make_fields().loc[0]
    rng = np.random.default_rng(1)
    for stain in STAINS:
        np.save(tmp_path / f"Illum{stain}.npy", rng.uniform(0.5, 2, (12, 10)))
        row[f"Illum_{stain}"] = str(tmp_path / f"Illum{stain}.npy")
    return row


def test_images_are_divided_by_their_illumination_function(corrected: pd.Series) -> None:
    plain = read_field(corrected.drop([f"Illum_{stain}" for stain in STAINS]))
    functions = np.stack([np.load(corrected[f"Illum_{stain}"]) for stain in STAINS])
    ratio = plain.astype(np.float64) / functions
    assert (ratio > 1).any()
    np.testing.assert_allclose(read_field(corrected), np.minimum(ratio, 1), rtol=3e-7)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (np.ones((3, 4)), "the illumination function is 3 x 4, the image 12 x 10"),
        (np.zeros((12, 10)), "has 120 value(s) that are not finite and above 0"),
        (np.full((12, 10), 1e-60), "has 120 value(s) that are not finite and above 0"),
        (np.full((12, 10), np.nan), "has 120 value(s) that are not finite and above 0"),
        (np.full((12, 10), "a"), "holds <U1, expected numbers"),
        (np.full((12, 10), None), "cannot be read as .npy: Object arrays cannot be loaded"),
    ],
)
def test_bad_illumination_functions(
    corrected: pd.Series, tmp_path: Path, function: Any, message: str
) -> None:
    path = tmp_path / "other.npy"
    np.save(path, function)
    with pytest.raises(UserError) as caught:
        read_field(corrected.to_dict() | {"Illum_ER": str(path)})
    assert str(caught.value).startswith(f"{path}: the illumination function")
    assert message in str(caught.value)


def test_an_illumination_function_that_is_not_there(corrected: pd.Series, tmp_path: Path) -> None:
    path = tmp_path / "other.npy"
    row = corrected.to_dict() | {"Illum_ER": str(path)}
    with pytest.raises(UserError, match="the illumination function cannot be had: no such file"):
        read_field(row)
    path.write_text("no numpy")
    with pytest.raises(UserError, match=r"cannot be read as \.npy"):
        read_field(row)


def test_a_function_is_read_once_and_cannot_be_changed(corrected: pd.Series) -> None:
    place = corrected["Illum_DNA"]
    function = read_illumination(place, (12, 10))
    assert read_illumination(place, (12, 10)) is function
    assert not function.flags.writeable
