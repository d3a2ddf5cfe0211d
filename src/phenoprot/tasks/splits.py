"""Make the outer folds: grouped so that no compound stands on two sides, and stable.

A group's place in the folds follows from a hash of its name, so a compound that comes or goes
moves hardly any other: two screens of the same compounds have the same folds, and those of mostly
the same compounds mostly the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.screens.contract import COMPOUND, CONTROL, INCHIKEY, PLATE, TARGET, treated_wells
from phenoprot.screens.structures import compound_smiles, scaffold
from phenoprot.screens.tables import folded_name
from phenoprot.tasks.columns import FOLD, GROUP, KIND, REPEAT
from phenoprot.tasks.fit_settings import SplitKind, SplitSettings
from phenoprot.tasks.folds import folds_of_kind, hashed_order

_KIND, _LIKE = "tasks.splits.kind", "folds_like"
Ints = npt.NDArray[np.int64]
Node = tuple[int, str]
"""A group of compounds or what ties groups together, and which of the two."""


def draw_folds(
    wells: pd.DataFrame,
    targets: pd.DataFrame | None,
    settings: SplitSettings,
    like: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[SplitKind, str]]:
    """Folds of every kind that is asked for.

    Parameters
    ----------
    wells, targets
        As of :func:`split_groups`.
    settings
        Kinds, numbers of folds and repeats, and the seed.
    like
        All folds of another screen, as of :func:`phenoprot.tasks.folds.read_folds`: each kind is
        taken from there, see :func:`folds_like`. None: from nowhere.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Kind`` and the columns of :func:`make_folds`; that of the tables first.
    dict
        Kinds of ``tasks.splits.others`` that the screen cannot have, and why.

    Raises
    ------
    UserError
        The screen cannot have the folds of the tables.
    """
    tables, left_out = [], {}
    for kind in settings.kinds:
        try:
            groups = split_groups(wells, targets, kind)
            if like is None:
                folds = make_folds(groups, settings)
            else:
                folds = folds_like(groups, folds_of_kind(like, kind, _LIKE), settings)
        except UserError as error:
            if kind == settings.kind:
                raise
            left_out[kind] = error.what
            continue
        folds.insert(0, KIND, kind)
        tables.append(folds)
    return pd.concat(tables, ignore_index=True), left_out


def split_groups(
    wells: pd.DataFrame, targets: pd.DataFrame | None, kind: SplitKind
) -> pd.DataFrame:
    """Compounds that must stay together, by the kind of split.

    ``compound``
        `compound_groups`.
    ``scaffold``
        Those with one Bemis-Murcko scaffold. A compound without a ring, or without a SMILES that
        can be read, has no scaffold and is tied to nothing.
    ``target``
        Those that share an annotated target, directly or through others: connected components.
    ``plate``
        Those that share a plate, directly or through others. Positive controls, which stand on
        many plates, tie nothing.
    ``random``
        Nothing: each compound is a group of its own, whatever its structure. Stereoisomers and
        spellings of one name may be torn apart.

    Groups of ``scaffold``, ``target`` and ``plate`` are never finer than those of ``compound``.

    Parameters
    ----------
    wells
        Plate layout.
    targets
        Annotated targets, ``Metadata_Compound`` and ``Metadata_Target``; None if the screen has
        none.
    kind
        What is kept on one side.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Group``; one row per compound, sorted.

    Raises
    ------
    UserError
        No SMILES, no targets, or plates that tie all compounds together.
    """
    groups = compound_groups(wells)
    match kind:
        case "compound":
            return groups
        case "random":
            return groups.assign(**{GROUP: groups[COMPOUND]})
        case "scaffold":
            smiles = compound_smiles(wells, _KIND)
            return _tied(groups, smiles.map(scaffold), named_by_ties=True)
        case "target":
            return _tied(groups, _target_ties(targets, groups))
        case "plate":
            return _by_plate(wells, groups)
        case _:
            assert_never(kind)


def compound_groups(wells: pd.DataFrame) -> pd.DataFrame:
    """Compounds that must stay together: one row per compound with its group.

    Compounds with one connectivity (first block of the InChIKey: salts, stereoisomers and isotopes
    of one skeleton) are one group; without an InChIKey a compound is its own group. Spellings of
    one name (case, white space, Unicode form) are one compound, whatever validation says of them.
    """
    compounds = treated_wells(wells).drop_duplicates(COMPOUND)
    compounds = compounds.sort_values(COMPOUND, ignore_index=True)
    group = compounds[COMPOUND]
    if INCHIKEY in compounds:
        block = compounds[INCHIKEY].fillna("").str.split("-").str[0]
        group = block.where(block != "", compounds[COMPOUND])
    groups = pd.DataFrame({COMPOUND: compounds[COMPOUND], GROUP: group})
    spellings = groups[COMPOUND].map(folded_name).set_axis(groups[COMPOUND])
    return _tied(groups, spellings)


def make_folds(groups: pd.DataFrame, settings: SplitSettings) -> pd.DataFrame:
    """Assign every compound to an outer fold, in every repeat.

    In each repeat the groups are ranked by a hash of seed, repeat and name, and the ranking is cut
    into folds of equal numbers of compounds. A group goes where its middle lies. Groups too large
    for that get folds of their own, the last ones. No fold is empty, and the size of each other
    fold differs from their mean by at most their largest group. One compound more or less moves at
    most one group across each border between two folds, unless it makes a group too large.

    Parameters
    ----------
    groups
        ``Metadata_Compound``, ``Metadata_Group``; in any order.
    settings
        Numbers of folds and repeats, and the seed.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Repeat``, ``Metadata_Compound``, ``Metadata_Group``, ``Fold`` (both from 0),
        sorted by repeat and compound.

    Raises
    ------
    UserError
        Fewer groups than folds.
    """
    size = groups.groupby(GROUP).size()
    _require_enough(len(size), settings)
    alone = _too_large(size, settings.folds)
    own = range(settings.folds - len(alone), settings.folds)
    draws = []
    for repeat in range(settings.repeats):
        ranked = _ranked(size, settings.seed, repeat)
        large = [group for group in ranked.index if group in alone]
        rest = ranked.drop(large)
        cut = _filled(rest.to_numpy(), np.zeros(settings.folds - len(large), dtype=np.int64))
        draws.append(dict(zip([*rest.index, *large], [*cut.tolist(), *own], strict=True)))
    return _table(groups, draws)


def folds_like(groups: pd.DataFrame, other: pd.DataFrame, settings: SplitSettings) -> pd.DataFrame:
    """Folds of another screen, for the groups that both have; the others fill up the folds.

    Groups are the same if they have one name (InChIKey block, or compound). Those that the other
    screen lacks are ranked as in `make_folds` and cut along the ranking, so that each fold gets
    what it lacks of an equal share.

    Parameters
    ----------
    groups
        ``Metadata_Compound``, ``Metadata_Group`` of this screen.
    other
        Folds of the other screen, as of `make_folds`, at least as many repeats.
    settings
        Numbers of folds and repeats, and the seed.

    Returns
    -------
    pandas.DataFrame
        As of `make_folds`.

    Raises
    ------
    UserError
        The other screen has another number of folds, fewer repeats, or no group in common; a fold
        stays empty.
    """
    size = groups.groupby(GROUP).size()
    _require_enough(len(size), settings)
    _require_same_draws(other, settings)
    named = pd.Series([folded_name(name) for name in size.index], index=size.index)
    draws = []
    for repeat in range(settings.repeats):
        theirs = other[other[REPEAT] == repeat].drop_duplicates(GROUP)
        known = dict(zip(theirs[GROUP].map(folded_name), theirs[FOLD].astype(int), strict=True))
        taken = named.map(known).dropna().astype(int)
        if taken.empty:
            raise UserError(
                f"none of the {len(size)} group(s) of compounds is in the other screen",
                where=_LIKE,
                remedy="Give both screens the same kind of split, or leave the key out.",
            )
        filled = np.bincount(taken, weights=size[taken.index], minlength=settings.folds)
        rest = _ranked(size.drop(taken.index), settings.seed, repeat)
        cut = _filled(rest.to_numpy(), filled.astype(np.int64))
        fold_of = taken.to_dict() | dict(zip(rest.index, cut.tolist(), strict=True))
        empty = sorted(set(range(settings.folds)) - set(fold_of.values()))
        if empty:
            raise UserError(
                f"fold(s) {listed(empty)} of repeat {repeat} hold no compound of this screen",
                where=_LIKE,
                remedy="The screens have too few compounds in common: leave the key out.",
            )
        draws.append(fold_of)
    return _table(groups, draws)


def _target_ties(targets: pd.DataFrame | None, groups: pd.DataFrame) -> pd.Series:
    """Targets, by compound; several rows for one with several."""
    known = None if targets is None else targets[targets[COMPOUND].isin(groups[COMPOUND])]
    if known is None or known.empty:
        what = "no table of targets" if known is None else "no target for any of its compounds"
        raise UserError(
            f"the screen has {what}",
            where=_KIND,
            remedy="Name the annotated targets in screen.yaml, or choose another kind.",
        )
    return known[TARGET].set_axis(known[COMPOUND])


def _by_plate(wells: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    if PLATE not in wells:
        raise UserError(
            "the screen has no plates", where=_KIND, remedy="Choose another kind of folds."
        )
    plain = wells[(wells[CONTROL] == "") & wells[COMPOUND].isin(groups[COMPOUND])]
    tied = _tied(groups, plain[PLATE].set_axis(plain[COMPOUND]))
    if tied[tied[COMPOUND].isin(plain[COMPOUND])][GROUP].nunique() < 2:
        raise UserError(
            f"the {wells[PLATE].nunique()} plates share compounds, directly or through others, so "
            "that all compounds would be in one fold",
            where=_KIND,
            remedy="This screen cannot be split by plate: choose another kind.",
        )
    return tied


def _tied(groups: pd.DataFrame, ties: pd.Series, *, named_by_ties: bool = False) -> pd.DataFrame:
    """Groups, with those joined that share a tie, directly or through others.

    Parameters
    ----------
    groups
        ``Metadata_Compound``, ``Metadata_Group``.
    ties
        What ties compounds together, by compound; empty text ties nothing.
    named_by_ties
        A joined group has the name of its first tie, otherwise that of its first group.
    """
    is_tie, is_group = (0, 1) if named_by_ties else (1, 0)
    group_of = dict(zip(groups[COMPOUND], groups[GROUP], strict=True))
    leaders = _leaders(
        ((is_group, group_of[compound]), (is_tie, tie))
        for compound, tie in ties[ties != ""].items()
        if compound in group_of
    )
    names = [leaders.get((is_group, group), (is_group, group))[1] for group in groups[GROUP]]
    return groups.assign(**{GROUP: names})


def _leaders(links: Iterable[tuple[Node, Node]]) -> dict[Node, Node]:
    """The least node of each node's connected component."""
    nearer: dict[Node, Node] = {}

    def leader(node: Node) -> Node:
        nearer.setdefault(node, node)
        while nearer[node] != node:
            nearer[node] = nearer[nearer[node]]
            node = nearer[node]
        return node

    for one, other in links:
        first, second = sorted((leader(one), leader(other)))
        nearer[second] = first
    return {node: leader(node) for node in list(nearer)}


