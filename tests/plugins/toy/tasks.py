"""Task ``spread``: does a compound move many proteins, or few?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from phenoprot.core.artefacts import read_table
from phenoprot.core.settings import Settings
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns
from phenoprot.tasks.task import LabelSources, Part, Task


class SpreadSettings(Settings):
    """Block ``tasks.others.spread`` of params.yaml."""

    quantile: float = Field(default=0.5, gt=0, lt=1)
    """Compounds above this quantile of the spread are the positives."""


class Spread(Task):
    """Standard deviation of a compound's levels over the proteins, above or below a quantile."""

    name = "spread"
    parts = (Part("spread", "spread", "Table 5. Proteome-wide effect: ROC AUC"),)
    settings = SpreadSettings
    scorer = "auc"

    def labels(self, sources: LabelSources, settings: SpreadSettings) -> dict[str, pd.DataFrame]:
        levels = read_table(sources.paths.labels / "levels.parquet", TREATMENT_KEY)
        spread = levels[feature_columns(levels)].std(axis=1, skipna=True).fillna(0)
        by_compound = spread.groupby(levels[COMPOUND]).max()
        wide = by_compound > by_compound.quantile(settings.quantile)
        table = wide.rename("wide").astype(np.float32).reset_index()
        return {"spread": table}


TASK = Spread()
