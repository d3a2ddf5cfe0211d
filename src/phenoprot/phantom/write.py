"""Write the phantom as a screen folder, the truth beside it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import yaml

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import resolved, write_json, write_parquet, write_text
from phenoprot.core.folders import temporary_folder
from phenoprot.core.settings import parse_settings
from phenoprot.core.version import __version__
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.phantom.annotate import (
    cell_count_profile,
    draw_targets,
    oracle_profile,
)
from phenoprot.phantom.catalogue import PROGRAMME
from phenoprot.phantom.imaging import simulate_images
from phenoprot.phantom.layout import NEGATIVE_CONTROL_COMPOUND, draw_wells
from phenoprot.phantom.programmes import draw_compounds, well_activities
from phenoprot.phantom.proteome import (
    draw_proteins,
    measure_proteome,
    planted_regulation,
)
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.screens.contract import ScreenInfo
from phenoprot.screens.loader import PROFILES

SETTINGS_FILE = "truth/settings.json"
"""Settings the folder was made from; a folder that has it may be written anew."""
IMAGES_FILE = "images/load_data.csv"
NOTE_FILE = "images/NOTE.txt"
"""Keeps the folder, an output of the pipeline, where no images are simulated."""
_SIMULATED = re.compile(
    rf"screen\.yaml|wells\.csv|targets\.csv|proteomics\.parquet|{PROFILES}/[^/]+|{IMAGES_FILE}|{NOTE_FILE}"
    rf"|{SETTINGS_FILE}|truth/[a-z]+\.parquet|(images|truth/masks)/[^/]+/[A-P]\d\d_s\d+_[A-Za-z]+\.tiff"
)
"""Paths of what a simulation writes, and of a user's profiles, which it keeps."""
IMAGE_CAVEATS = (
    "Cells are drawn by rule from the planted activities: features that find the programmes here "
    "need not find biology elsewhere.",
)


def screen_info(name: str, settings: PhantomSettings) -> ScreenInfo:
    """Content of ``screen.yaml``."""
    content = {
        "name": name,
        "title": f"Phantom: a simulated screen with planted truth (seed {settings.seed})",
        "organism": "none (simulated)",
        "cell_line": "U2OS-like (simulated)",
        "stains": ["DNA", "ER", "RNA", "AGP", "Mito"],
        "concentration_unit": "uM",
        "negative_control": NEGATIVE_CONTROL_COMPOUND,
        "sources": [
            {
                "content": "all tables, simulated from a seed; the truth is in the folder truth",
                "repository": "phenoprot (phenoprot.phantom)",
                "commit": __version__,
                "licence": "CC0-1.0",
            }
        ],
        "caveats": [
            "Simulated. Scores tell whether the benchmark finds what was planted, and say nothing "
            "about cells.",
            "Gene symbols of targets are borrowed names; the compounds and proteins do not exist.",
            "The method 'oracle' reads the planted activities themselves: an upper bound, not a "
            "method.",
            *(IMAGE_CAVEATS if settings.images is not None else []),
        ],
        "tables": {
            "wells": "wells.csv",
            "profiles": {
                "oracle": {
                    "path": "profiles/oracle.parquet",
                    "content": "Planted programme activities with noise of sd "
                    f"{settings.oracle_noise_sd:g} (upper bound)",
                },
                "cell_count_readout": {
                    "path": "profiles/cell_count_readout.parquet",
                    "content": "Simulated number of cells of the whole well, whose proteins are "
                    "measured",
                },
            },
            "proteomics": {
                "path": "proteomics.parquet",
                "content": f"{settings.n_proteins} simulated proteins, raw intensities",
                "cell_line": "U2OS-like (simulated)",
                "kind": "intensity",
                "design": "dose_response",
            },
            "targets": "targets.csv",
            "images": None if settings.images is None else IMAGES_FILE,
        },
    }
    return parse_settings(ScreenInfo, content, "phantom screen.yaml")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `folder` if the block succeeds.

    Profile tables that the block does not write are a user's: they are carried over.

    Raises
    ------
    UserError
        `folder` holds something other than a phantom, or files that the simulation did not write:
        they are not this program's to replace.
    """
    # DVC takes away what the simulation wrote before it runs it again, and leaves a user's tables.
    held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if held - {PROFILES} and not (folder / SETTINGS_FILE).exists():
        raise UserError(
            f"the folder exists and is not a phantom: it has no {SETTINGS_FILE}",
            where=str(folder),
            remedy="Name another folder, or move this one away.",
        )
    if strange := _not_simulated(folder):
        raise UserError(
            f"holds {len(strange)} file(s) that the simulation did not write: {listed(strange)}",
            where=str(folder),
            remedy=f"Move them away; only tables in {PROFILES}/ stay where they are.",
        )
    place = resolved(folder)  # of a link, what it points to is replaced
    with temporary_folder(place) as temporary:
        new = temporary / "new"
        new.mkdir()
        yield new
        for path in sorted((place / PROFILES).glob("*")):
            if path.is_file() and not (new / PROFILES / path.name).exists():
                (new / PROFILES).mkdir(exist_ok=True)
                shutil.copy2(path, new / PROFILES / path.name)
        if place.exists():
            place.rename(temporary / "old")
        new.rename(place)


def _not_simulated(folder: Path) -> list[str]:
    """Files of a phantom that no simulation writes, tables in ``profiles/`` aside; sorted."""
    names = (
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    return sorted(name for name in names if not _SIMULATED.fullmatch(name))


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def simulate_phantom(
    settings: PhantomSettings, folder: Path, execution: ExecutionSettings = LOCAL
) -> None:
    """Simulate the screen and write it: contract tables, images, ``screen.yaml`` and ``truth/``.

    Equal settings give equal bytes. The folder appears whole or not at all.

    Parameters
    ----------
    settings
        What to simulate.
    folder
        Screen folder; its name is the screen's name. An earlier phantom there is replaced; further
        profile tables in it stay.
    execution
        Processes that draw the images. A script that calls this needs the usual
        ``if __name__ == "__main__"``: they import it anew.

    Raises
    ------
    UserError
        The folder holds something else, or its name is no name of a screen.
    """
    info = screen_info(folder.name, settings)
    compounds, proteins = draw_compounds(settings), draw_proteins(settings)
    wells = draw_wells(settings, compounds.names)
    activities = well_activities(wells, compounds)
    targets = draw_targets(settings, compounds)
    tables = {
        "proteomics": measure_proteome(activities, proteins, settings),
        "profiles/oracle": oracle_profile(activities, settings),
        "profiles/cell_count_readout": cell_count_profile(activities, settings),
        "truth/compounds": compounds.table(),
        "truth/proteins": proteins.table(),
        "truth/regulation": planted_regulation(compounds, proteins, settings.concentrations),
        "truth/activities": activities,
        "truth/targets": targets,
    }
    with new_folder(folder) as new:
        for name, table in tables.items():
            write_parquet(new / f"{name}.parquet", table)
        write_text(new / "wells.csv", _csv(wells))
        # The programme behind a target is truth, not something a screen would know.
        write_text(new / "targets.csv", _csv(targets.drop(columns=PROGRAMME)))
        if settings.images is None:
            write_text(new / NOTE_FILE, "No images are simulated: phantom.images is null.\n")
        else:
            images = simulate_images(activities, settings, new, new.parent / "work", execution)
            write_text(new / IMAGES_FILE, _csv(images))
        write_json(new / SETTINGS_FILE, settings.model_dump(mode="json"))
        text = yaml.safe_dump(info.model_dump(), sort_keys=False, width=100, allow_unicode=True)
        write_text(new / "screen.yaml", text)
