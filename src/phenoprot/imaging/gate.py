"""The checks of the images stage, for commands that start from a LoadData CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.paths import WORK
from phenoprot.core.settings import parse_settings, read_block
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging.check import check_images
from phenoprot.imaging.settings import ImageSettings


def require_sound(
    fields: pd.DataFrame,
    load_data: Path,
    params: Path | None,
    work: Path | None,
    execution: ExecutionSettings,
) -> None:
    """Read every image of a LoadData CSV; what the stage refuses is refused here.

    Parameters
    ----------
    fields, load_data
        The fields of view, and the CSV that they were read from.
    params
        File with a block ``images``; None: the defaults.
    work
        Work folder of the command; None: that of the stage. Images that have been checked there
        are not read again.
    execution
        Where and how many at a time.

    Raises
    ------
    UserError
        An image is not sound.
    """
    given = read_block(params, "images") if params else {}
    settings = parse_settings(ImageSettings, given, f"{params}, images")
    report = check_images(fields, settings, execution, (work or WORK) / "images")
    report.require_sound(str(load_data))
