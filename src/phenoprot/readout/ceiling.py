"""The ceiling: what a repeat of the assay would score against its own labels.

No feature of an image can be expected to tell more of a label than a second run of the assay that
made the label. The replicates of a single-dose screen are cut into two parts in every way. The
labels come from one part by the rule of the screen, the effects of the other part are the score.

Both are then brought to the full number of replicates. With reliability r of one replicate, the
mean of m has R(m) = m r / (1 + (m - 1) r) (Spearman 1910, Brown 1910), and an AUC is the distance
d' = sqrt(2) z(AUC) between two normal classes, z the normal quantile (Green and Swets 1966). Noise
of the score divides d' by the square root of its reliability, so a score of n replicates in place
of m has

    AUC(n) = Phi( z(AUC(m)) sqrt(R(n) / R(m)) ).

Labels of a part are not corrected: fewer replicates call fewer and larger effects, which
raises the AUC about as much as the label's greater noise lowers it. Against simulated second runs
of the assay the ceiling is right within 0.03, where the uncorrected one is up to 0.09 too low
(docs/decisions.md; tests/labels has a small version).
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.readout.settings import SingleDoseSettings
from phenoprot.readout.single_dose import (
    DOWN,
    NOT,
    UP,
    classify_effects,
    compare_treatments,
)
from phenoprot.screens.contract import (
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    TREATMENT_KEY,
    WELL,
    WELL_KEY,
    feature_columns,
)

CEILING_COLUMNS: Final = [PROTEIN, "Kind", "Ceiling", "N", "Reliability"]
"""``Kind``: ``up`` and ``down``: AUC; ``level``: R2. ``N``: positives of a split on average, or
treatments. ``Reliability``: of the mean of all replicates."""
LEVEL = "level"
KINDS: Final = (UP, DOWN)
"""Directions of a label that have an AUC."""
MAX_SPLITS = 40
_REPLICATE = "replicate"


def single_dose_ceiling(
    readout: pd.DataFrame, wells: pd.DataFrame, rule: SingleDoseSettings
) -> pd.DataFrame:
    """Ceiling of every protein and kind; see the module's text.

    Replicates of a treatment are numbered by plate, or by well if they lie on one plate. As many
    take part as most treatments have.

    Parameters
    ----------
    readout
        Wells x proteins, from :func:`phenoprot.readout.single_dose.standardised`.
    wells
        Plate layout.
    rule
        Thresholds of the rule.

    Returns
    -------
    pandas.DataFrame
        `CEILING_COLUMNS`. A protein has no row of ``up`` (``down``) if no split calls one; the
        table is empty if most treatments have one replicate.
    """
    proteins = feature_columns(readout)
    numbered = number_replicates(readout, wells)
    n = int(numbered.groupby(TREATMENT_KEY)[_REPLICATE].nunique().mode().max())
    if n < 2:
        return pd.DataFrame(columns=CEILING_COLUMNS)
    numbered = numbered[numbered[_REPLICATE] < n]
    single = replicate_reliability(numbered.merge(readout, on=WELL_KEY), proteins)
    whole = spearman_brown(single, n)
    parts = [_half_scores(readout, wells, numbered, split, rule) for split in splits(n)]
    tables = [
        at_full_size(pd.concat(part[kind] for part in parts), single, n, kind) for kind in KINDS
    ]
    treatments = numbered.merge(readout, on=WELL_KEY).groupby(TREATMENT_KEY)[proteins].count()
    return level_rows(tables, whole, treatments.gt(0).sum())


def level_rows(tables: list[pd.DataFrame], whole: pd.Series, treatments: pd.Series) -> pd.DataFrame:
    """Add the rows of ``level`` and the reliability to those of the directions.

    Parameters
    ----------
    tables
        From :func:`at_full_size`.
    whole
        Reliability of the mean of all replicates, by protein: the ceiling of R2.
    treatments
        With a value, by protein.
    """
    level = pd.DataFrame({"Ceiling": whole, "N": treatments.astype(float)})
    level = level.rename_axis(PROTEIN).reset_index().assign(Kind=LEVEL)
    table = pd.concat([*(part for part in tables if len(part)), level], ignore_index=True)
    table = table.dropna(subset=["Ceiling"])
    table["Reliability"] = table[PROTEIN].map(whole)
    return table.sort_values([PROTEIN, "Kind"], ignore_index=True)[CEILING_COLUMNS]


def number_replicates(readout: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Treated wells of a readout and the number of their replicate, from 0."""
    there = readout[WELL_KEY].merge(wells[[*WELL_KEY, *TREATMENT_KEY, CONTROL]], on=WELL_KEY)
    treated = there[(there[CONTROL] != NEGATIVE_CONTROL) & there[CONCENTRATION].gt(0)]
    grouped = treated.groupby(TREATMENT_KEY)
    spread = grouped[PLATE].transform("nunique").gt(1)
    ranks = grouped[[PLATE, WELL]].rank(method="dense")
    number = ranks[PLATE].where(spread, ranks[WELL]).astype(int) - 1
    return treated[[*WELL_KEY, *TREATMENT_KEY]].assign(**{_REPLICATE: number})