def _too_large(size: pd.Series, folds: int) -> set[str]:
    """Groups with more compounds than an equal share of what is left, largest first."""
    falling = size.sort_values(ascending=False)
    total = int(size.sum())
    large: set[str] = set()
    for group, n in falling.items():
        if n * (folds - len(large)) <= total:
            break
        large.add(str(group))
        total -= n
    return large


def _ranked(size: pd.Series, seed: int, repeat: int) -> pd.Series:
    """Sizes of the groups, in the order of a hash of their names, so that two screens agree."""
    return size.reindex(hashed_order(size.index, (seed, repeat)))


def _filled(sizes: Ints, taken: Ints) -> Ints:
    """Cut a ranking of groups into folds that already hold some compounds.

    The folds' room is what each lacks of the level at which all compounds just fill them, lowest
    folds first. In whole numbers, so that a border is the same on every machine.

    Parameters
    ----------
    sizes
        Compounds of each group, in the order of the ranking.
    taken
        (folds,): compounds that each fold has already.

    Returns
    -------
    numpy.ndarray
        Fold of each group.
    """
    total = int(sizes.sum())
    low = np.sort(taken)
    # The level stands above the n lowest folds if what they lack of the next one's can be filled.
    below = np.arange(1, len(low) + 1) * low - np.cumsum(low) < max(total, 1)
    n = int(below.sum())
    level = total + int(low[:n].sum())  # n times the level, as all that follows
    edges = np.cumsum(np.maximum(level - n * taken, 0))
    middles = 2 * np.cumsum(sizes) - sizes
    return np.searchsorted(2 * edges, n * middles, side="right").astype(np.int64)


def _table(groups: pd.DataFrame, draws: list[dict[str, int]]) -> pd.DataFrame:
    ordered = groups[[COMPOUND, GROUP]].sort_values(COMPOUND, ignore_index=True)
    tables = []
    for repeat, fold_of in enumerate(draws):
        table = ordered.assign(**{FOLD: ordered[GROUP].map(fold_of).astype(np.int64)})
        table.insert(0, REPEAT, repeat)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _require_enough(n_groups: int, settings: SplitSettings) -> None:
    if n_groups < settings.folds:
        raise UserError(
            f"{n_groups} group(s) of compounds cannot fill {settings.folds} folds",
            where="tasks.splits.folds",
            remedy="Lower the number of folds, add compounds, or choose another kind of split.",
        )


def _require_same_draws(other: pd.DataFrame, settings: SplitSettings) -> None:
    folds, repeats = int(other[FOLD].max()) + 1, int(other[REPEAT].max()) + 1
    if folds != settings.folds or repeats < settings.repeats:
        raise UserError(
            f"the other screen has {folds} folds in {repeats} repeat(s), this one "
            f"{settings.folds} in {settings.repeats}",
            where=_LIKE,
            remedy="Draw the other screen's folds with the same parameters.",
        )
