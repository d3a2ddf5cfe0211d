"""The checks of the images stage, for commands that start from a LoadData CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.paths import WORK
from phenoprot.core.settings import parse_settings, read_block
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging.check import check_images
from phenoprot.imaging.settings import ImageSettings
from phenoprot.screens.load_data import read_load_data


def sound_fields(
    load_data: Path, params: Path | None, work: Path | None, execution: ExecutionSettings
) -> pd.DataFrame:
    """Read a LoadData CSV and every image that it names; what the stage refuses is refused here.

    Parameters
    ----------
    load_data
        The CSV.
    params
        File with a block ``images``; None: the defaults.
    work
        Work folder of the command; None: that of the stage. Images that have been checked there
        are not read again.
    execution
        Where and how many at a time.

    Returns
    -------
    pandas.DataFrame
        The fields of view.

    Raises
    ------
    UserError
        The table or an image is not sound.
    """
    given = read_block(params, "images") if params else {}
    settings = parse_settings(ImageSettings, given, f"{params}, images")
    fields = read_load_data(load_data)
    report = check_images(fields, settings, execution, (work or WORK) / "images")
    report.require_sound(str(load_data))
    return fields