def splits(n: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pairs of replicates that score and replicates that label: halves, both ways."""
    half = n // 2
    scoring = [part for size in {half, n - half} for part in combinations(range(n), size)]
    every = -(-len(scoring) // MAX_SPLITS)
    return [(s, tuple(i for i in range(n) if i not in s)) for s in scoring[::every]]


def replicate_reliability(values: pd.DataFrame, proteins: list[str]) -> pd.Series:
    """Reliability of one replicate: mean correlation of two over the treatments, at least 0."""
    wide = values.pivot_table(index=TREATMENT_KEY, columns=_REPLICATE, values=proteins)
    numbers = sorted(values[_REPLICATE].unique())
    by_number = {i: wide.xs(i, axis=1, level=_REPLICATE).reindex(columns=proteins) for i in numbers}
    pairs = [by_number[i].corrwith(by_number[j]) for i, j in combinations(numbers, 2)]
    return pd.concat(pairs, axis=1).mean(axis=1).clip(0, 1)


def spearman_brown(single: pd.Series, n: float) -> pd.Series:
    """Reliability of the mean of `n` replicates (Spearman 1910, Brown 1910)."""
    return n * single / (1 + (n - 1) * single)


def at_size(auc: pd.Series, pairs: pd.Series, single: pd.Series, m: int, n: int) -> pd.Series:
    """AUC of a score of `n` replicates, from that of `m`; see the module's text.

    Parameters
    ----------
    auc
        Of `m` replicates.
    pairs
        Pairs of a positive and a negative that it was taken over: it is kept half a pair away from
        0 and 1, where the normal quantile is infinite.
    single
        Reliability of one replicate.
    """
    gain = np.sqrt(n * (1 + (m - 1) * single) / (m * (1 + (n - 1) * single)))
    inside = auc.clip(0.5 / pairs, 1 - 0.5 / pairs)
    return pd.Series(stats.norm.cdf(stats.norm.ppf(inside) * gain), auc.index)


def _half_scores(
    readout: pd.DataFrame,
    wells: pd.DataFrame,
    numbered: pd.DataFrame,
    split: tuple[tuple[int, ...], tuple[int, ...]],
    rule: SingleDoseSettings,
) -> dict[str, pd.DataFrame]:
    """AUC, positives, negatives and replicates of the score, by direction and protein."""
    proteins = feature_columns(readout)
    (scored, score), (labelled, label) = (
        compare_treatments(*_part(readout, wells, numbered, part)) for part in split
    )
    q = benjamini_hochberg(label.p)
    states = pd.DataFrame(
        classify_effects(label.effect, label.p, q, rule),
        index=pd.MultiIndex.from_frame(labelled),
        columns=proteins,
    )
    effects = pd.DataFrame(score.effect, index=pd.MultiIndex.from_frame(scored), columns=proteins)
    return {kind: auc_of_states(effects, states, kind).assign(m=len(split[0])) for kind in KINDS}


def auc_of_states(effects: pd.DataFrame, states: pd.DataFrame, kind: str) -> pd.DataFrame:
    """AUC of effects for the labels of a direction against ``not``.

    Parameters
    ----------
    effects, states
        Effects and labels, treatments x proteins; those of the labels are taken.
    kind
        ``up`` or ``down``: a high or a low effect speaks for it.

    Returns
    -------
    pandas.DataFrame
        ``auc``, ``positives`` and ``pairs`` of a positive and a negative, by protein.
    """
    scores = effects.reindex(index=states.index, columns=states.columns)
    sign = 1.0 if kind == UP else -1.0
    rows = [
        _auc(sign * scores[name].to_numpy(dtype=np.float64), states[name].to_numpy(), kind)
        for name in states
    ]
    return pd.DataFrame(rows, index=states.columns, columns=["auc", "positives", "pairs"])


def _part(
    readout: pd.DataFrame, wells: pd.DataFrame, numbered: pd.DataFrame, part: tuple[int, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readout and layout of some replicates, with the controls of their plates."""
    chosen = numbered.loc[numbered[_REPLICATE].isin(part), WELL_KEY]
    controls = wells.loc[
        (wells[CONTROL] == NEGATIVE_CONTROL) & wells[PLATE].isin(chosen[PLATE]), WELL_KEY
    ]
    return readout.merge(pd.concat([chosen, controls]), on=WELL_KEY), wells


def _auc(scores: np.ndarray, states: np.ndarray, kind: str) -> tuple[float, int, int]:
    """AUC of a score, its positives, and its pairs of a positive and a negative."""
    there = ~np.isnan(scores)
    positive, negative = scores[there & (states == kind)], scores[there & (states == NOT)]
    pairs = len(positive) * len(negative)
    if not pairs:
        return np.nan, 0, 0
    ranks = stats.rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return (ranks.sum() - len(positive) * (len(positive) + 1) / 2) / pairs, len(positive), pairs


def at_full_size(parts: pd.DataFrame, single: pd.Series, n: int, kind: str) -> pd.DataFrame:
    """Mean over the splits, weighted by positives, at the full number of replicates.

    Parameters
    ----------
    parts
        Results of :func:`auc_of_states` for every split, with ``m``, the replicates of the score.
    single
        Reliability of one replicate of the score, by protein.
    n
        Number of all replicates.
    kind
        ``up`` or ``down``.
    """
    n_splits = len(parts) / max(parts.index.nunique(), 1)
    rows = []
    for m, part in parts[parts["pairs"] > 0].groupby("m"):
        grouped = part.assign(weighted=part["auc"] * part["positives"]).groupby(level=0).sum()
        auc = grouped["weighted"] / grouped["positives"]
        full = at_size(auc, grouped["pairs"], single.reindex(auc.index), int(m), n)
        rows.append(pd.DataFrame({"auc": full, "positives": grouped["positives"]}))
    if not rows:
        return pd.DataFrame(columns=[PROTEIN, "Kind", "Ceiling", "N"])
    whole = pd.concat(rows)
    whole["auc"] *= whole["positives"]
    total = whole.groupby(level=0).sum()
    return pd.DataFrame(
        {
            PROTEIN: total.index,
            "Kind": kind,
            "Ceiling": (total["auc"] / total["positives"]).to_numpy(),
            "N": (total["positives"] / n_splits).to_numpy(),
        }
    )
