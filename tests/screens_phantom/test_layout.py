import numpy as np
import pandas as pd
import pytest

from phenoprot.phantom.layout import SNAKE, draw_wells
from phenoprot.phantom.programmes import draw_compounds
from phenoprot.phantom.settings import PhantomSettings


@pytest.fixture(scope="module")
def wells(small):
    return draw_wells(small, draw_compounds(small).names)


@pytest.fixture(scope="module")
def many():
    """40 plates: enough to see whether a position tells anything."""
    settings = PhantomSettings(n_replicates=20)
    return draw_wells(settings, draw_compounds(settings).names)


def place(wells: pd.DataFrame) -> pd.DataFrame:
    row = wells["Metadata_Well"].str[0].map(ord) - ord("A")
    return pd.DataFrame({"row": row, "column": wells["Metadata_Well"].str[1:].astype(int)})


def test_the_plate_has_384_wells_and_the_snake_visits_neighbours():
    assert len(set(SNAKE)) == 384
    where = place(pd.DataFrame({"Metadata_Well": SNAKE})).to_numpy()
    assert (np.abs(np.diff(where, axis=0)).sum(axis=1) == 1).all()


def test_compounds_that_do_not_fit_on_one_plate_go_to_several(wells):
    assert sorted(wells["Metadata_Plate"].unique()) == ["PH01R1", "PH01R2", "PH02R1", "PH02R2"]
    assert not wells.duplicated(["Metadata_Plate", "Metadata_Well"]).any()
    assert wells.groupby("Metadata_Plate").size().tolist() == [45 * 5 + 24] * 4


def test_every_replicate_of_a_treatment_is_on_a_plate_of_its_own(wells, small):
    treated = wells[wells["Metadata_Control"] == ""]
    treatments = treated.groupby(["Metadata_Compound", "Metadata_Concentration"])
    assert len(treatments) == 90 * 5
    assert (treatments["Metadata_Plate"].nunique() == small.n_replicates).all()
    assert (treatments.size() == small.n_replicates).all()
    # A ratio needs controls of the same plate: all doses of a replicate share it.
    doses = treated.groupby(["Metadata_Compound", "Metadata_Plate"])["Metadata_Concentration"]
    assert (doses.nunique() == 5).all()


def test_controls_are_dmso_at_dose_zero_with_one_in_every_column(wells):
    controls = wells[wells["Metadata_Control"] == "negcon"]
    assert set(controls["Metadata_Compound"]) == {"DMSO"}
    assert (controls["Metadata_Concentration"] == 0).all()
    columns = controls["Metadata_Well"].str[1:].groupby(controls["Metadata_Plate"])
    assert (columns.nunique() == 24).all()


def test_replicates_are_laid_out_anew(wells):
    maps = [
        plate.set_index("Metadata_Well")[["Metadata_Compound", "Metadata_Concentration"]]
        for _, plate in wells[wells["Metadata_Plate"].str.startswith("PH01")].groupby(
            "Metadata_Plate"
        )
    ]
    both = maps[0].join(maps[1], how="inner", lsuffix="_1")
    same = (both["Metadata_Compound_1"] == both["Metadata_Compound"]).mean()
    assert same < 0.1


def test_positions_tell_neither_dose_nor_control_nor_programme(many):
    where = place(many)
    where["edge"] = where["row"].isin([0, 15]) | where["column"].isin([1, 24])
    compounds = draw_compounds(PhantomSettings(n_replicates=20))
    main = many["Metadata_Compound"].map(dict(zip(compounds.names, compounds.main, strict=True)))
    answers = pd.DataFrame(
        {
            "dose": many["Metadata_Concentration"].rank(),
            "control": many["Metadata_Control"] == "negcon",
            "null": main == -1,
            "programme": main.fillna(-1),
        }
    )
    for answer in answers:
        for place_name in where:
            correlation = np.corrcoef(where[place_name], answers[answer])[0, 1]
            # 6,480 wells: a standard error of 0.0124.
            assert abs(correlation) < 0.05, (answer, place_name)
