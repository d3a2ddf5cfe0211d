import json
import shutil
from pathlib import Path

import pytest
import yaml

from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256
from phenoprot.phantom import write as write_module
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.write import simulate_phantom
from phenoprot.screens.contract import REQUIRED_COLUMNS, UNIQUE_KEYS
from phenoprot.screens.loader import load_screen

WELL_KEY = ["Metadata_Plate", "Metadata_Well"]


def digests(folder):
    return {
        str(path.relative_to(folder)): file_sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_settings_give_equal_bytes_and_another_seed_other_tables(tmp_path, small):
    for name in ("first", "second", "other"):
        seed = small.seed + (name == "other")
        folder = tmp_path / name / "phantom"
        simulate_phantom(small.model_copy(update={"seed": seed}), folder)
    first, second, other = (
        digests(tmp_path / name / "phantom") for name in ("first", "second", "other")
    )
    assert first == second
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first if name != "images/NOTE.txt")


def test_the_screen_holds_what_the_contract_asks(phantom):
    screen = phantom.screen
    tables = {
        "wells": screen.wells(),
        "proteomics": screen.proteomics(),
        "targets": screen.targets(),
    }
    for kind, table in tables.items():
        assert set(REQUIRED_COLUMNS[kind]) <= set(table.columns), kind
        assert not table.duplicated(UNIQUE_KEYS[kind]).any(), kind
        assert table.notna().all(axis=None), kind
    known = set(map(tuple, tables["wells"][WELL_KEY].to_numpy()))
    assert set(map(tuple, tables["proteomics"][WELL_KEY].to_numpy())) <= known
    for method in screen.info.tables.profiles:
        profile = screen.profile(method)
        assert list(map(tuple, profile[WELL_KEY].to_numpy())) == sorted(known)
        assert (profile.drop(columns=WELL_KEY).dtypes == "float32").all()
    assert set(tables["targets"]["Metadata_Compound"]) <= set(tables["wells"]["Metadata_Compound"])
    assert (tables["proteomics"]["Value"] >= 1).all()
    assert screen.info.sources[0].licence == "CC0-1.0"
    assert "Simulated" in screen.info.caveats[0]


def test_the_truth_covers_compounds_proteins_and_wells(phantom):
    settings, wells = phantom.settings, phantom.screen.wells()
    assert len(phantom.truth("compounds")) == settings.n_compounds * len(settings.programmes)
    assert len(phantom.truth("proteins")) == settings.n_proteins
    assert len(phantom.truth("regulation")) == settings.n_compounds * settings.n_proteins
    activities = phantom.truth("activities")
    assert list(activities.columns) == [*WELL_KEY, *settings.programmes]
    assert activities[WELL_KEY].equals(wells[WELL_KEY])
    control = (wells["Metadata_Control"] == "negcon").to_numpy()
    assert (activities.loc[control, list(settings.programmes)] == 0).all(axis=None)


def test_the_settings_beside_the_truth_make_the_screen_again(phantom, tmp_path):
    text = (phantom.screen.folder / write_module.SETTINGS_FILE).read_text()
    again = tmp_path / "phantom"
    simulate_phantom(PhantomSettings.model_validate(json.loads(text)), again)
    assert digests(again) == digests(phantom.screen.folder)


def test_an_earlier_phantom_is_replaced_whole(tmp_path, small):
    folder = tmp_path / "phantom"
    simulate_phantom(small, folder)
    simulate_phantom(small.model_copy(update={"n_proteins": 10}), folder)
    assert load_screen(folder).proteomics()["Metadata_Protein"].nunique() == 10
    assert [path.name for path in tmp_path.iterdir()] == ["phantom"]


@pytest.mark.parametrize(
    "name",
    ["notes.txt", ".hidden", "images/mine.tif", "truth/mine.csv", "profiles/old/mine.parquet",
     "images/P1/A01.tiff.bak", "more/deep/x"],
)  # fmt: skip
def test_what_the_simulation_did_not_write_is_never_deleted(tmp_path, small, name):
    folder = tmp_path / "phantom"
    simulate_phantom(small, folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    before = digests(folder)
    with pytest.raises(UserError, match=f"1 file.*did not write: {name}"):
        simulate_phantom(small, folder)
    assert digests(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["phantom"]


@pytest.mark.parametrize("folder", [".", "..", "../..", "/"])
def test_folders_that_have_no_name(tmp_path, small, monkeypatch, folder):
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    (tmp_path / "keep").write_text("mine")
    monkeypatch.chdir(work)
    with pytest.raises(UserError, match="'name'"):
        simulate_phantom(small, Path(folder))
    assert digests(tmp_path).keys() == {"keep"}


def test_tables_of_the_user_stay(tmp_path, small):
    folder = tmp_path / "phantom"
    simulate_phantom(small, folder)
    own = digests(folder)
    (folder / "profiles" / "mine.parquet").write_text("mine")
    simulate_phantom(small, folder)
    assert digests(folder).keys() == own.keys() | {"profiles/mine.parquet"}
    # As DVC leaves the folder before it runs the stage again.
    for name in own:
        (folder / name).unlink()
    shutil.rmtree(folder / "truth")
    shutil.rmtree(folder / "images")
    simulate_phantom(small, folder)
    assert digests(folder).items() >= own.items()
    assert (folder / "profiles" / "mine.parquet").read_text() == "mine"


def test_a_folder_that_is_no_phantom_is_left_alone(tmp_path, small):
    folder = tmp_path / "cpjump1"
    folder.mkdir()
    (folder / "wells.csv").write_text("mine")
    with pytest.raises(UserError, match=r"is not a phantom: it has no truth/settings\.json"):
        simulate_phantom(small, folder)
    assert digests(folder).keys() == {"wells.csv"}
    assert [path.name for path in tmp_path.iterdir()] == ["cpjump1"]


def test_a_failure_leaves_the_earlier_phantom_and_no_rubbish(tmp_path, small, monkeypatch):
    folder = tmp_path / "phantom"
    simulate_phantom(small, folder)
    before = digests(folder)

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(write_module, "write_json", full)
    with pytest.raises(OSError, match="no space left"):
        simulate_phantom(small.model_copy(update={"seed": 1}), folder)
    assert digests(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["phantom"]


def test_a_folder_whose_name_is_no_screen_name_is_refused(tmp_path, small):
    with pytest.raises(UserError, match="'name': String should match pattern"):
        simulate_phantom(small, tmp_path / "My Phantom")
    assert not list(tmp_path.iterdir())


def test_the_pipeline_names_all_that_is_written(phantom):
    """What dvc.yaml lists one by one as outputs of the simulation, is all of the screen."""
    text = (Path(__file__).parents[2] / "dvc.yaml").read_text(encoding="utf-8")
    stage = yaml.safe_load(text)["stages"]["simulate-phantom"]
    outs = {next(iter(out)) for out in stage["outs"]}
    written = {f"data/screens/phantom/{name}" for name in digests(phantom.screen.folder)}
    assert outs <= written | {f"data/screens/phantom/{name}" for name in ("images", "truth")}
    for name in written:
        assert name in outs or any(name.startswith(f"{out}/") for out in outs), name
