"""docs/own-screen.md: its commands, on cut-down copies of the real files."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.whole import tiny_params
from tests.wild.stages import call_stage, shards_in_process
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.pipeline.params import load_params
from phenoprot.screens.contract import feature_columns
from phenoprot.screens.loader import Screen, load_screen

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
PAGE = (ROOT / "docs/own-screen.md").read_text(encoding="utf-8")
BLOCKS = [
    text.replace("\\\n", " ").splitlines()
    for text in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
]
OURS = ("phenoprot screens",)


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a laboratory's files, and the parameters of the suite."""
    for path in DATA.iterdir():
        shutil.copy(path, tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> str:
    program, *arguments = shlex.split(line)
    assert program == "phenoprot"
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def made(block: int, name: str) -> tuple[Screen, str]:
    """Run the commands of a block that are about screen folders."""
    output = "".join(run(line) for line in BLOCKS[block] if line.startswith(OURS))
    return load_screen(Path("data/screens") / name), output


def test_jump_plates_against_a_secretome(laboratory: Path) -> None:
    screen, output = made(0, "mine")
    assert "data/screens/mine: valid" in output
    wells = screen.wells()
    assert wells["Metadata_Plate"].nunique() == 4
    controls = wells[wells["Metadata_Control"] == "negcon"]
    assert set(controls["Metadata_Compound"]) == {"DMSO"}
    assert (controls["Metadata_Concentration"] == 0).all()
    assert controls.groupby("Metadata_Plate").size().tolist() == [64] * 4
    # Against the files themselves: name, structure and kind of control of a sample.
    options = {"sep": "\t", "dtype": str, "keep_default_na": False}
    layout = pd.read_csv(laboratory / "JUMP-Target-1_compound_platemap.tsv", **options)
    samples = pd.read_csv(
        laboratory / "JUMP-Target-1_compound_metadata_targets.tsv", **options
    ).set_index("broad_sample")
    of_plate = wells[wells["Metadata_Plate"] == "BR00117010"].set_index("Metadata_Well")
    for well, sample in layout[["well_position", "broad_sample"]].to_numpy():
        if sample:
            row, known = of_plate.loc[well], samples.loc[sample]
            assert row["Metadata_Compound"] == known["pert_iname"]
            assert row["Metadata_Concentration"] == 5
            assert (row["Metadata_Control"] == "poscon") == ("poscon" in known["control_type"])
            if known["pert_iname"] != "dexamethasone":  # two samples, two structures
                assert row["Metadata_InChIKey"] == known["InChIKey"]
    profile = screen.profile("cellprofiler")
    raw = pd.read_csv(laboratory / "BR00117010_normalized_feature_select_negcon_batch.csv.gz")
    assert "Cells_Parent_Nuclei" not in profile
    feature = feature_columns(profile)[0]
    own = profile[profile["Metadata_Plate"] == "BR00117010"].set_index("Metadata_Well")[feature]
    expected = raw.set_index("Metadata_Well")[feature].reindex(own.index)
    np.testing.assert_array_equal(own, expected.astype("float32"))
    table = screen.info.tables.proteomics
    assert table is not None
    assert (table.kind, table.design, table.cell_line) == ("level", "single_dose", "A549")
    nelisa = pd.read_parquet(laboratory / "nelisa_profiles.parquet")
    assert screen.proteomics()["Value"].sum() == pytest.approx(
        nelisa.filter(like=" [NSU]").to_numpy().sum(), rel=1e-5
    )
    assert load_params().screen("mine").folder == Path("data/screens/mine")
    assert "58 treatments have both images and readout; 1 images only: AR-12" in output


def test_a_lincs_plate_with_a_dose_series(laboratory: Path) -> None:
    screen, output = made(1, "lincs")
    assert "data/screens/lincs: valid" in output
    assert (screen.info.cell_line, screen.info.concentration_unit) == ("A549", "uM")
    assert screen.info.tables.proteomics is None
    wells = screen.wells()
    raw = pd.read_csv(laboratory / "SQ00015054_normalized_feature_select.csv.gz")
    doses = raw.set_index("Metadata_Well")["Metadata_mmoles_per_liter"]
    given = wells.set_index("Metadata_Well")["Metadata_Concentration"]
    np.testing.assert_allclose(given, doses.reindex(given.index), rtol=0.01)
    assert set(screen.targets()["Metadata_Target"]) == set(
        "|".join(raw["Metadata_target"].dropna()).split("|")
    )


def test_output_of_cellprofiler_and_a_proteome(laboratory: Path) -> None:
    rng = np.random.default_rng(0)
    names = [(f"P{p}", f"{r}{c:02d}") for p in (1, 2) for r in "ABCDEF" for c in range(1, 13)]
    wells = pd.DataFrame(names, columns=["Plate", "Well"])
    wells["Compound"] = ["DMSO" if n % 6 == 0 else f"c{n}" for n in range(72)] * 2
    wells["Dose_uM"] = np.where(wells["Compound"] == "DMSO", np.nan, 10)
    wells.to_csv("map.csv", index=False)
    image = wells[["Plate", "Well"]].add_prefix("Metadata_").assign(Metadata_Site=1)
    image.insert(0, "ImageNumber", np.arange(len(wells)) + 1)
    Path("exports").mkdir()
    image.to_csv("exports/Image.csv", index=False)
    cells = image[["ImageNumber"]].merge(pd.DataFrame({"ObjectNumber": [1, 2, 3]}), how="cross")
    cells = cells[(cells["ObjectNumber"] < 3) | (cells["ImageNumber"] % 5 > 0)]
    for compartment, parents in (
        ("Nuclei", ""),
        ("Cells", "Nuclei"),
        ("Cytoplasm", "Cells Nuclei"),
    ):
        area = rng.normal(100, 5, len(cells))
        own = {f"Parent_{parent}": cells["ObjectNumber"] for parent in parents.split()}
        cells.assign(AreaShape_Area=area, **own).to_csv(f"exports/{compartment}.csv", index=False)
    values = rng.lognormal(15, 1, (4, len(wells)))
    genes = {"Protein.Group": [*"WXYZ"], "Genes": ["EGFR", "KRAS", "TP53", "MYC"]}
    matrix = pd.DataFrame(values, columns=["_".join(name) for name in names])
    matrix = pd.concat([pd.DataFrame(genes), matrix], axis=1)
    matrix.to_csv("report.pg_matrix.tsv", sep="\t", index=False)
    with shards_in_process():
        run(BLOCKS[2][0])
    screen, output = made(2, "ours")
    assert "data/screens/ours: valid" in output
    assert "60 treatments have both images and readout" in output
    area = pd.read_csv("exports/Cells.csv").groupby("ImageNumber")["AreaShape_Area"].mean()
    profile = screen.profile("cellprofiler")["Cells_AreaShape_Area"]
    np.testing.assert_allclose(profile, area, rtol=1e-6)
    readout = screen.proteomics()
    assert screen.info.tables.proteomics is not None
    assert screen.info.tables.proteomics.kind == "intensity"
    egfr = readout[readout["Metadata_Protein"] == "EGFR"]["Value"]
    np.testing.assert_allclose(egfr, values[0], rtol=1e-6)


def report(block: int, name: str, **settings: Any) -> str:
    """Run all commands of a block, with the linear rows alone and few repeats; the report."""
    params = tiny_params()
    params["tasks"]["regression"]["selection"] = None
    params["tasks"] |= settings
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    Path("stages").symlink_to(ROOT / "stages")
    lines = iter(BLOCKS[block])
    run(next(lines))
    params = yaml.safe_load(Path("params.yaml").read_text())
    rows = params["screens"][name]["rows"]
    linear = {row: of_row for row, of_row in rows.items() if of_row["model"] == "linear"}
    assert len(linear) == len(rows) / 2
    params["screens"] = {name: params["screens"][name] | {"rows": linear}}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for line in lines:
        if not line.startswith("dvc"):
            run(line)
            continue
        entries = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
        assert line == f"dvc repro page-{name}"
        assert list(entries)[-1] == line.split()[-1], "the page needs all that comes before"
        with shards_in_process():
            for entry in list(entries.values())[1:]:
                stage = entry["cmd"].removeprefix("python stages/").replace(f".py {name}", "")
                call_stage(stage, name)
    return Path(f"docs/results-{name}.md").read_text(encoding="utf-8")


def test_the_report_of_the_jump_plates(laboratory: Path) -> None:
    page = report(0, "mine")
    left_out = [line for line in page.splitlines() if "Left out" in line]
    assert left_out == ["- Left out, as no row takes part: sensitivity."]
    for table in ("Table 1. Classification", "Table 2a. Regression", "Table 3. Compound target"):
        assert table in page
    assert "8 proteins x 59 compounds" in page or "8 proteins x 58 compounds" in page
    for row in ("cellprofiler_linear", "structure_linear", "shuffled_linear"):
        assert (laboratory / f"metrics/mine/classification/down/{row}.json").is_file()
    assert (laboratory / "metrics/mine/targets/proteome_linear.json").is_file()


def test_the_report_of_the_lincs_plate(laboratory: Path) -> None:
    page = report(1, "lincs", targets={"min_compounds": 5})
    assert "no protein readout: classification, regression, sensitivity." in page
    assert "Left out, as no target has enough labels: targets" in page
    assert "treatments with one well are active" in page
    entries = yaml.safe_load((laboratory / "dvc.yaml").read_text())["stages"]
    named = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("This screen has no readout") :][:400]))
    assert named >= {"curves", "labels", "check_labels", "choose"}
    assert not {f"{name}-lincs" for name in named} & set(entries)


