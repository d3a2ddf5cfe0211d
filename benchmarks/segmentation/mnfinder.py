"""Fields with nucleus masks drawn by hand, which the package mnfinder has beside its code.

The package is no dependency: pip downloads its source archive, at a pinned version, into the work
folder, and only images, masks and the table of images are unpacked. DiPeso et al. 2024
(doi:10.1101/2024.05.03.592474); MIT licence.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

PACKAGE, VERSION = "mnfinder", "1.2.3"
SHA256 = "fcd39f5e84972496af12058738b13c627e89a41376e17a168d6c0ff58fa09b32"
PARTS = ("/images/", "/nucleus_masks/")
SPINNING_DISK = ("HFF", "MCC13")
"""How the names of these fields begin, of those under ``misc``; the others are of a confocal."""


@dataclass(frozen=True)
class Field:
    """A field of view, its true nuclei, and which half of its set it is in."""

    name: str
    group: str
    """Set: cells, objective, microscope."""
    date: str
    """Folder of the field."""
    half: int
    """0: settings were chosen on it; 1: they were not."""
    dna: npt.NDArray[np.float32]
    """(Y, X), in [0, 1]."""
    nuclei: npt.NDArray[np.int32]
    """(Y, X), labels 1..n."""


def download(folder: Path) -> Path:
    """Have the images and masks in `folder`; return it.

    Raises
    ------
    SystemExit
        The archive is not the one that was meant.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
        subprocess.run(
            [*pip, str(folder), "--no-binary", PACKAGE, f"{PACKAGE}=={VERSION}"], check=True
        )
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{archive}: SHA-256 is {found}, expected {SHA256}; remove it")
    if not (folder / "unpacked").is_dir():
        with tarfile.open(archive) as tar:
            members = [m for m in tar if m.isfile() and any(part in m.name for part in PARTS)]
            tar.extractall(folder / "unpacked", members, filter="data")
    return folder


def read_fields(folder: Path) -> list[Field]:
    """All fields, each image once, in the order of their names.

    Every second field of each set is in the half that was developed on, the first among them.
    """
    root = folder / "unpacked" / f"{PACKAGE}-{VERSION}" / "src" / PACKAGE
    seen: set[str] = set()
    count: dict[str, int] = {}
    fields = []
    for path in sorted(root.glob("*-data/*/images/*.tif")):
        image = tifffile.imread(path)
        content = hashlib.sha256(image.tobytes()).hexdigest()
        date = path.parts[-3]
        group = group_of(date, path.name)
        # One field of RPE1 stands among the miscellaneous ones of the test data as well.
        if content in seen or (group == "confocal" and image.dtype == np.uint16):
            continue
        seen.add(content)
        half = count[group] = count.get(group, -1) + 1
        mask = np.asarray(Image.open(path.parents[1] / "nucleus_masks" / f"{path.stem}.png"))
        fields.append(
            Field(
                path.relative_to(root).as_posix(),
                group,
                date,
                half % 2,
                (image / np.float32(np.iinfo(image.dtype).max)).astype(np.float32),
                labels_of(mask),
            )
        )
    return fields


def group_of(date: str, name: str) -> str:
    """The set of a field."""
    if not date.endswith("misc"):
        return f"{date.split('_')[1]} 20x"
    return "spinning disk 40x" if name.startswith(SPINNING_DISK) else "confocal"


def labels_of(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Labels of a picture in which each nucleus has a colour of its own, and nothing is clear."""
    code = colours[..., :3].astype(np.int64) @ [1 << 16, 1 << 8, 1]
    code[colours[..., 3] == 0] = 0
    return np.unique(code, return_inverse=True)[1].reshape(code.shape).astype(np.int32)
