"""params.yaml as one typed object."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, field_validator, model_validator

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file
from phenoprot.core.settings import Name, Settings, parse_settings, read_yaml
from phenoprot.curves.settings import CurveSettings
from phenoprot.evaluation.contribution_results import ContributionSettings
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.settings import FeatureSettings
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.segmentation.settings import SegmentationSettings
from phenoprot.imaging.settings import ImageSettings
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.pipeline.overrides import SHARED, laid_over
from phenoprot.readout.settings import LabelSettings
from phenoprot.tasks.settings import RowSettings, TaskSettings, require_fusions
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.settings import ActivitySettings, ProfileSettings


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
    folds_like: ScreenName | None = None
    """Another screen: compounds that both have are in the fold that they have there, so that scores
    of the two are paired. null: folds of its own."""
    rows: dict[Name, RowSettings]
    """Rows of its tables, in the order they are printed."""
    settings: dict[Name, dict[str, Any]] = {}
    """Settings that hold for this screen only, by block, e.g. ``{curves: {alpha: 0.01}}``; what
    they leave out is as in the block that all screens share. Any block but ``phantom`` and
    ``execution``."""

    @field_validator("rows")
    @classmethod
    def _some_of_ours(cls, value: dict[str, RowSettings]) -> dict[str, RowSettings]:
        if value and all(row.model is None for row in value.values()):
            raise ValueError("all are predictions from files; the treatments to predict are those "
                             "of a row with features and a model: add one")  # fmt: skip
        require_fusions(value)
        return value

    @field_validator("settings")
    @classmethod
    def _blocks(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        able = [name for name in Params.model_fields if name not in SHARED]
        if wrong := [name for name in value if name not in able]:
            raise ValueError(f"no block of a screen's own: {listed(wrong)}; there are: "
                             f"{', '.join(able)}")  # fmt: skip
        return value


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
    activity: ActivitySettings
    """Which treatments change the cells."""
    curves: CurveSettings
    """Dose-response curves."""
    labels: LabelSettings
    """From readouts to labels."""
    tasks: TaskSettings
    """Prediction tasks."""
    evaluation: EvaluationSettings
    """Scores and their uncertainty."""
    contributions: ContributionSettings = ContributionSettings()
    """Which features carry a prediction, of rows with `contributions`."""

    @model_validator(mode="after")
    def _folds_from_elsewhere(self) -> Self:
        like = {name: block.folds_like for name, block in self.screens.items() if block.folds_like}
        for name in like:
            chain = [name]
            while (other := like.get(chain[-1])) is not None:
                if other not in self.screens:
                    raise ValueError(
                        f"screens.{chain[-1]}.folds_like: no screen {quoted(other)}; there are: "
                        f"{listed(list(self.screens))}"
                    )
                chain.append(other)
                if other in chain[:-1]:
                    raise ValueError(
                        f"screens.{name}.folds_like: a circle: {' < '.join(chain)}; one screen "
                        "must have folds of its own"
                    )
        return self

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

    def of_screen(self, name: str, path: Path = Path("params.yaml")) -> Params:
        """All blocks as they hold for one screen, its own settings laid over the shared ones.

        Raises
        ------
        UserError
            No such screen; or its settings have unknown keys or wrong values.
        """
        own = self.screen(name).settings
        if not own:
            return self
        where = f"{path}: screens.{name}.settings"
        return parse_settings(Params, laid_over(self.model_dump(), own), where)


def params_content(path: Path) -> dict[str, Any]:
    """Read params.yaml as it is written.

    Raises
    ------
    UserError
        It is not there: commands that need it run at the top of a repository; or it is no YAML.
    """
    require_file(path, "Change to the folder that holds dvc.yaml and params.yaml.")
    return read_yaml(path)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml, the settings of every screen included.

    Raises
    ------
    UserError
        It is not there, or at fault.
    """
    params = parse_settings(Params, params_content(path), str(path))
    for name in params.screens:
        params.of_screen(name, path)
    return params
