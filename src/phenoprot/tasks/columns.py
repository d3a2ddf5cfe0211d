"""Names of the columns and folders that folds, labels and predictions have."""

from __future__ import annotations

from phenoprot.screens.contract import COMPOUND, PROTEIN, TREATMENT_KEY

FOLD = "Fold"
"""Number of the outer fold, from 0."""
GROUP = "Metadata_Group"
"""Compounds that stay together in the folds."""
KIND = "Metadata_Kind"
"""What the folds keep on one side, see :class:`phenoprot.tasks.fit_settings.SplitSettings`."""
LABELS_OF = "Metadata_LabelsOf"
"""Compound whose labels a prediction is scored against: another one's where labels are shuffled."""
REPEAT = "Metadata_Repeat"
"""Number of the draw of the outer folds, from 0. Shuffled labels are shuffled anew in each."""
LABEL_COLUMNS = [COMPOUND, PROTEIN, "Label"]
"""Columns of ``labels.parquet`` that the tasks read."""
PREDICTION_COLUMNS = [*TREATMENT_KEY, FOLD, LABELS_OF, REPEAT]
"""Columns of the predictions, besides one per target."""
WITHOUT = "Metadata_Without"
"""Second fold that a model has not seen, beside that of the row."""
ROWS, GAUGE, VARIANTS, PAIRS = "rows", "leak_gauge", "variants", "pairs"
"""Folders of the predictions: rows of the tables, the same rows with leaking folds, and rows with
other folds or fewer compounds than the tables'; rows by models without two folds, for stacks."""
