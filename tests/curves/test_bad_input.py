"""Every fault of an input is told in one line, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.curves.conftest import noisy_ratios, table_of
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.curves.cli import app
from phenoprot.curves.config import REFUSED
from phenoprot.curves.curvecurator import fit_table
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.long import check_long
from phenoprot.curves.readers import read_curvecurator
from phenoprot.curves.reference import fit_reference
from phenoprot.curves.settings import CurveSettings, FitSettings
from phenoprot.curves.wide import read_wide


def add(line: str, section: str = "F Statistic") -> Callable[[Path], None]:
    def change(path: Path) -> None:
        text = path.read_text()
        header = f"['{section}']\n"
        if header not in text:
            text += header
        path.write_text(text.replace(header, f"{header}{line}\n"))

    return change


def replace(old: str, new: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


def cell(column: str, value: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        table = pd.read_csv(path.parent / "in.tsv", sep="\t").astype(object)
        table.loc[2, column] = value
        table.to_csv(path.parent / "in.tsv", sep="\t", index=False)

    return change


def content(text: str) -> Callable[[Path], None]:
    return lambda path: (path.parent / "in.tsv").write_text(text) and None


FAULTS = {
    "unknown key": (add("fc_limit = 1"), r"params.toml: unknown key 'fc_limit' in \['?F Stat"),
    "unknown section": (add("a = 1", "Curves"), r"unknown section \[Curves\]"),
    "unquoted section": (replace("['F Statistic']", "[F Statistic]"), r"quotes, as in \['F Sta"),
    "missing key": (replace("alpha = 0.05", ""), r"\[F Statistic\] lacks alpha"),
    "bad value": (replace("alpha = 0.05", "alpha = 5"), r"1 value\(s\) are not allowed: alpha"),
    "mle": (add("type = 'MLE'", "Curve Fit"), r"type = 'MLE' in \[Curve Fit\] is not supported"),
    "fast": (add("speed = 'fast'", "Curve Fit"), r"Only 'standard' is"),
    "benjamini-hochberg": (add("mtc_method = 'fdr_bh'"), r"mtc_method = 'fdr_bh'"),
    "tmt": (add("measurement_type = 'TMT'", "Experiment"), r"a table with Name and Raw columns"),
    "no column": (replace("5]\ndoses = [0.0,", "7]\ndoses = [0.0,"), r"are missing: Raw 7"),
    "lengths": (replace("[0.0, 0.01,", "[0.0,"), r"6 experiments but 5 doses"),
    "same experiment": (replace("[0, 1, 2,", "[0, 1, 1,"), r"1 experiment\(s\) occur twice: 1"),
    "dose unit in doses": (replace("100.0]", "'100 nM']"), r"all doses in one unit"),
    "negative dose": (replace("[0.0, 0.01", "[0.0, -2.0"), r"negative or not a number: -2.0"),
    "no control": (replace("control_experiment = [0]", "control_experiment = []"), r"no control"),
    "other control": (
        replace("control_experiment = [0]", "control_experiment = [9]"),
        r"1 control\(s\) are not experiments: 9",
    ),
    "few doses": (replace("0.01, 0.1, 1.0", "0.0, 0.0, 1.0"), r"3 treated experiment\(s\), 4 are"),
    "text": (
        cell("Raw 2", "n.d."),
        r"1 value\(s\) in 'Raw 2' are not finite number.*'n.d.' of 'g02'",
    ),
    "infinite": (cell("Raw 2", "inf"), r"are not finite number"),
    "negative": (cell("Raw 3", -1.0), r"1 negative intensity\(ies\) in 'Raw 3', e.g. -1 of 'g02'"),
    "duplicate": (cell("Name", "g01"), r"1 name\(s\) occur more than once: g01.*--sum-duplicates"),
    "no name": (cell("Name", ""), r"1 row\(s\) have no Name"),
    "empty file": (content(""), r"in.tsv: the file is empty"),
    "no row": (content("Name\t" + "\t".join(f"Raw {i}" for i in range(6)) + "\n"), r"has no row"),
    "no input": (replace("in.tsv", "other.tsv"), r"other.tsv: no such file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_curvecurator_files(fault: str, job: Path) -> None:
    change, message = FAULTS[fault]
    change(job)
    result = CliRunner().invoke(app, ["fit", str(job)])
    assert isinstance(result.exception, UserError), result.output
    text = str(result.exception)
    assert "\n" not in text
    assert text.count(". ") >= 1, "no remedy"
    with pytest.raises(UserError, match=message):
        raise result.exception
    assert {file.name for file in job.parent.iterdir()} == {"in.tsv", "params.toml"}


@pytest.mark.parametrize(("section", "key"), REFUSED)
def test_options_that_are_lacking_are_refused_by_name(section: str, key: str, job: Path) -> None:
    add(f"{key} = 1", section)(job)
    with pytest.raises(UserError, match=f"option '{key}' in \\[{section}\\] is not supported: "):
        read_curvecurator(job)


def test_missing_parameter_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x.toml: no such file"):
        read_curvecurator(tmp_path / "x.toml")


def test_zero_curves_and_empty_rows_are_left_out(job: Path) -> None:
    table = pd.read_csv(job.parent / "in.tsv", sep="\t")
    table.iloc[0, 1:] = 0.0
    table.iloc[1, 1:] = np.nan
    table.to_csv(job.parent / "in.tsv", sep="\t", index=False)
    result = CliRunner().invoke(app, ["fit", str(job)])
    assert result.exception is None, result.exception
    assert "10 of 12 curves fitted" in result.output
    zero = table.assign(**{f"Raw {i}": 0.0 for i in range(6)})
    zero.to_csv(job.parent / "in.tsv", sep="\t", index=False)
    result = CliRunner().invoke(app, ["fit", str(job)])
    with pytest.raises(UserError, match="none of 12 curves passes the filters"):
        raise result.exception


def test_doses_out_of_order_give_the_same_curves(design: DoseDesign) -> None:
    table = table_of(noisy_ratios(2, 20), design)
    order = [3, 0, 5, 2, 4, 1]
    shuffled = DoseDesign(
        tuple(design.experiments[i] for i in order),
        tuple(design.doses[i] for i in order),
        design.controls,
        design.dose_scale,
    )
    left = fit_table(table, design, FitSettings())
    right = fit_table(table, shuffled, FitSettings())
    pd.testing.assert_frame_equal(left, right[left.columns], check_exact=True)


def test_few_valid_doses_are_counted_and_unclassified(job: Path) -> None:
    table = pd.read_csv(job.parent / "in.tsv", sep="\t")
    table.loc[:3, "Raw 2"] = np.nan
    table.to_csv(job.parent / "in.tsv", sep="\t", index=False)
    result = CliRunner().invoke(app, ["fit", str(job)])
    assert "(4 with fewer than 5 valid doses)" in result.output
    curves = pd.read_csv(job.parent / "curves.txt", sep="\t")
    assert curves["Curve Regulation"][:4].isna().all()
    assert curves["pEC50"][:4].notna().all()


def test_an_experiment_without_a_value_is_left_out_by_name(job: Path) -> None:
    table = pd.read_csv(job.parent / "in.tsv", sep="\t")
    table["Raw 3"] = np.nan
    table.to_csv(job.parent / "in.tsv", sep="\t", index=False)
    read = read_curvecurator(job)
    assert read.empty == ("3",)
    assert read.design.doses == (0.0, 0.01, 0.1, 10.0, 100.0)


def test_reference_engine_tells_when_the_package_stops(design: DoseDesign) -> None:
    table = table_of(np.zeros((3, 5)), design, level=0.0)  # no curve is left: the package exits
    with pytest.raises(UserError, match=r"engine curvecurator: CurveCurator left 1 of 1 table"):
        fit_reference([(table, design)], FitSettings())


LONG = pd.DataFrame(
    {
        "Metadata_Compound": ["DMSO", "a", "a"],
        "Metadata_Concentration": [0.0, 1.0, 2.0],
        "Metadata_Replicate": 1,
        "Metadata_Protein": "g",
        "Value": [1.0, 2.0, 3.0],
    }
)


def proteins(*names: object) -> pd.DataFrame:
    return LONG.assign(Metadata_Protein=names)


LONG_FAULTS = {
    "column": (LONG.drop(columns="Metadata_Protein"), r"1 column.* missing: Metadata_Protein"),
    "empty": (LONG[:0], "the table has no row"),
    "text": (LONG.assign(Value="x"), r"3 value\(s\) in 'Value' are not finite number"),
    "negative": (LONG.assign(Value=-1.0), "3 negative intensity"),
    "control": (LONG[1:], "there is no control"),
    "duplicate": (pd.concat([LONG, LONG[1:2]]), "2 rows share compound, .* e.g. a, 1.0, 1, g"),
    "units": (LONG.assign(unit=["uM", "uM", "nM"]), "concentrations are in nM, uM, not all in uM"),
    "no unit": (LONG.assign(unit="ug/ml"), "'ug/ml' is not a concentration unit"),
    "concentration": (
        LONG.assign(Metadata_Concentration=[0, 1, np.nan]),
        r"1 treated row\(s\) have no",
    ),
    "no protein has a value": (LONG.assign(Value=0.0), r"none of 1 protein\(s\) has a value"),
    "no protein": (proteins("g", None, None), r"2 row\(s\) have no protein: row 2, 3"),
    "protein nan": (proteins("g", np.nan, "nan"), r"2 row\(s\) have no protein \('nan'\)"),
    "no compound": (
        LONG.assign(Metadata_Compound=["DMSO", "None", " "]),
        r"2 row\(s\) have no compound",
    ),
    "no replicate": (
        LONG.assign(Metadata_Replicate=[1, None, 1]),
        r"1 row\(s\) have no replicate",
    ),
    "two spellings": (
        proteins("\u00e9", "e\u0301", "\u00e9"),
        r"1 protein\(s\) are written in two ways",
    ),
    "truth": (LONG.assign(Value=[True, False, True]), r"3 value\(s\) in 'Value' are no"),
    "huge": (LONG.assign(Value=[1.0, 1e300, 1.0]), r"1 value\(s\) in 'Value' are no"),
}


@pytest.mark.parametrize("fault", LONG_FAULTS)
def test_faults_of_long_tables(fault: str) -> None:
    table, message = LONG_FAULTS[fault]
    with pytest.raises(UserError, match=message):
        check_long(table, CurveSettings(), "long.csv")


SAMPLES = pd.DataFrame(
    {
        "column": ["LFQ intensity s0", "LFQ intensity s1"],
        "Metadata_Compound": ["DMSO", "a"],
        "Metadata_Concentration": [0.0, 1.0],
        "Metadata_Replicate": [1, 1],
    }
)
GROUPS = pd.DataFrame(
    {
        "Protein IDs": ["P1", "P2", "P3", "P4"],
        "Gene names": ["A", "", "C", "A"],
        "Reverse": ["", "", "+", "+"],
        "LFQ intensity s0": [10, 20, 30, 40],
        "LFQ intensity s1": [11, 0, 31, 41],
    }
)


def test_wide_table_of_maxquant(tmp_path: Path) -> None:
    path = tmp_path / "proteinGroups.txt"
    GROUPS.to_csv(path, sep="\t", index=False)
    long = read_wide(path, "maxquant", SAMPLES, CurveSettings())
    # decoys are left out, rows without a gene are named by their protein
    assert long["Metadata_Protein"].tolist() == ["A", "P2", "A", "P2"]
    assert long["Value"].tolist()[:3] == [10.0, 20.0, 11.0]
    assert np.isnan(long["Value"][3])  # 0 is missing
    assert long["Metadata_Compound"].tolist() == ["DMSO", "DMSO", "a", "a"]


@pytest.mark.parametrize(
    ("layout", "columns", "sample"),
    [
        ("diann", {"Gene names": "Genes", "Protein IDs": "Protein.Group"}, "run1.raw"),
        ("fragpipe", {"Gene names": "Gene", "Protein IDs": "Protein"}, "s1 MaxLFQ Intensity"),
    ],
)
def test_wide_tables_of_other_engines(
    layout: str, columns: dict, sample: str, tmp_path: Path
) -> None:
    renamed = {**columns, "LFQ intensity s1": sample}
    GROUPS[:2].rename(columns=renamed).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    samples = SAMPLES.assign(column=["LFQ intensity s0", sample])
    long = read_wide(tmp_path / "t.tsv", layout, samples, CurveSettings())
    assert set(long["Metadata_Protein"]) == {"A", "P2"}


def test_faults_of_wide_tables(tmp_path: Path) -> None:
    path = tmp_path / "proteinGroups.txt"
    GROUPS.assign(Reverse="").to_csv(path, sep="\t", index=False)
    settings = CurveSettings()
    with pytest.raises(UserError, match="1 name\\(s\\) in 'Gene names' occur more than once: A"):
        read_wide(path, "maxquant", SAMPLES, settings)
    assert len(read_wide(path, "maxquant", SAMPLES, settings, gene_column="Protein IDs")) == 8
    with pytest.raises(UserError, match="unknown layout 'spectronaut'"):
        read_wide(path, "spectronaut", SAMPLES, settings)
    samples = SAMPLES.assign(column=["LFQ intensity s0", "LFQ intensity s9"])
    with pytest.raises(UserError, match="are missing: LFQ intensity s9"):
        read_wide(path, "maxquant", samples, settings)
    with pytest.raises(UserError, match="1 column\\(s\\) are mapped twice"):
        read_wide(path, "maxquant", SAMPLES.assign(column="LFQ intensity s0"), settings)
    with pytest.raises(UserError, match="concentrations are in nM, uM"):
        read_wide(path, "maxquant", SAMPLES.assign(unit=["uM", "nM"]), settings)
    path.write_text("")
    with pytest.raises(UserError, match="the file is empty"):
        read_wide(path, "maxquant", SAMPLES, settings)
