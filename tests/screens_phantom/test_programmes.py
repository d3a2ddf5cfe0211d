import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.random import stream
from phenoprot.phantom.draws import log_uniform
from phenoprot.phantom.programmes import (
    draw_compounds,
    programme_activity,
    relative_cell_number,
    well_activities,
)
from phenoprot.phantom.settings import PhantomSettings

DOSE = st.floats(1e-6, 1e4)


@given(DOSE, DOSE, st.floats(2, 12), st.floats(0.01, 1), st.floats(0.1, 10))
def test_activity_rises_with_dose_and_stays_below_efficacy(first, second, pec50, efficacy, slope):
    low, high = programme_activity(sorted([first, second]), pec50, efficacy, slope)
    assert 0 <= low <= high <= round(efficacy, 6)


@given(st.floats(2, 12), st.floats(0.01, 1), st.floats(0.1, 10))
def test_activity_is_half_at_the_ec50_and_zero_without_compound(pec50, efficacy, slope):
    none, half = programme_activity([0.0, 1e6 * 10**-pec50], pec50, efficacy, slope)
    assert none == 0
    assert half == pytest.approx(efficacy / 2, abs=1e-6)


def test_activity_by_hand():
    # One decade above an EC50 of 1 uM, slope 1: 0.8 * 10 / 11.
    assert programme_activity(10.0, 6.0, 0.8, 1.0) == pytest.approx(0.727273, abs=1e-9)


def test_a_programme_that_is_not_driven_stays_at_zero():
    assert programme_activity(10.0, np.nan, 0.0, np.nan) == 0


@pytest.mark.parametrize(("share", "nulls"), [(0.0, 0), (0.2, 14), (0.5, 36), (1.0, 72)])
def test_null_compounds_are_as_many_as_asked_and_drive_nothing(share, nulls):
    compounds = draw_compounds(PhantomSettings(null_compound_share=share))
    assert (compounds.main == -1).sum() == nulls
    assert ((compounds.efficacy > 0).sum(axis=1) == 0).sum() == nulls
    assert np.isnan(compounds.pec50[compounds.efficacy == 0]).all()


def test_potencies_efficacies_and_slopes_lie_where_they_should():
    settings = PhantomSettings(n_compounds=2000, second_programme_share=0.3)
    compounds = draw_compounds(settings)
    active = np.flatnonzero(compounds.main >= 0)
    main = compounds.pec50[active, compounds.main[active]]
    # Highest dose 10 uM (pEC50 5), lowest 1 nM (9).
    assert main.min() >= 4
    assert main.max() <= 8
    assert (main < 5).mean() == pytest.approx(settings.weak_potency_share, abs=0.03)
    assert not ((main > 5) & (main < 5.5)).any()
    driven = (compounds.efficacy[active] > 0).sum(axis=1)
    assert set(driven) == {1, 2}
    assert (driven == 2).mean() == pytest.approx(0.3, abs=0.04)
    assert (np.nanargmax(np.where(compounds.efficacy > 0, compounds.pec50, -1), axis=1)[active]
            == compounds.main[active]).all()  # fmt: skip
    sizes = np.bincount(compounds.main[active])
    assert sizes.max() - sizes.min() <= 1


def test_one_programme_leaves_no_room_for_a_second():
    compounds = draw_compounds(PhantomSettings(programmes=("er_stress",), second_programme_share=1))
    assert compounds.efficacy.shape == (72, 1)
    assert (compounds.efficacy > 0).sum() == 58


def test_names_do_not_tell_the_programme():
    compounds = draw_compounds(PhantomSettings(n_compounds=2000))
    order = np.arange(2000)
    assert abs(np.corrcoef(order, compounds.main)[0, 1]) < 0.06
    assert abs(np.corrcoef(order, compounds.main == -1)[0, 1]) < 0.06


def test_losses_of_programmes_multiply():
    activities = pd.DataFrame({"Metadata_Well": ["A01", "A02"], "proliferation_loss": [0.0, 1.0],
                               "er_stress": [0.0, 0.5], "vacuolation": [1.0, 1.0]})  # fmt: skip
    assert relative_cell_number(activities).tolist() == pytest.approx([1.0, 0.3 * 0.9])


def test_activities_follow_the_wells_not_their_order(phantom):
    wells = phantom.screen.wells()
    compounds = draw_compounds(phantom.settings)
    shuffled = wells.sample(frac=1, random_state=0).reset_index(drop=True)
    keys = ["Metadata_Plate", "Metadata_Well"]
    again = well_activities(shuffled, compounds).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(again, phantom.truth("activities"))


def test_log_uniform_has_the_logarithm_uniform():
    values = np.log10(log_uniform(stream(0, "x"), (0.01, 100.0), 20_000))
    assert -2 <= values.min() < values.max() <= 2
    assert np.quantile(values, [0.25, 0.5, 0.75]).tolist() == pytest.approx([-1, 0, 1], abs=0.06)
