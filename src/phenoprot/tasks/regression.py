"""Task: the level of each protein under each treatment."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.screens.contents import Content
from phenoprot.screens.contract import TREATMENT_KEY, feature_columns
from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.planted import protein_groups
from phenoprot.tasks.settings import RegressionSettings
from phenoprot.tasks.task import LabelSources, Part, Scorer, Task

LEVELS = Part("regression", "regression", "Table 2a. Regression of protein level", "level")


def regression_labels(levels: pd.DataFrame, settings: RegressionSettings) -> pd.DataFrame:
    """Protein level per treatment: proteins with too few levels are left out."""
    proteins = [
        name
        for name in feature_columns(levels)
        if levels[name].notna().sum() >= settings.min_treatments
    ]
    return levels[[*TREATMENT_KEY, *proteins]]


class Regression(Task):
    """Protein levels, treatment by treatment."""

    name = "regression"
    parts = (LEVELS,)
    settings = RegressionSettings
    scorer: Scorer = "levels"
    requires: tuple[Content, ...] = ("levels",)
    # Table 2 has no mean: the best of 2,944 genes is MGP.
    poster = {LEVELS.name: {"cellprofiler": {"n_targets": 2944, "max_r2": 0.4482}}}
    poster_top = (
        ("MGP", 0.4482, 48.8926),
        ("LRRN2", 0.4282, 61.6972),
        ("CD44", 0.3703, 57.3468),
        ("FBXL14", 0.3685, 57.6521),
        ("SMTN", 0.3628, 54.2414),
        ("P4HA2", 0.3509, 62.6770),
        ("CEP131", 0.3428, 66.5592),
        ("PODXL", 0.3385, 61.3162),
        ("DLGAP5", 0.3242, 64.4138),
        ("CD63", 0.3238, 55.8664),
    )

    def loss(self, settings: RegressionSettings) -> Loss:
        """As params.yaml has it."""
        return settings.loss

    def labels(
        self, sources: LabelSources, settings: RegressionSettings
    ) -> dict[str, pd.DataFrame]:
        """One matrix from ``levels.parquet``."""
        levels = read_table(sources.paths.labels / "levels.parquet", TREATMENT_KEY)
        return {LEVELS.name: regression_labels(levels, settings)}

    def planted_groups(self, truth: Path, part: str) -> pd.Series:
        """Proteins by the programmes that move them, up or down."""
        del part
        return protein_groups(truth)


TASK = Regression()
