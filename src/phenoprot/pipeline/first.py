"""What the first stage writes down for the others: their code, rows and settings.

DVC writes the whole of dvc.lock anew after every stage, in pure Python. With each module and, nine
times per screen, each row in it the file had 18,500 lines, and that took as long as a short stage.
So DVC compares one file for the code of a stage, one for the rows of a screen, and one for all
settings of a screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from phenoprot.core import closure
from phenoprot.core.closure import import_closure
from phenoprot.core.files import file_sha256, write_json

CODE = Path("data/code")
"""One file per script of a stage."""
ROWS = Path("data/rows")
"""One file per screen."""
SETTINGS = Path("data/settings")
"""One file per screen."""
SOURCE = Path("src")
PACKAGE = 3
"""Parts of the path of a package, as ``src/phenoprot/core``."""


def code_file(script: Path) -> Path:
    """Hashes of the code of this repository that a stage's function depends on."""
    return CODE / f"{script.stem}.json"


def code_of(script: Path) -> dict[str, Path]:
    """Files of a stage's code by their paths in the repository, sorted; its script aside."""
    source = Path(closure.__file__).parents[2]  # the folder src, wherever stages are run from
    files = (file for file in import_closure(script).files if file.is_relative_to(source))
    return {str(SOURCE / file.relative_to(source)): file for file in files}


def write_code(scripts: Iterable[Path]) -> None:
    """Write the hashes of each script's code."""
    for script in scripts:
        hashes = {name: file_sha256(file) for name, file in code_of(script).items()}
        write_json(code_file(script), hashes)


def rows_file(screen: str) -> Path:
    """The block ``rows`` of a screen in params.yaml."""
    return ROWS / f"{screen}.json"


def write_rows(screens: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the rows of all screens: the block ``screens`` of params.yaml."""
    for name, block in screens.items():
        write_json(rows_file(name), block["rows"])


def packages(scripts: Iterable[Path]) -> list[str]:
    """Folders of the packages that hold code of the scripts, sorted.

    A file that lies beside them, as the package's own ``__init__.py``, stands by itself.
    """
    names = {Path(name) for script in scripts for name in code_of(script)}
    return sorted({str(Path(*name.parts[:PACKAGE])) for name in names})


def settings_file(screen: str) -> Path:
    """All parameters that the results of a screen depend on."""
    return SETTINGS / f"{screen}.json"


def write_settings(settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the parameters of all screens, see :func:`.provenance.parameters_of`."""
    for name, values in settings.items():
        write_json(settings_file(name), values)
