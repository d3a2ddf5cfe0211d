"""What a stranger meets first: the interpreter check, the lock, the stamp of the environment."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from phenoprot.core.version import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()

# A build backend of a few lines, so that the package below installs without the network.
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "toy-1.dist-info"
    with zipfile.ZipFile(folder + "/toy-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
        wheel.writestr(info + "/RECORD", "")
    return "toy-1-py3-none-any.whl"
"""


def bootstrap(folder, **env):
    return subprocess.run(
        ["bash", str(folder / "scripts/bootstrap.sh")],
        env={**os.environ, "PIP_NO_INDEX": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def executable(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def project(tmp_path):
    """Return a git repository with our set-up script and a package that needs nothing."""
    folder = tmp_path / "project"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/bootstrap.sh", folder / "scripts")
    (folder / "scripts/bytecode.py").write_text("open('.venv/compiled', 'w').close()")
    (folder / "scripts/plots_page.py").write_text("open('.venv/plots', 'w').close()")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "requirements.lock").write_text("# nothing\n")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def test_a_python_out_of_range_gets_one_line(project):
    old = executable(project / "python3.9", "echo 3.9")
    done = bootstrap(project, PYTHON=old)
    assert done.returncode == 1
    assert done.stderr == (
        f"phenoprot: needs Python 3.11, 3.12 or 3.13 ({old} is Python 3.9);"
        " install one, or name it with PYTHON=/path/to/python3.12\n"
    )
    assert not (project / ".venv").exists()


def test_a_python_that_is_not_there_gets_one_line(project):
    done = bootstrap(project, PYTHON="/no/such/python3")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "(/no/such/python3 was not found)" in done.stderr


def test_no_git_and_no_clone_get_one_line(project, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "dirname"):
        (tools / tool).symlink_to(shutil.which(tool))
    done = bootstrap(project, PATH=str(tools))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "git was not found" in done.stderr

    shutil.rmtree(project / ".git")
    done = bootstrap(project, GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is not a git clone" in done.stderr


def test_environment_is_made_once_and_a_failure_leaves_no_stamp(project):
    stamp = project / ".venv/installed"
    lock = project / "requirements.lock"

    done = bootstrap(project, PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("installing") == 2
    assert stamp.exists()
    assert (project / ".venv/compiled").exists()
    assert (project / ".venv/plots").exists()

    done = bootstrap(project, PYTHON=sys.executable)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    with (project / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    done = bootstrap(project, PYTHON=sys.executable)
    assert (done.returncode, done.stdout.count("installing")) == (0, 1)

    lock.write_text(f"toy @ file:///no/toy-1-py3-none-any.whl --hash=sha256:{'0' * 64}\n")
    done = bootstrap(project, PYTHON=sys.executable)
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "install_lock failed" in done.stderr
    assert not stamp.exists()


def test_the_python_range_is_the_same_everywhere():
    allowed = SpecifierSet(PROJECT["requires-python"])
    minors = [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.1" in allowed]
    script = (ROOT / "scripts/bootstrap.sh").read_text()
    assert " | ".join(minors) + ")" in script
    assert f"{', '.join(minors[:-1])} or {minors[-1]}" in script
    assert [line[-4:] for line in PROJECT["classifiers"] if "Python" in line] == minors


def locked():
    """Return the blocks of the lock: the requirement and the lines of its hashes."""
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    return [(Requirement(head.rstrip(" \\")), tail) for head, *tail in map(str.splitlines, blocks)]


def test_every_locked_package_is_pinned_with_hashes():
    assert len(locked()) > 100
    for requirement, hashes in locked():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        for line in hashes:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), requirement


def test_the_lock_names_no_index_and_no_path():
    assert not re.search(r"://|index-url|find-links|file:|/", LOCK)


@pytest.mark.parametrize("text", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"])
def test_the_lock_holds_each_direct_requirement_once(text):
    wanted = Requirement(text)
    pins = [r for r, _ in locked() if r.name == wanted.name]
    assert [next(iter(r.specifier)).version in wanted.specifier for r in pins] == [True]
    assert pins[0].marker is None  # the same version on every Python in range


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_workflow_pins_its_actions_and_runs_what_ci_runs():
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.search(r"@[0-9a-f]{40}$", action) for action in used)
    jobs = yaml.safe_load(text)["jobs"]
    assert {"run": ".ci/run"} in jobs["checks"]["steps"]
    assert jobs["metrics"]["permissions"] == {"contents": "read", "pull-requests": "write"}