def test_a_block_that_is_printed_is_the_one_that_is_added(laboratory: Path) -> None:
    line = BLOCKS[0][0]
    output = run(line.replace("--params params.yaml", "").replace("/mine", "/other"))
    block = yaml.safe_load(output[output.index("\nscreens:\n") :])["screens"]["other"]
    run(line)
    added = yaml.safe_load(Path("params.yaml").read_text())["screens"]["mine"]
    assert added["rows"] == block["rows"]
    before = yaml.safe_load((ROOT / "params.yaml").read_text())
    after = yaml.safe_load(Path("params.yaml").read_text())
    assert {k: v for k, v in after["screens"].items() if k != "mine"} == before["screens"]


def test_nothing_is_left_behind_and_nothing_overwritten(laboratory: Path) -> None:
    line = BLOCKS[1][0]
    screens = Path("data/screens")
    (screens / "lincs").mkdir(parents=True)
    run(line)  # an empty folder may be filled
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert "holds 4 file(s)" in str(result.exception)
    bad = line.replace("/lincs", "/bad") + " --targets SOURCE.txt"
    result = CliRunner().invoke(app, shlex.split(bad)[1:])
    assert result.exception is not None
    assert sorted(path.name for path in screens.iterdir()) == ["lincs"]
    result = CliRunner().invoke(app, shlex.split(line.replace("/lincs", "/My-Screen"))[1:])
    assert "'My-Screen' cannot be the name of a screen" in str(result.exception)
