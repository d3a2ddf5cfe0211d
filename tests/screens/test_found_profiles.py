"""Embeddings computed elsewhere: found in the screen's folder, averaged to wells, faults named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from phenoprot.core.errors import UserError
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.write import simulate_phantom
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.summary import describe
from phenoprot.tasks.settings import RowSettings
from phenoprot.validation.checks import validate_folder
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.normalise import normalise_to_controls
from phenoprot.wells.treatments import screen_profiles

from .mini import INFO

KEY = ["Metadata_Plate", "Metadata_Well"]
NAN = np.nan
FIELDS = pd.DataFrame(
    {
        "Metadata_Plate": ["P1", "P1", "P2", "P1"],
        "Metadata_Well": ["a1", "A01", "A01", "A02"],
        "Metadata_Site": ["1", "2", "1", "1"],
        "Metadata_Model": ["mine"] * 4,
        "e0": [1.0, 3.0, 10.0, 7.0],
        "e1": [NAN, 4.0, 5.0, NAN],
    }
)
WELLS = (
    "Metadata_Plate,Metadata_Well,Metadata_Compound,Metadata_Concentration,Metadata_Control\n"
    "P1,A01,DMSO,0,negcon\nP1,A02,drug,1,\nP2,A01,DMSO,0,negcon\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A screen without a profile table."""
    folder = tmp_path / "mini"
    (folder / "profiles").mkdir(parents=True)
    (folder / "screen.yaml").write_text(yaml.safe_dump(INFO))
    (folder / "wells.csv").write_text(WELLS)
    return folder


def put(table: pd.DataFrame, folder: Path, name: str = "mine.parquet") -> Path:
    path = folder / "profiles" / name
    if name.endswith(".parquet"):
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["mine.parquet", "mine.csv", "mine.csv.gz"])
def test_fields_are_averaged_to_wells(folder: Path, name: str) -> None:
    put(FIELDS, folder, name)
    screen = load_screen(folder)
    found = screen.profile("mine")
    assert found[KEY].to_numpy().tolist() == [["P1", "A01"], ["P1", "A02"], ["P2", "A01"]]
    assert found["Metadata_FieldCount"].tolist() == [2, 1, 1]
    assert found[["e0", "e1"]].dtypes.tolist() == [np.float32, np.float32]
    np.testing.assert_array_equal(found[["e0", "e1"]], [[2, 4], [7, NAN], [10, 5]])
    assert "Metadata_Model" not in found
    assert f"profiles/mine: 3 wells x 2 features - computed elsewhere (profiles/{name}" in describe(
        folder
    )


def test_wells_are_taken_as_they_are(folder: Path) -> None:
    put(FIELDS.drop(columns="Metadata_Site").iloc[1:], folder)
    found = load_screen(folder).profile("mine")
    np.testing.assert_array_equal(found[["e0", "e1"]], [[3, 4], [10, 5], [7, NAN]])


def test_many_fields_equal_pandas(folder: Path) -> None:
    rng = np.random.default_rng(0)
    n = 60
    table = pd.DataFrame(rng.normal(size=(n, 20)), columns=[f"e{i}" for i in range(20)])
    wells = rng.choice(["A01", "A02"], n)
    sites = [str(i) for i in range(n)]
    keys = {"Metadata_Plate": "P1", "Metadata_Well": wells, "Metadata_Site": sites}
    put(table.assign(**keys), folder)
    found = load_screen(folder).profile("mine")
    np.testing.assert_allclose(found[table.columns], table.groupby(wells).mean(), rtol=1e-6)


def test_a_field_without_a_cell_takes_no_part(folder: Path) -> None:
    put(FIELDS.assign(Metadata_CellCount=[0, 5, 6, 0]), folder)
    found = load_screen(folder).profile("mine")
    # P1/A02 has no cell at all.
    assert found["Metadata_Well"].tolist() == ["A01", "A01"]
    assert found["e0"].tolist() == [3, 10]
    assert found["Metadata_CellCount"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.drop(columns="Metadata_Well"),
            "1 required column(s) missing: Metadata_Well. A profiles table needs Metadata_Plate",
        ),
        (
            lambda t: t.assign(Metadata_Site=[1, 2, 1, 1]),
            "'Metadata_Site' holds int64, expected strings",
        ),
        (lambda t: t.assign(Metadata_Plate=["P1", None, "", "P1"]), "is empty in 2 row(s)"),
        (
            lambda t: t.assign(Metadata_Site="1"),
            "1 row(s) repeat a key: P1/A01/1. Give each field one row.",
        ),
        (lambda t: t.assign(e1="x"), "1 of 2 features hold no numbers: e1. Name columns that"),
        (
            lambda t: t.assign(Metadata_CellCount=["5", "many", "6", "7"]),
            "column 'Metadata_CellCount' has 1 value(s) that are no number: row 3 'many'",
        ),
        (
            lambda t: t.assign(Metadata_CellCount=[5, None, 6, 7]),
            "Metadata_CellCount is empty, or no whole number of 0 or more, in 1 row(s). Write",
        ),
    ],
)
def test_faults(folder: Path, change: Any, message: str) -> None:
    path = put(change(FIELDS), folder)
    with pytest.raises(UserError) as fault:
        load_screen(folder).profile("mine")
    assert str(fault.value).startswith(f"{path}: ")
    assert message in str(fault.value)


