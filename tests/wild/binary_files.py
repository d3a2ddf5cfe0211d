"""What befalls SQLite, masks, crops, checkpoints and other binary files."""

from __future__ import annotations

import io
import json
import pickle
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from .mutations import Mutation, of_bytes


def of_database(statement: str) -> Callable[..., None]:
    def apply(path: Path, *_: Any) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(statement)
            connection.commit()

    return apply


def empty_database(path: Path, *_: Any) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table x (a)")


SQLITE = (
    Mutation("another-database", empty_database),
    Mutation("table-missing", of_database("drop table Per_Cells")),
    Mutation("table-empty", of_database("delete from Per_Image")),
    Mutation(
        "column-missing", of_database("alter table Per_Image drop column Image_Metadata_Well")
    ),
    Mutation("image-number-missing", of_database("alter table Per_Cells rename ImageNumber to x")),
    Mutation("words-for-image-numbers", of_database("update Per_Cells set ImageNumber = 'one'")),
    Mutation("strange-image", of_database("update Per_Cells set ImageNumber = 77")),
    Mutation(
        "plate-null",
        of_database("update Per_Image set Image_Metadata_Plate = null where rowid = 1"),
    ),
    Mutation(
        "plate-nan",
        of_database("update Per_Image set Image_Metadata_Plate = 'nan' where rowid = 1"),
    ),
    Mutation("field-twice", of_database("update Per_Image set Image_Metadata_Well = 'A01'")),
    Mutation(
        "word-in-a-feature",
        of_database("update Per_Cells set Cells_AreaShape_Area = 'high' where rowid = 1"),
    ),
    Mutation(
        "number-infinite",
        of_database("update Per_Cells set Cells_AreaShape_Area = 9e999 where rowid = 1"),
        "warned",
    ),
    Mutation(
        "parent-missing",
        of_database("update Per_Cytoplasm set Cytoplasm_Parent_Cells = 77 where rowid = 1"),
    ),
    Mutation(
        "table-lower-case",
        of_database("alter table Per_Cells rename to x; alter table x rename to per_cells"),
        "refused or same",
    ),
)

# --- masks


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path: Path, content: list[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content:
            archive.writestr(name, data)


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def header_only(shape: tuple[int, ...], dtype: str = "<u2") -> bytes:
    """An array that claims a shape, with a few bytes of data."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue() + bytes(64)


def first_member(change: Callable[[bytes], bytes]) -> Callable[..., None]:
    def apply(path: Path, *_: Any) -> None:
        content = list(members(path).items())
        write_members(path, [(content[0][0], change(content[0][1])), *content[1:]])

    return apply


def load(content: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(content))


def member_twice(path: Path, *_: Any) -> None:
    content = list(members(path).items())
    write_members(path, [content[0], *content])


def flip_in_data(content: bytes, rng: random.Random) -> bytes:
    """Change a byte of the compressed data of the first member."""
    place = 60 + len("P1/A01/1.npy")
    return content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :]


class Program:
    """Unpickled, it would make a folder."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (Path("ran"),)


MASKS = (
    Mutation("written-again", first_member(lambda c: c), "same"),
    Mutation("byte-flipped", of_bytes(flip_in_data)),
    Mutation("member-garbage", first_member(lambda c: b"x" * 300)),
    Mutation("member-empty", first_member(lambda c: b"")),
    Mutation("member-cut", first_member(lambda c: c[:-9])),
    Mutation("member-twice", member_twice, "refused or same"),
    Mutation("float-labels", first_member(lambda c: npy(load(c).astype(np.float32)))),
    Mutation("one-plane", first_member(lambda c: npy(load(c)[0]))),
    Mutation("three-planes", first_member(lambda c: npy(load(c)[[0, 1, 1]]))),
    Mutation("planes-swapped", first_member(lambda c: npy(load(c)[::-1]))),
    Mutation(
        "label-missing",
        first_member(lambda c: npy(np.where(load(c) == 1, 0, load(c)).astype("<u2"))),
    ),
    Mutation(
        "nuclei-missing",
        first_member(lambda c: npy(load(c) * np.array([0, 1], "<u2")[:, None, None])),
    ),
    Mutation(
        "nuclei-moved",
        first_member(lambda c: npy(np.stack([np.roll(load(c)[0], 9, 0), load(c)[1]]))),
    ),
    Mutation("pickled", first_member(lambda c: npy(np.array([Program()], object), True))),
    Mutation("claims-terabytes", first_member(lambda c: header_only((2, 10**6, 10**6)))),
    Mutation("claims-more-than-memory", first_member(lambda c: header_only((2, 10**9, 10**9)))),
    Mutation("no-members", lambda p, *_: write_members(p, [])),
)

# --- arrays


def of_array(change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., None]:
    return of_bytes(lambda content, _: npy(change(load(content))))


def version_2(content: bytes, _: random.Random) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, load(content), version=(2, 0))
    return stream.getvalue()


