"""Installed once, compiled once: also where Python is told to leave no bytecode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_modules_are_compiled_and_what_lacks_an_extra_is_passed_over(tmp_path: Path) -> None:
    package = tmp_path / "toy"
    package.mkdir()
    files = {
        "__init__.py": "",
        "plain.py": "import colorsys",
        "extra.py": "import no_such_extra",
        "__main__.py": "raise SystemExit('was run')",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    code = "from bytecode import keep; keep(['toy'], ['no_such_module', 'late'])"
    (tmp_path / "late.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env=os.environ
        | {"PYTHONPATH": f"{ROOT / 'scripts'}:{tmp_path}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    kept = {path.name.split(".")[0] for path in (package / "__pycache__").iterdir()}
    assert {"__init__", "plain", "extra"} == kept
    assert [path.name.split(".")[0] for path in (tmp_path / "__pycache__").iterdir()] == ["late"]
