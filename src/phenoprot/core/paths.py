"""Where each stage puts what it makes. dvc.yaml names the same paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phenoprot.core.names import require_names

WORK = Path(".phenoprot")
"""Ignored by git and DVC: shards of unfinished or reusable work."""


@dataclass(frozen=True)
class Paths:
    """Paths of one screen's artefacts, relative to the repository root.

    Links below these folders are followed: DVC may keep its outputs as links into its cache.

    Raises
    ------
    UserError
        The name of the screen, or of a method or task, would lead elsewhere.
    """

    screen: str

    def __post_init__(self) -> None:
        require_names([self.screen], "screen", "screens")

    @property
    def input_checks(self) -> Path:
        """Results of the checks of the inputs."""
        return Path("data/validation") / self.screen / "inputs.json"

    @property
    def label_checks(self) -> Path:
        """Results of the checks of labels and folds."""
        return Path("data/validation") / self.screen / "labels.json"

    @property
    def images(self) -> Path:
        """``checks.json`` and ``channels.json`` of the images."""
        return Path("data/images") / self.screen

    @property
    def masks(self) -> Path:
        """Segmented fields of view, one file per plate row, and their objects."""
        return Path("data/masks") / self.screen

    @property
    def crops(self) -> Path:
        """Single-cell crops, one array and index per plate row."""
        return Path("data/crops") / self.screen

    @property
    def quality(self) -> Path:
        """Focus, background and more of each field, see :mod:`phenoprot.imaging.quality`."""
        return Path("data/quality") / self.screen

    @property
    def mae(self) -> Path:
        """The trained masked autoencoder, see :mod:`phenoprot.features.mae.folder`."""
        return Path("data/mae") / self.screen

    @property
    def all_features(self) -> Path:
        """Folder of all features that are taken from the images."""
        return Path("data/features") / self.screen

    def features(self, method: str) -> Path:
        """Features of the wells, taken from the images by one method."""
        require_names([method], "method", "extracted")
        return self.all_features / f"{method}.parquet"

    @property
    def profiles(self) -> Path:
        """Treatment profiles, one parquet per method."""
        return Path("data/profiles") / self.screen

    @property
    def activity(self) -> Path:
        """Activity of treatments and compounds."""
        return Path("data/activity") / self.screen

    @property
    def curves(self) -> Path:
        """Fitted dose-response curves."""
        return Path("data/curves") / self.screen

    @property
    def labels(self) -> Path:
        """``labels.parquet`` and ``levels.parquet``."""
        return Path("data/labels") / self.screen

    @property
    def folds(self) -> Path:
        """Compound, group and fold."""
        return Path("data/folds") / f"{self.screen}.csv"

    @property
    def chosen(self) -> Path:
        """Proteins chosen for the regression by the classification, in each fold."""
        return Path("data/chosen") / f"{self.screen}.parquet"

    def predictions(self, task: str) -> Path:
        """Predictions of one task, or of a part of one: ``classification/up``."""
        require_names(task.split("/"), "task", "tasks")
        return Path("data/predictions") / self.screen / task

    @property
    def contributions(self) -> Path:
        """What groups of features carry the predictions of a row."""
        return Path("data/contributions") / self.screen

    @property
    def scores(self) -> Path:
        """Per-target scores of every row."""
        return Path("data/scores") / self.screen

    @property
    def metrics(self) -> Path:
        """Small JSON, in git."""
        return Path("metrics") / self.screen

    @property
    def report(self) -> Path:
        """The plain account, generated."""
        return Path("docs") / f"results-{self.screen}.md"

    @property
    def report_details(self) -> Path:
        """The long tables beside the account."""
        return self.report.with_name(f"results-{self.screen}-details.md")

    @property
    def heat_map(self) -> Path:
        """Groups of features that carry the predictions, as a figure."""
        return self.report.with_name(f"results-{self.screen}-contributions.svg")

    @property
    def page(self) -> Path:
        """The page to pass on, HTML."""
        return Path("reports") / f"{self.screen}.html"

    @property
    def page_data(self) -> Path:
        """The data of its figures, CSV."""
        return Path("reports") / self.screen
