"""What the files of laboratories get wrong, and what `screens new` and its readers say of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.imports.layout import LayoutOptions, read_layout
from phenoprot.imports.profiles import read_profiles
from phenoprot.imports.proteins import read_proteins
from phenoprot.imports.proteins.groups import changed_by_spreadsheets
from phenoprot.imports.targets import read_targets

WELLS = pd.DataFrame(
    [
        (plate, f"{row}{column:02d}", "DMSO" if column % 3 == 0 else f"c{column}", column % 3 * 5.0)
        for plate in ("P1", "P2")
        for row in "AB"
        for column in range(1, 7)
    ],
    columns=["Plate", "Well", "Compound", "Dose_uM"],
)
KEY = ["Plate", "Well"]


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plate map, features and intensities of two plates."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    WELLS.to_csv("map.csv", index=False)
    features = rng.normal(size=(len(WELLS), 3)).round(3)
    pd.concat(
        [WELLS[KEY], pd.DataFrame(features, columns=["Cells_A", "Cells_B", "Cells_C"])], axis=1
    ).to_csv("features.csv", index=False)
    proteins = WELLS[KEY].merge(pd.DataFrame({"Gene": ["EGFR", "KRAS", "TP53"]}), how="cross")
    proteins["Intensity"] = np.exp(rng.normal(10, 1, len(proteins))).round(1)
    proteins.to_csv("proteins.csv", index=False)
    return tmp_path


def new(*more: str) -> str:
    tables = ["--plate-map", "map.csv", "--profiles", "features.csv", "--proteins", "proteins.csv"]
    line = ["screens", "new", "mine", *tables, "--cell-line", "U2OS", *more]
    result = CliRunner().invoke(app, line, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_intensities_need_no_scale(separator: str, laboratory: Path) -> None:
    given = pd.read_csv("proteins.csv")
    given.to_csv("proteins.csv", index=False, sep=separator)
    assert "    intensities of U2OS\n" in new()
    info = yaml.safe_load(Path("mine/screen.yaml").read_text())
    assert info["tables"]["proteomics"]["kind"] == "intensity"
    written = pd.read_parquet("mine/proteomics.parquet")
    assert written["Value"].sum() == pytest.approx(given["Intensity"].sum(), rel=1e-6)


def test_samples_of_a_search_engine_need_no_scale(laboratory: Path) -> None:
    given = pd.read_csv("proteins.csv")
    wide = given.assign(sample=given["Plate"] + "_" + given["Well"]).pivot(
        index="Gene", columns="sample", values="Intensity"
    )
    names = pd.DataFrame({"Protein.Group": wide.index, "Genes": wide.index})
    table = pd.concat([names, wide.reset_index(drop=True)], axis=1)
    table.to_csv("report.pg_matrix.tsv", sep="\t", index=False)
    new("--proteins", "report.pg_matrix.tsv")
    written = pd.read_parquet("mine/proteomics.parquet")
    assert written["Value"].sum() == pytest.approx(given["Intensity"].sum(), rel=1e-6)


def test_a_plate_of_logarithms_is_named(laboratory: Path) -> None:
    given = pd.read_csv("proteins.csv")
    second = given["Plate"] == "P2"
    given.loc[second, "Intensity"] = np.log2(given["Intensity"])
    given.to_csv("proteins.csv", index=False)
    assert "1 plate(s) look like logarithms among intensities: P2" in new()


@pytest.mark.parametrize("read", [read_profiles, read_proteins], ids=["features", "proteins"])
def test_decimal_commas_are_no_words(read: Any, tmp_path: Path) -> None:
    """A column of whole numbers beside them must not be read alone."""
    path = tmp_path / "table.csv"
    table = WELLS[KEY].assign(A=np.arange(24) + 200.5, B=np.arange(24), C=np.arange(24) + 200)
    table.to_csv(path, index=False, sep=";", decimal=",")
    with pytest.raises(UserError, match=r"'A'.*'200,5'.*decimal points"):
        read(path if read is read_proteins else [path])


def test_what_to_do_with_files_of_another_kind(laboratory: Path) -> None:
    Path("Nuclei.csv").write_text("ImageNumber,ObjectNumber,AreaShape_Area\n1,1,5\n")
    with pytest.raises(UserError, match="read by `phenoprot features import`"):
        read_profiles([Path("Nuclei.csv")])
    Path("x.zip").write_bytes(b"PK\x03\x04\x00")
    with pytest.raises(UserError, match=r"Unpack it\."):
        read_proteins(Path("x.zip"))
    with pytest.raises(UserError, match=r"Unpack it\."):
        read_profiles([Path("x.zip")])
    WELLS.replace({"Plate": {"P1": "1.0", "P2": "2.0"}}).to_csv("map.csv", index=False)
    message = r"2 of 2 plate.s. have no layout: P1, P2; the layout has 1\.0, 2\.0"
    with pytest.raises(UserError, match=message):
        new()


DESCRIBING = {"Dose_uM": WELLS["Dose_uM"], "Conc (nM)": 5, "Batch": 1, "replicate": 2}


def test_what_describes_wells_is_no_feature(laboratory: Path) -> None:
    pd.read_csv("features.csv").assign(**DESCRIBING).to_csv("features.csv", index=False)
    found = read_profiles([Path("features.csv")])
    assert [c for c in found.table if not c.startswith("Metadata_")] == [
        "Cells_A",
        "Cells_B",
        "Cells_C",
    ]
    assert found.about["Dose_uM"].astype(float).tolist() == WELLS["Dose_uM"].tolist()
    said = "4 column(s) that describe wells are no features: Dose_uM, Conc (nM), Batch, replicate"
    assert said in found.lines


def test_a_count_of_cells_that_never_varies_is_no_table(laboratory: Path) -> None:
    features = pd.read_csv("features.csv")
    features.assign(Metadata_Object_Count=7).to_csv("features.csv", index=False)
    new()
    assert [path.stem for path in Path("mine/profiles").iterdir()] == ["cellprofiler"]
    features.assign(Metadata_Object_Count=range(len(features))).to_csv("features.csv", index=False)
    shutil.rmtree("mine")
    new()
    assert Path("mine/profiles/cell_count.parquet").is_file()


def test_features_that_never_vary_are_a_fault(laboratory: Path) -> None:
    WELLS[KEY].assign(Cells_A=1.0, Cells_B=2.0).to_csv("features.csv", index=False)
    line = ["screens", "new", "mine", "--plate-map", "map.csv", "--profiles", "features.csv"]
    result = CliRunner().invoke(app, [*line, "--proteins", "proteins.csv", "--cell-line", "U2OS"])
    assert result.exit_code == 1
    assert "profiles/cellprofiler: no feature is left" in f"{result.output}{result.exception}"
    assert not Path("mine").exists()


def test_what_describes_wells_is_no_protein(laboratory: Path) -> None:
    table = WELLS[KEY].assign(EGFR=200.5, KRAS=300.5, **DESCRIBING)
    table.to_csv("wells.csv", index=False)
    found = read_proteins(Path("wells.csv"))
    assert set(found.table["Metadata_Protein"]) == {"EGFR", "KRAS"}


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {"role": ["negcon", "poscon", "", ""], "Dose_uM": [0, 0, 1, 1]},
            {},
            r"map.csv: 1 well.s. of positive controls have concentration 0: a\. Give",
        ),
        (
            {"Dose_uM": [1, 1, 1, 1]},
            {"negative_control": "vehicle 2"},
            "map.csv: no well holds the negative control 'vehicle 2'",
        ),
        (
            {"Dose_uM": [0, 1, 2, 3], "Dose (nM)": [0, 1000, 200, 3000]},
            {},
            "'Dose_uM' and 'Dose .nM.' say different concentrations in 1 treated .*: row 4",
        ),
        ({}, {"concentration": 0.0, "unit": "uM"}, "--concentration: 0 is no concentration"),
        ({}, {"concentration": float("nan"), "unit": "uM"}, "nan is no concentration"),
    ],
)
def test_faults_of_plate_maps(
    columns: dict[str, list[object]], options: dict[str, object], message: str
) -> None:
    table = pd.DataFrame({"Well": ["A1", "A2", "A3", "A4"], "Compound": ["DMSO", *"abc"]})
    with pytest.raises(UserError, match=message):
        read_layout(table.assign(**columns), "map.csv", LayoutOptions(**options))  # type: ignore[arg-type]


def test_what_is_not_used_is_said() -> None:
    compounds = pd.DataFrame(
        {"Compound": ["a", "a", "b", "b"], "SMILES": ["C", "CC", "C", "C"], "batch": [1, 2, 3, 4]}
    )
    table = pd.DataFrame(
        {"Well": ["A1", "A2", "A3"], "Compound": ["DMSO", *"ab"], "Dose_uM": [0, 1, 2]}
    )
    layout = read_layout(table, "map.csv", LayoutOptions(concentration=5.0), compounds)
    assert layout.wells["Metadata_Concentration"].tolist() == [0, 1, 2]
    assert "Dose_uM says the concentrations, not --concentration 5" in layout.lines
    line = "1 sample(s) stand in rows of the compounds that differ, the first is taken: a"
    assert line in layout.lines


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("new mine --profiles features.csv --scale log", "--scale: is unknown: 'log'"),
        ("new mine --profiles features.csv --unit um", "--unit: is unknown: 'um'"),
        ("import plate-map map.csv --output w.csv --unit um", "--unit: is unknown: 'um'"),
        ("import plate-map map.csv --output map.csv", "would replace the file map.csv"),
        ("import plate-map *.csv --output map.csv", "would replace the file map.csv"),
        ("import profiles features.csv --output features.csv", "would replace the file features"),
        ("import profiles features.csv --output f.txt", "ends in neither .csv nor .parquet"),
        ("import images map.csv --output map.csv", "would replace the file map.csv"),
        (
            "new mine --plate-map map.csv --profiles features.csv --cell-line A --params no.yaml",
            "no.yaml: no such file",
        ),
    ],
)
def test_nothing_is_written_after_a_fault(line: str, message: str, laboratory: Path) -> None:
    before = {path.name: path.read_bytes() for path in laboratory.iterdir()}
    with pytest.raises(UserError, match=message):
        CliRunner().invoke(app, ["screens", *line.split()], catch_exceptions=False)
    assert {path.name: path.read_bytes() for path in laboratory.iterdir()} == before


@pytest.mark.parametrize(
    "name",
    ["1-Mar", "2-SEP", "Sep-02", "2-Sep-24", "1. Mrz", "2024-09-02", "2024-09-02 00:00:00",
     "02.09.2024", "9/2/24", "45537", "2.31E+13"],
)  # fmt: skip
def test_names_that_spreadsheets_change(name: str) -> None:
    names = pd.Series([name, "EGFR", "sep-1", "MARCHF1", "DEC1", "1433B", "H2-K1"])
    assert changed_by_spreadsheets(names).tolist() == [True] + [False] * 6


def test_identifiers_that_are_numbers_are_none_of_these() -> None:
    assert not changed_by_spreadsheets(pd.Series(["1956", "3845", "7157", "EGFR"])).any()


def test_targets_of_spreadsheets(tmp_path: Path) -> None:
    path = tmp_path / "TARGETS.CSV"
    path.write_text('compound;target\na;1-Mar|NA\nb;"EGFR, KRAS"\nc;TP53\n')
    found = read_targets(path, pd.DataFrame({"Metadata_Compound": [*"abc"]}))
    assert found.table["Metadata_Target"].tolist() == ["1-Mar", "EGFR, KRAS", "TP53"]
    assert "1 target(s) look like what spreadsheets make of MARCHF1: '1-Mar'" in found.lines
    assert [line for line in found.lines if "hold a comma" in line and "'EGFR, KRAS'" in line]


def texts(command: Any, path: str = "phenoprot screens") -> dict[str, str]:
    """Help of a command, of its options, and of the commands below it."""
    found = {path: command.help or ""}
    found |= {f"{path} {p.name}": p.help or "" for p in command.params if hasattr(p, "help")}
    for name, below in getattr(command, "commands", {}).items():
        found |= texts(below, f"{path} {name}")
    return found


def test_help_is_printed_as_it_is_written() -> None:
    """Words in square brackets are markup to the printer of the help: it drops them."""
    root: Any = get_command(app)
    given = texts(root.commands["screens"])
    assert len(given) > 50
    assert {path: Text.from_markup(text).plain for path, text in given.items()} == given
