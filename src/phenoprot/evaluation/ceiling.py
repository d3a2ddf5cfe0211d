"""The ceiling of a part beside the scores of a row: what a repeat of the assay would score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.evaluation.results import SCORE_NAMES, Ceiling, ScorerName, defined, tidy
from phenoprot.screens.contract import PROTEIN

FILE = "ceiling.parquet"
COLUMNS = [PROTEIN, "Kind", "Ceiling"]
RELIABILITY = "Reliability"


def read_ceilings(folder: Path, kind: str | None) -> dict[str, float] | None:
    """Ceiling of each target of a part.

    Parameters
    ----------
    folder
        Labels of the screen.
    kind
        Of the part, see :attr:`phenoprot.tasks.task.Part.ceiling`.

    Returns
    -------
    dict or None
        By target; None: nothing is known of this part or screen.
    """
    if kind is None:
        return None
    table = read_table(folder / FILE, COLUMNS)
    own = table[table["Kind"] == kind]
    return dict(zip(own[PROTEIN], own["Ceiling"].astype(float), strict=True)) or None


def reliability_counts(folder: Path) -> dict[str, float]:
    """Reliability of the mean of a protein's replicates, over the proteins.

    Parameters
    ----------
    folder
        Labels of the screen.

    Returns
    -------
    dict
        Quartiles ``reliability_low``, ``reliability_median``, ``reliability_high``, and the share
        of the proteins below one half, ``unreliable_percent``; empty: nothing is known.
    """
    if not (folder / FILE).is_file():
        return {}
    table = read_table(folder / FILE, [PROTEIN, RELIABILITY])
    known = table.drop_duplicates(PROTEIN)[RELIABILITY].dropna().to_numpy(dtype=np.float64)
    if not len(known):
        return {}
    low, median, high = np.quantile(known, [0.25, 0.5, 0.75])
    quartiles = {"low": low, "median": median, "high": high}
    return {f"reliability_{name}": tidy(value) for name, value in quartiles.items()} | {
        "unreliable_percent": tidy(100 * (known < 0.5).mean())
    }


def row_ceiling(
    targets: pd.DataFrame, ceilings: Mapping[str, float], scorer: ScorerName
) -> Ceiling | None:
    """How far a row is on the way from chance to the ceiling.

    AUCs are averaged, R2 is taken by its median, over the same targets for row and ceiling.

    Parameters
    ----------
    targets
        Scores of the row: ``Target`` and its main score.
    ceilings
        By target; those without one count for neither.
    scorer
        Kind of the scores.

    Returns
    -------
    Ceiling or None
        None if no target has both.
    """
    own = targets["Target"].map(dict(ceilings)).to_numpy(dtype=np.float64)
    scores = targets[SCORE_NAMES[scorer].main].to_numpy(dtype=np.float64)
    both = ~np.isnan(own) & ~np.isnan(scores)
    if not both.any():
        return None
    summary = np.mean if scorer == "auc" else np.median
    ceiling, score = float(summary(own[both])), float(summary(scores[both]))
    chance = SCORE_NAMES[scorer].chance
    share = (score - chance) / (ceiling - chance) if ceiling > chance else np.nan
    return Ceiling(value=tidy(ceiling), n=int(both.sum()), share=defined(share))
