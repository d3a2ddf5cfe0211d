import numpy as np
import pandas as pd
import pytest

from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.layout import draw_wells
from phenoprot.phantom.programmes import Compounds, draw_compounds, well_activities
from phenoprot.phantom.proteome import (
    Proteins,
    draw_proteins,
    measured_intensities,
    missing_probability,
    planted_regulation,
)
from phenoprot.phantom.settings import PhantomSettings


def fold_changes(phantom, concentration: float) -> pd.DataFrame:
    """Mean over replicates of log2 (value / plate's mean control), beside the truth."""
    rows = phantom.joined
    keys = ["Metadata_Plate", "Metadata_Protein"]
    control = rows[rows["Metadata_Control"] == "negcon"].groupby(keys)["Value"].mean()
    treated = rows[rows["Metadata_Concentration"] == concentration].join(
        control.rename("control"), on=keys
    )
    treated["measured"] = np.log2(treated["Value"] / treated["control"])
    treatment = ["Metadata_Compound", "Metadata_Protein"]
    means = treated.groupby(treatment)["measured"].mean()
    return phantom.truth("regulation").join(means, on=treatment).dropna(subset="measured")


def null_proteins(phantom) -> set[str]:
    table = phantom.truth("proteins").set_index("Metadata_Protein")
    loadings = table.filter(like="loading_")
    return set(loadings.index[(loadings == 0).all(axis=1)])


@pytest.mark.parametrize(("share", "nulls"), [(0.0, 0), (0.3, 90), (1.0, 300)])
def test_null_proteins_are_as_many_as_asked(share, nulls):
    proteins = draw_proteins(PhantomSettings(null_protein_share=share))
    assert (proteins.loading == 0).all(axis=1).sum() == nulls


def test_no_protein_answers_to_what_shows_in_images_only():
    proteins = draw_proteins(PhantomSettings(null_protein_share=0, second_loading_share=1))
    answered = dict(zip(proteins.programmes, (proteins.loading != 0).any(axis=0), strict=True))
    assert answered == {name: programme.in_proteins for name, programme in CATALOGUE.items()}
    assert ((proteins.loading != 0).sum(axis=1) <= 2).all()


def test_loadings_lie_in_the_range_and_go_both_ways():
    settings = PhantomSettings(n_proteins=2000, second_loading_share=0, down_share=0.25)
    loading = draw_proteins(settings).loading
    size = np.abs(loading[loading != 0])
    assert 0.4 <= size.min() < size.max() <= 3.0
    assert np.median(size) == pytest.approx(np.sqrt(0.4 * 3.0), rel=0.1)
    assert (loading < 0).sum() / len(size) == pytest.approx(0.25, abs=0.04)


def test_noise_differs_by_protein_and_is_larger_for_weak_ones():
    proteins = draw_proteins(PhantomSettings(n_proteins=2000))
    assert 0.05 <= proteins.noise.min() < 0.051
    assert 0.299 < proteins.noise.max() <= 0.3
    assert np.corrcoef(proteins.intensity, proteins.noise)[0, 1] == pytest.approx(-0.57, abs=0.05)
    assert 5 <= proteins.intensity.min() < proteins.intensity.max() <= 9


def test_regulation_by_hand():
    """Two programmes on one protein; the one that moves it more gives the potency."""
    compounds = Compounds(
        names=["drug"],
        programmes=["a", "b"],
        pec50=np.array([[6.0, 5.0]]),
        efficacy=np.array([[1.0, 0.5]]),
        slope=np.array([[1.0, 1.0]]),
        main=np.array([0]),
    )
    proteins = Proteins(
        names=["both", "b", "none"],
        programmes=["a", "b"],
        loading=np.array([[-1.1, 2.0], [0.0, -3.0], [0.0, 0.0]]),
        intensity=np.full(3, 7.0),
        noise=np.full(3, 0.1),
    )
    table = planted_regulation(compounds, proteins, (1.0, 2.0, 3.0, 5.0, 10.0))
    # At 10 uM: a = 10/11, b = 0.5 * 1/2; at 1 uM: a = 1/2, b = 0.5 * 1/11.
    assert table["log2_fold_change"].tolist() == pytest.approx([-1 + 0.5, -0.75, 0], abs=1e-5)
    lowest = [-0.55 + 1 / 11, -3 * 0.5 / 11, 0]
    assert table["log2_fold_change_lowest"].tolist() == pytest.approx(lowest, abs=1e-5)
    assert table["direction"].tolist() == ["down", "down", "none"]
    assert table["pec50"].tolist()[:2] == [6.0, 5.0]
    assert np.isnan(table["pec50"][2])


