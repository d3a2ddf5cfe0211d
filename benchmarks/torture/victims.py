"""Commands that are disturbed, each with a small input, and what they must have written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from tests.segmentation.scenes import draw, write_screen
from tests.wild.inputs import curves as curve_files
from tests.wild.inputs import params_text

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "PHENOPROT_TORTURE"
"""Variable in the environment of every process of a run: it tells them from others."""
PHENOPROT = (sys.executable, "-m", "phenoprot")


@dataclass(frozen=True)
class Victim:
    """A command and what it works on."""

    name: str
    prepare: Callable[[Path], None]
    """Fills an empty folder with the input."""
    command: Sequence[str]
    """Run in that folder."""
    results: Sequence[str]
    """Patterns of the files that must have the bytes of an undisturbed run."""


@dataclass
class Run:
    """A run in processes of its own."""

    victim: Victim
    folder: Path
    prefix: Sequence[str] = ()
    """Put before the command."""
    setup: Callable[[], None] | None = None
    """Called in the new process before the command starts."""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self) -> subprocess.Popen[str]:
        """Start it in a session of its own; its output goes to a file beside the folder."""
        with self.log.open("w") as log:
            return subprocess.Popen(
                [*self.prefix, *self.victim.command],
                cwd=self.folder,
                env={**os.environ, TOKEN: self.token, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=self.setup,  # noqa: PLW1509 - one thread
            )

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder.with_name(f"{self.folder.name}.{self.token}.log")

    def to_end(self, limit: float = 300) -> int:
        """Run it; return its exit code, -9 for one that took longer than `limit` seconds."""
        process = self.start()
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            self.end_all()
            return -signal.SIGKILL

    def alive(self) -> list[int]:
        """Processes of this run that still live."""
        mark = f"{TOKEN}={self.token}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
                if not dead and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def gone_within(self, limit: float) -> bool:
        """Whether all its processes end in time; those that do not are killed."""
        end = time.monotonic() + limit
        while self.alive():
            if time.monotonic() > end:
                self.end_all()
                return False
            time.sleep(0.05)
        return True

    def end_all(self) -> None:
        """Kill what is left."""
        for pid in self.alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def results(victim: Victim, folder: Path) -> dict[str, bytes]:
    """Bytes of what a command wrote."""
    paths = {path for pattern in victim.results for path in folder.glob(pattern)}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(paths)
        if path.is_file()
    }


def temporary_files(folder: Path) -> list[str]:
    """Names of unfinished files below a folder."""
    return [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if ".partial" in path.name
    ]


CENTRES = [(40, 40), (40, 100), (100, 50), (110, 110)]


def fields(folder: Path) -> None:
    """Eight fields of view on two plates, in four plate rows."""
    images = {
        (plate, well, "1"): draw((150, 150), CENTRES, seed=number)[0]
        for number, (plate, well) in enumerate(
            (plate, well) for plate in ("P1", "P2") for well in ("A01", "A02", "B01", "B02")
        )
    }
    folder.mkdir(exist_ok=True)
    write_screen(folder, images)


def fields_and_masks(folder: Path) -> None:
    """The same with their masks."""
    fields(folder)
    command = [*PHENOPROT, "segment", "images.csv", "--output", "masks", "--workers", "2"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    shutil.rmtree(folder / ".phenoprot")


def many_curves(folder: Path) -> None:
    """CurveCurator's files with 400 curves."""
    folder.mkdir(exist_ok=True)
    curve_files(folder)
    lines = (folder / "in.tsv").read_text().splitlines()
    rng = np.random.default_rng(0)
    rows = [
        "\t".join([f"C{n:03d}", *(f"{v:.1f}" for v in 1e6 * (1 + rng.random(6)))])
        for n in range(400)
    ]
    (folder / "in.tsv").write_text("\n".join([*lines, *rows]) + "\n")


def project(folder: Path) -> None:
    """A screen with images in a copy of the project's layout."""
    from tests.wild.inputs import screen

    place = folder / "data" / "screens" / "tiny"
    folder.mkdir(exist_ok=True)
    screen(folder)
    (folder / "data" / "screens").mkdir(parents=True)
    (folder / "tiny").rename(place)
    fields(place)
    info = yaml.safe_load((place / "screen.yaml").read_text())
    info["tables"]["images"] = "images.csv"
    (place / "screen.yaml").write_text(yaml.safe_dump(info))
    content = yaml.safe_load(params_text())
    block = {"folder": "data/screens/tiny", "extracted": ["cell_count"], "rows": {}}
    content["screens"] = {"tiny": block}
    content["execution"]["workers"] = 2
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def nothing(folder: Path) -> None:
    """An empty folder."""
    folder.mkdir(exist_ok=True)


PARENT = (
    "import subprocess, sys\n"
    "for name in ('segment', 'crops'):\n"
    f"    command = [sys.executable, '{ROOT}/stages/' + name + '.py', 'tiny']\n"
    "    code = subprocess.run(' '.join(command), shell=True).returncode\n"
    "    if code: sys.exit(code)\n"
)
"""Runs stages by a shell, one after the other, as `dvc repro` does."""
TRAINING = (
    "from pathlib import Path\n"
    "from tests.mae.toy import run_toy\n"
    "run_toy(Path('work'), {'steps': 400, 'checkpoint_every': 5, 'picture_every': 50})\n"
)

VICTIMS = (
    Victim(
        "segment",
        fields,
        (*PHENOPROT, "segment", "images.csv", "--output", "masks", "--workers", "2"),
        ("masks/**/*",),
    ),
    Victim(
        "features cellprofiler",
        fields_and_masks,
        (
            *(*PHENOPROT, "features", "cellprofiler", "images.csv", "--masks", "masks"),
            *("--output", "out/fields.parquet", "--workers", "2"),
        ),
        ("out/*",),
    ),
    Victim(
        "curves fit",
        many_curves,
        (*PHENOPROT, "curves", "fit", "params.toml", "--output", "out/curves.txt"),
        ("out/*",),
    ),
    Victim(
        "stages under a parent",
        project,
        (sys.executable, "-c", PARENT),
        ("data/masks/**/*", "data/crops/**/*"),
    ),
    Victim("mae training", nothing, (sys.executable, "-c", TRAINING), ("work/*/model/*",)),
)
