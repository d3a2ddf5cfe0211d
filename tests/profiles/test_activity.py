"""Activity of treatments: hand-worked numbers, scikit-learn, and simulations with known truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.metrics import average_precision_score

from phenoprot.core.errors import UserError
from phenoprot.wells.activity import active_compounds, screen_activity
from phenoprot.wells.retrieval import (
    mean_average_precision,
    ranking_null,
    similarity_ranks,
    unit_vectors,
    well_sets,
)
from phenoprot.wells.settings import ActivitySettings

SETTINGS = ActivitySettings(permutations=2000)
WELL_NAMES = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]


def made_screen(
    rng: np.random.Generator,
    plates: int,
    controls: int,
    shifts: list[float],
    *,
    shared: bool,
    position_sd: float = 0.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A screen of treatments that move along a direction of their own, and its layout."""
    n, features = controls + len(shifts), 12
    compounds = ["DMSO"] * controls + [f"c{i:03d}" for i in range(len(shifts))]
    directions = rng.normal(size=(n, features)) * np.array([0.0] * controls + shifts)[:, None]
    places = rng.permutation(WELL_NAMES)[:n]
    at = pd.DataFrame(position_sd * rng.normal(size=(384, features)), index=WELL_NAMES)
    tables = []
    for plate in range(plates):
        taken = places if shared else rng.permutation(WELL_NAMES)[:n]
        values = rng.normal(size=(n, features)) + directions + at.loc[taken].to_numpy()
        keys = pd.DataFrame({
            "Metadata_Plate": f"P{plate}", "Metadata_Well": taken, "Metadata_Compound": compounds,
            "Metadata_Concentration": [0.0] * controls + [1.0] * len(shifts),
            "Metadata_Control": ["negcon"] * controls + [""] * len(shifts),
        })  # fmt: skip
        tables.append(pd.concat([keys, pd.DataFrame(values).add_prefix("f")], axis=1))
    table = pd.concat(tables, ignore_index=True)
    layout = [name for name in table if name.startswith("Metadata_")]
    return table.drop(columns=layout[2:]), table[layout]


