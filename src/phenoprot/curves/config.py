"""CurveCurator's parameters: a TOML file, its keys and their types."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import read_text
from phenoprot.core.notices import warn
from phenoprot.core.tables import parse_numbers
from phenoprot.curves.design import DoseDesign, molar_scale
from phenoprot.curves.scale import warn_of_doses
from phenoprot.curves.settings import FitSettings

LARGEST_TOML = 2**20
"""Bytes, some hundred times those of a real file."""
# Keys of very many parts take tomllib quadratic time.
DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){64}""")
# Keys that this package understands, by section. Files that CurveCurator writes beside its curves
# (decoys, FDR, MAD, dashboard) may be named, but are not written.
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


def read_toml(path: Path) -> dict[str, dict[str, Any]]:
    """Read a CurveCurator TOML file; unknown, refused and missing keys are UserErrors.

    Parameters
    ----------
    path
        UTF-8, with or without a byte-order mark, up to :data:`LARGEST_TOML` bytes.
    """
    where = str(path)
    text = read_text(path, LARGEST_TOML)
    try:
        if DEEP_KEY.search(text):
            raise ValueError("a key of 64 parts or more")
        config = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UserError(
            f"not a TOML file: {reason}",
            where=where,
            remedy="Names of sections with a space need quotes, as in ['F Statistic']",
        ) from None
    for section, content in config.items():
        if section not in KNOWN:
            raise UserError(
                f"unknown section [{section}]",
                where=where,
                remedy=f"Known sections: {', '.join(KNOWN)}",
            )
        if not isinstance(content, dict):
            raise UserError(
                f"{section} = {quoted(content)}, expected a section of keys",
                where=where,
                remedy=f"Write ['{section}'] on a line of its own, its keys below",
            )
        for key, value in content.items():
            _require_supported(section, key, value, where)
    for section, keys in REQUIRED.items():
        missing = [key for key in keys if key not in config.get(section, {})]
        if missing:
            raise UserError(f"[{section}] lacks {listed(missing)}", where=where, remedy="Add it")
    return config


def _require_supported(section: str, key: str, value: Any, where: str) -> None:
    """Stop at an unknown key or an unsupported value."""
    reason = REFUSED.get((section, key))
    if reason is not None:
        raise UserError(
            f"option {key!r} in [{section}] is not supported: {reason}",
            where=where,
            remedy="Remove it",
        )
    if key not in KNOWN[section]:
        raise UserError(
            f"unknown key {quoted(key)} in [{section}]",
            where=where,
            remedy=f"Known keys: {', '.join(sorted(KNOWN[section]))}",
        )
    only = ONLY.get((section, key))
    if only is not None and not (isinstance(value, str) and value.upper() == only.upper()):
        raise UserError(
            f"{key} = {quoted(value)} in [{section}] is not supported",
            where=where,
            remedy=f"Only {only!r} is: leave the key out"
            + (" and give a table with Name and Raw columns" * (section == "Experiment")),
        )
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key == "available_cores" and not (whole and value > 0):
        raise _wrong(section, key, value, where, "a whole number above 0")
    if section == "Paths" and not (
        isinstance(value, str) and value.strip() and value.isprintable()
    ):
        raise _wrong(section, key, value, where, "the path of a file as a string")


def _wrong(section: str, key: str, value: Any, where: str, expected: str) -> UserError:
    return UserError(
        f"{key} = {quoted(value)}, expected {expected}",
        where=f"{where}, [{section}]",
        remedy="Fix this key.",
    )


def design_of(config: dict[str, dict[str, Any]], path: Path) -> DoseDesign:
    """Doses and controls of a configuration from `read_toml`."""
    experiment, where = config["Experiment"], str(path)
    named = experiment["control_experiment"]
    controls = named if isinstance(named, list) else [named]
    scale = _numbers([experiment["dose_scale"]], "dose_scale", where)[0]
    doses = experiment["doses"]
    if not isinstance(doses, list):
        raise _wrong("Experiment", "doses", doses, where, "a list of numbers")
    unit = experiment["dose_unit"]
    if not (isinstance(unit, str) and unit.strip()):
        raise _wrong("Experiment", "dose_unit", unit, where, "a unit as a string, e.g. 'M'")
    experiments = _names(experiment["experiments"], "experiments", where)
    numbers = tuple(_numbers(doses, "doses", where))
    try:
        return DoseDesign(
            experiments=experiments,
            doses=numbers,
            controls=_names(controls, "control_experiment", where),
            dose_scale=scale,
            dose_unit=unit,
        )
    except UserError as error:
        if error.where.startswith(where):
            raise
        # The design knows its keys, not its file.
        place = f"{where}, [Experiment] {error.where}"
        raise UserError(error.what, where=place, remedy=error.remedy) from None


def _names(values: Any, key: str, where: str) -> tuple[str, ...]:
    """Names of experiments: strings, or numbers as written."""
    if not isinstance(values, list):
        raise _wrong("Experiment", key, values, where, "a list of names or numbers")
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number or (isinstance(value, str) and value.strip() and value.isprintable())):
            raise _wrong("Experiment", key, value, where, "names or numbers in the list")
    return tuple(str(value) for value in values)


def _numbers(values: list[Any], key: str, where: str) -> list[float]:
    """Numbers, also in strings: CurveCurator's examples have dose_scale = '1e-6'."""
    number = [isinstance(v, int | float | str) and not isinstance(v, bool) for v in values]
    text = pd.Series([str(v) if good else None for v, good in zip(values, number, strict=True)])
    numbers, wrong = parse_numbers(text.astype(object))
    bad = wrong | ~np.isfinite(numbers)
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} value(s) of {key} are not finite numbers, "
            f"e.g. {quoted(values[int(bad.argmax())])}",
            where=f"{where}, [Experiment]",
            remedy="Give all doses in one unit, without its name",
        )
    return [float(value) for value in numbers]


def settings_of(config: dict[str, dict[str, Any]], path: Path) -> FitSettings:
    """Options of the fit of a configuration from `read_toml`."""
    sections = {
        key.replace("pEC50_filter", "pec50_filter"): section
        for section in SETTINGS_SECTIONS
        for key in config.get(section, {})
        if (section, key) not in ONLY and key != "available_cores"
    }
    values = {
        key: config[section].get(key, config[section].get("pEC50_filter"))
        for key, section in sections.items()
    }
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        # strict: neither booleans nor strings are accepted as numbers
        return FitSettings.model_validate(values, strict=True)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, e['loc']))} in [{sections.get(str(e['loc'][0]), '')}]: "
            f"{e['msg']} (got {quoted(e['input'])})"
            if e["loc"]
            else e["msg"]
            for e in error.errors(include_url=False)
        ]
        raise UserError(
            f"{len(faults)} value(s) are not allowed: {listed(faults)}",
            where=str(path),
            remedy="Fix these keys.",
        ) from None


def warn_of_design(design: DoseDesign, path: Path) -> None:
    """Warn of implausible doses, and of untreated experiments that are not controls."""
    where = f"{path}, [Experiment]"
    unit = molar_scale(design.dose_unit)
    if unit is not None:
        molar = np.array(design.doses) * design.dose_scale * unit
        warn_of_doses(molar, "dose_scale ('1e-9' for doses in nM) and dose_unit", where)
    idle = [
        name
        for name, dose in zip(design.experiments, design.doses, strict=True)
        if dose == 0 and name not in design.controls
    ]
    if idle:
        warn(
            f"{len(idle)} experiment(s) of dose 0 are not used, as control_experiment does not "
            f"name them: {listed(idle)}.",
            where,
        )
