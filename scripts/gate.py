"""Are dvc.lock and the metrics in git in step with code, data and parameters?

Needs no cached data, so it works in a fresh clone. ``dvc repro --dry --allow-missing`` alone is
not enough: it exits 0 when a first stage would run, and when a metrics file is gone.
"""

import re
import subprocess
import sys
from pathlib import Path

from dvc.repo import Repo

WOULD_RUN = re.compile(
    r"^(?:ERROR: failed to reproduce|Running stage|Stage) '([^']+)'(?!.* didn't)"
)
REMEDY = "run `make reproduce` and commit dvc.lock and metrics/"


def stages_out_of_step(output: str) -> list[str]:
    """Name the stages that a dry ``dvc repro`` would run, in its order."""
    hits = (WOULD_RUN.match(line) for line in output.splitlines())
    return list(dict.fromkeys(hit[1] for hit in hits if hit))


def main() -> int:
    """Print one line for each thing out of step; return the exit status."""
    dry = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing", "--keep-going"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stages = stages_out_of_step(dry.stdout)
    if dry.returncode and not stages:
        print(f"gate: dvc repro --dry failed:\n{dry.stdout}")
        return 1
    problems = [f"stage {name} is out of step with dvc.lock: {REMEDY}" for name in stages]

    root = Path.cwd()
    with Repo() as repo:
        outs = [Path(out.fs_path) for out in repo.index.outs if not out.use_cache]
    # What neither git nor the cache keeps is made again.
    ignored = subprocess.run(
        ["git", "check-ignore", "-z", "--stdin"],
        check=False,
        input="\0".join(map(str, outs)),
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    outs = [out for out in outs if str(out) not in ignored]
    problems += [
        f"{out.relative_to(root)} is missing: {REMEDY}" for out in sorted(outs) if not out.exists()
    ]
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "metrics"], check=True, capture_output=True, text=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        path = root / name
        if path.suffix == ".json" and not any(path.is_relative_to(out) for out in outs):
            problems.append(f"{name} is in git but no stage writes it: git rm it")

    for problem in problems:
        print(f"gate: {problem}")
    if not problems:
        print("gate: dvc.lock and the metrics are in step")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
