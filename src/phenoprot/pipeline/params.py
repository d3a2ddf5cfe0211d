"""params.yaml as one typed object."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.settings import Name, Settings, parse_settings, read_yaml
from phenoprot.curves.settings import CurveSettings
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.settings import FeatureSettings
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.segmentation.settings import SegmentationSettings
from phenoprot.imaging.settings import ImageSettings
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.readout.settings import LabelSettings
from phenoprot.tasks.settings import RowSettings, TaskSettings
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.settings import ProfileSettings


def _fits_a_command(name: str) -> str:
    if name.startswith("-") or shlex.quote(name) != name:
        raise ValueError("has white space or signs with a meaning in commands: dvc.yaml runs them")
    return name


ScreenName = Annotated[Name, AfterValidator(_fits_a_command)]
"""Letters, digits, ``_``, ``-`` and ``.``: the name stands in the commands of dvc.yaml."""


class ScreenParams(Settings):
    """One screen of the benchmark."""

    folder: Path
    """The screen folder."""
    extracted: list[Name] = []
    """Feature methods that are run on the screen's images; rows name them like its own tables."""
    rows: dict[Name, RowSettings]
    """Rows of its tables, in the order they are printed."""


class Params(Settings):
    """The whole of params.yaml."""

    screens: dict[ScreenName, ScreenParams]
    """Screens by name."""
    phantom: PhantomSettings
    """The simulated screen."""
    validation: ValidationSettings
    """Thresholds of the input checks."""
    execution: ExecutionSettings
    """Where images are worked on, and by how many processes."""
    images: ImageSettings
    """Checks of the images."""
    segmentation: SegmentationSettings
    """From fields of view to cells."""
    crops: CropSettings
    """Single-cell crops."""
    mae: MAESettings
    """The masked autoencoder, trained on the crops."""
    features: FeatureSettings
    """From cells to features."""
    profiles: ProfileSettings
    """From wells to treatments."""
    curves: CurveSettings
    """Dose-response curves."""
    labels: LabelSettings
    """From readouts to labels."""
    tasks: TaskSettings
    """Prediction tasks."""
    evaluation: EvaluationSettings
    """Scores and their uncertainty."""

    def screen(self, name: str) -> ScreenParams:
        """The block of one screen.

        Raises
        ------
        UserError
            No such screen.
        """
        if name not in self.screens:
            raise UserError(
                f"no screen {quoted(name)}; there are: {listed(list(self.screens))}",
                where="params.yaml",
                remedy="Add a block under screens.",
            )
        return self.screens[name]


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml."""
    return parse_settings(Params, read_yaml(path), str(path))
