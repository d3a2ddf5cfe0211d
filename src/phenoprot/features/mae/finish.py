"""Measure a trained network and write the files of the finished model."""

from __future__ import annotations

import csv
from pathlib import Path

from safetensors.torch import save_file

from phenoprot.core.files import write_json
from phenoprot.core.version import __version__
from phenoprot.features.mae.batches import split_fields
from phenoprot.features.mae.checkpoint import Entry
from phenoprot.features.mae.folder import (
    CONFIG,
    PICTURE,
    RECONSTRUCTION,
    TRAINING,
    WEIGHTS,
    Config,
)
from phenoprot.features.mae.model import MaskedAutoencoder
from phenoprot.features.mae.pictures import picture
from phenoprot.features.mae.reconstruction import measure_reconstruction
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Crops, Standardisation, Standardiser

LOGGED = ("step", "loss", "pixel", "fourier", "learning_rate", "gradient_norm")
"""Of the log, what does not depend on the machine's speed."""


def write_model(
    target: Path,
    model: MaskedAutoencoder,
    crops: Crops,
    standardisation: Standardisation,
    settings: MAESettings,
    log: list[Entry],
    fingerprint: str,
) -> None:
    """Write the files of :mod:`phenoprot.features.mae.folder`.

    Parameters
    ----------
    target
        Existing folder.
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
    measured = measure_reconstruction(model, crops, standardiser, settings, trained_on, held_out)
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
