"""Are the metrics and pages in git what the scores in data/ give, byte for byte?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from phenoprot.core.errors import UserError, listed
from phenoprot.core.folders import scratch_folder
from phenoprot.core.paths import Paths
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.provenance import sources_of
from phenoprot.report.publish import Inputs, Output, publish


def verify_screens(screens: Iterable[str] | None = None) -> dict[str, int]:
    """Rebuild the report of each screen in a temporary folder and compare it with git's.

    Outside a git repository the files of the working folder stand for git's.

    Parameters
    ----------
    screens
        Names; None: all of params.yaml.

    Returns
    -------
    dict
        Number of files compared, by screen.

    Raises
    ------
    UserError
        Files differ, are missing in git, or are in git and no longer made; scores are missing.
    """
    params = load_params()
    counts: dict[str, int] = {}
    problems: list[str] = []
    for name in screens or params.screens:
        paths = Paths(name)
        block = params.screen(name)
        own = params.of_screen(name)
        inputs = Inputs(block.folder, block.rows, own.evaluation, own.labels, own.curves)
        with scratch_folder("verify") as folder:
            out = Output(folder / paths.metrics, folder / paths.report)
            publish(paths, inputs, sources_of(name, params), out)
            rebuilt = {
                file.relative_to(folder): file.read_bytes()
                for file in sorted(folder.rglob("*"))
                if file.is_file()
            }
        committed = _committed(paths)
        differ = [path for path in rebuilt if path in committed and _differ(path, rebuilt)]
        problems += [f"{path} differs" for path in differ]
        problems += [f"{path} is not in git" for path in rebuilt.keys() - committed]
        problems += [f"{path} is in git, and not made" for path in committed - rebuilt.keys()]
        counts[name] = len(rebuilt)
    if problems:
        raise UserError(
            f"{len(problems)} file(s) are not what data/scores gives: {listed(sorted(problems))}",
            where="metrics/ and docs/",
            remedy="Run `dvc repro` and commit metrics/, docs/ and dvc.lock.",
        )
    return counts


def _committed(paths: Paths) -> set[Path]:
    """Files of a screen's report in git's last commit, or in the working folder without git."""
    out = Output.of(paths)
    places = [paths.metrics, *out.files, out.heat_map]
    listed_files = _git("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", *map(str, places))
    if listed_files is not None:
        return {Path(name) for name in listed_files.decode().split("\0") if name}
    files = (path for place in places for path in (place, *place.rglob("*")))
    return {path for path in files if path.is_file()}


def _differ(path: Path, rebuilt: dict[Path, bytes]) -> bool:
    committed = _git("show", f"HEAD:./{path.as_posix()}")
    return rebuilt[path] != (path.read_bytes() if committed is None else committed)


def _git(*arguments: str) -> bytes | None:
    """Output of a git command; None without git or outside a repository with a commit."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
