"""Task: is a protein up or down regulated by a compound, against not regulated?"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.screens.contract import COMPOUND, PROTEIN
from phenoprot.tasks.columns import LABEL_COLUMNS
from phenoprot.tasks.data import label_matrix
from phenoprot.tasks.planted import protein_groups
from phenoprot.tasks.poster import auc_figures
from phenoprot.tasks.settings import ClassificationSettings
from phenoprot.tasks.task import LabelSources, Part, Scorer, Task

UP = Part("classification/up", "UP", "Table 1a. Classification, UP vs NOT: ROC AUC", "up")
DOWN = Part("classification/down", "DOWN", "Table 1b. Classification, DOWN vs NOT: ROC AUC", "down")
DIRECTIONS = {UP.name: 1, DOWN.name: -1}
"""Sign of the planted effects that make a protein of the part."""


def classification_labels(
    labels: pd.DataFrame,
    direction: str,
    settings: ClassificationSettings,
    also_negative: Collection[str] = (),
) -> pd.DataFrame:
    """UP-vs-NOT or DOWN-vs-NOT.

    Parameters
    ----------
    labels
        One row per compound and protein with ``Label`` up / down / not / empty.
    direction
        ``up`` or ``down``: 1. ``not``: 0. The other direction and unclassified pairs: NaN.
    settings
        Fewest positives and negatives of a protein.
    also_negative
        Labels that are 0 instead of NaN. Which proteins enter does not depend on them.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound`` and one float32 column per protein that enters.
    """
    states = labels.pivot(index=COMPOUND, columns=PROTEIN, values="Label").sort_index(axis=1)
    values = np.select([states == direction, states == "not"], [1.0, 0.0], default=np.nan)
    enters = ((values == 1).sum(axis=0) >= settings.min_positives) & (
        (values == 0).sum(axis=0) >= settings.min_negatives
    )
    values[states.isin(list(also_negative)).to_numpy()] = 0.0
    return label_matrix(values[:, enters], states.index, states.columns[enters])


class Classification(Task):
    """UP vs NOT and DOWN vs NOT, one matrix each."""

    name = "classification"
    parts = (UP, DOWN)
    settings = ClassificationSettings
    scorer: Scorer = "auc"
    poster = {
        UP.name: {
            "cellprofiler": auc_figures(6035, 0.64, 4303, 1428, 96),
            "mae": auc_figures(6035, 0.62, 3802, 869, 48),
            "cloome": auc_figures(6035, 0.58, 2555, 196, 4),
            "dino": auc_figures(6035, 0.58, 2597, 198, 6),
        },
        DOWN.name: {
            "cellprofiler": auc_figures(6782, 0.66, 5730, 1881, 37),
            "mae": auc_figures(6782, 0.63, 4892, 679, 14),
            "cloome": auc_figures(6782, 0.60, 3955, 203, 5),
            "dino": auc_figures(6782, 0.59, 3144, 115, 5),
        },
    }

    def labels(
        self, sources: LabelSources, settings: ClassificationSettings
    ) -> dict[str, pd.DataFrame]:
        """Two matrices from ``labels.parquet``."""
        table = read_table(sources.paths.labels / "labels.parquet", columns=LABEL_COLUMNS)
        return {
            UP.name: classification_labels(table, "up", settings),
            DOWN.name: classification_labels(table, "down", settings),
        }

    def planted_groups(self, truth: Path, part: str) -> pd.Series:
        """Proteins by the programmes that move them in the direction of the part."""
        return protein_groups(truth, DIRECTIONS[part])


TASK = Classification()
