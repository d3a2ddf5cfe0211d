"""Networks of other settings or other crops than the pipeline's, and what they say of a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from phenoprot.core.files import fingerprint
from phenoprot.core.paths import WORK
from phenoprot.features.extract import Sources, extract_wells
from phenoprot.features.mae.method import MaeMethod
from phenoprot.features.mae.screen import control_crops, folder_fingerprint
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Crops, control_statistics
from phenoprot.features.mae.train import train
from phenoprot.imaging.crops.store import CropStore
from phenoprot.pipeline.params import Params
from phenoprot.screens.contract import STAINS
from phenoprot.screens.loader import Screen
from phenoprot.wells.normalise import normalise_to_controls
from phenoprot.wells.treatments import defined, treatment_profiles


def trained(
    crops: Crops, store: CropStore, wells: pd.DataFrame, settings: MAESettings, data: object
) -> Path:
    """Folder of a network trained on some crops of a store; found if it was trained before.

    `data` says which crops. All networks see pixels standardised alike, by all negative controls.
    """
    folder = store.folder
    controls = control_statistics(store, control_crops(store, wells), STAINS, str(folder))
    key = fingerprint(folder_fingerprint(folder), data)
    return train(crops, controls, settings, WORK / "other-mae", key, "mae")


def profile(
    folder: Path,
    weights: Literal["trained", "initial"],
    screen: Screen,
    crops: Path,
    params: Params,
) -> pd.DataFrame:
    """Profiles of the treatments, as the pipeline makes them of a network's features."""
    wells, method = screen.wells(), MaeMethod(folder, weights, params.features.mae)
    sources = Sources(screen.images(), crops=crops)
    found = extract_wells(method, sources, WORK / "features", "mae", execution=params.execution)
    values = normalise_to_controls(defined(found), wells, params.profiles.normalisation)
    return treatment_profiles(values, wells)