def test_strongly_planted_proteins_are_measured_as_planted(phantom):
    table = fold_changes(phantom, 10.0)
    strong = table[table["log2_fold_change"].abs() > 1]
    assert len(strong) > 300
    assert np.corrcoef(strong["log2_fold_change"], strong["measured"])[0, 1] > 0.99
    # Falling values are lost more often, and the mean control is above its median by a hair.
    assert (strong["measured"] - strong["log2_fold_change"]).mean() == pytest.approx(0, abs=0.03)


def test_null_proteins_and_null_compounds_do_not_move(phantom):
    table = fold_changes(phantom, 10.0)
    nulls = {
        "protein": table["Metadata_Protein"].isin(null_proteins(phantom)),
        "compound": table.groupby("Metadata_Compound")["log2_fold_change"].transform(
            lambda change: (change == 0).all()
        ),
    }
    for name, rows in nulls.items():
        measured = table.loc[rows, "measured"]
        assert len(measured) > 3000, name
        assert measured.mean() == pytest.approx(0, abs=0.02), name
        assert measured.std() < 0.12, name


def test_the_effect_grows_with_the_dose(phantom):
    means = []
    for dose in phantom.settings.concentrations:
        table = fold_changes(phantom, dose)
        up = table[table["log2_fold_change"] > 1]
        means.append(up["measured"].mean())
    assert means == sorted(means)
    assert means[0] < 0.1
    assert means[-1] > 1.5


def test_missing_values_grow_at_low_intensity_and_are_as_many_as_asked(phantom):
    rows = phantom.joined
    wells = len(phantom.screen.wells())
    found = rows.groupby("Metadata_Protein").size() / wells
    assert 1 - found.mean() == pytest.approx(phantom.settings.missing_share, abs=0.005)
    table = phantom.truth("proteins").set_index("Metadata_Protein")
    missing = (1 - found.reindex(table.index).fillna(0)).groupby(
        pd.cut(table["intensity_log10"], [4.9, 5.8, 6.4, 7.0, 9.1]), observed=True
    )
    by_intensity = missing.mean().to_numpy()
    assert (np.diff(by_intensity) < 0).all()
    assert by_intensity[0] > 0.3
    assert by_intensity[-1] < 0.02


def test_missing_probability_by_hand():
    # Two values as far above as below the middle: the shares add up to 1 whatever the width.
    low, high = missing_probability(np.array([1e5, 1e7]), share=0.5, scale=0.5)
    assert low == pytest.approx(1 / (1 + np.exp(-2)))
    assert low + high == pytest.approx(1)
    assert (missing_probability(np.array([1.0, 1e9]), share=0.0, scale=0.5) == 0).all()


@pytest.fixture(scope="module")
def quiet():
    """One untreated-like screen: every spread off."""
    return {"plate_sd": 0.0, "plate_protein_sd": 0.0, "well_sd": 0.0, "noise_range": (1e-9, 1e-9)}


@pytest.mark.parametrize(
    ("spread", "across"),
    [("plate_sd", "plates"), ("plate_protein_sd", "plates"), ("well_sd", "wells")],
)
def test_each_batch_effect_acts_where_it_should(quiet, spread, across):
    settings = PhantomSettings(n_replicates=20, null_compound_share=1.0, **{**quiet, spread: 0.2})
    compounds, proteins = draw_compounds(settings), draw_proteins(settings)
    activities = well_activities(draw_wells(settings, compounds.names), compounds)
    log2 = np.log2(measured_intensities(activities, proteins, settings))
    shift = pd.DataFrame(log2 - proteins.intensity * np.log2(10))
    plates = shift.groupby(activities["Metadata_Plate"])
    within = float(plates.std().to_numpy().mean())
    between = float(plates.mean().std().mean())
    if across == "plates":
        assert within < 1e-4
        assert between == pytest.approx(0.2, rel=0.35)
    else:
        assert within == pytest.approx(0.2, rel=0.05)
        assert between < 0.03
    proteins_differ = float(plates.mean().std(axis=1).mean())
    assert (proteins_differ > 0.1) == (spread == "plate_protein_sd")


def test_one_part_changed_leaves_the_numbers_of_the_others_alone():
    base = PhantomSettings(n_compounds=10, n_replicates=1, n_proteins=10)
    wider = base.model_copy(update={"plate_sd": 2.0, "cells_per_well": 10.0, "n_null_targets": 9})
    first, second = draw_proteins(base), draw_proteins(wider)
    assert (first.loading == second.loading).all()
    compounds = draw_compounds(base)
    assert (compounds.efficacy == draw_compounds(wider).efficacy).all()
    activities = well_activities(draw_wells(base, compounds.names), compounds)
    ratio = measured_intensities(activities, first, wider) / measured_intensities(
        activities, first, base
    )
    assert ratio.std() / ratio.mean() < 1e-4
