"""From a screen's proteomics to curves: controls, dose designs, fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from phenoprot.curves.design import MINIMUM_DOSES, DoseDesign, dose_scale, ratio
from phenoprot.curves.engine import TESTED, fit_table
from phenoprot.curves.prepare import NO_CONTROL, TOO_MANY_IMPUTED, TOO_MANY_MISSING, prepare
from phenoprot.curves.reference import fit_reference
from phenoprot.curves.settings import CurveSettings, Engine, FitSettings
from phenoprot.curves.summary import COLUMNS
from phenoprot.curves.tables import check_long

CONTROL = "control"
FILTER = "Filter"
FEW_SAMPLES = "fewer than 4 treated samples"
FEW_DOSES = "too few valid doses"
# Why a curve is unclassified before its shape is looked at; "" is none of these.
FILTERS = (TOO_MANY_MISSING, TOO_MANY_IMPUTED, NO_CONTROL, FEW_SAMPLES, FEW_DOSES)
FITTED = ("Signal Quality", *COLUMNS, *TESTED, "Curve Regulation")


def fit_screen(
    proteomics: pd.DataFrame, settings: CurveSettings, engine: Engine | None = None
) -> pd.DataFrame:
    """Fit a curve to every compound and gene of a screen.

    Compounds with the same samples (concentrations and replicates) form a dose design and are
    fitted together. Treated values are divided by the mean of the controls of their own control
    group, missing ones left out.

    Parameters
    ----------
    proteomics
        Long table: compound, concentration, replicate, gene, intensity (and the columns of
        ``settings.control_group``); see `tables.check_long`.
    settings
        Options of controls, fit and calls. With ``normalization`` the log2 median of every sample
        of the screen is brought to their common mean.
    engine
        In place of ``settings.engine``.

    Returns
    -------
    curves
        One row per compound and gene, sorted: compound, gene, Valid Doses (count), Filter (one of
        `FILTERS` or ""), CurveCurator's columns `FITTED`. Removed curves have NaN there;
        unclassified ones no regulation.
    """
    engine = engine or settings.engine
    fit = FitSettings(**settings.model_dump(include=set(FitSettings.model_fields)))
    fit = fit.model_copy(update={"normalization": False})
    parts: list[pd.DataFrame] = []
    jobs: list[tuple[pd.DataFrame, DoseDesign]] = []
    for table, design in design_tables(proteomics, settings):
        if design is None:
            parts.append(table[["compound", "gene"]].assign(**{FILTER: FEW_SAMPLES}))
        else:
            jobs.append((table, design))
    if engine == "curvecurator":
        answers: Iterator[pd.DataFrame] = iter(fit_reference(jobs, fit, settings.threads))
    else:
        answers = (
            fit_table(table, design, fit, settings.threads, settings.device)
            for table, design in jobs
        )
    for (table, design), curves in zip(jobs, answers, strict=True):
        parts.append(_answered(table, design, curves, fit))
    out = pd.concat(parts, ignore_index=True).reindex(
        columns=["compound", "gene", "Valid Doses", FILTER, *FITTED]
    )
    out["Valid Doses"] = out["Valid Doses"].fillna(0).astype(int)
    few = (out[FILTER] == "") & (out["Valid Doses"] < settings.minimum_valid_doses)
    out.loc[few, FILTER] = FEW_DOSES
    out["Curve Regulation"] = out["Curve Regulation"].astype(object)
    out.loc[few, "Curve Regulation"] = np.nan
    return out.sort_values(["compound", "gene"], ignore_index=True)


def _answered(
    table: pd.DataFrame, design: DoseDesign, curves: pd.DataFrame, fit: FitSettings
) -> pd.DataFrame:
    """Rows of `table` with their fit, and the filter that removed those without one."""
    keys = table[["Name", "compound", "gene"]]
    fitted = curves[["Name", *(name for name in FITTED if name in curves)]].copy()
    fitted["Valid Doses"] = curves[ratio(design.treated)].notna().sum(axis=1)
    out = keys.merge(fitted, on="Name", how="left", sort=False)
    out[FILTER] = ""
    gone = ~keys["Name"].isin(curves["Name"]).to_numpy()
    if gone.any():
        out.loc[gone, FILTER] = _reasons(table[gone], design, fit)
    return out.drop(columns="Name")


def _reasons(table: pd.DataFrame, design: DoseDesign, fit: FitSettings) -> list[str]:
    """Filter of each removed curve: the first of `prepare`'s that removes it."""
    plain = fit.model_copy(update={"imputation": False})
    unlimited = plain.model_copy(update={"max_missing": None})
    filled = set(prepare(table, design, plain).curves["Name"])
    controlled = set(prepare(table, design, unlimited).curves["Name"])
    reasons = []
    for name in table["Name"]:
        if name in filled:
            reasons.append(TOO_MANY_IMPUTED)
        else:
            reasons.append(TOO_MANY_MISSING if name in controlled else NO_CONTROL)
    return reasons


