"""Task: the annotated targets of each compound."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.screens.contents import Content
from phenoprot.screens.contract import COMPOUND, TARGET, Table
from phenoprot.screens.loader import load_screen
from phenoprot.tasks.data import label_matrix
from phenoprot.tasks.folds import read_folds
from phenoprot.tasks.planted import target_groups
from phenoprot.tasks.poster import auc_figures
from phenoprot.tasks.settings import TargetSettings
from phenoprot.tasks.task import LabelSources, Part, Scorer, Task

ANNOTATED = Part("targets", "targets", "Table 3. Compound target prediction: ROC AUC")


def target_labels(
    targets: pd.DataFrame, compounds: pd.Series, settings: TargetSettings
) -> pd.DataFrame:
    """Annotated targets: 1 where annotated, 0 elsewhere; compounds without annotation are left out.

    Parameters
    ----------
    targets
        One row per compound and target.
    compounds
        Compounds that were screened; annotations of others count nothing.
    settings
        Fewest annotated compounds of a target.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound`` and one float32 column per target that enters.
    """
    screened = targets[targets[COMPOUND].isin(compounds)]
    matrix = pd.crosstab(screened[COMPOUND], screened[TARGET]).clip(upper=1)
    enters = (matrix.sum() >= settings.min_compounds) & (matrix.sum() < len(matrix))
    return label_matrix(matrix.loc[:, enters].to_numpy(), matrix.index, matrix.columns[enters])


class Targets(Task):
    """Annotated targets, from images, proteome or both."""

    name = "targets"
    parts = (ANNOTATED,)
    settings = TargetSettings
    scorer: Scorer = "auc"
    reads: tuple[Table, ...] = ("targets",)
    requires: tuple[Content, ...] = ("targets",)
    may_be_empty = True
    poster = {
        ANNOTATED.name: {
            "cellprofiler": auc_figures(252, 0.63, 171, 49, 7, 0),
            "mae": auc_figures(252, 0.60, 133, 19, 2, 0),
            "proteome": auc_figures(252, 0.49, 67, 10, 0, 0),
            "proteome+cellprofiler": auc_figures(252, 0.64, 154, 78, 27, 8),
        }
    }

    def labels(self, sources: LabelSources, settings: TargetSettings) -> dict[str, pd.DataFrame]:
        """One matrix from the screen's annotations of the compounds that have a fold."""
        annotated = load_screen(sources.folder).targets()
        compounds = read_folds(sources.paths.folds)[COMPOUND].drop_duplicates()
        return {ANNOTATED.name: target_labels(annotated, compounds, settings)}

    def planted_groups(self, truth: Path, part: str) -> pd.Series:
        """Targets by where their programme shows: in images, proteins or both."""
        del part
        return target_groups(truth)


TASK = Targets()
