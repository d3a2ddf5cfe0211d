"""The commands of docs/team.md, run: a second clone pulls, and computes nothing again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.validation.published import published
from tests.whole import ROOT, tiny_params

SCREEN = "pub"
PAGE = (ROOT / "docs/team.md").read_text(encoding="utf-8")
REMOTE, ORIGIN = "/srv/phenoprot", "git@example.org:us/phenoprot.git"
MINUTES = 2
IDENTITY = {"NAME": "t", "EMAIL": "t@example.org"}
ENVIRONMENT = (
    os.environ
    | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    | {
        f"GIT_{who}_{key}": value
        for who in ("AUTHOR", "COMMITTER")
        for key, value in IDENTITY.items()
    }
)


def commands(heading: str) -> list[str]:
    """Lines of the shell block under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return block.strip().splitlines()


class Place:
    """A shell in a folder, which `cd` changes."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder, self.server = folder, server

    def run(self, line: str) -> str:
        """Output of a line of the page, the server's addresses replaced by folders here."""
        line = line.replace(REMOTE, str(self.server / "cache"))
        line = line.replace(ORIGIN, str(self.server / "phenoprot.git"))
        if line.startswith("cd "):
            self.folder = self.folder / line.removeprefix("cd ")
            return ""
        done = subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        return done.stdout


def project(folder: Path) -> None:
    """A repository with our stages and one small screen of treatments."""
    code = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", "stages", ".dvc/plots"):
        shutil.copytree(ROOT / name, folder / name, ignore=code)
    for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "docs").mkdir()
    draft = published()
    del draft.info["tables"]["labels"]  # fewer stages
    draft.write(folder / "data/screens" / SCREEN)
    params = tiny_params()
    row = {"features": ["similarity"], "model": "linear", "tasks": ["targets"]}
    params["screens"] = {SCREEN: {"folder": f"data/screens/{SCREEN}", "rows": {"similarity": row}}}
    params["tasks"]["regression"]["selection"] = None
    params["evaluation"]["strata"] = None
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A clone whose pipeline has run, its results committed; the server takes pushes."""
    folder, server = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("server")
    place = Place(folder, server)
    project(folder)
    place.run(f"git init --bare --quiet {ORIGIN}")
    place.run(f"git init --quiet && git remote add origin {ORIGIN}")
    place.run("git config push.autoSetupRemote true")
    place.run("phenoprot pipeline write")
    place.run("dvc repro")
    place.run("git add --all && git commit --quiet --message Results")
    return place


def test_a_second_clone_computes_nothing_again(first: Place, tmp_path: Path) -> None:
    for line in commands("The first clone"):
        first.run(line)
    second = Place(tmp_path, first.server)
    start = time.monotonic()
    said = {line: second.run(line) for line in commands("The second clone")}
    assert time.monotonic() - start < 60 * MINUTES
    stages = yaml.safe_load((second.folder / "dvc.yaml").read_text())["stages"]
    skipped = re.findall(r"^Stage '(.+)' didn't change, skipping$", said["dvc repro"], re.MULTILINE)
    assert sorted(skipped) == sorted(stages)
    assert "Running stage" not in said["dvc repro"]
    assert "verified" in said["phenoprot verify"]
    for path in ("dvc.lock", f"metrics/{SCREEN}/headline.json", f"data/scores/{SCREEN}"):
        assert (second.folder / path).exists()
    assert second.run("git status --porcelain") == ""