def design_tables(
    proteomics: pd.DataFrame, settings: CurveSettings
) -> Iterator[tuple[pd.DataFrame, DoseDesign | None]]:
    """Split a screen into tables of one dose design each.

    Yields
    ------
    table
        Name (unique), compound, gene, ``Raw control`` and ``Raw <sample>``: the control level of
        the curve, and treated values such that their ratio to it is the ratio to their own group's.
    design
        None for compounds with fewer than 4 treated samples.
    """
    long = check_long(proteomics, settings, "proteomics")
    groups = list(settings.control_group)
    if settings.normalization:
        long = _centre_samples(long, groups)
    level = (
        long[long["control"]]
        .groupby([*groups, "gene"], sort=False)["intensity"]
        .mean()
        .rename(CONTROL + "_level")
    )
    treated = long[~long["control"]].merge(
        level, left_on=[*groups, "gene"], right_index=True, how="left"
    )
    common = treated.groupby(["compound", "gene"])[level.name].transform("mean")
    treated["scaled"] = treated["intensity"] / treated[level.name] * common
    treated[level.name] = common
    sample = ["concentration", "replicate", *groups]
    treated["sample"] = treated.groupby(sample, sort=True).ngroup()
    described = treated.drop_duplicates("sample").set_index("sample")[sample]
    names = {
        number: "_".join([f"{row[0]:.12g}", *map(str, row[1:])])
        for number, row in zip(described.index, described.itertuples(index=False), strict=True)
    }
    members = treated.groupby("compound")["sample"].agg(lambda s: tuple(sorted(set(s))))
    for samples, compounds in members.groupby(members, sort=True):
        rows = treated[treated["compound"].isin(compounds.index)]
        index = ["compound", "gene"]
        wide = rows.pivot(index=index, columns="sample", values="scaled")
        wide.columns = [f"Raw {names[number]}" for number in wide.columns]
        control = rows.groupby(index)[level.name].first().rename(f"Raw {CONTROL}")
        table = wide.join(control).reset_index()
        table.insert(0, "Name", [str(i) for i in range(len(table))])
        if len(samples) < MINIMUM_DOSES:
            yield table, None
            continue
        experiments = (CONTROL, *(names[number] for number in samples))
        doses = (0.0, *(float(described.loc[number, "concentration"]) for number in samples))
        scale = dose_scale(settings.dose_unit)
        yield table, DoseDesign(experiments, doses, (CONTROL,), scale)


def _centre_samples(long: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Bring the log2 median of every sample of the screen to their common mean."""
    logs = np.log2(long["intensity"])
    sample = long.groupby(
        ["compound", "concentration", "replicate", *groups], dropna=False
    ).ngroup()
    medians = logs.groupby(sample).median()
    return long.assign(intensity=2 ** (logs + medians.mean() - sample.map(medians)))
