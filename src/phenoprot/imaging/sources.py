"""Fingerprints of the images that work starts from."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.execution.settings import cores
from phenoprot.screens.contract import FIELD_KEY
from phenoprot.screens.places import is_remote


def images_fingerprints(tables: Iterable[pd.DataFrame]) -> list[str]:
    """Hash what each table of fields of view names.

    Files are hashed by content, so that a file that is written anew with the same bytes counts as
    unchanged; an image behind a URL is known by its URL alone.

    Parameters
    ----------
    tables
        See :func:`phenoprot.screens.load_data.read_load_data`.

    Raises
    ------
    UserError
        Files are missing; the message counts and lists them.
    """
    tables = list(tables)
    places = {
        place
        for table in tables
        for column in _place_columns(table)
        for place in table[column]
        if not is_remote(place)
    }
    missing = sorted(place for place in places if not Path(place).is_file())
    if missing:
        raise UserError(
            f"{len(missing)} image file(s) are missing: {listed(missing)}",
            where="images table",
            remedy="Check its paths, or fetch the files (dvc pull).",
        )
    with ThreadPoolExecutor(cores()) as pool:  # hashing releases the interpreter lock
        known = dict(zip(places, pool.map(file_sha256, map(Path, places)), strict=True))
    return [
        fingerprint(
            table[FIELD_KEY].to_numpy().tolist(),
            {
                column: [known.get(place, place) for place in table[column]]
                for column in _place_columns(table)
            },
        )
        for table in tables
    ]


def _place_columns(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column.startswith(("URL_", "Illum_"))]
