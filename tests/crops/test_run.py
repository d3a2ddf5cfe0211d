"""Crops of a screen: what is written, that nothing but inputs decides it, and bad inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.execution.computations import contents, in_process

from phenoprot.core.errors import UserError
from phenoprot.core.folders import MARKER
from phenoprot.execution.publish import published
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging.crops.cut import cut_crops
from phenoprot.imaging.crops.run import crop_fields, plan
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.store import CropStore
from phenoprot.imaging.segmentation.masks import write_masks

from .scenes import Scene, discs, usual

SMALL = CropSettings(size=24)


def make(scene: Scene, output: Path, workers: int = 1) -> CropStore:
    return crop_fields(
        scene.fields,
        scene.masks_folder,
        output,
        scene.folder / "work",
        "toy crops",
        SMALL,
        ExecutionSettings(workers=workers),
    )


@pytest.mark.usefixtures("here")
def test_the_store_holds_the_crops_of_every_field(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    store = make(scene, tmp_path / "crops")
    expected = [
        cut_crops(scene.images[name] / np.float32(65535), scene.masks[name], SMALL.size).pixels
        for name in sorted(scene.images)
    ]
    np.testing.assert_array_equal(store.read(range(len(store))), np.concatenate(expected))
    names = {path.relative_to(tmp_path / "crops").as_posix() for path in store.folder.rglob("*.*")}
    assert names - {MARKER} == {
        f"{row}{ending}"
        for row in ("P1/A", "P1/B", "P2/A")
        for ending in (".npy", ".parquet", ".fields.parquet")
    }
    # Plain numpy reads it too.
    assert np.load(tmp_path / "crops/P1/A.npy", mmap_mode="r").shape == (3, 5, 24, 24)


def test_any_number_of_workers_writes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, other = usual(tmp_path / "one"), usual(tmp_path / "two")
    make(scene, tmp_path / "crops1", workers=2)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    make(other, tmp_path / "crops2")
    assert contents(tmp_path / "crops1") == contents(tmp_path / "crops2")


@pytest.mark.usefixtures("here")
def test_a_truncated_shard_is_cut_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = usual(tmp_path)
    make(scene, tmp_path / "crops")
    before = contents(tmp_path / "crops")
    (broken,) = (tmp_path / "work").glob("*/P2~A/crops.npy")
    whole = broken.read_bytes()
    broken.unlink()  # the store has the same file under another name
    broken.write_bytes(whole[:-7])
    capsys.readouterr()
    make(scene, tmp_path / "crops")
    said = capsys.readouterr().err
    assert f"crops.npy has {len(whole) - 7} bytes, not {len(whole)}" in said
    assert "toy crops: 2 of 3 done earlier" in said
    assert contents(tmp_path / "crops") == before


@pytest.mark.usefixtures("here")
def test_the_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    make(scene, tmp_path / "crops")
    fields = scene.fields[scene.fields["Metadata_Plate"] == "P2"]
    crop_fields(fields, scene.masks_folder, tmp_path / "crops", tmp_path / "w", "toy", SMALL)
    assert {path.name for path in (tmp_path / "crops").iterdir()} == {"P2", MARKER}
    assert not list(tmp_path.glob(".crops*"))


@pytest.mark.usefixtures("here")
def test_what_no_run_has_written_stays(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    (tmp_path / "crops/P9").mkdir(parents=True)
    (tmp_path / "crops/P9/A.npy").write_text("a user's")
    with pytest.raises(UserError, match=r"holds 1 file\(s\) that this command did not write: P9/A"):
        make(scene, tmp_path / "crops")
    assert not (tmp_path / "work").exists()  # refused before the work
    assert (tmp_path / "crops/P9/A.npy").read_text() == "a user's"
    (tmp_path / "crops/P9/A.npy").unlink()
    (tmp_path / "crops/P9").rmdir()
    make(scene, tmp_path / "crops")  # an empty folder
    with published(tmp_path / "masks_of_a_run", "segment") as new:
        (new / "a.zip").touch()
    with pytest.raises(UserError, match="did not write"):
        make(scene, tmp_path / "masks_of_a_run")
    assert (tmp_path / "masks_of_a_run/a.zip").exists()


def fingerprints(scene: Scene, size: int = 24) -> dict[str, str]:
    shards = plan(scene.fields, scene.masks_folder, size)
    return {shard.name: shard.fingerprint for shard in shards}


def test_fingerprints_follow_content(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    before = fingerprints(scene)
    assert list(before) == ["P1/A", "P1/B", "P2/A"]
    scene.write()  # the same bytes once more
    assert fingerprints(scene) == before
    assert not set(fingerprints(scene, size=32).values()) & set(before.values())
    scene.images["P1/B01/1"][0, 0, 0] ^= 1
    scene.write()
    after = fingerprints(scene)
    assert [row for row in before if before[row] != after[row]] == ["P1/B"]
    scene.masks["P2/A01/1"] = discs(64, [(20, 40)])
    scene.write()
    assert [row for row in before if fingerprints(scene)[row] != after[row]] == ["P2/A"]


def message(scene: Scene) -> str:
    with pytest.raises(UserError) as error:
        make(scene, scene.folder / "crops")
    assert not (scene.folder / "crops").exists()
    return str(error.value).replace(str(scene.folder), "HERE")


@pytest.mark.usefixtures("here")
def test_no_masks_for_some_rows(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    (scene.masks_folder / "P1/B.zip").unlink()
    assert message(scene) == (
        "HERE/masks: no masks for 1 of 3 plate rows: P1/B. Segment the fields of view first "
        "(stage segment)."
    )


@pytest.mark.usefixtures("here")
def test_no_masks_for_some_fields(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    write_masks(scene.masks_folder / "P1/A.zip", {"P1/A02/1": scene.masks["P1/A02/1"]})
    assert message(scene) == (
        "HERE/masks/P1/A.zip: no masks for 2 of 3 field(s) of view: "
        "P1/A01/1, P1/A01/2. Segment the fields of view again (stage segment)."
    )


@pytest.mark.usefixtures("here")
def test_images_that_are_not_there(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    (tmp_path / "images/P1_A01_1_DNA.tiff").unlink()
    assert message(scene) == (
        "images table: 1 image file(s) are missing: HERE/images/P1_A01_1_DNA.tiff. Check its "
        "paths, or fetch the files (dvc pull)."
    )


@pytest.mark.usefixtures("here")
def test_masks_of_other_images(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    scene.masks["P1/B01/1"] = discs(50, [(20, 20)])
    scene.write()
    assert "masks of shape (50, 50) for a field of shape (64, 64)" in message(scene)


@pytest.mark.usefixtures("here")
def test_keys_stay_text(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.add("007", "A01", "01", [])
    scene.write()
    store = make(scene, tmp_path / "crops")
    assert len(store) == 0
    assert store.field_table.iloc[0, :3].tolist() == ["007", "A01", "01"]
    assert pd.read_parquet(tmp_path / "crops/007/A.parquet").empty
