"""Every key of a TOML file by its type: one bounded line names section, key and value."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.curves.conftest import TOML

from phenoprot.core.errors import LONGEST_MESSAGE, UserError
from phenoprot.curves.config import design_of, read_toml, settings_of
from phenoprot.curves.readers import read_curvecurator, read_design


def settings_from(path: Path) -> object:
    config = read_toml(path)
    design_of(config, path)
    return settings_of(config, path)


def with_key(section: str, key: str, value: str) -> str:
    lines = [line for line in TOML.splitlines() if not line.startswith(f"{key} =")]
    header = f"['{section}']"
    if header not in lines:
        lines.append(header)
    lines.insert(lines.index(header) + 1, f"{key} = {value}")
    return "\n".join(lines)


WRONG = [
    ("Experiment", "experiments", "6"),
    ("Experiment", "experiments", "'0, 1, 2'"),
    ("Experiment", "experiments", "[0, 1, 2, 3, 4, true]"),
    ("Experiment", "experiments", "[0, 1, 2, 3, 4, [5]]"),
    ("Experiment", "experiments", "[0, 1, 2, 3, 4, '']"),
    ("Experiment", "doses", "'1,2'"),
    ("Experiment", "doses", "3.0"),
    ("Experiment", "doses", "[0, 1, 2, 3, 4, true]"),
    ("Experiment", "doses", "[0, 1, 2, 3, 4, nan]"),
    ("Experiment", "doses", "[0, 1, 2, 3, 4, inf]"),
    ("Experiment", "doses", "[0, 1, 2, 3, 4, '1_0']"),
    ("Experiment", "doses", "[0, 1, 2, 3, 4, '5 uM']"),
    ("Experiment", "doses", "[0, 1, 2, 3, 4, {a = 1}]"),
    ("Experiment", "doses", f"[0, 1, 2, 3, 4, {10**400}]"),
    ("Experiment", "dose_scale", "true"),
    ("Experiment", "dose_scale", "'uM'"),
    ("Experiment", "dose_scale", "nan"),
    ("Experiment", "dose_scale", "inf"),
    ("Experiment", "dose_scale", "0"),
    ("Experiment", "dose_scale", "-1e-6"),
    ("Experiment", "dose_scale", "1e-320"),
    ("Experiment", "dose_scale", "[1e-6]"),
    ("Experiment", "dose_unit", "1"),
    ("Experiment", "dose_unit", "''"),
    ("Experiment", "control_experiment", "true"),
    ("Experiment", "control_experiment", "[]"),
    ("Experiment", "control_experiment", "[0, 0]"),
    ("Experiment", "control_experiment", "[[0]]"),
    ("Experiment", "control_experiment", "'9'"),
    ("Experiment", "measurement_type", "true"),
    ("Paths", "input_file", "1"),
    ("Paths", "input_file", "''"),
    ("Paths", "input_file", '"a\\u0000b"'),
    ("Paths", "curves_file", "false"),
    ("Processing", "max_missing", "'3'"),
    ("Processing", "max_missing", "true"),
    ("Processing", "max_missing", "-1"),
    ("Processing", "max_missing", "1.5"),
    ("Processing", "imputation", "1"),
    ("Processing", "imputation", "'true'"),
    ("Processing", "imputation_pct", "nan"),
    ("Processing", "ratio_range", "0"),
    ("Processing", "ratio_range", "[0]"),
    ("Processing", "ratio_range", "[0, nan]"),
    ("Processing", "ratio_range", "[nan, 1]"),
    ("Processing", "ratio_range", "[1, 0]"),
    ("Processing", "ratio_range", "['0', '1']"),
    ("Processing", "available_cores", "'x'"),
    ("Curve Fit", "front", "true"),
    ("Curve Fit", "front", "'1'"),
    ("Curve Fit", "slope", "inf"),
    ("F Statistic", "alpha", "true"),
    ("F Statistic", "alpha", "'0.05'"),
    ("F Statistic", "alpha", "nan"),
    ("F Statistic", "fc_lim", "true"),
    ("F Statistic", "fc_lim", "inf"),
    ("F Statistic", "fc_lim", f"{10**400}"),
    ("F Statistic", "loc", "nan"),
    ("F Statistic", "quality_min", "inf"),
    ("F Statistic", "not_rmse_limit", "inf"),
    ("F Statistic", "pEC50_filter", "5"),
]


@pytest.mark.parametrize(("section", "key", "value"), WRONG)
def test_wrong_types(section: str, key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(with_key(section, key, value))
    with pytest.raises(UserError) as caught:
        settings_from(path)
    text = str(caught.value)
    assert len(text) <= 500
    assert "\n" not in text
    assert key.lower() in text.lower()
    assert "p.toml" in text


RIGHT = [
    ("Experiment", "experiments", "['a b', 'b', 'c', '01', 'e', 'f'] \ncontrol_experiment = 'a b'"),
    ("Experiment", "doses", "['0', '0.01', '1e-1', 1, 2, 3]"),
    ("Experiment", "dose_scale", "1e-6"),
    ("Experiment", "control_experiment", "0"),
    ("Experiment", "control_experiment", "'0'"),
    ("Processing", "ratio_range", "[0, inf]"),
    ("Processing", "ratio_range", "[0.0, +inf]"),
    ("Processing", "max_missing", "4"),
    ("Processing", "available_cores", "5"),
    ("Curve Fit", "front", "1"),
    ("F Statistic", "pEC50_filter", "[5, inf]"),
    ("F Statistic", "alpha", "0.01"),
    ("Dashboard", "backend", "'svg'"),
]


@pytest.mark.parametrize(("section", "key", "value"), RIGHT)
def test_right_types(section: str, key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    text = with_key(section, key, value)
    if key == "experiments":
        text = text.replace("control_experiment = [0]\n", "")
    path.write_text(text)
    settings_from(path)


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TOML.lstrip().encode())
    assert read_design(path).controls == ("0",)


FILES = {
    "UTF-16": (TOML.encode("utf-16"), "UTF-16"),
    "Latin-1": (TOML.replace("'x'", "'\u00b5'").encode("latin-1"), "UTF-8"),
    "key twice": (TOML.replace("alpha", "alpha = 0.1\nalpha").encode(), "not a TOML file.*line"),
    "section twice": ((TOML + "['Meta']\n").encode(), "not a TOML file"),
    "no section": (b"Dashboard = 1\n" + TOML.encode(), "Dashboard = 1, expected a section"),
    "table of tables": (TOML.replace("['Paths']", "[['Paths']]").encode(), "expected a section"),
    "deep lists": (TOML.encode() + b"loc = " + b"[" * 10**5, "nested too deeply"),
    "deep tables": (TOML.encode() + b"loc = " + b"{a = " * 10**5, "nested too deeply"),
    "deep key": (TOML.encode() + b"a." * 10**5 + b"b = 1", "a key of 64 parts or more"),
    "deep section": (TOML.encode() + b"[" + b"a . " * 10**5 + b"b]", "a key of 64 parts or more"),
    "digits": (TOML.replace("0.45", "1" * 5000).encode(), "not a TOML file.*digits"),
    "huge": (TOML.encode() + b"#" * 2**21, "at most 1048576 are read"),
    "long key": (TOML.encode() + b"a" * 10**5 + b" = 1", "unknown key 'aaa"),
    "long section": (TOML.encode() + b"[" + b"a" * 10**5 + b"]", r"unknown section \[aaa"),
    "long text": (TOML.replace("0.45", "'" + "a" * 10**5 + "'").encode(), "fc_lim in .*'aaa"),
    "empty": (b"", "lacks experiments"),
    "NUL": (TOML.encode() + b"\0", "NUL|TOML"),
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    content, match = FILES[name]
    path.write_bytes(content)
    with pytest.raises(UserError, match=match) as caught:
        settings_from(path)
    assert len(str(caught.value)) <= LONGEST_MESSAGE
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        read_design(tmp_path)
    with pytest.raises(UserError, match="is a device"):
        read_design(Path("/dev/zero"))


def test_paths_are_relative_to_the_folder_of_the_link(job: Path, tmp_path: Path) -> None:
    stored = tmp_path / "store" / "1f3a.toml"
    stored.parent.mkdir()
    job.rename(stored)
    job.symlink_to(stored)
    assert read_curvecurator(job).curves_file.parent == job.parent


@pytest.mark.parametrize(
    ("doses", "unit", "warned"),
    [
        ("[0, 1, 10, 100, 1000, 10000]", "'M'", "0.01 M"),  # nM with the scale of uM
        ("[0, 1, 10, 100, 1000, 9000]", "'M'", ""),
        ("[0, 1e-8, 1e-7, 1e-7, 1e-7, 1e-7]", "'M'", "1e-13 M"),  # M with the scale of uM
        ("[0, 1, 2, 3, 4, 5]", "'nM'", "5e-15 M"),  # the scale, and the unit again
        ("[0, 1, 10, 100, 1000, 10000]", "'g/l'", ""),
    ],
)
def test_doses_out_of_proportion(
    doses: str, unit: str, warned: str, job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = job.read_text().replace("[0.0, 0.01, 0.1, 1.0, 10.0, 100.0]", doses)
    job.write_text(text.replace("dose_unit = 'M'", f"dose_unit = {unit}"))
    read_curvecurator(job)
    said = capsys.readouterr().err
    assert bool(said) == bool(warned), said
    assert warned in said


def test_untreated_experiments_that_are_no_controls_are_named(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job.write_text(job.read_text().replace("0.0, 0.01", "0.0, -0.0"))
    read_curvecurator(job)
    assert "1 experiment(s) of dose 0 are not used" in capsys.readouterr().err
