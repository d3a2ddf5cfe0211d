"""The folder of a finished model: all that an embedding needs.

===================== ===========================================================================
file                  content
===================== ===========================================================================
model.safetensors     weights, float32
config.json           settings, standardisation, fingerprint of the run, version of the package
reconstruction.json   error on masked pixels of held-out fields, against three rivals
training.csv          step, loss parts, learning rate, norm of the gradient
reconstructions.png   held-out cells: crop, masked, reconstruction
===================== ===========================================================================
"""

from __future__ import annotations

from pathlib import Path

from phenoprot.core.artefacts import read_object
from phenoprot.core.errors import UserError
from phenoprot.core.settings import Settings, parse_settings
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Standardisation

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
RECONSTRUCTION = "reconstruction.json"
TRAINING = "training.csv"
PICTURE = "reconstructions.png"
FILES = (WEIGHTS, CONFIG, RECONSTRUCTION, TRAINING, PICTURE)
TRAIN = "Train it: name mae or mae-untrained in the screen's extracted and run the stage mae."
"""Remedy where the model is missing."""


class Config(Settings):
    """The content of ``config.json``."""

    settings: MAESettings
    """The ``mae`` block of the run."""
    standardisation: Standardisation
    """What the pixels were standardised by."""
    fingerprint: str
    """Hash of all that the weights depend on."""
    version: str
    """Version of the package that trained."""


def read_config(folder: Path) -> Config:
    """Read the ``config.json`` of a finished model.

    Raises
    ------
    UserError
        There is none, or it is not one.
    """
    path = folder / CONFIG
    if not path.exists():
        raise UserError("holds no trained model", where=str(folder), remedy=TRAIN)
    return parse_settings(Config, read_object(path, remedy=TRAIN), str(path))
