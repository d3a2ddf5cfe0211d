"""The command line: quick help, one line for a user's mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.version import __version__

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "pandas", "numpy", "scipy", "sklearn", "numba", "pyarrow", "matplotlib",
         "great_expectations", "dvc")  # fmt: skip


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from phenoprot.cli import main\n"
        "groups = ('screens', 'curves', 'segment', 'features', 'profiles', 'weights', 'preset')\n"
        "for arguments in (['--help'], *([name, '--help'] for name in groups), ['--version']):"
        "\n    sys.argv = ['phenoprot', *arguments]\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code, end.code\n"
        f"print('heavy:', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    run = python("-c", code)
    assert run.returncode == 0, run.stderr
    assert "How much of the proteome" in run.stdout
    assert __version__ in run.stdout.splitlines()
    assert run.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["screens", "show", "no/such/folder"], "no/such/folder/screen.yaml: no such file."),
        (["screens", "build", "other", "--upstream", "."], "no builder for screen 'other'."),
        (["tables", "nowhere"], "metrics/nowhere: no metrics here. Run `make reproduce`"),
    ],
)
def test_a_user_error_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    run = python(
        "-c",
        f"import sys; sys.argv = ['phenoprot', *{arguments}]\n"
        "from phenoprot.cli import main; main()",
        cwd=tmp_path,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith(f"phenoprot: {message}")
    assert run.stderr.count("\n") == 1


def test_a_wrong_option_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["tables", "--nonsense"])
    assert result.exit_code == 2
    assert "--nonsense" in result.output


def test_the_screen_of_the_repository_is_shown() -> None:
    result = CliRunner().invoke(app, ["screens", "show", str(ROOT / "data/screens/cpjump1")])
    assert result.exit_code == 0, result.output
    assert "profiles/cellprofiler: " in result.output
    assert "caveat: " in result.output
