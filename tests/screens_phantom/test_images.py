"""Five-channel images: the same bytes always, valid masks, and every programme where it should."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from sklearn.metrics import r2_score
from tests.screens_phantom.measure import (
    measure_field,
    measure_screen,
    predict,
)

from phenoprot.core.files import file_sha256
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.imaging import (
    REMAINING,
    SEEDED,
    draw_field,
    field_table,
    simulate_images,
    write_tiff,
)
from phenoprot.phantom.outlines import draw_places, margin
from phenoprot.phantom.settings import ImageSettings, PhantomSettings
from phenoprot.phantom.write import simulate_phantom
from phenoprot.screens.contract import FIELD_KEY, PLATE, SITE, STAINS, WELL
from phenoprot.screens.loader import load_screen

TINY = PhantomSettings(
    n_compounds=10,
    n_negative_controls=4,
    n_replicates=2,
    n_proteins=10,
    images=ImageSettings(size=96, cells=3),
)
FIELD = ImageSettings(size=288, cells=15)


def field_row(site=1, **activities):
    """A field with the untreated number of cells, whatever the activities."""
    key = {PLATE: "PH01R1", WELL: "A01", SITE: str(site), SEEDED: 1.0, REMAINING: 1.0}
    return {**key, **dict.fromkeys(CATALOGUE, 0.0), **activities}


def digests(folder):
    return {
        str(path.relative_to(folder)): file_sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def imaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two workers") / "phantom"
    simulate_phantom(TINY, folder, ExecutionSettings(workers=2))
    return folder


@pytest.fixture(scope="module")
def two_sites(imaged, tmp_path_factory):
    """Images of four wells on three plate rows, of both replicates, at two sites."""
    images = TINY.images.model_copy(update={"sites": 2, "replicates": 2})
    settings = TINY.model_copy(update={"images": images})
    activities = pd.read_parquet(imaged / "truth/activities.parquet")
    ends = pd.concat([activities[:3], activities[-1:]])
    folder = tmp_path_factory.mktemp("sites")

    def draw(workers):
        new = folder / f"{workers} workers"
        execution = ExecutionSettings(workers=workers)
        table = simulate_images(ends, settings, new, folder / f"work {workers}", execution)
        return new, table

    return draw


def masks_of(folder):
    """Nuclei and cells of every field, as they are on disk."""
    for path in sorted((folder / "truth/masks").rglob("*_nuclei.tiff")):
        nuclei = tifffile.imread(path)
        cells = tifffile.imread(path.with_name(path.name.replace("nuclei", "cells")))
        yield path.stem.removesuffix("_nuclei"), nuclei, cells


def test_bytes_depend_neither_on_the_run_nor_on_the_number_of_workers(two_sites):
    (one, first), (two, second) = two_sites(1), two_sites(2)
    assert digests(one) == digests(two)
    assert first.equals(second)
    assert list(first[SITE]) == ["1", "2"] * 4
    assert set(first[PLATE]) == {"PH01R1", "PH01R2"}
    # 4 wells x 2 sites x (5 stains + 2 masks), and the table
    assert len(digests(one)) == 4 * 2 * 7 + 1


def test_images_leave_all_other_tables_as_they_are(imaged, tmp_path):
    simulate_phantom(TINY.model_copy(update={"images": None}), tmp_path / "phantom")
    without, imaged_too = digests(tmp_path / "phantom"), digests(imaged)
    assert load_screen(tmp_path / "phantom").info.tables.images is None
    assert not any("masks" in name or name.endswith(".tiff") for name in without)
    told = {"screen.yaml", "truth/settings.json"}
    written = without.keys() - {"images/NOTE.txt"}
    assert {name for name in written if without[name] != imaged_too[name]} == told
    assert all(
        name.startswith(("images/", "truth/masks/", "truth/fields."))
        for name in imaged_too.keys() - without.keys()
    )


def test_the_first_replicate_is_imaged(imaged):
    screen = load_screen(imaged)
    fields, wells = screen.images(), screen.wells()
    first = wells[wells["Metadata_Plate"].str.endswith("R1")]
    expected = [(plate, well, "1") for plate, well in first[[PLATE, WELL]].to_numpy()]
    assert list(map(tuple, fields[FIELD_KEY].to_numpy())) == expected
    for stain in STAINS:
        image = tifffile.imread(fields[f"URL_{stain}"].iloc[-1])
        assert (image.shape, image.dtype) == ((96, 96), np.uint16)
    on_disk = {str(path) for path in (imaged / "images").rglob("*.tiff")}
    named = {path for stain in STAINS for path in fields[f"URL_{stain}"]}
    assert named == on_disk


def test_no_two_fields_or_stains_are_the_same_picture(imaged):
    images = [file_sha256(path) for path in (imaged / "images").rglob("*.tiff")]
    assert len(set(images)) == len(images) == 54 * len(STAINS)


def test_masks_are_labelled_alike_with_each_nucleus_in_one_connected_cell(imaged):
    from skimage.measure import label

    count = 0
    truth = pd.read_parquet(imaged / "truth/fields.parquet").set_index([WELL, SITE])
    for name, nuclei, cells in masks_of(imaged):
        labels = np.arange(1, nuclei.max() + 1)
        assert (np.unique(nuclei[nuclei > 0]) == labels).all(), name
        assert (np.unique(cells[cells > 0]) == labels).all(), name
        assert (cells[nuclei > 0] == nuclei[nuclei > 0]).all(), name
        for one in labels:
            assert label(cells == one, connectivity=1).max() == 1, (name, one)
            assert (nuclei == one).sum() >= 12, (name, one)
        well, site = name.split("_s")
        assert truth.loc[(well, site), "cells"] == len(labels)
        count += len(labels)
    assert count > 100


def test_the_truth_of_a_field_repeats_the_activities_of_its_well(imaged):
    fields = pd.read_parquet(imaged / "truth/fields.parquet")
    activities = pd.read_parquet(imaged / "truth/activities.parquet")
    joined = fields[[PLATE, WELL]].merge(activities, on=[PLATE, WELL], validate="m:1")
    assert fields[list(CATALOGUE)].equals(joined[list(CATALOGUE)])
    assert list(fields.columns) == [PLATE, WELL, *CATALOGUE, SITE, "cells", "dead"]
    # Cells in the masks are the bright ones: light of DNA in nuclei, of RNA around them.
    table = measure_screen(imaged)
    assert (table["nucleus_DNA_mean"].dropna() > 5 * table["cytoplasm_DNA_mean"].dropna()).all()


def test_a_programme_that_does_not_show_leaves_every_pixel(imaged):
    plain = draw_field(field_row(), FIELD, seed=7)
    hidden = draw_field(field_row(antioxidant_response=1.0), FIELD, seed=7)
    assert (plain.counts == hidden.counts).all()
    assert (plain.cells == hidden.cells).all()
    assert plain.dead == hidden.dead
    # Nor does it change what is drawn: the cell number of its wells.
    activities = pd.read_parquet(imaged / "truth/activities.parquet")
    raised = activities.assign(antioxidant_response=1.0)
    first, second = (
        field_table(table, TINY)[[SEEDED, REMAINING]] for table in (activities, raised)
    )
    assert first.equals(second)


@pytest.mark.parametrize(
    ("programme", "measurement", "factor"),
    [
        ("cell_cycle_arrest", "nucleus_area", 1.5),
        ("cell_cycle_arrest", "cell_area", 1.3),
        ("er_stress", "cytoplasm_ER_mean", 1.2),
        ("er_stress", "cytoplasm_ER_variation", 1.2),
        ("mitochondrial_stress", "cytoplasm_Mito_mean", 1 / 1.3),
        ("cytoskeleton_spreading", "cell_eccentricity", 1.05),
        ("cytoskeleton_spreading", "cell_solidity", 1 / 1.04),
        ("nucleolar_stress", "nucleus_RNA_variation", 1 / 1.4),
        ("proliferation_loss", "cell_area", 1 / 1.3),
        ("vacuolation", "cytoplasm_ER_contrast2.5", 1.2),
    ],
)
def test_each_programme_changes_what_it_is_named_for(programme, measurement, factor, untreated):
    treated = mean_measurements(**{programme: 1.0})
    ratio = treated[measurement] / untreated[measurement]
    assert ratio > factor if factor > 1 else ratio < factor


@pytest.mark.parametrize("programme", [name for name in CATALOGUE if CATALOGUE[name].in_images])
def test_half_the_activity_lies_between(programme, untreated):
    name = {
        "cell_cycle_arrest": "nucleus_area",
        "er_stress": "cytoplasm_ER_variation",
        "mitochondrial_stress": "cytoplasm_Mito_mean",
        "cytoskeleton_spreading": "cell_eccentricity",
        "nucleolar_stress": "nucleus_RNA_variation",
        "proliferation_loss": "cell_area",
        "vacuolation": "cytoplasm_ER_contrast2.5",
    }[programme]
    full = mean_measurements(**{programme: 1.0})[name]
    half = mean_measurements(**{programme: 0.5})[name]
    assert sorted([untreated[name], half, full])[1] == half


_MEASURED: dict[tuple, pd.Series] = {}


def mean_measurements(**activities):
    """Mean measurements of two fields; drawn once."""
    key = tuple(sorted(activities.items()))
    if key not in _MEASURED:
        fields = [draw_field(field_row(site, **activities), FIELD, seed=3) for site in (1, 2)]
        rows = [measure_field(field.counts, field.nuclei, field.cells) for field in fields]
        _MEASURED[key] = pd.DataFrame(rows).mean()
    return _MEASURED[key]


@pytest.fixture(scope="module")
def untreated():
    return mean_measurements()


@pytest.mark.parametrize("colony_share", [0.0, 0.9])
def test_centres_are_as_dense_in_the_field_as_beyond(colony_share):
    settings = ImageSettings(size=200, cells=6, colony_share=colony_share)
    side = settings.size + 2 * margin(settings)
    rng = np.random.default_rng(5)
    counts = []
    for _ in range(400):
        number = rng.poisson(settings.cells * (side / settings.size) ** 2)
        places = draw_places(np.full(number, 22.0), np.full(number, 8.0), settings, rng)
        assert (np.abs(places - settings.size / 2) <= side / 2).all()
        counts.append(((places >= 0) & (places < settings.size)).all(axis=1).sum())
    # Colonies spread the count more than Poisson does, hence the error from the sample.
    assert abs(np.mean(counts) - 6) < 4 * np.std(counts) / 20


def test_the_number_of_cells_falls_with_what_is_expected():
    small = ImageSettings(size=144, cells=4)

    def mean_cells(expected):
        rows = [field_row(site) | {SEEDED: expected} for site in range(25)]
        return np.mean([draw_field(row, small, seed=11).cells.max() for row in rows])

    assert 0.1 < mean_cells(0.3) / mean_cells(1.0) < 0.55


def test_without_cells_there_is_an_empty_field():
    row = field_row() | {SEEDED: 0.0}
    field = draw_field(row, FIELD, seed=1)
    assert field.cells.max() == field.nuclei.max() == 0
    middle = field.counts[:, 100:188, 100:188].mean(axis=(1, 2))
    np.testing.assert_allclose(middle, FIELD.background, rtol=0.15)


def test_activities_can_be_read_from_images_and_a_hidden_one_cannot():
    settings = ImageSettings(size=160, cells=6)
    rng = np.random.default_rng(2)
    names = ["er_stress", "mitochondrial_stress", "antioxidant_response"]
    # Each is driven without regard to the others, or the absence of two would tell of the third.
    truth = rng.uniform(0.6, 1.0, (60, 3)) * (rng.random((60, 3)) < 0.5)
    rows = [field_row(site, **dict(zip(names, truth[site], strict=True))) for site in range(60)]
    fields = [draw_field(row, settings, seed=1) for row in rows]
    measured = [measure_field(field.counts, field.nuclei, field.cells) for field in fields]
    predicted = predict(pd.DataFrame(measured), truth, groups=np.arange(60))
    explained = r2_score(truth, predicted, multioutput="raw_values")
    assert (explained[:2] > 0.5).all()
    assert explained[2] < 0.1


def test_a_tiff_holds_every_count_and_no_date(tmp_path):
    counts = np.random.default_rng(0).integers(0, 65536, (40, 30)).astype(np.uint16)
    for name in ("first.tiff", "second.tiff"):
        write_tiff(tmp_path / name, counts)
    assert (tifffile.imread(tmp_path / "first.tiff") == counts).all()
    assert file_sha256(tmp_path / "first.tiff") == file_sha256(tmp_path / "second.tiff")
    with tifffile.TiffFile(tmp_path / "first.tiff") as file:
        assert {"DateTime", "Software"}.isdisjoint(tag.name for tag in file.pages[0].tags)
