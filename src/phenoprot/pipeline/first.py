"""What the first stage writes down for the others: their code, and the rows of each screen.

DVC writes the whole of dvc.lock anew after every stage, in pure Python. With each module and, nine
times per screen, each row in it the file had 18,500 lines, and that took as long as a short stage.
So DVC compares one file for the code of a stage, and one for the rows.
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
SOURCE = Path("src")


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


def places(scripts: Iterable[Path]) -> list[str]:
    """The code of all scripts, sorted; of a package that is in it as a whole the folder."""
    found = {name: file for script in scripts for name, file in code_of(script).items()}
    files = set(found.values())
    return sorted({_place(Path(name), file, files) for name, file in found.items()})


def _place(name: Path, file: Path, files: set[Path]) -> str:
    """The outermost package around a file of which every module is in `files`; else the file."""
    place = name
    for folder, parent in zip(file.parents, name.parents, strict=False):
        if not (folder / "__init__.py").is_file():
            break
        if not all(module in files for module in folder.rglob("*.py")):
            break
        place = parent
    return str(place)
