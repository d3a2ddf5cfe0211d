"""The masked autoencoder of a screen: from its crops to the finished model."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.files import atomic_path, file_sha256, fingerprint
from phenoprot.core.folders import MARKER
from phenoprot.features.mae.folder import FILES
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import IntArray, control_statistics
from phenoprot.features.mae.train import train
from phenoprot.imaging.crops.store import CropStore
from phenoprot.screens.contract import CONTROL, NEGATIVE_CONTROL, STAINS, WELL_KEY


def train_screen(
    crops: Path, wells: pd.DataFrame, settings: MAESettings, work: Path, output: Path, title: str
) -> None:
    """Train on all crops of a screen, standardised to its negative-control wells.

    Parameters
    ----------
    crops
        Folder of the crops.
    wells
        Wells table of the screen.
    settings
        Network, objective, training.
    work
        Work folder of training runs.
    output
        Gets the files of the finished model.
    title
        For progress lines.

    Raises
    ------
    UserError
        See :func:`phenoprot.features.mae.train.train`; no crop shows a negative control.
    """
    store = CropStore.open(crops)
    standardisation = control_statistics(store, control_crops(store, wells), STAINS, str(crops))
    model = train(store, standardisation, settings, work, folder_fingerprint(crops), title)
    if int(os.environ.get("RANK", "0")) == 0:
        for name in FILES:
            with atomic_path(output / name) as temporary:
                shutil.copyfile(model / name, temporary)


def control_crops(store: CropStore, wells: pd.DataFrame) -> IntArray:
    """Indices of the crops from negative-control wells."""
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    keys = pd.MultiIndex.from_frame(controls)
    return np.flatnonzero(pd.MultiIndex.from_frame(store.index[WELL_KEY]).isin(keys))


def folder_fingerprint(folder: Path) -> str:
    """Hash of the names and contents of all files of a folder, its marker aside."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MARKER)
    return fingerprint({path.relative_to(folder).as_posix(): file_sha256(path) for path in paths})
