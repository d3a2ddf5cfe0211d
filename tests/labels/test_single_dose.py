"""Labels of a single-dose readout against scipy, by hand, and on planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.readout.settings import SingleDoseSettings
from phenoprot.readout.single_dose import (
    classify_effects,
    label_counts,
    label_single_dose,
    readout_matrix,
    standardised,
)
from phenoprot.wells.position import TERMS, remove_position_effects

RULE = SingleDoseSettings(alpha=0.05, min_effect=1.0)
NAN = np.nan
EMPTY = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # means of nothing


# The rule


@pytest.mark.parametrize(
    ("effect", "p", "q", "label"),
    [
        (2.0, 0.001, 0.01, "up"),
        (-2.0, 0.001, 0.01, "down"),
        (1.0, 0.001, 0.01, "up"),  # the smallest effect counts
        (-1.0, 0.001, 0.01, "down"),
        (0.99, 0.001, 0.01, ""),  # significant, but small
        (2.0, 0.02, 0.05, ""),  # q must be below alpha
        (2.0, 0.2, 0.4, ""),  # large, but not significant
        (1.0, 0.2, 0.4, ""),
        (0.99, 0.2, 0.4, "not"),
        (-0.99, 0.2, 0.4, "not"),
        (0.0, 0.05, 0.4, ""),  # p must be above alpha
        (0.0, 0.0501, 0.4, "not"),
        (NAN, NAN, NAN, ""),
    ],
)
def test_rule_at_its_corners(effect: float, p: float, q: float, label: str) -> None:
    one = classify_effects(np.array([effect]), np.array([p]), np.array([q]), RULE)
    assert one.tolist() == [label]


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_sign_flip_swaps_up_and_down(seed: int) -> None:
    rng = np.random.default_rng(seed)
    effect, p = rng.normal(scale=2, size=(10, 4)), rng.random((10, 4)) ** 4
    q = benjamini_hochberg(p)
    swap = {"up": "down", "down": "up", "not": "not", "": ""}
    mirrored = [swap[label] for label in classify_effects(effect, p, q, RULE).ravel()]
    assert classify_effects(-effect, p, q, RULE).ravel().tolist() == mirrored


# The whole


def screen(
    n_compounds: int, seed: int, effect: dict[tuple[str, str], float] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readout of 4 replicate plates, 30 controls and 3 proteins each; N(0, 1) noise."""
    rng = np.random.default_rng(seed)
    names = [f"c{i:03d}" for i in range(n_compounds)]
    well = [f"{'ABCDEFGHIJKLMNOP'[i // 10]}{i % 10 + 1:02d}" for i in range(n_compounds + 30)]
    wells = pd.concat(
        [
            pd.DataFrame(
                {
                    "Metadata_Plate": f"P{plate}",
                    "Metadata_Well": rng.permutation(well),
                    "Metadata_Compound": names + ["DMSO"] * 30,
                    "Metadata_Concentration": [5.0] * n_compounds + [0.0] * 30,
                    "Metadata_Control": [""] * n_compounds + ["negcon"] * 30,
                }
            )
            for plate in range(4)
        ],
        ignore_index=True,
    )
    parts = []
    for protein in ("p", "q", "r"):
        value = rng.normal(size=len(wells))
        for (compound, shifted), shift in (effect or {}).items():
            if shifted == protein:
                value += shift * (wells["Metadata_Compound"] == compound).to_numpy()
        parts.append(
            wells[["Metadata_Plate", "Metadata_Well"]].assign(
                Metadata_Protein=protein, Value=100 + 7 * value
            )
        )
    return pd.concat(parts, ignore_index=True), wells


def labels_of(
    proteomics: pd.DataFrame, wells: pd.DataFrame, correction: str = "none"
) -> pd.DataFrame:
    matrix = readout_matrix(proteomics)
    if correction == "controls":
        matrix = remove_position_effects(matrix, wells, TERMS[-1])
    return label_single_dose(standardised(matrix, wells), wells, RULE)


@pytest.mark.parametrize("correction", ["none", "controls"])
def test_planted_effects_are_found(correction: str) -> None:
    planted = {("c001", "p"): 6.0, ("c002", "p"): -6.0, ("c003", "r"): 6.0}
    table = labels_of(*screen(60, 0, planted), correction)
    keyed = table.set_index(["Metadata_Compound", "Metadata_Protein"])
    found = keyed["Label"].to_dict()
    assert [found[pair] for pair in planted] == ["up", "down", "up"]
    # Effects are in standard deviations of the controls.
    assert keyed["Effect"][list(planted)].to_numpy() == pytest.approx([6, -6, 6], abs=2.5)
    regulated = {pair for pair, label in found.items() if label in ("up", "down")}
    # A few more by chance; the position's effect as guessed from 30 controls adds noise of its own.
    assert len(regulated - set(planted)) <= (2 if correction == "none" else 10)
    assert len(table) == 60 * 3
    assert (table["Replicates"] == 4).all()
    assert (table["Q"] >= table["P"]).all()
    assert "DMSO" not in set(table["Metadata_Compound"])


def test_flipped_readouts_flip_labels() -> None:
    planted = {("c001", "p"): 6.0, ("c002", "q"): -6.0}
    proteomics, wells = screen(40, 1, planted)
    one = labels_of(proteomics, wells)
    two = labels_of(proteomics.assign(Value=-proteomics["Value"]), wells)
    swap = {"up": "down", "down": "up", "not": "not", "": ""}
    assert two["Label"].tolist() == one["Label"].map(swap).tolist()


