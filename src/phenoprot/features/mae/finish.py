"""The finished model: a sealed folder that holds all an embedding needs.

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

import csv
from pathlib import Path

from safetensors.torch import save_file

from phenoprot import __version__
from phenoprot.core.files import write_json
from phenoprot.core.settings import Settings
from phenoprot.execution.shards import Shard, fault, produce, remove
from phenoprot.features.mae.batches import split_fields
from phenoprot.features.mae.checkpoint import Entry
from phenoprot.features.mae.model import MaskedAutoencoder
from phenoprot.features.mae.pictures import picture
from phenoprot.features.mae.reconstruction import measure_reconstruction
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Crops, Standardisation, Standardiser

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
RECONSTRUCTION = "reconstruction.json"
TRAINING = "training.csv"
PICTURE = "reconstructions.png"
FILES = (WEIGHTS, CONFIG, RECONSTRUCTION, TRAINING, PICTURE)
LOGGED = ("step", "loss", "pixel", "fourier", "learning_rate", "gradient_norm")
"""Of the log, what does not depend on the machine's speed."""


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


def finished(folder: Path, fingerprint: str) -> bool:
    """Whether `folder` holds the whole model of a run; a damaged one is removed."""
    if not folder.exists():
        return False
    if fault(folder, fingerprint) is None:
        return True
    remove(folder)
    return False


def finish(
    folder: Path,
    model: MaskedAutoencoder,
    crops: Crops,
    standardisation: Standardisation,
    settings: MAESettings,
    log: list[Entry],
    fingerprint: str,
) -> None:
    """Measure a trained network and write its folder, which appears whole.

    Parameters
    ----------
    folder
        To be made.
    model, crops, standardisation, settings
        What was trained, on what, and how.
    log
        Lines of the log.
    fingerprint
        Of the run.
    """
    device = next(model.parameters()).device
    standardiser = Standardiser(standardisation).to(device)
    trained_on, held_out = split_fields(len(crops.fields), settings.training)

    def write(_: None, target: Path) -> None:
        measured = measure_reconstruction(
            model, crops, standardiser, settings, trained_on, held_out
        )
        write_json(target / RECONSTRUCTION, measured)
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, target / WEIGHTS)
        config = Config(
            settings=settings,
            standardisation=standardisation,
            fingerprint=fingerprint,
            version=__version__,
        )
        write_json(target / CONFIG, config.model_dump(mode="json"))
        with (target / TRAINING).open("w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, LOGGED, extrasaction="ignore", lineterminator="\n")
            table.writeheader()
            table.writerows(log)
        stains = standardisation.stains
        picture(target / PICTURE, model, crops, held_out, standardiser, settings, stains)

    produce(write, Shard("model", fingerprint, None), folder)
