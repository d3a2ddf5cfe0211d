"""Task: does a score hold when what the classification masks counts as negative?

The classification compares regulated with not regulated pairs and leaves out two kinds: those that
are regulated the other way, and those without a clear call. Here each kind in turn is negative, for
the same proteins.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.tasks.classification import classification_labels
from phenoprot.tasks.columns import LABEL_COLUMNS
from phenoprot.tasks.planted import protein_groups
from phenoprot.tasks.settings import ClassificationSettings
from phenoprot.tasks.task import LabelSources, Part, Scorer, Task

OPPOSITE = {"up": "down", "down": "up"}
UNCLASSIFIED = ""
TITLE = "Table 1{letter}. Classification, {direction} vs NOT and {negative}: ROC AUC"


def _part(direction: str, also: str, letter: str, negative: str) -> Part:
    title = TITLE.format(letter=letter, direction=direction.upper(), negative=negative)
    return Part(f"sensitivity/{direction}_{also}", f"{direction.upper()}, {also}", title)


PARTS = {
    ("up", "opposite"): _part("up", "opposite", "c", "DOWN"),
    ("down", "opposite"): _part("down", "opposite", "d", "UP"),
    ("up", "unclassified"): _part("up", "unclassified", "e", "unclassified"),
    ("down", "unclassified"): _part("down", "unclassified", "f", "unclassified"),
}
"""By direction, and by what is negative besides NOT."""
DIRECTIONS = {part.name: 1 if direction == "up" else -1 for (direction, _), part in PARTS.items()}
"""Sign of the planted effects that make a protein of the part."""


class Sensitivity(Task):
    """The classification with the masked pairs as negatives, one kind at a time."""

    name = "sensitivity"
    parts = tuple(PARTS.values())
    settings = ClassificationSettings
    block = "classification"
    asked = True
    scorer: Scorer = "auc"

    def labels(
        self, sources: LabelSources, settings: ClassificationSettings
    ) -> dict[str, pd.DataFrame]:
        """Four matrices from ``labels.parquet``."""
        table = read_table(sources.paths.labels / "labels.parquet", LABEL_COLUMNS)
        matrices = {}
        for (direction, also), part in PARTS.items():
            negative = OPPOSITE[direction] if also == "opposite" else UNCLASSIFIED
            matrices[part.name] = classification_labels(table, direction, settings, (negative,))
        return matrices

    def planted_groups(self, truth: Path, part: str) -> pd.Series:
        """Proteins by the programmes that move them in the direction of the part."""
        return protein_groups(truth, DIRECTIONS[part])


TASK = Sensitivity()
