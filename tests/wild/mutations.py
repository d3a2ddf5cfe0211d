"""What befalls a file: functions of its bytes, its cells or its place, each with what is right.

``same``: the reader gives what it gives for the good file. ``refused``: one bounded line.
``warned``: refused, or read as it stands with a line ``warning:``. ``refused or same``: either.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import socket
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

Right = Literal["same", "refused", "refused or same", "warned"]


@dataclass(frozen=True)
class Sheet:
    """What mutations must know of a table."""

    name: str = ""
    """Column of names."""
    number: str = ""
    """Column of numbers."""
    separator: str = ","
    paths: bool = False
    """Whether the names become parts of paths."""
    quoted: bool = True
    """Whether fields may stand in quotes."""
    unordered: bool = True
    """Whether rows may stand in any order."""
    unique: bool = True
    """Whether a row may stand only once."""


Change = Callable[[Path, Sheet, random.Random], None]


@dataclass(frozen=True)
class Mutation:
    """One kind of damage."""

    name: str
    change: Change
    """Called with the file, what is known of it, and a source of random numbers."""
    right: Right = "refused"
    counted: str = ""
    """How many, as the message must say."""
    elsewhere: bool = False
    """The message names another file: the one that this one names."""


def of_bytes(change: Callable[[bytes, random.Random], bytes]) -> Change:
    """A change of a file's content."""

    def apply(path: Path, _: Sheet, rng: random.Random) -> None:
        path.write_bytes(change(path.read_bytes(), rng))

    return apply


def nothing_there(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets end at 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def a_broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def a_link(path: Path) -> None:
    target = path.parent / "elsewhere" / path.name
    target.parent.mkdir()
    path.rename(target)
    path.symlink_to(target)


PLACES = (
    *tuple(
        Mutation(name.__name__.replace("_", "-"), lambda p, s, r, f=name: f(p))
        for name in (a_folder, a_pipe, a_device, a_socket, a_broken_link, a_loop)
    ),
    Mutation("missing", lambda p, s, r: nothing_there(p)),
    Mutation("a-link", lambda p, s, r: a_link(p), "same"),
)
"""Something else than the file at its place."""


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("[Content_Types].xml", content)
    return stream.getvalue()


def parquet_bytes() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), stream)
    return stream.getvalue()


PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"

FILES = PLACES + tuple(
    Mutation(name, of_bytes(change))
    for name, change in {
        "empty": lambda c, r: b"",
        "zeros": lambda c, r: bytes(len(c)),
        "garbage": lambda c, r: r.randbytes(max(len(c), 64)),
        "web-page": lambda c, r: PAGE,
        "lfs-pointer": lambda c, r: POINTER,
    }.items()
)
"""What may befall any file."""


def cut_tail(content: bytes, rng: random.Random) -> bytes:
    """Lose between 10 % and 90 % of the bytes."""
    return content[: int(len(content) * rng.uniform(0.1, 0.9))]


BINARY = FILES + tuple(
    Mutation(name, of_bytes(change))
    for name, change in {
        "cut": cut_tail,
        "cut-one-byte": lambda c, r: c[:-1],
        "head-cut": lambda c, r: c[16:],
        "zero-head": lambda c, r: bytes(16) + c[16:],
        "text-conversion": lambda c, r: c.decode("latin-1").replace("\n", "\r\n").encode(),
        "another-format": lambda c, r: zipped(c) if not c.startswith(b"PK") else parquet_bytes(),
    }.items()
)
"""What may befall a binary file."""


def cut_in_line(content: bytes, separator: str) -> bytes:
    """End in the middle of the last line: the last field is lost."""
    return content.rstrip().rpartition(separator.encode())[0]


def nul_late(content: bytes, rng: random.Random) -> bytes:
    half = content.rfind(b"\n", 0, len(content) - 2)
    return content[: half + 2] + b"\0" + content[half + 2 :]


TEXT = (
    *FILES,
    Mutation("bom", of_bytes(lambda c, r: b"\xef\xbb\xbf" + c), "same"),
    Mutation("crlf", of_bytes(lambda c, r: c.replace(b"\n", b"\r\n")), "same"),
    Mutation(
        "bom-and-crlf", of_bytes(lambda c, r: b"\xef\xbb\xbf" + c.replace(b"\n", b"\r\n")), "same"
    ),
    *(
        Mutation(name, of_bytes(change))
        for name, change in {
            "utf16-le": lambda c, r: c.decode().encode("utf-16"),
            "utf16-be": lambda c, r: b"\xfe\xff" + c.decode().encode("utf-16-be"),
            "utf16-no-mark": lambda c, r: c.decode().encode("utf-16-le"),
            "utf32": lambda c, r: c.decode().encode("utf-32"),
            "nul-inside": nul_late,
            "nul-tail": lambda c, r: c + bytes(512),
            "bad-byte": lambda c, r: c[:-2] + b"\xff" + c[-2:],
            "zip": lambda c, r: zipped(c),
            "gzip": lambda c, r: gzip.compress(c),
            "only-a-mark": lambda c, r: b"\xef\xbb\xbf",
            "only-white-space": lambda c, r: b" \n\n\t\n",
        }.items()
    ),
)
"""What may befall a text file."""


def but(mutations: tuple[Mutation, ...], **rights: Right | None) -> tuple[Mutation, ...]:
    """Change what is right for some mutations (None leaves one out); ``-`` is written ``_``."""
    changed = {name.replace("_", "-"): right for name, right in rights.items()}
    known = {mutation.name for mutation in mutations}
    if strange := sorted(set(changed) - known):
        raise ValueError(f"no mutations {strange}")
    return tuple(
        replace(m, right=changed.get(m.name) or m.right)
        for m in mutations
        if changed.get(m.name, m.right) is not None
    )


def copy_kit(source: Path, target: Path) -> Path:
    """A copy of the good input to damage."""
    return Path(shutil.copytree(source, target, symlinks=True))