def test_a_screen_without_effects_has_next_to_no_labels() -> None:
    # Benjamini-Hochberg per protein bounds the chance that any of its labels is wrong by alpha.
    proteins_with_calls = 0
    for seed in range(20):
        table = labels_of(*screen(60, 100 + seed))
        called = table[table["Label"].isin(["up", "down"])]
        proteins_with_calls += called["Metadata_Protein"].nunique()
        assert len(called) <= 0.05 * len(table)
    # 60 proteins, expected 3 at most; the 99.9 % point of Binomial(60, 0.05) is 10.
    assert proteins_with_calls <= 10


def test_plate_shifts_and_scales_are_no_effects() -> None:
    proteomics, wells = screen(40, 2, {("c001", "p"): 6.0})
    moved = proteomics.copy()
    plate = moved["Metadata_Plate"].str[1:].astype(int)
    moved["Value"] = moved["Value"] * (1 + plate) + 1000 * plate
    one, two = labels_of(proteomics, wells), labels_of(moved, wells)
    np.testing.assert_allclose(two["Effect"], one["Effect"], atol=1e-3)
    assert two["Label"].tolist() == one["Label"].tolist()


@EMPTY
def test_missing_values_cost_only_themselves() -> None:
    proteomics, wells = screen(30, 3, {("c001", "p"): 6.0})
    merged = proteomics.merge(wells, on=["Metadata_Plate", "Metadata_Well"])
    first = merged["Metadata_Plate"] == "P0"
    gone = (
        # one replicate; all replicates; one control well of p
        ((merged["Metadata_Compound"] == "c001") & (merged["Metadata_Protein"] == "p") & first)
        | ((merged["Metadata_Compound"] == "c002") & (merged["Metadata_Protein"] == "q"))
        | (merged.index == merged.index[first & (merged["Metadata_Control"] == "negcon")][0])
    )
    keyed = labels_of(proteomics[~gone.to_numpy()], wells).set_index(
        ["Metadata_Compound", "Metadata_Protein"]
    )
    assert keyed.loc[("c001", "p"), "Replicates"] == 3
    assert keyed.loc[("c001", "p"), "Label"] == "up"
    assert ("c002", "q") not in keyed.index
    assert len(keyed) == 30 * 3 - 1
    assert keyed["P"].notna().all()


def test_readout_matrix_is_wells_by_proteins() -> None:
    long = pd.DataFrame(
        {
            "Metadata_Plate": ["P", "P", "P"],
            "Metadata_Well": ["A02", "A01", "A02"],
            "Metadata_Protein": ["b", "a", "a"],
            "Value": [3.0, 1.0, 2.0],
        }
    )
    matrix = readout_matrix(long)
    assert matrix.columns.tolist() == ["Metadata_Plate", "Metadata_Well", "a", "b"]
    assert matrix["Metadata_Well"].tolist() == ["A01", "A02"]
    np.testing.assert_array_equal(matrix[["a", "b"]], [[1, NAN], [2, 3]])


def test_wells_that_do_not_match_are_an_error() -> None:
    proteomics, wells = screen(10, 0)
    readout = readout_matrix(proteomics)
    with pytest.raises(UserError) as error:
        label_single_dose(readout, wells.assign(Metadata_Plate="other"), RULE)
    assert str(error.value) == (
        "proteomics: 0 treated and 0 negative-control wells have a readout. Check that plate and "
        "well names agree with the wells table."
    )


def test_counts_by_hand() -> None:
    table = pd.DataFrame(
        {
            "Metadata_Compound": ["a", "a", "b", "b", "c"],
            "Metadata_Protein": ["p", "q", "p", "q", "p"],
            "Label": ["up", "not", "", "not", "not"],
        }
    )
    assert label_counts(table) == {
        "n_up": 1,
        "n_down": 0,
        "n_not": 3,
        "n_unclassified": 1,
        "n_compounds": 3,
        "n_proteins": 2,
    }


def small_readout() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readout and layout of 4 controls and 4 wells of a treatment, 3 proteins."""
    names = [f"A{n:02d}" for n in range(1, 9)]
    wells = pd.DataFrame(
        {
            "Metadata_Plate": "P1",
            "Metadata_Well": names,
            "Metadata_Compound": ["DMSO"] * 4 + ["x"] * 4,
            "Metadata_Concentration": [0.0] * 4 + [1.0] * 4,
            "Metadata_Control": ["negcon"] * 4 + [""] * 4,
        }
    )
    values = np.arange(24.0).reshape(3, 8) % 5
    readout = pd.DataFrame(
        {
            "Metadata_Plate": "P1",
            "Metadata_Well": names * 3,
            "Metadata_Protein": np.repeat(["p", "q", "r"], 8),
            "Value": values.ravel(),
        }
    )
    return readout, wells


def test_proteins_that_tell_nothing_are_left_out() -> None:
    readout, wells = small_readout()
    readout.loc[readout["Metadata_Protein"] == "p", "Value"] = NAN
    readout.loc[8:11, "Value"] = NAN  # all controls of q
    table = standardised(readout_matrix(readout), wells)
    assert table.columns.tolist() == ["Metadata_Plate", "Metadata_Well", "r"]
    assert label_single_dose(table, wells, RULE)["Metadata_Protein"].tolist() == ["r"]


@pytest.mark.parametrize("value", [np.inf, 1e300])
def test_levels_beyond_single_precision_are_refused(value: float) -> None:
    readout, wells = small_readout()
    readout.loc[6, "Value"] = value
    with pytest.raises(UserError, match=r"1 of 3 column\(s\) have infinite values .*: p"):
        standardised(readout_matrix(readout), wells)
