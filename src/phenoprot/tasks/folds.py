"""Read the outer folds, and draw inner sub-samples: whole groups of compounds, both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import REMEDY, remedied
from phenoprot.core.errors import UserError
from phenoprot.core.tables import parse_numbers, read_delimited
from phenoprot.screens.contract import COMPOUND
from phenoprot.tasks.columns import FOLD, GROUP


def read_folds(path: Path) -> pd.DataFrame:
    """Read a fold table; every compound name is text, "NA" included.

    Raises
    ------
    UserError
        The file is missing, cut or otherwise damaged.
    """
    with remedied():
        table = read_delimited(path)
    columns = [COMPOUND, GROUP, FOLD]
    missing = [column for column in columns if column not in table]
    if missing or table.empty:
        raise UserError(
            f"column(s) missing: {', '.join(missing)}" if missing else "the table has no row",
            where=str(path),
            remedy=REMEDY,
        )
    numbers, _ = parse_numbers(table[FOLD])
    wrong = ~((numbers >= 0) & (numbers < 2**31) & (numbers == np.floor(numbers)))
    wrong |= table[[COMPOUND, GROUP]].isna().any(axis=1).to_numpy()
    if wrong.any():
        raise UserError(
            f"{wrong.sum()} of {len(table)} row(s) lack a name or a fold number",
            where=str(path),
            remedy=REMEDY,
        )
    table[FOLD] = numbers.astype(np.int64)
    return table


def inner_holdouts(
    groups: np.ndarray, train: np.ndarray, splits: int, share: float, seed: int
) -> list[np.ndarray]:
    """Random sub-samples of the training rows to hold out, whole groups at a time.

    Parameters
    ----------
    groups
        (rows,): group of every row, test rows included.
    train
        Row numbers of the training part.
    splits, share, seed
        Number of sub-samples, share of the groups in each, random seed.

    Returns
    -------
    list of numpy.ndarray
        Row numbers held out in each sub-sample; the rest of `train` is for fitting.
    """
    names = np.unique(groups[train])
    held = max(1, round(share * len(names)))
    rng = np.random.default_rng(seed)
    return [train[np.isin(groups[train], rng.permutation(names)[:held])] for _ in range(splits)]
