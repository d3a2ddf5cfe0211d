"""Activity of treatments: do the replicate wells resemble each other more than the controls?

Mean average precision of a treatment's replicates against negative controls
(:mod:`phenoprot.wells.retrieval`), and its p under two nulls. ``docs/activity.md`` says which null
means what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.notices import warn
from phenoprot.core.random import stream
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    TREATMENT_KEY,
    WELL,
    WELL_KEY,
    feature_columns,
    treated_wells,
)
from phenoprot.screens.loader import Screen
from phenoprot.wells.names import (
    ACTIVE,
    FIRST_ACTIVE,
    MADE,
    MAP,
    P_RANKINGS,
    PERMUTED,
    REPLICATES,
    P,
    Q,
)
from phenoprot.wells.normalise import Method
from phenoprot.wells.position import without_position_effects
from phenoprot.wells.retrieval import (
    mean_average_precision,
    ranking_null,
    share_at_or_above,
    similarity_ranks,
    unit_vectors,
    well_sets,
)
from phenoprot.wells.settings import ActivitySettings
from phenoprot.wells.treatments import defined, well_profile

MIN_REPLICATES = 2
MIN_POSITIONS = 20
"""Positions of the controls below which positions are not permuted: no p could reach 0.05."""
POSITIONS, WELLS = "positions", "wells"


@dataclass(frozen=True)
class Activity:
    """What a screen's images say of its treatments.

    Parameters
    ----------
    treatments
        One row per treatment, sorted: compound, concentration, ``n_replicates``, ``map``, ``p``,
        ``p_rankings``, ``q`` and ``active`` (boolean, missing where there is no test).
    compounds
        One row per compound, sorted: ``active`` and ``first_active_concentration``, see
        :func:`active_compounds`.
    controls
        Negative controls as if they were treatments, see :func:`control_activity`.
    """

    treatments: pd.DataFrame
    compounds: pd.DataFrame
    controls: pd.DataFrame


def activity_of(
    screen: Screen,
    method: str,
    how: Method,
    extracted: Mapping[str, pd.DataFrame],
    settings: ActivitySettings,
) -> Activity:
    """Activity of a screen's treatments by one feature method.

    Parameters
    ----------
    screen
        The screen.
    method
        Feature table with values of wells, of the screen or extracted from its images.
    how
        Per-plate normalisation of a table that is not normalised yet.
    extracted
        Well tables computed from the screen's images, by method.
    settings
        Position correction, permutations and rate.

    Raises
    ------
    UserError
        There is no such table, or it is not one of wells measured in images; no feature is known
        for all wells; a plate with replicates has no negative control.
    """
    if method in MADE:
        raise UserError(
            f"{quoted(method)} is no image feature: treatments would be active by their layout",
            where="params.yaml, activity.features",
            remedy="Name a feature table, or make one the first of the screen's first row.",
        )
    wells = screen.wells()
    profile = defined(well_profile(screen, method, how, extracted, wells))
    if not feature_columns(profile):
        raise UserError(
            f"{quoted(method)} has no feature that every well with features has",
            where="activity",
            remedy="Fill missing values, or name another table in activity.features.",
        )
    if settings.position_correction == "controls":
        profile, _ = without_position_effects(profile, wells)
    return screen_activity(profile, wells, settings)


def screen_activity(
    profile: pd.DataFrame, wells: pd.DataFrame, settings: ActivitySettings
) -> Activity:
    """Activity of every treatment of a screen.

    Parameters
    ----------
    profile
        Normalised features, one row per well, without missing values.
    wells
        Plate layout.
    settings
        Numbers of permutations, seed and the false discovery rate.

    Raises
    ------
    UserError
        A plate with replicates has no negative control in the profile.
    """
    treated = treated_wells(wells)[[*WELL_KEY, *TREATMENT_KEY]].merge(profile, on=WELL_KEY)
    is_control = wells[CONTROL] == NEGATIVE_CONTROL
    controls = wells.loc[is_control, WELL_KEY].merge(profile, on=WELL_KEY)
    tested = treatment_activity(treated, controls, settings)
    lonely = int((tested[REPLICATES] < MIN_REPLICATES).sum())
    if lonely:
        warn(
            f"{lonely} of {len(tested)} treatments have one replicate well with features, and "
            "hence no activity",
            "activity",
        )
    tested[Q] = benjamini_hochberg(tested[P].to_numpy())
    called = (tested[Q] <= settings.false_discovery_rate).astype("boolean")
    tested[ACTIVE] = called.mask(tested[Q].isna())
    return Activity(tested, active_compounds(tested), control_activity(controls, treated, settings))


def treatment_activity(
    treated: pd.DataFrame, controls: pd.DataFrame, settings: ActivitySettings
) -> pd.DataFrame:
    """Mean average precision and p of every treatment.

    Parameters
    ----------
    treated
        Plate, well, compound, concentration and features, one row per treated well.
    controls
        Plate, well and features of the negative controls.
    settings
        As for :func:`screen_activity`.

    Returns
    -------
    pandas.DataFrame
        Compound, concentration, ``n_replicates``, ``map``, ``p``, ``p_rankings``, sorted; NaN for a
        treatment with one well.

    Raises
    ------
    UserError
        A plate with replicates has no negative control.
    """
    treated = treated.sort_values([*TREATMENT_KEY, *WELL_KEY], ignore_index=True)
    controls = controls.sort_values(WELL_KEY, ignore_index=True)
    features = feature_columns(controls)
    replicates = unit_vectors(treated[features].to_numpy())
    negatives = unit_vectors(controls[features].to_numpy())
    of_control = controls[WELL_KEY]
    designs: dict[tuple[tuple[str, ...], bool], _Design] = {}
    keys, found = [], []
    for key, rows in treated.groupby(TREATMENT_KEY, sort=True, observed=True).indices.items():
        keys.append(key)
        if len(rows) < MIN_REPLICATES:
            found.append((len(rows), np.nan, np.nan, np.nan, ""))
            continue
        places = treated.loc[rows, WELL_KEY]
        here = of_control[PLATE].isin(places[PLATE]).to_numpy()
        layout = _layout(places)
        if layout not in designs:
            designs[layout] = _Design(places, of_control[here], settings)
        found.append((len(rows), *designs[layout].test(replicates[rows], negatives[here])))
    return _table(keys, found)


def _table(keys: list[tuple[str, float]], found: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    scores = pd.DataFrame(found, columns=[REPLICATES, MAP, P, P_RANKINGS, PERMUTED])
    table = pd.concat([pd.DataFrame(keys, columns=TREATMENT_KEY), scores], axis=1)
    numbers = dict.fromkeys([CONCENTRATION, MAP, P, P_RANKINGS], float)
    return table.astype({COMPOUND: str, REPLICATES: int, **numbers, PERMUTED: str})


def _layout(places: pd.DataFrame) -> tuple[tuple[str, ...], bool]:
    """Plate of each replicate, and whether the same positions are taken on several plates."""
    plates = tuple(places[PLATE])
    taken = places.groupby(PLATE, observed=True)[WELL].agg(frozenset)
    return plates, len(taken) > 1 and len(set(taken)) == 1


class _Design:
    """What treatments whose replicates lie on the same plates share.

    Parameters
    ----------
    places
        Plate and well of each replicate, sorted.
    controls
        Plate and well of each negative control of these plates, sorted.
    settings
        Number of permutations, and their seed.
    """

    def __init__(
        self, places: pd.DataFrame, controls: pd.DataFrame, settings: ActivitySettings
    ) -> None:
        plates, at_positions = _layout(places)
        bare = sorted(set(plates) - set(controls[PLATE]))
        if bare:
            raise UserError(
                f"{len(bare)} plate(s) without a negative-control well: {listed(bare)}",
                where="activity",
                remedy="Mark the control wells 'negcon' in Metadata_Control, or leave the plate "
                "out.",
            )
        pool = pd.concat([controls, places], ignore_index=True)
        # One column per plate, one line per position: the wells that lie at it on every plate.
        grid = pool.assign(at=pool.index).pivot(index=WELL, columns=PLATE, values="at").dropna()
        grid = grid.to_numpy(dtype=np.int64)
        own = len(places) // grid.shape[1]
        if at_positions and len(grid) - own >= MIN_POSITIONS:
            self.permuted, strata = POSITIONS, [(grid, own)]
        else:
            names, counts = np.unique(plates, return_counts=True)
            members = [np.flatnonzero(pool[PLATE] == name)[:, None] for name in names]
            self.permuted, strata = WELLS, list(zip(members, counts.tolist(), strict=True))
        rng = stream(settings.seed, "activity", self.permuted, *plates)
        self.sets, self.every_set = well_sets(strata, settings.permutations, rng)
        self.null, self.every_ranking = ranking_null(
            len(plates) - 1, len(pool) - 1, settings.permutations, rng
        )

    def test(self, replicates: np.ndarray, controls: np.ndarray) -> tuple[float, float, float, str]:
        """Mean average precision, p over sets of wells, p over random rankings, what is permuted.

        Parameters
        ----------
        replicates, controls
            Unit vectors, (wells, features), in the order of the places.
        """
        pool = np.concatenate([controls, replicates])
        ranks = similarity_ranks(pool @ pool.T)
        own = np.arange(len(controls), len(pool))
        score = float(mean_average_precision(ranks, own[None])[0])
        drawn = mean_average_precision(ranks, self.sets)
        return (
            score,
            share_at_or_above(drawn, score, self.every_set),
            share_at_or_above(self.null, score, self.every_ranking),
            self.permuted,
        )


def control_activity(
    controls: pd.DataFrame, treated: pd.DataFrame, settings: ActivitySettings
) -> pd.DataFrame:
    """Negative controls as if they were treatments: how often does the test call what is nothing?

    A stand-in has one control of each plate of a treatment, the k-th in the order of their names:
    where controls lie at the same positions of all plates, so do those of a stand-in, as the
    replicates of a treatment often do. It is tested against all other controls of these plates.

    Returns
    -------
    pandas.DataFrame
        Compound (``stand-in 1``, ...), ``Metadata_Concentration`` 0, ``n_replicates``, ``map``,
        ``p`` and ``p_rankings``; no row if treatments lie on one plate only.
    """
    controls = controls.sort_values(WELL_KEY, ignore_index=True)
    by_treatment = treated.groupby(TREATMENT_KEY, observed=True)[PLATE].agg(frozenset)
    groups = {each for each in by_treatment if len(each) >= MIN_REPLICATES}
    # A treatment that lost a well lies on some of the plates of another: no group of its own.
    whole = sorted(sorted(each) for each in groups if not any(each < other for other in groups))
    keys, found = [], []
    for plates in whole:
        here = controls[controls[PLATE].isin(plates)]
        vectors = unit_vectors(here[feature_columns(here)].to_numpy())
        place = here.groupby(PLATE, observed=True).cumcount().to_numpy()
        designs: dict[bool, _Design] = {}
        for k in range(int(here[PLATE].value_counts().min())):
            own = place == k
            _, at_position = _layout(here.loc[own, WELL_KEY])
            if at_position not in designs:
                designs[at_position] = _Design(
                    here.loc[own, WELL_KEY], here.loc[~own, WELL_KEY], settings
                )
            keys.append((f"stand-in {k + 1} on {plates[0]}", 0.0))
            scores = designs[at_position].test(vectors[own], vectors[~own])
            found.append((len(plates), *scores))
    return _table(keys, found)


def active_compounds(treatments: pd.DataFrame) -> pd.DataFrame:
    """Compounds that are active at any concentration, and the lowest of these.

    Returns
    -------
    pandas.DataFrame
        Compound, ``active`` (missing if no concentration was tested) and
        ``first_active_concentration`` (NaN if none is active), sorted by compound.
    """
    grouped = treatments.groupby(COMPOUND, sort=True, observed=True)
    tested = grouped[Q].count() > 0
    lowest = treatments[CONCENTRATION].where(treatments[ACTIVE].fillna(False).astype(bool))
    first = lowest.groupby(treatments[COMPOUND], observed=True).min()
    active = first.notna().astype("boolean").mask(~tested)
    return pd.DataFrame({ACTIVE: active, FIRST_ACTIVE: first}).reset_index()