ARRAYS = (
    Mutation("written-again", of_array(lambda a: a), "same"),
    Mutation("version-2", of_bytes(version_2), "refused or same"),
    Mutation("fortran-order", of_array(np.asfortranarray), "refused or same"),
    Mutation("complex", of_array(lambda a: a.astype(np.complex64))),
    Mutation("text", of_array(lambda a: a.astype("U8"))),
    Mutation("one-axis-less", of_array(lambda a: a[0])),
    Mutation("one-axis-more", of_array(lambda a: a[None])),
    Mutation("one-row-less", of_array(lambda a: a[:-1])),
    Mutation("one-row-more", of_array(lambda a: np.concatenate([a, a[:1]]))),
    Mutation("no-rows", of_array(lambda a: a[:0])),
    Mutation("pickled", of_bytes(lambda c, r: npy(np.array([Program()], object), True))),
    Mutation("a-pickle", of_bytes(lambda c, r: pickle.dumps(Program()))),
    Mutation("claims-terabytes", of_bytes(lambda c, r: header_only((10**6, 10**6, 4, 4)))),
    Mutation("negative-shape", of_bytes(lambda c, r: header_only((-1, 2, 16, 16)))),
    Mutation("bytes-after-the-end", of_bytes(lambda c, r: c + b"xx"), "refused or same"),
)

# --- safetensors


def of_safetensors(
    change: Callable[[dict[str, Any], dict[str, str]], None],
) -> Callable[..., None]:
    def apply(path: Path, *_: Any) -> None:
        from safetensors import safe_open
        from safetensors.torch import save_file

        with safe_open(path, framework="pt") as stream:
            about = dict(stream.metadata() or {})
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        change(tensors, about)
        save_file(tensors, path, metadata=about)

    return apply


def state(**changes: Any) -> Callable[[dict[str, Any], dict[str, str]], None]:
    def change(_: dict[str, Any], about: dict[str, str]) -> None:
        about["state"] = json.dumps(json.loads(about["state"]) | changes)

    return change


def reshape(tensors: dict[str, Any], _: dict[str, str]) -> None:
    name = next(iter(tensors))
    tensors[name] = tensors[name].reshape(-1)[:1].clone()


SAFETENSORS = (
    Mutation("huge-header", of_bytes(lambda c, r: struct.pack("<Q", 2**62) + c[8:])),
    Mutation("header-no-json", of_bytes(lambda c, r: c[:8] + b"x" * 40 + c[48:])),
)
CHECKPOINT = (
    *SAFETENSORS,
    Mutation("written-again", of_safetensors(lambda t, a: None), "same"),
    Mutation("no-metadata", of_safetensors(lambda t, a: a.clear())),
    Mutation("metadata-no-json", of_safetensors(lambda t, a: a.update(state="{"))),
    Mutation("metadata-a-list", of_safetensors(lambda t, a: a.update(state="[]"))),
    Mutation("another-run", of_safetensors(state(fingerprint="cd" * 32))),
    Mutation("step-a-word", of_safetensors(state(step="four"))),
    Mutation("step-negative", of_safetensors(state(step=-4))),
    Mutation("log-a-word", of_safetensors(state(log="x"))),
    Mutation("weight-missing", of_safetensors(lambda t, a: t.pop("model.weight"))),
    Mutation(
        "weight-unknown",
        of_safetensors(lambda t, a: t.update({"model.x": t["model.bias"].clone()})),
    ),
    Mutation("weight-of-another-shape", of_safetensors(reshape)),
)
