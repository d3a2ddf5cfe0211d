"""Reading of fields: the right numbers from any place, and what is said of bad files."""

from __future__ import annotations

import errno
import functools
import http.server
import importlib
import io
import os
import pickle
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.images.conftest import Screen

from phenoprot.core.errors import UserError
from phenoprot.imaging import reader
from phenoprot.imaging.reader import (
    fetch,
    read_bytes,
    read_field,
    read_illumination,
    read_image,
    storage_options,
)
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


class Bucket(fsspec.AbstractFileSystem):
    """A file system that holds one file, and notes how it was asked."""

    protocol = "s3"
    cachable = False
    asked: ClassVar[list[Any]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked.append(options)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        self.asked.append(path)
        if path.endswith("denied.tiff"):
            raise PermissionError("Access Denied to the account of somebody")
        return io.BytesIO(b"bytes")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    Bucket.asked.clear()
    registered = importlib.import_module("fsspec.registry")._registry
    monkeypatch.setitem(registered, "s3", Bucket)
    return Bucket.asked


def test_public_buckets_need_no_credentials(bucket: list[Any]) -> None:
    assert read_bytes("s3://gallery/plate/a.tiff") == b"bytes"
    assert bucket[0]["anon"] is True
    assert bucket[1] == "gallery/plate/a.tiff"


def test_what_a_server_says_is_not_repeated(bucket: list[Any]) -> None:
    with pytest.raises(reader.ImageError) as caught:
        read_bytes("s3://gallery/denied.tiff")
    assert caught.value.what == "cannot be read: permission denied"


def test_the_real_s3_file_system_takes_the_options() -> None:
    s3 = fsspec.filesystem("s3", **storage_options("s3"))
    assert type(s3).__module__.startswith("s3fs")
    assert s3.anon is True


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as service:
        yield f"http://127.0.0.1:{service.getsockname()[1]}"


def test_servers_that_do_not_answer(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "ANSWER_SECONDS", 0.2)
    for name in ("a.tif", "b.tif"):
        with pytest.raises(reader.ImageError, match="cannot be read: no answer in time"):
            read_bytes(f"{silent}/{name}")
    # The second was not even asked for.
    monkeypatch.setattr(fetch, "ANSWER_SECONDS", 60)
    with pytest.raises(reader.ImageError, match="cannot be read: no answer in time"):
        read_bytes(f"{silent}/c.tif")
    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
    with pytest.raises(reader.ImageError, match="cannot be read: no connection to the server"):
        read_bytes(f"http://127.0.0.1:{port}/a.tif")


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("ftp://host/a.tif", "protocol 'ftp'"),
        ("webhdfs://host/a.tif", "protocol 'webhdfs'"),
        ("memory://a.tif", "protocol 'memory'"),
        ("local:///etc/hostname", "protocol 'local'"),
        ("zip://a.tif::https://host/a.zip", "a chain of protocols"),
        ("zip::/data/a.zip", "a chain of protocols"),
        ("reference::/data/a.json", "a chain of protocols"),
        ("https://host/a.tif::file:///etc/hostname", "a chain of protocols"),
        ("file://server/share/a.tif", "the host 'server'"),
        ("https:///a.tif", "no host or bucket"),
    ],
)
def test_places_that_are_not_read(place: str, fault: str) -> None:
    with pytest.raises(reader.ImageError) as caught:
        read_bytes(place)
    assert fault in caught.value.what
    assert "https://, s3://" in caught.value.remedy


def test_special_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "loop.tif").symlink_to("loop.tif")
    with (tmp_path / "huge.tif").open("wb") as stream:
        stream.truncate(2**30 + 1)
    for place, message in {
        "pipe.tif": "it is a named pipe, expected a file",
        "loop.tif": "Too many levels of symbolic links",
        "huge.tif": "has 1073741825 bytes, more than an image can have",
        "pipe.tif/a.tif": "Not a directory",
        f"{'x' * 300}.tif": "File name too long",
    }.items():
        with pytest.raises(reader.ImageError, match=message):
            read_bytes(str(tmp_path / place))
    with pytest.raises(reader.ImageError, match="it is a device, expected a file"):
        read_bytes("/dev/zero")


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "x"), MemoryError("x")])
def test_errors_of_the_machine_are_not_the_file_s(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> bytes:
        raise error

    monkeypatch.setattr(fetch, "_read_file", fail)
    with pytest.raises(UserError) as caught:
        read_bytes(str(tmp_path / "a.tif"))
    assert not isinstance(caught.value, reader.ImageError)


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


def write_png(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))


def patched(path: Path, tag: str, value: Any) -> None:
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags[tag].overwrite(value)


STACK = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)


def write_huge(path: Path) -> None:
    tifffile.imwrite(path, STACK, compression="zlib")
    patched(path, "ImageWidth", 100000)
    patched(path, "ImageLength", 100000)


def write_unwritten(path: Path) -> None:
    """As a writer leaves it that was stopped before it came to the last strips."""
    tifffile.imwrite(path, STACK, compression="zlib", rowsperstrip=10)
    with tifffile.TiffFile(path) as tiff:
        counts = tiff.pages.first.tags["StripByteCounts"].value
    patched(path, "StripByteCounts", (*counts[:2], 0, 0))


