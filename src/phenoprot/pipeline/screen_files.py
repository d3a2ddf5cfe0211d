"""Which files of a screen folder a stage depends on, part by part."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.pipeline.stage import Stage
from phenoprot.pipeline.stages import SIMULATED, simulated_files
from phenoprot.screens.contract import STAINS, Table, illumination_column, url_column
from phenoprot.screens.load_data import read_load_data
from phenoprot.screens.loader import ENDINGS, PROFILES, Screen, load_screen

SCREEN = "screen"
"""``screen.yaml`` among the parts."""
Parts = dict[str, tuple[Path, ...]]
"""Files and folders by part: `SCREEN`, or one of `Table`."""


def screen_parts(name: str, folder: Path) -> Parts:
    """Files and folders of a screen, by the part that they belong to.

    Parameters
    ----------
    name
        Name of the screen. What is simulated need not be there yet.
    folder
        The screen folder.

    Raises
    ------
    UserError
        ``screen.yaml`` or the images table cannot be read.
    """
    if name == SIMULATED:
        parts = simulated_files(folder)
        return parts | {"profiles": (*parts["profiles"], *_further_profiles(folder, parts))}
    screen = load_screen(folder)
    tables = screen.info.tables
    named = {
        "wells": [tables.wells] if tables.wells else [],
        "treatments": [tables.treatments.path] if tables.treatments else [],
        "profiles": list({table.path for table in tables.profiles.values()}),
        "proteomics": [tables.proteomics.path] if tables.proteomics else [],
        "labels": [tables.labels.path] if tables.labels else [],
        "targets": [tables.targets] if tables.targets else [],
    }
    parts = {part: tuple(folder / path for path in sorted(paths)) for part, paths in named.items()}
    truth = folder / "truth"
    return parts | {
        SCREEN: (folder / "screen.yaml",),
        "images": _images(screen),
        "truth": (truth,) if truth.is_dir() else (),
    }


def files_of(stage: Stage, parts: Parts) -> list[Path]:
    """Files and folders of the screen that a stage depends on, sorted; none lies in another."""
    wanted: Iterable[str | Table] = stage.reads
    if stage.provenance:
        wanted = [part for part in parts if part != SCREEN]
    paths = set(chain.from_iterable(parts.get(part, ()) for part in wanted))
    if stage.screen_yaml:
        paths |= set(parts[SCREEN])
    return sorted(path for path in paths if not paths & set(path.parents))


def data_sha256(folder: Path, parts: Parts, given: Iterable[Path] = ()) -> str:
    """Hash of the names and bytes of all files that the stages of a screen read.

    Parameters
    ----------
    folder, parts
        The screen folder and what is in it.
    given
        Predictions that rows name, which may lie anywhere.
    """
    files: set[Path] = set()
    for path in chain.from_iterable(parts.values()):
        files |= {each for each in path.rglob("*") if each.is_file()} if path.is_dir() else {path}
    return fingerprint(
        [
            *((file.relative_to(folder).as_posix(), file_sha256(file)) for file in sorted(files)),
            *((file.as_posix(), file_sha256(file)) for file in given),
        ]
    )


def _further_profiles(folder: Path, parts: Parts) -> list[Path]:
    """A user's tables beside the simulated ones."""
    return sorted(
        path
        for path in (folder / PROFILES).glob("*")
        if path.name.endswith(ENDINGS)
        and not path.name.startswith(".")
        and path not in parts["profiles"]
    )


def _images(screen: Screen) -> tuple[Path, ...]:
    """The images table, and the folders in the screen folder that hold its images."""
    if screen.info.tables.images is None:
        return ()
    table = screen.folder / screen.info.tables.images
    fields = read_load_data(table)
    root = screen.folder.resolve()
    columns = [column(stain) for stain in STAINS for column in (url_column, illumination_column)]
    places = {Path(place) for name in columns if name in fields for place in fields[name].unique()}
    inside = {place.relative_to(root).parts for place in places if place.is_relative_to(root)}
    # A folder of the screen; images that lie beside its tables one by one.
    found = {screen.folder / parts[0] for parts in inside}
    return tuple(sorted({table, *found}))
