"""An output never replaces an input, and a picture is drawn from sound curves or refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.curves.conftest import CTRP
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.core.outputs import require_output
from phenoprot.curves.cli import app
from phenoprot.curves.curvecurator import raw
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.plot import plot_file
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.stream import fit_parquet


def spellings(path: Path) -> list[Path]:
    """Other names of one file: with a detour, a symbolic and a hard link."""
    link, hard = path.with_name("link"), path.with_name("hard")
    link.symlink_to(path)
    os.link(path, hard)
    return [path, path.parent / "x" / ".." / path.name, link, hard]


@pytest.mark.parametrize("name", ["params.toml", "in.tsv"])
def test_fit_never_replaces_its_inputs(
    name: str, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job.parent / "x").mkdir()
    before = {file: file.read_bytes() for file in (job, job.parent / "in.tsv")}
    text = job.read_text()
    (job.parent / "in.tsv").write_text("never read\n")
    unread = (job.parent / "in.tsv").read_bytes()
    for output in spellings(job.parent / name):
        result = CliRunner().invoke(app, ["fit", str(job), "--output", str(output)])
        assert isinstance(result.exception, UserError), result.output
        assert "would replace the" in str(result.exception)
        job.write_text(text.replace("'curves.txt'", f"'{output}'"))
        result = CliRunner().invoke(app, ["fit", str(job)])
        assert isinstance(result.exception, UserError), result.output
        assert "would replace the" in str(result.exception)
        job.write_text(text)
    monkeypatch.chdir(job.parent)
    result = CliRunner().invoke(app, ["fit", "params.toml", "--output", name])
    assert "would replace the" in str(result.exception)
    assert job.read_bytes() == before[job]
    assert (job.parent / "in.tsv").read_bytes() == unread


def test_outputs_that_cannot_be_written_are_refused_before_reading(job: Path) -> None:
    (job.parent / "in.tsv").write_text("never read\n")
    os.mkfifo(job.parent / "pipe")
    outputs = {"": "is a folder", "pipe": "is a named pipe", "in.tsv/a/b": "not a folder"}
    for output, match in outputs.items():
        result = CliRunner().invoke(app, ["fit", str(job), "--output", str(job.parent / output)])
        with pytest.raises(UserError, match=match):
            raise result.exception


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # also as root
    require_output(tmp_path.parent / "out.txt", {})
    with pytest.raises(UserError, match="nothing can be written"):
        require_output(tmp_path / "new" / "out.txt", {})


@pytest.fixture
def fitted(tmp_path: Path) -> tuple[Path, Path]:
    """CurveCurator's parameters, and its own curves of them."""
    for file in CTRP.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / "parameters_40.0.toml", tmp_path / "curves_40.0.txt"


def test_plot_never_replaces_its_inputs(fitted: tuple[Path, Path]) -> None:
    for path in fitted:
        picture = path.with_suffix(".png")
        os.link(path, picture)
        with pytest.raises(UserError, match="would replace the"):
            plot_file(*fitted, [], picture)


def test_curvecurators_own_curves_are_drawn(fitted: tuple[Path, Path]) -> None:
    assert plot_file(*fitted, [], fitted[0].parent / "a.png").stat().st_size > 10_000


def edited(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        table = pd.DataFrame([line.split("\t") for line in content.decode().split("\n")])
        table.columns = pd.Index(table.iloc[0])
        return change(table[1:9].copy()).to_csv(sep="\t", index=False).encode()

    return apply


CURVES = {
    "empty": (lambda b: b"", "is empty"),
    "no row": (lambda b: b.split(b"\n")[0], "no row"),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "UTF-16"),
    "cut": (lambda b: b[:-30], "fields of the header"),
    "binary": (lambda b: b"\x89PNG\0" * 50, "NUL|UTF-8"),
    "no column": (edited(lambda t: t.drop(columns="Curve Fold Change")), "missing: Curve Fold Ch"),
    "text": (edited(lambda t: t.assign(pEC50="high")), r"8 value\(s\) in 'pEC50'.*'high'"),
    "overflow": (edited(lambda t: t.assign(**{"Ratio 3": "1e300"})), "8 value.*'Ratio 3'"),
    "infinite": (edited(lambda t: t.assign(**{"Ratio 3": "inf"})), "8 value.*'Ratio 3'"),
    "call": (edited(lambda t: t.assign(**{"Curve Regulation": "sideways"})), "8 value.*no call"),
    "no name": (edited(lambda t: t.assign(Name="nan")), r"8 row\(s\) have no Name"),
}