def test_all_faults_of_the_rows_are_named_at_once(folder: Path) -> None:
    put(FIELDS.assign(Metadata_Site=["1", "1", "", ""], e1="x"), folder)
    with pytest.raises(UserError) as fault:
        load_screen(folder).profile("mine")
    for part in ("Metadata_Site is empty in 2 row(s)", "1 row(s) repeat a key", "hold no numbers"):
        assert part in str(fault.value)


def test_a_description_goes_before(folder: Path) -> None:
    put(FIELDS, folder)
    (folder / "profiles" / ".mine.parquet.part").write_text("unfinished")
    (folder / "profiles" / "README.md").write_text("How they were made.")
    table = {"path": "profiles/mine.parquet", "content": "mine", "normalised": True}
    described = INFO | {"tables": INFO["tables"] | {"profiles": {"ours": table}}}
    (folder / "screen.yaml").write_text(yaml.safe_dump(described))
    tables = load_screen(folder).info.tables.profiles
    assert list(tables) == ["ours"]
    assert tables["ours"].normalised


def test_one_name_stands_for_one_table(folder: Path) -> None:
    put(FIELDS, folder)
    put(FIELDS, folder, "mine.csv")
    with pytest.raises(UserError) as fault:
        load_screen(folder)
    assert str(fault.value) == (
        f"{folder}: 1 name(s) stand for more than one profile table: mine (profiles/mine.csv, "
        "profiles/mine.parquet). Rename or remove files."
    )
    (folder / "profiles" / "mine.csv").unlink()
    elsewhere = {"mine": {"path": "other.parquet", "content": "c"}}
    described = INFO | {"tables": INFO["tables"] | {"profiles": elsewhere}}
    (folder / "screen.yaml").write_text(yaml.safe_dump(described))
    with pytest.raises(UserError, match=r"mine \(other\.parquet, profiles/mine\.parquet\)"):
        load_screen(folder)


@pytest.mark.parametrize(
    "name", ["plate_position", "proteome", "structure", "concentration", "cloome-untrained"]
)
def test_names_of_what_is_made_are_taken(folder: Path, name: str) -> None:
    put(FIELDS, folder, f"{name}.parquet")
    extracted = {"cloome-untrained": FIELDS}
    with pytest.raises(UserError, match=rf"have the name of what is made from the screen: {name}"):
        screen_profiles(load_screen(folder), [name], "standardise", extracted)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom with enough compounds to pass validation."""
    folder = tmp_path_factory.mktemp("screens") / "phantom"
    simulate_phantom(PhantomSettings(n_proteins=12, images=None), folder)
    return folder


def embedding(screen: Screen, sites: int = 2) -> pd.DataFrame:
    """A dummy embedding of fields: four random numbers."""
    wells = screen.wells()[KEY]
    table = pd.concat([wells.assign(Metadata_Site=str(site)) for site in range(1, sites + 1)])
    values = np.random.default_rng(0).normal(size=(len(table), 4))
    return table.assign(**{f"e{i}": values[:, i] for i in range(4)})


def check(folder: Path) -> ValidationReport:
    return validate_folder(folder, ValidationSettings(), normalise_to_controls)


def test_a_file_and_a_line_make_a_row(simulated: Path) -> None:
    """No other edit: the table passes validation and becomes treatment profiles."""
    screen = load_screen(simulated)
    path = put(embedding(screen), simulated)
    row = RowSettings.model_validate(yaml.safe_load("mine: {features: [mine], model: mlp}")["mine"])
    assert check(simulated).ok
    tables = screen_profiles(load_screen(simulated), row.features, "standardise")
    oracle = screen_profiles(screen, ["oracle"], "standardise")["oracle"]
    treatment = ["Metadata_Compound", "Metadata_Concentration"]
    pd.testing.assert_frame_equal(tables["mine"][treatment], oracle[treatment])
    assert tables["mine"].columns[2:].tolist() == ["e0", "e1", "e2", "e3"]
    path.unlink()


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        (
            lambda t: t.assign(Metadata_Well=t["Metadata_Well"].replace("A01", "Z99")),
            "row_has_well",
        ),
        (lambda t: t.assign(e0=np.inf), "feature_infinite"),
        (lambda t: t.assign(e0=1e300), "feature_infinite"),
        (lambda t: t.assign(e0=NAN), "feature_nan"),
        (lambda t: t.drop(columns=["e0", "e1", "e2", "e3"]), "feature_exists"),
        (lambda t: t.iloc[:0], "filled"),
        (lambda t: t.assign(Metadata_Site="1"), "readable"),
    ],
)
def test_it_is_validated_like_the_rest(simulated: Path, change: Any, check_id: str) -> None:
    path = put(change(embedding(load_screen(simulated))), simulated)
    report = check(simulated)
    path.unlink()
    failed = [result for result in report.results if not result.ok]
    assert any(check_id in result.check for result in failed), report.lines()
    assert any("profiles/mine.parquet" in line for line in report.lines())
