"""Inputs of public bug reports, rebuilt: each is refused, warned of, or read right.

The numbers are those of the issue. Images that several cases share lie in ``data/im``.
"""

from __future__ import annotations

import contextlib
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError

from .conftest import Kit
from .mutations import copy_kit
from .observe import Outcome, faults_of, left_over, observe
from .readers import command
from .stages import inside

DATA = Path(__file__).parent / "data"
FIT = ("curves", "fit", "p.toml", "--output", "out.txt")
SEGMENT = ("segment", "load_data.csv", "--output", "masks", "--workers", "1")
PROFILES = ("profiles", "f.csv", "--wells", "w.csv", "--output", "o.parquet")
IMPORT = ("features", "import", "cp", "--output", "o.parquet")
VALIDATE = ("screens", "validate", "series")


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import and compile before the clock of the first case runs."""
    import great_expectations  # noqa: F401
    import numba.core  # noqa: F401

    folder = tmp_path_factory.mktemp("warm") / "case"
    shutil.copytree(next(DATA.glob("03-*")), folder)
    with inside(folder), contextlib.suppress(SystemExit):
        command(*FIT)()


class Bench:
    """A copy of a case's input, and what a command makes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, number: str) -> Path:
        """Copy the input of a case."""
        (source,) = DATA.glob(f"{number}-*")
        shutil.copytree(DATA / "im", self.folder / "im")
        shutil.copytree(source, self.folder, dirs_exist_ok=True)
        return self.folder

    def run(self, *arguments: str) -> Outcome:
        with inside(self.folder):
            outcome = observe(command(*arguments))
        assert not left_over(self.folder)
        if outcome.error is not None:
            assert not faults_of(outcome.error, ())
        return outcome

    def refused(self, *arguments: str, says: tuple[str, ...] = ()) -> UserError:
        outcome = self.run(*arguments)
        assert outcome.error is not None, f"accepted: {outcome.said}"
        for word in says:
            assert word in str(outcome.error)
        return outcome.error

    def curves(self) -> pd.DataFrame:
        """Fit; the table written, by name."""
        outcome = self.run(*FIT)
        assert outcome.error is None, str(outcome.error)
        return pd.read_csv(
            self.folder / "out.txt", sep="\t", keep_default_na=False, index_col="Name"
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_01_a_trailing_tab_moves_no_column(bench: Bench) -> None:
    bench.take("01")
    bench.refused(*FIT, says=("in.txt", "4 line(s)"))
    assert not (bench.folder / "out.txt").exists()


@pytest.mark.parametrize("number", ["03", "04"])
def test_03_04_lone_quotes_are_characters(bench: Bench, number: str) -> None:
    lines = (bench.take(number) / "in.txt").read_text().splitlines()[1:]
    curves = bench.curves()
    names = [line.split("\t")[0] for line in lines]
    assert sorted(names) == sorted(curves.index)
    for line in lines:
        name, first = line.split("\t")[:2]
        assert float(curves.loc[name, "Raw 0"]) == float(first)


def test_05_utf16(bench: Bench) -> None:
    bench.take("05")
    bench.refused(*FIT, says=("in.txt", "UTF-8"))


def test_06_latin1(bench: Bench) -> None:
    bench.take("06")
    bench.refused(*FIT, says=("in.txt", "1 line(s)", "UTF-8"))


def test_08_the_input_is_a_folder(bench: Bench) -> None:
    bench.take("08")
    bench.refused(*FIT, says=("folder",))


def test_09_experiments_are_a_number(bench: Bench) -> None:
    bench.take("09")
    bench.refused(*FIT, says=("p.toml", "experiments", "list"))


def test_10_a_byte_order_mark_before_toml(bench: Bench) -> None:
    bench.take("10")
    assert len(bench.curves()) == 4


def test_11_logarithms_called_intensities(bench: Bench) -> None:
    bench.take("11")
    outcome = bench.run(*FIT)
    said = f"{outcome.said} {outcome.error}"
    assert outcome.error or outcome.warned
    assert "log" in said.lower()


def test_12_one_ratio_below_zero_is_clipped(bench: Bench) -> None:
    bench.take("12")
    curves = bench.curves()
    ratios = curves.filter(like="Ratio ").astype(float)
    assert ratios.min(axis=None) == 0


COLUMNS = {
    "maxquant": "LFQ intensity s{}",
    "diann": "s{}.raw",
    "fragpipe": "s{} MaxLFQ Intensity",
}


def wide(bench: Bench, number: str, layout: str) -> tuple[dict[str, float], str]:
    """Value of each gene in the control, and what was said."""
    from phenoprot.curves.settings import CurveSettings
    from phenoprot.curves.wide import read_wide

    samples = pd.DataFrame(
        {
            "column": [COLUMNS[layout].format(place) for place in range(6)],
            "Metadata_Compound": ["DMSO"] + ["X"] * 5,
            "Metadata_Concentration": [0.0, 0.01, 0.1, 1.0, 10.0, 100.0],
            "Metadata_Replicate": "1",
        }
    )
    path = bench.take(number) / "table.tsv"
    outcome = observe(lambda: read_wide(path, layout, samples, CurveSettings()))
    assert outcome.error is None, str(outcome.error)
    control = outcome.value[outcome.value["Metadata_Concentration"] == 0]
    return dict(zip(control["Metadata_Protein"], control["Value"], strict=True)), outcome.said


def test_20_quotes_in_descriptions(bench: Bench) -> None:
    values, _ = wide(bench, "20", "maxquant")
    assert values == {"G1": 100, "G2": 200, "G3": 300, "G4": 400}


@pytest.mark.parametrize(
    ("number", "layout"), [("22", "diann"), ("23", "fragpipe"), ("24", "maxquant")]
)
def test_22_23_24_contaminants_and_decoys(bench: Bench, number: str, layout: str) -> None:
    values, said = wide(bench, number, layout)
    assert values == {"G1": 100}
    assert "2" in said, "says how many were left out"


def test_26_rows_without_gene_or_compound(bench: Bench) -> None:
    from phenoprot.curves.designs import screen_curves
    from phenoprot.curves.settings import CurveSettings

    doses = [("DMSO", 0.0), *((None, dose) for dose in (0.01, 0.1, 1.0, 10.0, 100.0))]
    rows = [
        {
            "Metadata_Compound": name,
            "Metadata_Concentration": x,
            "Metadata_Replicate": "1",
            "Metadata_Protein": protein,
            "Value": 100.0,
        }
        for protein in ("G1", None)
        for name, x in doses
    ]
    outcome = observe(lambda: screen_curves(pd.DataFrame(rows), CurveSettings()))
    assert outcome.error is not None
    assert any(count in str(outcome.error) for count in ("6 ", "10 "))


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("30", ("f1_DNA.tif", "2 ")),
        ("31", ("f1_DNA.tif", "black is not 0")),
        ("33", ("f1_RNA.tif",)),
        ("35", ("f1_DNA.tif", "0.005")),
        ("42", ("load_data.csv", "Metadata_Plate")),
        ("43", ("load_data.csv", "A00")),
        ("45", ("load_data.csv", "line 2", "14", "13")),
    ],
)
def test_30_to_45_images_and_their_table(bench: Bench, number: str, says: tuple[str, ...]) -> None:
    bench.take(number)
    bench.refused(*SEGMENT, says=says)
    assert not (bench.folder / "masks").exists()


