import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.settings import ImageSettings, PhantomSettings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"n_compound": 60}, "unknown key 'n_compound'"),
        ({"concentrations": [1, 2, 3]}, "'concentrations': Tuple should have at least 5 items"),
        ({"concentrations": [1, 3, 2, 4, 5]}, "concentrations must ascend"),
        ({"concentrations": [0, 1, 2, 3, 4]}, "'concentrations.0': Input should be greater than"),
        ({"noise_range": [0.3, 0.1]}, "noise_range must be (lower, upper), not (0.3, 0.1)"),
        ({"missing_share": 0.5}, "'missing_share': Input should be less than 0.5"),
        ({"null_protein_share": 1.2}, "'null_protein_share': Input should be less than or equal"),
        ({"programmes": ["er_stres"]}, "no programme 'er_stres'; there are: cell_cycle_arrest"),
        ({"programmes": ["er_stress", "er_stress"]}, "none twice"),
        ({"programmes": []}, "at least one programme"),
        ({"programmes": ["vacuolation"]}, "none of the programmes shows in proteins"),
        ({"n_negative_controls": 380}, "'n_negative_controls': Input should be less than or equal"),
        (
            {"n_negative_controls": 378, "concentrations": [1, 2, 3, 4, 5, 6, 7]},
            "7 doses and 378 negative controls do not fit on a plate of 384 wells",
        ),
        ({"images": {"sise": 360}}, "unknown key 'images.sise'"),
        ({"images": {"size": 32}}, "'images.size': Input should be greater than or equal to 96"),
        ({"images": {"replicates": 4}}, "images.replicates is 4, but n_replicates is 3"),
        ({"images": {"cells": 200}}, "200 cells of 60 um would cover 303% of a field of 360 px"),
        ({"images": {"cell_diameter": 30}}, "cell_diameter (30) must be 1.6 nucleus_diameter"),
        (
            {"images": {"nucleus_diameter": 5}},
            "nucleus_diameter (5 um) must be 6 pixels of 1.2 um or more",
        ),
        ({"images": {"background": [1, 2, 3, 4]}}, "key 'images.background.4' is missing"),
    ],
)
def test_bad_settings_are_named(content, message):
    with pytest.raises(UserError) as caught:
        parse_settings(PhantomSettings, content, "params.yaml: phantom")
    assert message in str(caught.value)
    assert str(caught.value).startswith("params.yaml: phantom: ")


def test_every_setting_is_documented():
    undocumented = [
        name
        for model in (PhantomSettings, ImageSettings)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert undocumented == []


def test_what_images_do_not_show_costs_no_cells():
    # Cell number is read from images: a programme that changes it would show there.
    for name, programme in CATALOGUE.items():
        assert programme.in_images or programme.cell_loss == 0, name
    assert any(not programme.in_images for programme in CATALOGUE.values())
    assert any(not programme.in_proteins for programme in CATALOGUE.values())


def test_no_gene_stands_for_two_programmes():
    genes = [gene for programme in CATALOGUE.values() for gene in programme.targets]
    assert len(genes) == len(set(genes))
