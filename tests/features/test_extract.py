"""Features of a screen's fields: means by hand, bad inputs, and what nothing may change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.crops.scenes import Scene, discs
from tests.execution.computations import contents, in_process
from tests.execution.test_kill import alive, until

from phenoprot.core.errors import UserError
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.features.cellprofiler.measure import measure_field
from phenoprot.features.cellprofiler.method import CellProfiler
from phenoprot.features.cellprofiler.names import position_names
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.counts import CellCount
from phenoprot.features.extract import Sources, extract, extract_wells, plan
from phenoprot.features.settings import FeatureSettings
from phenoprot.imaging.crops.cut import inner_labels
from phenoprot.imaging.crops.run import crop_fields
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.reader import read_field
from phenoprot.imaging.segmentation.folder import COUNTS
from phenoprot.screens.aggregate import aggregate_wells

from .methods import Toy

ONE = ExecutionSettings(workers=1)
NAMES = ["P1/A01/1", "P1/A01/2", "P1/A02/1", "P1/B01/1", "P2/A01/1"]
ROOT = Path(__file__).parents[2]


def run(scene: Scene, method: object, **settings: str) -> pd.DataFrame:
    sources = Sources(scene.fields, scene.masks_folder, scene.folder / "crops")
    return extract(method, sources, scene.folder / "work", "toy", FeatureSettings(**settings), ONE)


def by_hand(scene: Scene, keep_border: bool) -> list[tuple[float, ...]]:
    """Count, mean sum of DNA, mean area, mean odd label of each field."""
    rows = []
    for name in NAMES:
        masks, dna = scene.masks[name], scene.images[name][0] / 65535
        labels = [
            label
            for label in range(1, masks.count + 1)
            if keep_border or label in inner_labels(masks)
        ]
        own = [masks.cells == label for label in labels]
        odd = [label for label in labels if label % 2]
        rows.append(
            (
                len(own),
                np.mean([dna[cell].sum() for cell in own]) if own else np.nan,
                np.mean([cell.sum() for cell in own]) if own else np.nan,
                np.mean(odd) if odd else np.nan,
            )
        )
    return rows


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("border", ["drop", "keep"])
def test_means_over_cells(scene: Scene, border: str) -> None:
    table = run(scene, Toy("cells"), border_cells=border)
    key = table[["Metadata_Plate", "Metadata_Well", "Metadata_Site"]].agg("/".join, axis=1)
    assert key.tolist() == NAMES
    expected = by_hand(scene, border == "keep")
    columns = ["Metadata_CellCount", *Toy.columns]
    np.testing.assert_allclose(table[columns].to_numpy(), expected, rtol=1e-6)
    # The field without a cell, and the one whose only cell the border cuts, are there.
    assert table["Metadata_CellCount"].tolist() == (
        [2, 0, 1, 0, 2] if border == "drop" else [3, 0, 1, 1, 2]
    )


@pytest.mark.usefixtures("here")
def test_means_over_crops_are_means_over_cells(scene: Scene) -> None:
    crop_fields(
        scene.fields, scene.masks_folder, scene.folder / "crops", scene.folder / "work", "t",
        CropSettings(size=40), ONE,
    )  # fmt: skip
    crops, cells = run(scene, Toy("crops")), run(scene, Toy("cells"))
    np.testing.assert_allclose(crops["Sum"], 65535 * cells["Sum"], rtol=1e-6)
    pd.testing.assert_series_equal(crops["Pixels"], cells["Pixels"], check_dtype=False)
    pd.testing.assert_series_equal(crops["Metadata_CellCount"], cells["Metadata_CellCount"])
    assert crops["Sum"].dtype == np.float32


@pytest.mark.usefixtures("here")
def test_whole_fields(scene: Scene) -> None:
    table = run(scene, Toy("fields"))
    expected = [scene.images[name][0].sum() / 65535 for name in NAMES]
    np.testing.assert_allclose(table["Sum"], expected, rtol=1e-6)
    assert "Metadata_CellCount" not in table


@pytest.mark.usefixtures("here")
def test_fields_of_two_sizes(scene: Scene) -> None:
    scene.size = 32
    scene.add("P1", "A01", "3", [])
    scene.write()
    table = run(scene, Toy("fields"))
    assert table["Pixels"].tolist() == [4096, 4096, 1024, 4096, 4096, 4096]


@pytest.mark.usefixtures("here")
def test_cellprofiler(scene: Scene) -> None:
    settings = CellProfilerSettings(texture_scales=(3,))
    table = run(scene, CellProfiler(settings))
    features = list(table.columns[4:])
    assert features == list(CellProfiler(settings).columns)
    assert not set(features) & set(position_names(settings))
    assert any(name.startswith("Nuclei_Texture") for name in features)
    row = scene.fields.to_dict("records")[0]
    masks = scene.masks["P1/A01/1"]
    cells = measure_field(read_field(row), (masks.nuclei, masks.cells), settings)
    frame = pd.DataFrame(cells.values, columns=cells.names)
    np.testing.assert_allclose(table[features].iloc[0], frame[features].iloc[:2].mean())
    assert table[features].iloc[[1, 3]].isna().all(axis=None)


def test_any_number_of_workers_writes_the_same_bytes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources(scene.fields, scene.masks_folder)
    two = ExecutionSettings(workers=2)
    extract(Toy("cells"), sources, scene.folder / "work2", "toy", execution=two)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    extract(Toy("cells"), sources, scene.folder / "work1", "toy", execution=ONE)
    assert contents(scene.folder / "work1") == contents(scene.folder / "work2")


@pytest.mark.usefixtures("here")
def test_a_killed_extraction_goes_on(scene: Scene) -> None:
    counts = scene.folder / "counts"
    counts.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("driver.py")), scene.folder, counts]
    process = subprocess.Popen(
        [*map(str, command), "half"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # P1/A sits in its second field; the other two plate rows are finished.
    # (A folder whose name begins with a dot is still being written, its shard.json too.)
    until(lambda: len(list(scene.folder.glob("work/*/[!.]*/shard.json"))) == 2)
    until(lambda: len((counts / "begun").read_text().split()) == 4)
    workers = {int(line) for line in (counts / "begun").read_text().split()}
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(alive, workers)))
    begun = len((counts / "begun").read_text().split())
    again = extract(
        Toy("cells", counts), Sources(scene.fields, scene.masks_folder), scene.folder / "work",
        "toy", execution=ONE,
    )  # fmt: skip
    # Only the three fields of P1/A are measured again.
    assert len((counts / "begun").read_text().split()) == begun + 3
    fresh = extract(
        Toy("cells"), Sources(scene.fields, scene.masks_folder), scene.folder / "fresh", "toy",
        execution=ONE,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again, fresh)
    assert contents(scene.folder / "work") == contents(scene.folder / "fresh")


@pytest.mark.usefixtures("here")
def test_a_truncated_shard_is_done_again(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(scene, Toy("cells", scene.folder / "counts"))
    assert (scene.folder / "counts/warm").exists()
    (broken,) = (scene.folder / "work").glob("*/P1~B/fields.parquet")
    broken.write_bytes(broken.read_bytes()[:100])
    begun = len((scene.folder / "counts/begun").read_text().split())
    pd.testing.assert_frame_equal(run(scene, Toy("cells", scene.folder / "counts")), before)
    assert len((scene.folder / "counts/begun").read_text().split()) == begun + 1
    assert "shard P1/B is computed again" in capsys.readouterr().err


def test_nothing_is_warmed_when_all_is_there(scene: Scene, here: None) -> None:
    run(scene, Toy("cells"))
    run(scene, Toy("cells", scene.folder / "counts"))
    assert not (scene.folder / "counts").exists()


def fingerprints(scene: Scene, method: object, **settings: str) -> list[str]:
    sources = Sources(scene.fields, scene.masks_folder, scene.folder / "crops")
    return [shard.fingerprint for shard in plan(method, sources, FeatureSettings(**settings))]


@pytest.mark.usefixtures("here")
def test_fingerprints(scene: Scene) -> None:
    before = fingerprints(scene, CellProfiler())
    assert fingerprints(scene, CellProfiler()) == before
    other = CellProfiler(CellProfilerSettings(radial_bins=3))
    assert not set(fingerprints(scene, other)) & set(before)
    assert not set(fingerprints(scene, CellProfiler(), border_cells="keep")) & set(before)
    # Whole fields have no cells: masks and borders are nothing to them.
    fields = fingerprints(scene, Toy("fields"))
    assert fingerprints(scene, Toy("fields"), border_cells="keep") == fields
    scene.masks["P1/B01/1"] = scene.masks["P1/A01/2"]
    scene.write()
    after = fingerprints(scene, CellProfiler())
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False, True]
    assert fingerprints(scene, Toy("fields")) == fields


@pytest.mark.usefixtures("here")
def test_crops_of_other_fields(scene: Scene) -> None:
    crops = [scene.folder / "crops", scene.folder / "work", "t", CropSettings(size=24), ONE]
    crop_fields(scene.fields.drop(index=1), scene.masks_folder, *crops)
    with pytest.raises(UserError) as error:
        run(scene, Toy("crops"))
    assert str(error.value) == (
        f"toy, shard P1/A: {scene.folder}/crops: 1 field(s) of view are in the images table or in "
        "the crops only: P1/A01/2. Cut the crops again (stage crops)."
    )


def test_masks_of_another_size(scene: Scene) -> None:
    scene.masks["P1/B01/1"] = discs(60, [(30, 30)])
    scene.write()
    sources = Sources(scene.fields, scene.masks_folder)
    with pytest.raises(UserError) as error:
        extract(Toy("cells"), sources, scene.folder / "work", "toy", execution=ONE)
    assert "the masks of P1/B01/1 are 60 x 60, its images 64 x 64" in str(error.value)
    assert "B.zip" in str(error.value)


def test_a_method_needs_what_it_reads(scene: Scene) -> None:
    with pytest.raises(UserError) as error:
        plan(CellProfiler(), Sources(scene.fields), FeatureSettings())
    assert str(error.value) == ("cellprofiler: reads masks, and none are given. Name the masks.")


def test_cells_of_wells(scene: Scene) -> None:
    objects = pd.DataFrame(NAMES, columns=["key"])["key"].str.split("/", expand=True)
    objects.columns = ["Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    counts = dict(zip(COUNTS, ([3, 0, 1, 1, 2], 0, 0, 0), strict=True))
    objects.assign(**counts).to_parquet(scene.masks_folder / "objects.parquet")
    sources = Sources(scene.fields, scene.masks_folder)
    wells = extract_wells(CellCount(), sources, scene.folder / "work", "toy")
    # Every field counts, one without a cell too; cells at the border are counted.
    assert wells.columns.tolist() == ["Metadata_Plate", "Metadata_Well", "Cells_Count"]
    assert wells["Metadata_Well"].tolist() == ["A01", "A02", "B01", "A01"]
    assert wells["Cells_Count"].tolist() == [1.5, 1, 1, 2]
    assert wells["Cells_Count"].dtype == np.float32
    with pytest.raises(UserError, match="cell_count: reads masks, and none are given"):
        extract_wells(CellCount(), Sources(scene.fields), scene.folder / "work", "toy")


@pytest.mark.usefixtures("here")
def test_wells_are_means_over_fields(scene: Scene) -> None:
    sources = Sources(scene.fields, scene.masks_folder)
    fields = run(scene, Toy("cells"))
    wells = extract_wells(Toy("cells"), sources, scene.folder / "work", "toy", execution=ONE)
    pd.testing.assert_frame_equal(wells, aggregate_wells(fields))


def test_values_above_one_count_as_one() -> None:
    # An illumination correction makes them; CellProfiler truncates them.
    masks = discs(64, [(30, 30)])
    field = np.full((5, 64, 64), 0.5, dtype=np.float32)
    field[:, 25:35, 25:35] = 1.5
    settings = CellProfilerSettings(texture_scales=(3,))
    _, values = CellProfiler(settings).prepare()(field, masks)
    _, clipped = CellProfiler(settings).prepare()(np.minimum(field, 1), masks)
    np.testing.assert_array_equal(values, clipped)
    brightest = CellProfiler(settings).columns.index("Cells_Intensity_MaxIntensity_DNA")
    assert values[0, brightest] == 1