def test_40_a_plate_does_not_lead_out_of_the_output(bench: Bench) -> None:
    folder = bench.take("40")
    before = (folder / "keep" / "A.zip").read_bytes()
    bench.refused(*SEGMENT, says=("load_data.csv", "../keep"))
    assert (folder / "keep" / "A.zip").read_bytes() == before
    assert not (folder / "masks").exists()


def test_50_one_control_is_too_few_to_scale_by(bench: Bench) -> None:
    bench.take("50")
    outcome = bench.run(*PROFILES)
    assert outcome.error or outcome.warned
    assert "P1" in f"{outcome.said} {outcome.error}"


def test_51_a_misspelt_control(bench: Bench) -> None:
    bench.take("51")
    bench.refused(*PROFILES, says=("Negcon", "2"))


def test_53_controls_without_cells(bench: Bench) -> None:
    bench.take("53")
    bench.refused(*PROFILES, says=("P1",))


def test_55_columns_that_name_rows_and_places(bench: Bench) -> None:
    bench.take("55")
    outcome = bench.run(*PROFILES)
    said = f"{outcome.said} {outcome.error or ''}"
    assert outcome.error or outcome.warned
    for column in ("Unnamed: 0", "ImageNumber", "Location_Center_X", "Parent_Nuclei"):
        assert column in said


def test_60_no_image_has_a_cell(bench: Bench) -> None:
    bench.take("60")
    outcome = bench.run(*IMPORT)
    if outcome.error is None:
        table = pd.read_parquet(bench.folder / "o.parquet")
        assert table["Metadata_CellCount"].tolist() == [0, 0]


