"""What was planted in a simulated screen, as groups of targets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.phantom.catalogue import CATALOGUE, PROGRAMME
from phenoprot.screens.contract import PROTEIN, TARGET

EFFECTS = (0.0, 0.45, 0.7, 1.0, 1.5, float("inf"))
"""Limits of the bins of the planted absolute log2 fold change."""
BINS = [f"{low:g}_{high:g}" for low, high in pairwise(EFFECTS)]
"""Their names."""
LOADING = "loading_"
"""Before the programme's name, the columns of ``truth/proteins.parquet``."""
PROTEINS_ONLY, IMAGES_ONLY, BOTH, NULL = "proteins_only", "images_only", "both", "null"
"""Where the planted programmes of a target show."""


def protein_groups(truth: Path, direction: int | None = None) -> pd.Series:
    """Group the proteins by the programmes that move them.

    Parameters
    ----------
    truth
        Folder ``truth`` of a simulated screen.
    direction
        1: only programmes that raise a protein count; -1: only those that lower it; None: both.

    Returns
    -------
    pandas.Series
        By protein: ``null`` (no programme moves it in this direction), ``proteins_only`` (only
        programmes that no image shows), otherwise ``<low>_<high>``, the bin of the largest log2
        fold change at full activity of a programme.
    """
    table = read_table(truth / "proteins.parquet", [PROTEIN]).set_index(PROTEIN)
    loadings = table.filter(regex=f"^{LOADING}")
    loadings.columns = loadings.columns.str.removeprefix(LOADING)
    effects = loadings.abs() if direction is None else (direction * loadings).clip(lower=0)
    in_images = [name for name in effects if CATALOGUE[name].in_images]
    return pd.Series(
        np.select(
            [effects.max(axis=1) == 0, effects[in_images].max(axis=1) == 0],
            [NULL, PROTEINS_ONLY],
            default=pd.cut(effects.max(axis=1), list(EFFECTS), labels=BINS).astype(str),
        ),
        index=effects.index,
    )


def target_groups(truth: Path) -> pd.Series:
    """Group the annotated targets by where their programme shows.

    Parameters
    ----------
    truth
        Folder ``truth`` of a simulated screen.

    Returns
    -------
    pandas.Series
        By target: ``both``, ``proteins_only``, ``images_only``, or ``null`` (no programme).
    """
    planted = read_table(truth / "targets.parquet", [TARGET, PROGRAMME])
    programmes = planted.groupby(TARGET)[PROGRAMME].first()
    return programmes.map(_shown_in)


def _shown_in(programme: str) -> str:
    if not programme:
        return NULL
    shown = CATALOGUE[programme]
    if shown.in_images and shown.in_proteins:
        return BOTH
    return IMAGES_ONLY if shown.in_images else PROTEINS_ONLY
