import numpy as np
import pandas as pd
import pytest

from phenoprot.phantom.annotate import (
    cell_count_profile,
    draw_targets,
    null_target_names,
)
from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.programmes import draw_compounds, relative_cell_number
from phenoprot.phantom.settings import PhantomSettings


def test_targets_are_those_of_the_main_programme(phantom):
    targets = phantom.truth("targets")
    planted = targets[targets["Metadata_Programme"] != ""]
    compounds = phantom.truth("compounds")
    main = compounds[compounds["main"]].set_index("Metadata_Compound")["Metadata_Programme"]
    assert len(planted) == len(main) == 58
    assert (planted["Metadata_Compound"].map(main) == planted["Metadata_Programme"]).all()
    genes = planted["Metadata_Programme"].map(lambda name: CATALOGUE[name].targets)
    assert all(gene in known for gene, known in zip(planted["Metadata_Target"], genes, strict=True))


def test_every_target_has_five_compounds_or_more(phantom):
    sizes = phantom.screen.targets().groupby("Metadata_Target").size()
    assert len(sizes) == 8 + phantom.settings.n_null_targets
    assert sizes.min() >= 5


def test_large_screens_part_a_programme_into_several_targets():
    settings = PhantomSettings(n_compounds=300)
    targets = draw_targets(settings, draw_compounds(settings))
    planted = targets[targets["Metadata_Programme"] != ""]
    assert planted["Metadata_Target"].nunique() == 3 * len(CATALOGUE)
    assert planted.groupby("Metadata_Target").size().min() >= 5


def test_null_targets_go_to_active_and_null_compounds_alike():
    settings = PhantomSettings(n_compounds=1000, n_null_targets=30)
    compounds = draw_compounds(settings)
    targets = draw_targets(settings, compounds)
    null = targets[targets["Metadata_Programme"] == ""]
    active = null["Metadata_Compound"].map(
        dict(zip(compounds.names, compounds.main >= 0, strict=True))
    )
    assert active.mean() == pytest.approx(0.8, abs=0.03)
    assert len(set(null_target_names(30))) == 30


def test_the_oracle_is_the_truth_with_a_little_noise(phantom):
    oracle = phantom.screen.profile("oracle")
    truth = phantom.truth("activities")
    keys = ["Metadata_Plate", "Metadata_Well"]
    pd.testing.assert_frame_equal(oracle[keys], truth[keys])
    difference = oracle.drop(columns=keys).to_numpy() - truth.drop(columns=keys).to_numpy()
    assert difference.std() == pytest.approx(phantom.settings.oracle_noise_sd, rel=0.05)
    assert difference.mean() == pytest.approx(0, abs=0.001)
    # No control feature is constant: each has a scale to normalise by.
    control = phantom.screen.wells()["Metadata_Control"] == "negcon"
    assert (oracle[control.to_numpy()].drop(columns=keys).std() > 0.01).all()


def test_cells_are_lost_as_the_programmes_say(phantom):
    counts = phantom.screen.profile("cell_count_readout")["Cells_Count"].to_numpy(dtype=float)
    truth = phantom.truth("activities")
    expected = relative_cell_number(truth)
    control = (phantom.screen.wells()["Metadata_Control"] == "negcon").to_numpy()
    # Within a plate: the plates' seeding differs.
    plate = truth["Metadata_Plate"].to_numpy()
    relative = np.empty(len(counts))
    for name in np.unique(plate):
        rows = plate == name
        relative[rows] = counts[rows] / counts[rows & control].mean()
    assert np.corrcoef(relative, expected)[0, 1] > 0.85
    assert (relative - expected).mean() == pytest.approx(0, abs=0.03)
    assert counts[control].mean() == pytest.approx(900, rel=0.15)


def test_counting_noise_is_that_of_poisson():
    settings = PhantomSettings(cell_plate_sd=0, cell_well_sd=0, cells_per_well=100)
    wells = pd.DataFrame({"Metadata_Plate": "P", "Metadata_Well": [f"w{i}" for i in range(5000)],
                          "er_stress": 0.0})  # fmt: skip
    counts = cell_count_profile(wells, settings)["Cells_Count"]
    assert counts.mean() == pytest.approx(100, rel=0.01)
    assert counts.std() == pytest.approx(10, rel=0.05)