def test_62_a_word_in_a_feature_loses_no_column(bench: Bench) -> None:
    bench.take("62")
    outcome = bench.run(*IMPORT)
    if outcome.error is None:
        table = pd.read_parquet(bench.folder / "o.parquet")
        assert table["Cells_Intensity_MeanIntensity_DNA"].tolist() == [0.2, 0.35]
    else:
        assert "Intensity_MeanIntensity_DNA" in str(outcome.error)


def edit_wells(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        change(pd.read_csv(folder / "wells.csv")).to_csv(folder / "wells.csv", index=False)

    return apply


def edit_readout(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "proteomics.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return apply


def two_forms(wells: pd.DataFrame) -> pd.DataFrame:
    """A compound in NFC on two plates, in NFD on the third."""
    mine = wells["Metadata_Compound"] == "compound-a"
    last = mine & (wells["Metadata_Plate"] == "P3")
    name = "\u03b2-\u00e9stradiol"
    wells.loc[mine, "Metadata_Compound"] = unicodedata.normalize("NFC", name)
    wells.loc[last, "Metadata_Compound"] = unicodedata.normalize("NFD", name)
    return wells


CONTAMINANTS = {
    "PROT0": "CON__P00761",
    "PROT1": "REV__Q9Y6K9",
    "PROT2": "contam_sp|P02769|ALBU_BOVIN",
    "PROT3": "Cont_P00761",
}
SCREENS = {
    "70-nM-called-uM": (
        edit_wells(lambda w: w.assign(Metadata_Concentration=w["Metadata_Concentration"] * 1000)),
        ("refused", "10000", "uM"),
    ),
    "71-log2-called-intensity": (
        edit_readout(lambda p: p.assign(Value=np.log2(p["Value"]))),
        ("warned", "log"),
    ),
    "72-two-normal-forms": (edit_wells(two_forms), ("refused", "stradiol")),
    "75-contaminants-as-proteins": (
        edit_readout(
            lambda p: p.assign(Metadata_Protein=p["Metadata_Protein"].replace(CONTAMINANTS))
        ),
        ("warned", *CONTAMINANTS.values()),
    ),
}


def test_the_unchanged_screen_is_valid(bench: Bench, kit: Kit) -> None:
    copy_kit(kit("dose_screen") / "series", bench.folder / "series")
    shutil.copy(kit("dose_screen") / "params.yaml", bench.folder)
    outcome = bench.run(*VALIDATE)
    assert outcome.error is None, str(outcome.error)
    assert not outcome.warned


@pytest.mark.parametrize("name", SCREENS)
def test_70_to_75_screens(bench: Bench, kit: Kit, name: str) -> None:
    change, (right, *says) = SCREENS[name]
    copy_kit(kit("dose_screen") / "series", bench.folder / "series")
    shutil.copy(kit("dose_screen") / "params.yaml", bench.folder)
    change(bench.folder / "series")
    outcome = bench.run(*VALIDATE)
    assert outcome.error or (right == "warned" and outcome.warned)
    for word in says:
        assert word in f"{outcome.said} {outcome.error or ''}".replace(",", "")


def test_74_gate_and_stage_agree_on_proteins_without_a_value(bench: Bench, kit: Kit) -> None:
    from phenoprot.curves.designs import screen_curves
    from phenoprot.curves.long import long_readout
    from phenoprot.curves.screen import fit_screen
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.loader import load_screen

    copy_kit(kit("dose_screen") / "series", bench.folder / "series")
    shutil.copy(kit("dose_screen") / "params.yaml", bench.folder)
    gone = ["PROT0", "PROT4", "PROT8"]
    edit_readout(lambda p: p.assign(Value=p["Value"].mask(p["Metadata_Protein"].isin(gone))))(
        bench.folder / "series"
    )
    outcome = bench.run(*VALIDATE)
    if outcome.error is not None:
        assert "3" in str(outcome.error)
        return
    with inside(bench.folder):
        source, params = load_screen(Path("series")), load_params()
        settings = params.curves.for_screen("DMSO", "uM")
        readout = long_readout(source.proteomics(), source.wells())
        fitted = observe(lambda: fit_screen(screen_curves(readout, settings), settings))
    assert fitted.error is None, str(fitted.error)
    assert not set(gone) & set(fitted.value["Metadata_Protein"])


def test_every_case_has_its_input() -> None:
    numbers = {path.name[:2] for path in DATA.glob("[0-9]*")}
    without_files = {"26", "70", "71", "72", "74", "75"}
    assert len(numbers | without_files) == 34
