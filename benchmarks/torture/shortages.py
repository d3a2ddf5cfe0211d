"""A full disk, a read-only folder, few file handles, little memory: one line, and nothing lost.

    python -m benchmarks.torture.shortages VICTIM SHORTAGE SOURCE SEED

makes one trial in a namespace of its own (unshare) and prints how it ended.
"""

from __future__ import annotations

import hashlib
import random
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.torture.kills import quiet_run
from benchmarks.torture.victims import ROOT, VICTIMS, Run, Victim, results, temporary_files

from phenoprot.core.errors import LONGEST_MESSAGE

GRACE = 240.0
"""Seconds that a run in need may take."""
SHORTAGES = ("full disk", "read-only folder", "few handles", "little memory")
NAMESPACE = ("unshare", "--map-root-user", "--mount")
ENDS = ("one line", "finished", "traceback", "no line", "too long a line", "too slow")
"""How a run in need ends; the first two are right."""


def of_victims() -> list[Victim]:
    """Commands that are tried: those with a command line of their own."""
    return [victim for victim in VICTIMS if victim.name != "mae training"]


def digest(files: dict[str, bytes]) -> str:
    """Hash of names and contents."""
    whole = hashlib.sha256()
    for name, content in files.items():
        whole.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()


def limited(number: int, limit: int) -> None:
    """Set a limit of this process."""
    resource.setrlimit(number, (limit, limit))


def mount(*options: str) -> None:
    """Call mount."""
    subprocess.run(["mount", *options], check=True)


def how_it_ended(code: int, said: str) -> str:
    """One of `ENDS`."""
    lines = [line for line in said.splitlines() if line.strip()]
    if code == -9:
        return "too slow"
    if "Traceback" in said:
        return "traceback"
    if code == 0:
        return "finished"
    if code != 1 or not lines or ": " not in lines[-1]:
        return "no line"
    return "one line" if len(lines[-1]) <= LONGEST_MESSAGE + 50 else "too long a line"


def trial(victim: Victim, shortage: str, source: Path, seed: int) -> tuple[str, list[str]]:
    """Run a command in need, then without; in a namespace where mounts are its own.

    Returns
    -------
    end
        One of `ENDS`.
    faults
        What was wrong afterwards.
    """
    rng = random.Random(f"{victim.name} {shortage} {seed}")
    quiet = (source.parent / "quiet.sha256").read_text()
    size = int((source.parent / "quiet.bytes").read_text())
    place = source.parent / f"{shortage.replace(' ', '-')}-{seed}"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=512m", "none", str(place))
    shutil.copytree(source, place, dirs_exist_ok=True)
    setup: Callable[[], None] | None = None
    if shortage == "full disk":
        used = sum(-(-path.stat().st_size // 4096) + 1 for path in place.rglob("*")) * 4096
        room = used + 4096 * rng.randrange(1, max(3, size // 4096 + 2))
        mount("-o", f"remount,size={room}", str(place))
    elif shortage == "read-only folder":
        mount("-o", "remount,ro", str(place))
    elif shortage == "few handles":
        setup = partial(limited, resource.RLIMIT_NOFILE, rng.randrange(10, 40))
    else:
        setup = partial(limited, resource.RLIMIT_AS, rng.randrange(300, 2500) * 2**20)
    run = Run(victim, place, setup=setup)
    code = run.to_end(GRACE)
    faults = [] if run.gone_within(15) else ["processes left"]
    end = how_it_ended(code, run.log.read_text())
    if end not in ENDS[:2]:
        faults.append(run.log.read_text()[-1500:])
    if end == "finished" and digest(results(victim, place)) != quiet:
        faults.append("finished with other bytes")
    mount("-o", "remount,rw,size=512m", str(place))
    again = Run(victim, place)
    if again.to_end(GRACE):
        faults.append(f"the next run failed: {again.log.read_text()[-1500:]}")
    elif digest(results(victim, place)) != quiet:
        faults.append("the next run gave other bytes")
    faults += [f"temporary file left: {name}" for name in temporary_files(place)]
    return end, faults


def all_trials(victim: Victim, folder: Path, draws: int, seed: int) -> dict[str, Counter[str]]:
    """Every shortage `draws` times: counts of ends and faults by shortage."""
    source, (written, _) = quiet_run(victim, folder)
    (folder / "quiet.sha256").write_text(digest(written))
    (folder / "quiet.bytes").write_text(str(sum(map(len, written.values()))))
    counts: dict[str, Counter[str]] = {}
    for shortage in SHORTAGES:
        counts[shortage] = Counter()
        for number in range(draws):
            done = subprocess.run(
                [
                    *(*NAMESPACE, sys.executable, "-m", "benchmarks.torture.shortages"),
                    *(victim.name, shortage, str(source), str(seed + number)),
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"{shortage}, {victim.name}: {done.stderr[-2000:]}")
            end, *faults = done.stdout.splitlines()
            counts[shortage][end] += 1
            counts[shortage]["faults"] += end not in ENDS[:2] or bool(faults)
            print(f"{shortage}, {victim.name}: {end}", *faults[:30], sep="\n  ", flush=True)
    return counts


if __name__ == "__main__":
    name, kind, where, number = sys.argv[1:]
    (one,) = (victim for victim in VICTIMS if victim.name == name)
    ended, wrong = trial(one, kind, Path(where), int(number))
    print(ended, *wrong, sep="\n")