def write_hidden(path: Path) -> None:
    tifffile.imwrite(path, STACK, metadata=None)
    with path.open("ab") as stream:
        stream.write(STACK.tobytes() + bytes(5000))


def write_imagej(path: Path) -> None:
    """As ImageJ writes a stack of more than 4 GB."""
    tifffile.imwrite(path, np.stack([STACK] * 6).reshape(3, 2, 40, 50), imagej=True, truncate=True)


def write_shaped(path: Path) -> None:
    tifffile.imwrite(path, np.stack([STACK] * 3), photometric="minisblack", truncate=True)


def write_ome(path: Path) -> None:
    tifffile.imwrite(path, STACK, metadata=None, description=ome(SizeZ=3))


def write_subifds(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(STACK, subifds=1, metadata=None)
        writer.write(STACK + 1, metadata=None)


def ome(data: str = "<TiffData/>", uuid: str = "", **sizes: int) -> str:
    """OME-XML of one image."""
    sizes = {"SizeX": 50, "SizeY": 40, "SizeZ": 1, "SizeC": 1, "SizeT": 1} | sizes
    text = " ".join(f'{axis}="{size}"' for axis, size in sizes.items())
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
        f' {uuid}><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        f"{text}>{data}</Pixels></Image></OME>"
    )


OTHERS = [
    f'<TiffData FirstC="{n}"><UUID FileName="{n}.ome.tif">urn:uuid:{n}</UUID></TiffData>'
    for n in range(5)
]
"""Planes in files of their own."""


@pytest.mark.parametrize(
    "description",
    [
        ome(),
        ome(SizeC=5, data='<TiffData FirstC="2" IFD="0" PlaneCount="1"/>'),
        ome(SizeC=5, uuid='UUID="urn:uuid:2"', data="".join(OTHERS)),
        ome(SizeC=2, data="".join(OTHERS[:2])),
        "ImageJ=1.53t\nimages=1\nslices=1\n",
        "<MetaData><prop id='Description' type='string' value='x'/></MetaData>",
        '{"shape": [40, 50]}',
    ],
)
def test_descriptions_of_one_image(tmp_path: Path, description: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata=None, description=description)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")), STACK)


def test_a_pyramid(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK, subifds=2, metadata=None)
        writer.write(STACK[::2, ::2], subfiletype=1, metadata=None)
        writer.write(STACK[::4, ::4], subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")), STACK)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_file_is_refused_or_read_right(
    tmp_path_factory: pytest.TempPathFactory, compression: str | None, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"cut_{compression}.tif"
    tifffile.imwrite(path, STACK, compression=compression, rowsperstrip=8)
    content = path.read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1))
    try:
        image = reader.decode_image(content[:kept], "a.tif")
    except reader.ImageError as error:
        assert error.kind == "unreadable"  # noqa: PT017 - both outcomes are right
    else:
        np.testing.assert_array_equal(image, STACK)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"II*\0", b"MM\0*", b"II+\0"]))
def test_no_content_in_messages(content: bytes, start: bytes) -> None:
    secret = b"root:x:0:0:/root"
    with pytest.raises(reader.ImageError) as caught:
        reader.decode_image(start + content + secret, "a.tif")
    assert "root" not in str(caught.value)
    assert len(str(caught.value)) < 200


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
        (write_png, "unreadable", "cannot be read as TIFF: it is a PNG file"),
        (write_huge, "unreadable", "declares 100000 x 100000 pixels, more than 268435456"),
        (write_unwritten, "unreadable", "cannot be read as TIFF: 2 of 4 pieces of the image were"),
        (write_hidden, "not_grey", "holds 1 page(s) of 40 x 50, MINISBLACK, with 2 images; exp"),
        (write_imagej, "not_grey", "holds 1 page(s) of 40 x 50, MINISBLACK, with 6 images; exp"),
        (write_shaped, "not_grey", "holds 1 page(s) of 40 x 50, MINISBLACK, with 3 images; exp"),
        (write_ome, "not_grey", "holds 1 page(s) of 40 x 50, MINISBLACK, with 3 images; exp"),
        (write_subifds, "not_grey", "holds 1 page(s) of 40 x 50, MINISBLACK, with 2 images; exp"),
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
        (np.full((12, 10), "a"), "holds str32, expected numbers"),
        (np.full((12, 10), None), "holds object, expected numbers"),
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
    path.write_text("no numpy, but a secret")
    with pytest.raises(UserError, match=r"cannot be read as \.npy: it is none") as caught:
        read_field(row)
    assert "secret" not in str(caught.value)
    np.save(path, np.ones((12, 10)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match=r"cannot be read as \.npy: it is cut"):
        read_field(row)


def test_a_function_that_declares_too_much(corrected: pd.Series, tmp_path: Path) -> None:
    path = tmp_path / "other.npy"
    with path.open("wb") as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(UserError, match="is 1000000000 x 1000000000, the image 12 x 10"):
        read_field(corrected.to_dict() | {"Illum_ER": str(path)})


def test_a_function_is_read_once_and_cannot_be_changed(corrected: pd.Series) -> None:
    place = corrected["Illum_DNA"]
    function = read_illumination(place, (12, 10))
    assert read_illumination(place, (12, 10)) is function
    assert not function.flags.writeable
