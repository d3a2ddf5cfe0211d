"""In a worker process: fit the folds of one row and part, and score its groups of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import write_parquet
from phenoprot.evaluation.contribution_results import ContributionSettings
from phenoprot.evaluation.contribution_summary import summarised
from phenoprot.evaluation.contributions import OutOfFold, contributions
from phenoprot.evaluation.feature_groups import NO_GROUP, Partition
from phenoprot.evaluation.planted_places import Place
from phenoprot.evaluation.results import write_result
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns
from phenoprot.tasks.contributions import fitted_folds
from phenoprot.tasks.data import align
from phenoprot.tasks.fit_settings import SplitKind
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.model import Model

RESULT, TARGETS = "result.json", "targets.parquet"
"""Files of a shard: means over the targets, and one line per target and group."""
REPEAT = 0
"""The draw of the folds whose models are looked at: one of them costs a fit, all say the same."""


@dataclass(frozen=True)
class RowToExplain:
    """The payload of a shard."""

    row: str
    features: Path
    """Profiles of the row: one table."""
    labels: Path
    """Label matrix of the part."""
    folds: Path
    kind: SplitKind
    """Kind of the folds of the tables."""
    model: Model
    device: str
    planted: Mapping[str, frozenset[Place]] | None
    """Compartments and stains planted for each target; None: nothing was planted."""
    settings: ContributionSettings


def explain(payload: RowToExplain, folder: Path) -> None:
    """Write the result of one row in one part, and its table of targets and groups.

    Raises
    ------
    UserError
        A file is damaged; no feature has a name of CellProfiler's; or the model is none of ours.
    """
    profiles = read_table(payload.features, TREATMENT_KEY)
    data = align(
        [profiles],
        read_table(payload.labels, [COMPOUND]),
        folds_of_repeat(folds_of_kind(read_folds(payload.folds), payload.kind), REPEAT),
    )
    names = feature_columns(profiles)
    partition = Partition.of(names)
    if partition.groups == [NO_GROUP]:
        raise UserError(
            f"none of {len(names)} features has a name of CellProfiler's, such as "
            f"Cells_Texture_Contrast_RNA_3_00_256: {listed(names)}",
            where=f"params.yaml: contributions of row '{payload.row}'",
            remedy="Ask for contributions of rows on CellProfiler features.",
        )
    # One thread, as the tables' networks have: sums are split by thread.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fitted = fitted_folds(payload.model, data, "bce", REPEAT, payload.device)
        compounds = np.unique(data.key[COMPOUND], return_inverse=True)[1]
        tested = OutOfFold(data.labels, compounds, fitted)
        found = contributions(tested, data.targets, partition, payload.settings)
    finally:
        torch.set_num_threads(threads)
    write_result(folder / RESULT, summarised(found, payload.settings, payload.planted))
    write_parquet(folder / TARGETS, found.table())
