"""Read CurveCurator's own input: a TOML file of parameters and a TSV table of intensities."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from phenoprot.curves.design import DoseDesign, raw
from phenoprot.curves.settings import FitSettings
from phenoprot.errors import UserError, listed

# Keys that this package understands, by section. Files that CurveCurator writes beside its curves
# (decoys, FDR, MAD, dashboard) may be named; they are not written.
KNOWN: dict[str, frozenset[str]] = {
    "Meta": frozenset({"id", "condition", "description", "treatment_time"}),
    "Experiment": frozenset(
        {
            "experiments",
            "doses",
            "dose_scale",
            "dose_unit",
            "control_experiment",
            "measurement_type",
            "data_type",
            "search_engine",
            "search_engine_version",
        }
    ),
    "Paths": frozenset(
        {
            "input_file",
            "curves_file",
            "decoys_file",
            "fdr_file",
            "normalization_file",
            "mad_file",
            "dashboard",
        }
    ),
    "Processing": frozenset(
        {
            "available_cores",
            "max_missing",
            "imputation",
            "imputation_pct",
            "normalization",
            "ratio_range",
        }
    ),
    "Curve Fit": frozenset(
        {"front", "slope", "back", "interpolation", "type", "speed", "control_fold_change"}
    ),
    "F Statistic": frozenset(
        {
            "alpha",
            "fc_lim",
            "optimized_dofs",
            "loc",
            "scale",
            "dfn",
            "dfd",
            "quality_min",
            "mtc_method",
            "not_rmse_limit",
            "pEC50_filter",
        }
    ),
    "Dashboard": frozenset({"backend"}),
}
# Options of CurveCurator that are refused, and why.
REFUSED = {
    ("Processing", "max_imputation"): "CurveCurator 0.6.0 ignores it and uses max_missing",
    ("Curve Fit", "weights"): "the package descends along the unweighted gradient",
    ("Curve Fit", "max_iterations"): "the search stops at convergence",
    ("F Statistic", "not_p_limit"): "CurveCurator 0.6.0 reads it and does not use it",
    ("F Statistic", "decoy_ratio"): "decoys are not supported",
    ("F Statistic", "two_sided"): "the F test is one-sided",
}
# Options with one supported value.
ONLY = {
    ("Curve Fit", "type"): "OLS",
    ("Curve Fit", "speed"): "standard",
    ("F Statistic", "mtc_method"): "sam",
    ("Experiment", "measurement_type"): "OTHER",
    ("Experiment", "data_type"): "OTHER",
    ("Experiment", "search_engine"): "OTHER",
}
REQUIRED = {
    "Experiment": ("experiments", "doses", "dose_scale", "dose_unit", "control_experiment"),
    "Paths": ("input_file",),
    "F Statistic": ("alpha", "fc_lim"),
}
SETTINGS_SECTIONS = ("Processing", "Curve Fit", "F Statistic")


@dataclass(frozen=True)
class CurveJob:
    """A table of curves to be fitted.

    Parameters
    ----------
    table
        ``Name``, ``N duplicates`` and ``Raw <experiment>`` columns, sorted by name.
    design
        Doses and controls, less the experiments without a single value.
    settings
        Options of the fit.
    curves_file
        Where the configuration wants the curves.
    empty
        Experiments that were left out because they have no value.
    """

    table: pd.DataFrame
    design: DoseDesign
    settings: FitSettings
    curves_file: Path
    empty: tuple[str, ...]


def read_toml(path: Path) -> dict[str, dict[str, Any]]:
    """Read a CurveCurator TOML file; unknown, refused and missing keys are UserErrors."""
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            "there is no such file", where=str(path), remedy="Check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"not a TOML file: {error}",
            where=str(path),
            remedy="Names of sections with a space need quotes, as in ['F Statistic']",
        ) from error
    for section, content in config.items():
        if section not in KNOWN or not isinstance(content, dict):
            raise UserError(
                f"unknown section [{section}]",
                where=str(path),
                remedy=f"Known sections: {', '.join(KNOWN)}",
            )
        for key, value in content.items():
            reason = REFUSED.get((section, key))
            if reason is not None:
                raise UserError(
                    f"option {key!r} in [{section}] is not supported: {reason}",
                    where=str(path),
                    remedy="Remove it",
                )
            if key not in KNOWN[section]:
                raise UserError(
                    f"unknown key {key!r} in [{section}]",
                    where=str(path),
                    remedy=f"Known keys: {', '.join(sorted(KNOWN[section]))}",
                )
            only = ONLY.get((section, key))
            if only is not None and str(value).upper() != only.upper():
                raise UserError(
                    f"{key} = {value!r} in [{section}] is not supported",
                    where=str(path),
                    remedy=f"Only {only!r} is: leave the key out"
                    + (" and give a table with Name and Raw columns" * (section == "Experiment")),
                )
    for section, keys in REQUIRED.items():
        missing = [key for key in keys if key not in config.get(section, {})]
        if missing:
            raise UserError(
                f"[{section}] lacks {listed(missing)}", where=str(path), remedy="Add it"
            )
    return config


def _design(config: dict[str, Any], path: Path) -> DoseDesign:
    experiment = config["Experiment"]
    controls = experiment["control_experiment"]
    try:
        doses = tuple(float(dose) for dose in experiment["doses"])
        scale = float(experiment["dose_scale"])
    except (TypeError, ValueError) as error:
        raise UserError(
            f"doses and dose_scale must be numbers: {error}",
            where=f"{path}, [Experiment]",
            remedy="Give all doses in one unit, without its name",
        ) from error
    return DoseDesign(
        experiments=tuple(str(name) for name in experiment["experiments"]),
        doses=doses,
        controls=tuple(str(c) for c in (controls if isinstance(controls, list) else [controls])),
        dose_scale=scale,
        dose_unit=str(experiment["dose_unit"]),
    )


def _settings(config: dict[str, Any], path: Path) -> FitSettings:
    values = {
        key.replace("pEC50_filter", "pec50_filter"): value
        for section in SETTINGS_SECTIONS
        for key, value in config.get(section, {}).items()
        if (section, key) not in ONLY and key != "available_cores"
    }
    try:
        return FitSettings(**values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError(
            f"{len(faults)} value(s) are not allowed: {listed(faults)}",
            where=str(path),
            remedy="Correct them",
        ) from error


def read_design(path: Path) -> DoseDesign:
    """Doses and controls of a CurveCurator TOML file."""
    return _design(read_toml(path), path)


def read_curvecurator(path: Path, *, sum_duplicates: bool = False) -> CurveJob:
    """Read a CurveCurator TOML file and its TSV table.

    Parameters
    ----------
    path
        The TOML file; the paths in it are relative to its folder.
    sum_duplicates
        Add up the rows of a name, as CurveCurator does in silence; refused otherwise.
    """
    config = read_toml(path)
    design, settings = _design(config, path), _settings(config, path)
    folder = path.resolve().parent
    table = read_intensities(folder / config["Paths"]["input_file"], design)
    table = join_duplicates(table, design, sum_duplicates, config["Paths"]["input_file"])
    absent = table[raw(design.experiments)].isna().all()
    empty = tuple(name for name, gone in zip(design.experiments, absent, strict=True) if bool(gone))
    if empty:
        design = design.without(set(empty))
        table = table[["Name", "N duplicates", *raw(design.experiments)]]
    curves_file = folder / config["Paths"].get("curves_file", "curves.txt")
    return CurveJob(table, design, settings, curves_file, empty)


def read_intensities(path: Path, design: DoseDesign) -> pd.DataFrame:
    """Read a tab-separated table; returns Name and the design's Raw columns as float64."""
    columns = raw(design.experiments)
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise UserError(
            "there is no such file", where=str(path), remedy="Check input_file"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise UserError("the file is empty", where=str(path), remedy="Export it anew") from error
    missing = [name for name in ["Name", *columns] if name not in table]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=str(path),
            remedy="Every experiment needs a tab-separated column 'Raw <experiment>'",
        )
    if table.empty:
        raise UserError("the table has no row", where=str(path), remedy="Export it anew")
    out = {"Name": table["Name"].to_numpy()}
    if (table["Name"] == "").any():
        raise UserError(
            f"{int((table['Name'] == '').sum())} row(s) have no Name",
            where=str(path),
            remedy="Name every row",
        )
    for column in columns:
        out[column] = intensities(table[column], column, str(path), table["Name"])
    return pd.DataFrame(out)