def test_average_precision_by_hand() -> None:
    # Query 0: wells in the order 3, 1, 4, 2: its positives 1 and 2 have the ranks 2 and 4.
    # Query 1: 0, 2, 3, 4. Query 2: 3, 4, 0, 1.
    ranks = np.zeros((5, 5), dtype=int)
    ranks[0, [3, 1, 4, 2]] = ranks[1, [0, 2, 3, 4]] = ranks[2, [3, 4, 0, 1]] = [1, 2, 3, 4]
    expected = ((1 / 2 + 2 / 4) / 2 + 1 + (1 / 3 + 2 / 4) / 2) / 3
    np.testing.assert_allclose(mean_average_precision(ranks, np.array([[0, 1, 2]])), expected)


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_average_precision_is_scikit_learn_s_ties_included(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    draw = rng.normal(size=(14, 14))
    similarity = (draw + draw.T).round(decimals)
    sets = np.array(list(combinations(range(14), 4)))[::37]
    found = mean_average_precision(similarity_ranks(similarity), sets)
    for wells, value in zip(sets, found, strict=True):
        each = []
        for query in wells:
            others = np.delete(np.arange(14), query)
            each.append(average_precision_score(np.isin(others, wells), similarity[query, others]))
        assert value == pytest.approx(np.mean(each), abs=1e-12)


def test_equal_profiles_are_nobody_s_replicates() -> None:
    """All wells alike: every positive ties with every control, and p is 1."""
    profile, wells = made_screen(np.random.default_rng(0), 3, 12, [1.0], shared=False)
    features = [name for name in profile if name.startswith("f")]
    found = screen_activity(profile.assign(**dict.fromkeys(features, 1.0)), wells, SETTINGS)
    assert found.treatments["map"].item() == pytest.approx(2 / 38)
    assert found.treatments["p"].item() == 1
    assert found.treatments["p_rankings"].item() > 0.5


def test_a_profile_without_direction_is_like_none() -> None:
    vectors = unit_vectors(np.array([[0.0, 0.0], [3.0, 4.0]]))
    np.testing.assert_allclose(vectors, [[0, 0], [0.6, 0.8]])


def test_all_sets_if_they_are_few_and_else_a_draw() -> None:
    first, second = np.arange(5)[:, None], np.arange(5, 9)[:, None]
    sets, complete = well_sets([(first, 1), (second, 2)], 100, np.random.default_rng(0))
    assert complete
    assert len({tuple(row) for row in sets}) == len(sets) == 5 * 6
    sets, complete = well_sets([(first, 1), (second, 2)], 29, np.random.default_rng(0))
    assert not complete
    assert sets.shape == (29, 3)
    assert (sets[:, 0] < 5).all()
    assert (sets[:, 1:] >= 5).all()
    assert (sets[:, 1] != sets[:, 2]).all()
    positions, complete = well_sets([(np.array([[0, 3], [1, 4], [2, 5]]), 1)], 9,
                                    np.random.default_rng(0))  # fmt: skip
    assert complete
    assert positions.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_null_of_rankings_by_hand() -> None:
    """One positive among three: 1, 1/2, 1/3. Two: (1, 2), (1, 3), (2, 3)."""
    values, complete = ranking_null(1, 3, 100, np.random.default_rng(0))
    assert complete
    assert values.tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    values, _ = ranking_null(2, 3, 100, np.random.default_rng(0))
    assert values.tolist() == pytest.approx([1, (1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2])
    drawn, complete = ranking_null(2, 40, 700, np.random.default_rng(0))
    every, _ = ranking_null(2, 40, 780, np.random.default_rng(0))
    assert not complete
    assert drawn.mean() == pytest.approx(every.mean(), abs=4 * every.std() / 700**0.5)


@pytest.mark.parametrize(("shared", "sd", "permuted"), [
    (False, 0.0, "wells"), (True, 0.0, "positions"), (True, 1.0, "positions"),
])  # fmt: skip
def test_p_of_nothing_is_uniform_and_of_something_small(
    shared: bool, sd: float, permuted: str
) -> None:
    """Positions that share an effect do not make a compound active."""
    rng = np.random.default_rng(1)
    shifts = [0.0] * 120 + [4.0] * 40
    profile, wells = made_screen(rng, 3, 40, shifts, shared=shared, position_sd=sd)
    found = screen_activity(profile, wells, SETTINGS).treatments
    assert set(found["permuted"]) == {permuted}
    nothing, something = found[:120], found[120:]
    jitter = rng.random(120) / 41 if shared else 0.0
    assert kstest(nothing["p"] - jitter, "uniform").pvalue > 0.001
    assert (nothing["p"] <= 0.05).mean() <= 0.12
    # The floor of positions is 1 in 41; random rankings know no such floor.
    assert (something["p"] <= 0.05).mean() > 0.9
    if sd:
        assert (nothing["p_rankings"] <= 0.05).mean() > 0.3


def test_stand_ins_show_what_positions_do_to_random_rankings() -> None:
    rng = np.random.default_rng(2)
    profile, wells = made_screen(rng, 4, 40, [0.0] * 3, shared=True, position_sd=1.0)
    controls = screen_activity(profile, wells, SETTINGS).controls
    assert len(controls) == 40
    assert (controls["p"] <= 0.05).mean() <= 0.1
    assert (controls["p_rankings"] <= 0.05).mean() > 0.3


def test_planted_treatments_are_found_and_the_first_active_dose() -> None:
    profile, wells = made_screen(np.random.default_rng(3), 3, 30, [0.0] * 40 + [4.0] * 40,
                                 shared=False)  # fmt: skip
    number = wells["Metadata_Compound"].str[1:].where(wells["Metadata_Control"] == "")
    dose = number.astype(float)
    wells = wells.assign(
        Metadata_Compound=wells["Metadata_Compound"].where(
            dose.isna(), "c" + (dose % 40).astype(str)
        ),
        Metadata_Concentration=np.where(dose.isna(), 0.0, np.where(dose < 40, 1.0, 10.0)),
    )
    found = screen_activity(profile, wells, SETTINGS)
    active = found.treatments["active"].astype(bool)
    high = found.treatments["Metadata_Concentration"] == 10
    assert active[high].mean() > 0.9
    assert active[~high].sum() <= 5
    first = found.compounds["first_active_concentration"]
    assert (first == 10).sum() >= 33
    assert found.compounds["active"].sum() == first.notna().sum()


def test_no_replicates_no_test(capsys: pytest.CaptureFixture[str]) -> None:
    profile, wells = made_screen(np.random.default_rng(4), 1, 12, [1.0, 1.0], shared=False)
    found = screen_activity(profile, wells, SETTINGS)
    assert found.treatments["active"].isna().all()
    assert found.treatments[["map", "p", "q", "p_rankings"]].isna().all(axis=None)
    assert found.compounds["active"].isna().all()
    assert found.controls.empty
    assert "2 of 2 treatments have one replicate well" in capsys.readouterr().err


def test_a_compound_without_a_test_is_neither_active_nor_not() -> None:
    table = pd.DataFrame({
        "Metadata_Compound": ["a", "a", "b", "c"], "Metadata_Concentration": [1.0, 10.0, 1.0, 1.0],
        "q": [0.01, 0.001, 0.9, np.nan],
        "active": pd.array([True, True, False, None], dtype="boolean"),
    })  # fmt: skip
    found = active_compounds(table)
    assert found["active"].tolist() == [True, False, pd.NA]
    assert found["first_active_concentration"].tolist() == pytest.approx([1, np.nan, np.nan],
                                                                         nan_ok=True)  # fmt: skip


def test_order_of_rows_and_further_treatments_change_nothing() -> None:
    profile, wells = made_screen(np.random.default_rng(5), 3, 30, [0.0, 1.0, 3.0], shared=False)
    whole = screen_activity(profile, wells, SETTINGS).treatments
    mixed = screen_activity(
        profile.sample(frac=1, random_state=0), wells.sample(frac=1, random_state=1), SETTINGS
    ).treatments
    pd.testing.assert_frame_equal(whole, mixed)
    fewer = screen_activity(profile, wells[wells["Metadata_Compound"] != "c000"], SETTINGS)
    columns = ["map", "p", "p_rankings"]
    np.testing.assert_array_equal(fewer.treatments[columns], whole[columns][1:])


def test_a_plate_without_controls_is_named() -> None:
    profile, wells = made_screen(np.random.default_rng(6), 2, 12, [1.0], shared=False)
    bare = (wells["Metadata_Plate"] == "P1") & (wells["Metadata_Control"] == "negcon")
    with pytest.raises(UserError, match=r"1 plate\(s\) without a negative-control well: P1"):
        screen_activity(profile, wells[~bare], SETTINGS)
