"""docs/imports.md: its commands run, and print what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.imports.proteins.read import FORMATS
from phenoprot.imports.proteins.wide import DIALECTS

from . import protein_files, target_files

PAGE = (Path(__file__).parents[2] / "docs/imports.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|text)\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
SHOWN = [text for kind, text in BLOCKS if kind == "text"]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that the page names."""
    folder = tmp_path_factory.mktemp("laboratory")
    for write in (
        protein_files.maxquant,
        protein_files.diann,
        protein_files.diann_report,
        protein_files.fragpipe,
        protein_files.fragpipe_tmt,
        protein_files.spectronaut,
        protein_files.proteome_discoverer,
        protein_files.curvecurator,
        protein_files.sample_map,
        protein_files.gct,
        protein_files.long,
    ):
        write(folder)
    protein_files.wells(folder).rename(folder / "immunoassay.csv")
    wells = target_files.compounds()
    wells.insert(0, "Metadata_Plate", "P1")
    wells.insert(1, "Metadata_Well", [*protein_files.WELLS, "C01", "C02"])
    wells["Metadata_Control"] = ""
    wells.to_csv(folder / "wells.csv", index=False)
    target_files.drugbank(folder / "full database.xml")
    for name, write in (("ttd", target_files.ttd), ("guide", target_files.guide)):
        (folder / name).mkdir()
        write(folder / name)
    target_files.sqlite(folder)
    target_files.activities(folder)
    target_files.mapping(folder)
    target_files.genes(folder)
    target_files.mechanisms(folder)
    (folder / "mine.csv").write_text("compound,target\ncaffeine,ADORA2A|ADORA1\n")
    return folder


def run(line: str) -> str:
    program, *arguments = shlex.split(line)
    assert program == "phenoprot"
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[3:5]))
def test_a_command(line: str, laboratory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(laboratory)
    output = run(line)
    if " proteins " in line:
        table = pd.read_parquet("proteomics.parquet")
        pd.testing.assert_frame_equal(table, protein_files.expected(), rtol=1e-6)
    else:
        table = pd.read_csv("targets.csv")
        assert list(table) == ["Metadata_Compound", "Metadata_Target", "Metadata_Source"]
        assert len(table)
    if "proteinGroups" in line:
        assert output == SHOWN[0]
    if " ttd " in line:
        assert output == SHOWN[1]
    if "--wells" in line and " proteins " in line:
        assert "warning: report.pg_matrix.tsv: 2 well(s) of the layout have no readout" in output


def test_the_page_names_all_sources() -> None:
    named = re.search(r"named by `--dialect`: (.*?)\.\n", PAGE, flags=re.DOTALL)
    assert named is not None
    assert set(re.findall(r"`(\w+)`", named[1])) == set(FORMATS)
    for dialect in DIALECTS.values():
        for quantity in dialect.quantities:
            assert f"`{quantity}`" in PAGE or quantity in {"PG.MaxLFQ", "abundance"}


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("proteins long.csv --output x.csv", "does not end in .parquet"),
        ("proteins long.csv --output x.parquet --scale log", "--scale: is unknown: 'log'"),
        ("proteins long.csv --output x.parquet --genes mean", "--genes: is unknown: 'mean'"),
        ("proteins report.parquet --output report.parquet", "would replace the protein table"),
        ("proteins none.csv --output x.parquet", "none.csv: no such file"),
        ("targets ttd --wells wells.csv --output x.txt", "does not end in .csv"),
        ("targets ttd --wells wells.csv --output wells.csv", "would replace the wells table"),
        ("targets ttd --wells wells.csv --output x.csv --evidence y", "--evidence: is unknown"),
    ],
)
def test_faults_of_options(
    line: str, match: str, laboratory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(laboratory)
    before = {path.name: path.stat().st_mtime_ns for path in laboratory.iterdir()}
    arguments = ["screens", "import", *shlex.split(line)]
    with pytest.raises(UserError, match=match):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert {path.name: path.stat().st_mtime_ns for path in laboratory.iterdir()} == before
