"""Read the outer folds, and draw inner sub-samples: whole groups of compounds, both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import REMEDY, remedied
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.tables import parse_numbers, read_delimited
from phenoprot.screens.contract import COMPOUND
from phenoprot.screens.tables import folded_name
from phenoprot.tasks.columns import FOLD, GROUP, KIND, REPEAT
from phenoprot.tasks.fit_settings import InnerSettings, SplitKind


def read_folds(path: Path) -> pd.DataFrame:
    """Read a fold table; every compound name is text, "NA" included.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Kind``, ``Metadata_Repeat``, ``Metadata_Compound``, ``Metadata_Group``,
        ``Fold``: every compound once in each repeat of each kind.

    Raises
    ------
    UserError
        The file is missing, cut or otherwise damaged.
    """
    with remedied():
        table = read_delimited(path)
    columns = [KIND, REPEAT, COMPOUND, GROUP, FOLD]
    missing = [column for column in columns if column not in table]
    if missing or table.empty:
        raise _damaged(
            path, f"column(s) missing: {', '.join(missing)}" if missing else "the table has no row"
        )
    wrong = table[[COMPOUND, GROUP]].isna().any(axis=1).to_numpy()
    wrong |= ~table[KIND].isin(get_args(SplitKind)).to_numpy()
    numbers = {}
    for column in (REPEAT, FOLD):
        numbers[column], _ = parse_numbers(table[column])
        whole = numbers[column] == np.floor(numbers[column])
        wrong |= ~((numbers[column] >= 0) & (numbers[column] < 2**31) & whole)
    if wrong.any():
        raise _damaged(
            path, f"{wrong.sum()} of {len(table)} row(s) lack a kind, name, repeat or fold number"
        )
    table = table.assign(**{name: values.astype(np.int64) for name, values in numbers.items()})
    doubled = int(table.duplicated([KIND, REPEAT, COMPOUND]).sum())
    if doubled:
        raise _damaged(path, f"{doubled} compound(s) are twice in a repeat")
    drawn = table[KIND].nunique() * table[REPEAT].nunique()
    if (table.groupby(COMPOUND).size() != drawn).any():
        raise _damaged(path, "some compounds are not in every repeat of every kind of folds")
    return table[columns]


def _damaged(path: Path, what: str) -> UserError:
    return UserError(what, where=str(path), remedy=REMEDY)


def folds_of_kind(table: pd.DataFrame, kind: SplitKind, where: str = "folds") -> pd.DataFrame:
    """Folds of one kind, without the column of the kind.

    Parameters
    ----------
    table
        As of :func:`read_folds`.
    kind
        What is kept on one side.
    where
        What asks for it, for the message.

    Raises
    ------
    UserError
        There are no such folds; says which there are.
    """
    own = table[table[KIND] == kind]
    if own.empty:
        raise UserError(
            f"the screen has no folds of kind {quoted(kind)}; it has: "
            f"{listed(list(table[KIND].unique()))}",
            where=where,
            remedy=f"Add {kind} to tasks.splits.others, and see what the stage splits says of it: "
            "a screen without SMILES, targets or plates of their own cannot have it.",
        )
    return own.drop(columns=KIND).reset_index(drop=True)


def folds_of_repeat(table: pd.DataFrame, repeat: int) -> pd.DataFrame:
    """Compound, group and fold of one draw of the folds."""
    return table.loc[table[REPEAT] == repeat, [COMPOUND, GROUP, FOLD]]


def hashed_order(names: Iterable[str], seed: Sequence[int]) -> list[str]:
    """Names in the order of a hash: a random order in which one more or less moves no other.

    Spellings of a name (case, white space, Unicode form) have one hash.

    Parameters
    ----------
    names
        What to rank.
    seed
        Numbers that draw the order.
    """
    stream = "/".join(map(str, seed))

    def place(name: str) -> tuple[bytes, str]:
        text = f"{stream}/{folded_name(name)}"
        return blake2b(text.encode(), digest_size=8).digest(), name

    return sorted(names, key=place)


def inner_holdouts(
    groups: np.ndarray, train: np.ndarray, inner: InnerSettings, seed: Sequence[int]
) -> list[np.ndarray]:
    """Random sub-samples of the training rows to hold out, whole groups at a time.

    Parameters
    ----------
    groups
        (rows,): group of every row, test rows included.
    train
        Row numbers of the training part.
    inner, seed
        Number of sub-samples and share of the groups in each; random seed.

    Returns
    -------
    list of numpy.ndarray
        Row numbers held out in each sub-sample; the rest of `train` is for fitting.
    """
    names = np.unique(groups[train])
    held = max(1, round(inner.share * len(names)))
    rng = np.random.default_rng(seed)
    return [
        train[np.isin(groups[train], rng.permutation(names)[:held])] for _ in range(inner.splits)
    ]