@pytest.mark.parametrize("fault", CURVES)
def test_damaged_curves(fault: str, fitted: tuple[Path, Path]) -> None:
    change, match = CURVES[fault]
    fitted[1].write_bytes(change(fitted[1].read_bytes()))
    with pytest.raises(UserError, match=match) as caught:
        plot_file(*fitted, [], fitted[0].parent / "a.png")
    assert "\n" not in str(caught.value)
    assert not (fitted[0].parent / "a.png").exists()


@pytest.mark.parametrize("ending", [".xyz", "", ".txt"])
def test_unknown_kinds_of_pictures(ending: str, fitted: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="is not a picture format"):
        plot_file(*fitted, [], fitted[0].parent / f"a{ending}")


@pytest.mark.parametrize("name", ["a$b_{$", "$\\frac$", '"x', "\u6f22\u5b57", "n" * 300, "a  b"])
def test_odd_names_are_drawn(
    name: str, fitted: tuple[Path, Path], recwarn: pytest.WarningsRecorder
) -> None:
    given = edited(lambda t: t.assign(Name=[name, *t["Name"][1:]]))(fitted[1].read_bytes())
    fitted[1].write_bytes(given)
    plot_file(*fitted, [name], fitted[0].parent / "a.png")
    assert not [str(w.message) for w in recwarn]


def test_empty_ratios_are_left_out_of_the_drawing(fitted: tuple[Path, Path]) -> None:
    gone = {f"Ratio {i}": "" for i in range(17)}
    fitted[1].write_bytes(edited(lambda t: t.assign(**gone, pEC50=""))(fitted[1].read_bytes()))
    plot_file(*fitted, [], fitted[0].parent / "a.svg")


STREAMED = {
    "not parquet": (lambda path: path.write_bytes(b"x" * 100), "cannot be read"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "cannot be read"),
}


@pytest.mark.parametrize("fault", STREAMED)
def test_damaged_parquet(fault: str, tmp_path: Path, design: DoseDesign) -> None:
    change, match = STREAMED[fault]
    source = tmp_path / "in.parquet"
    frame(design).to_parquet(source)
    change(source)
    with pytest.raises(UserError, match=match):
        fit_parquet(source, tmp_path / "out.parquet", design, FitSettings())
    assert {file.name for file in tmp_path.iterdir()} == {"in.parquet"}


def frame(design: DoseDesign) -> pd.DataFrame:
    return pd.DataFrame(np.ones((4, 6)), columns=raw(design.experiments)).assign(Name=list("abcd"))


@pytest.mark.parametrize(
    ("column", "values", "match"),
    [
        ("Name", ["a", None, "nan", "d"], r"2 row\(s\) have no Name"),
        ("Raw d1", [1, -1, 1, 1], "1 negative"),
        ("Raw d1", [1, np.inf, 1, 1], "not finite numbers"),
        ("Raw d1", ["1", "x", "1", "1"], "'x' of 'b'"),
    ],
)
def test_wrong_values_in_parquet(
    column: str, values: list[object], match: str, tmp_path: Path, design: DoseDesign
) -> None:
    source = tmp_path / "in.parquet"
    frame(design).assign(**{column: values}).to_parquet(source)
    with pytest.raises(UserError, match=match):
        fit_parquet(source, tmp_path / "out.parquet", design, FitSettings())
    with pytest.raises(UserError, match="would replace the source"):
        fit_parquet(source, source, design, FitSettings())