def intensities(values: pd.Series, column: str, where: str, names: pd.Series) -> np.ndarray:
    """Turn text or numbers into intensities >= 0 (NaN where empty); else a UserError."""
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=np.float64)
        bad = np.isinf(numbers)
    else:
        text = values.astype(str).str.strip()
        absent = text.str.lower().isin({"", "na", "nan", "none", "null"})
        numbers = pd.to_numeric(text.where(~absent), errors="coerce").to_numpy(dtype=np.float64)
        bad = ~absent.to_numpy() & ~np.isfinite(numbers)
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} value(s) in {column!r} are no finite number, "
            f"e.g. {str(values[bad].iloc[0])!r} of {names[bad].iloc[0]}",
            where=where,
            remedy="Leave missing intensities empty",
        )
    negative = numbers < 0
    if negative.any():
        raise UserError(
            f"{int(negative.sum())} negative intensity(ies) in {column!r}, "
            f"e.g. {numbers[negative][0]:g} of {names[negative].iloc[0]}",
            where=where,
            remedy="Give intensities, not their logarithms",
        )
    return numbers


def join_duplicates(
    table: pd.DataFrame, design: DoseDesign, sum_duplicates: bool, where: str
) -> pd.DataFrame:
    """Sort by name and count (or refuse) the rows of each; sums ignore missing values."""
    twice = table["Name"][table["Name"].duplicated()].unique()
    if len(twice) and not sum_duplicates:
        raise UserError(
            f"{len(twice)} name(s) occur more than once: {listed(list(twice))}",
            where=where,
            remedy="Make names unique, or ask for their sum (--sum-duplicates)",
        )
    grouped = table.groupby("Name", sort=True)
    joined = grouped[raw(design.experiments)].sum(min_count=1).reset_index()
    joined.insert(1, "N duplicates", grouped.size().to_numpy())
    return joined
