"""The first gate for what others published: tables of treatments, and labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.screens.contaminants import contaminant_names
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    INCHIKEY,
    PROTEIN,
    SMILES,
    STATE,
    STATES,
    TREATMENT_KEY,
    VALUE,
    LabelTable,
)
from phenoprot.screens.loader import Screen
from phenoprot.validation import summaries_design as design
from phenoprot.validation import summaries_layout as layout
from phenoprot.validation import summaries_measured as measured
from phenoprot.validation.places import is_reserved
from phenoprot.validation.rule import TABLE

Read = Callable[[str, Callable[[], pd.DataFrame]], pd.DataFrame | None]
"""(file, how to read it) -> the table; None: it has a fault or no rows, which is noted."""
Batches = dict[str, list[pd.DataFrame]]
"""Parts of each batch, one per table; joined before they are judged."""
NO_COMPOUND: Final = "(no compound)"


def treatment_batches(screen: Screen, read: Read) -> Batches:
    """Summaries of a screen of treatments, for the rules to judge.

    Parameters
    ----------
    screen
        A screen that has ``tables.treatments``.
    read
        Reads a table and notes its faults.
    """
    tables, parts = screen.info.tables, Batches()
    profiles = {
        method: (table.path, read(table.path, partial(screen.profile, method)))
        for method, table in tables.profiles.items()
    }
    targets = read(tables.targets, screen.targets) if tables.targets else None
    chosen = read(tables.layout, screen.layout)
    treated = None
    if chosen is not None:
        treated = screen.treatments(chosen=False).assign(**{CONTROL: ""})
        _add(parts, _layout(treated, screen, tables.layout))
        parts["screen"] = [layout.screen_summary(chosen, screen.info)]
    for path, profile in profiles.values():
        if profile is None:
            continue
        features = measured.feature_summary(profile, None, path)
        _add(parts, {"features": features, "profiles": measured.profile_summary(features, path)})
        if treated is not None and path != tables.layout:
            _add(parts, _further(profile, treated, path))
    if targets is not None:
        parts["targets"] = [layout.target_summary(targets, str(tables.targets))]
        if treated is not None:
            summary = layout.target_compound_summary(targets, treated, str(tables.targets))
            parts["target_compounds"] = [summary.assign(place="treatment")]
    known = None if chosen is None else [
        (path, chosen.merge(profile[TREATMENT_KEY].drop_duplicates(), on=TREATMENT_KEY))
        for path, profile in profiles.values() if profile is not None
    ]  # fmt: skip
    _add(parts, label_batches(screen, read, treated, known or []))
    return parts


def label_batches(
    screen: Screen,
    read: Read,
    treated: pd.DataFrame | None,
    profiled: list[tuple[str, pd.DataFrame]],
) -> dict[str, pd.DataFrame]:
    """Summaries of labels that others found; none if the screen has no such table.

    Parameters
    ----------
    screen, read
        As of :func:`treatment_batches`.
    treated
        All compounds that the screen has; None: not known.
    profiled
        File of each profile, and the treatments of the benchmark that it has.
    """
    described = screen.info.tables.labels
    labels = None if described is None else read(described.path, screen.labels)
    if described is None or labels is None:
        return {}
    batches = {
        "given_labels": _of_compounds(labels, described),
        "proteins": _of_proteins(labels, described),
    }
    if treated is not None:
        compounds = labels[COMPOUND].dropna().unique()
        unknown = sorted(set(compounds) - set(treated[COMPOUND].dropna()))
        one = {TABLE: described.path, "n_compounds": len(compounds), "n_unknown": len(unknown)}
        batches["label_compounds"] = pd.DataFrame([one | {"examples": listed(unknown)}])
    overlaps = [design.overlap_summary(rows, labels, path) for path, rows in profiled]
    if overlaps:
        batches["overlap"] = pd.concat(overlaps, ignore_index=True).drop_duplicates()
    return batches


def _add(parts: Batches, more: dict[str, pd.DataFrame]) -> None:
    for name, frame in more.items():
        parts.setdefault(name, []).append(frame)


def _layout(treated: pd.DataFrame, screen: Screen, table: str) -> dict[str, pd.DataFrame]:
    """Summaries of the treatments: rows, names, doses and structures, those not chosen included."""
    given = treated.copy()
    for column in (INCHIKEY, SMILES):
        if column in given:
            given[column] = given[column].fillna("")
    return {
        "treatments": _rows(treated, table),
        "keys": layout.key_summary(given, table),
        "compounds": layout.compound_summary(given, table),
        "doses": layout.dose_spacing_summary(given, table),
        "structures": layout.structure_summary(given, table),
        "smiles": layout.smiles_summary(given, table),
    }


def _rows(table: pd.DataFrame, file: str) -> pd.DataFrame:
    """One row per row of a table of treatments: ``row``, ``complete``, ``repeated``."""
    complete = table[COMPOUND].notna() & np.isfinite(table[CONCENTRATION])
    repeated = table.duplicated(TREATMENT_KEY) & complete
    return table[TREATMENT_KEY].assign(
        **{TABLE: file},
        # Counted as a spreadsheet does: the header is row 1.
        row=np.arange(2, len(table) + 2),
        complete=complete.astype(int),
        repeated=repeated.astype(int),
        has_treatment=1,
    )


def _further(profile: pd.DataFrame, treated: pd.DataFrame, file: str) -> dict[str, pd.DataFrame]:
    """Rows of a further profile, and the treatments that it lacks."""
    rows = _rows(profile, file)
    keys = pd.MultiIndex.from_frame(profile[TREATMENT_KEY])
    known = pd.MultiIndex.from_frame(treated[TREATMENT_KEY])
    rows["has_treatment"] = (keys.isin(known) | (rows["complete"] == 0)).astype(int)
    lost = treated.loc[~known.isin(keys), TREATMENT_KEY].dropna()
    names = design.treatment_names(lost).tolist()
    one = {TABLE: file, "n_treatments": len(treated), "n_lost": len(lost)}
    return {
        "treatments": rows,
        "profile_treatments": pd.DataFrame([one | {"examples": listed(names)}]),
    }


def _of_compounds(labels: pd.DataFrame, described: LabelTable) -> pd.DataFrame:
    """One row per compound: labels without key, repeated ones, and those that are no state."""
    complete = labels[[COMPOUND, PROTEIN]].notna().all(axis=1)
    wrong = pd.Series(False, index=labels.index)
    if described.kind == "state":
        wrong = ~labels[STATE].isin(STATES)
    marked = pd.DataFrame(
        {
            "compound": labels[COMPOUND].fillna(NO_COMPOUND),
            "n_incomplete": ~complete,
            "n_repeated": labels.duplicated([COMPOUND, PROTEIN]) & complete,
            "n_wrong": wrong,
        }
    )
    summary = marked.groupby("compound", sort=True).sum().astype(int)
    if wrong.any():
        found = labels.loc[wrong, STATE].fillna("(empty)").groupby(marked["compound"])
        summary["wrong"] = found.agg(lambda states: listed(sorted(set(states))))
    return summary.reindex(columns=[*marked.columns[1:], "wrong"]).reset_index().assign(
        **{TABLE: described.path}
    )  # fmt: skip


def _of_proteins(labels: pd.DataFrame, described: LabelTable) -> pd.DataFrame:
    """One row per protein, with the columns of the readout's that labels can have."""
    known = labels.dropna(subset=[PROTEIN])
    by, column = known[PROTEIN], VALUE if described.kind == "z" else STATE
    summary = known[column].groupby(by, sort=True).count().rename("n_values").to_frame()
    n_compounds = labels[COMPOUND].nunique()
    summary["missing_share"] = (1 - summary["n_values"] / max(n_compounds, 1)).clip(lower=0)
    if described.kind == "z":
        infinite = known[VALUE].abs() > measured.LARGEST
        summary["n_inf"] = infinite.groupby(by).sum().astype(int)
        groups = known[VALUE].where(~infinite).groupby(by)
        summary["spread"] = groups.max() - groups.min()
    names = summary.index.to_series()
    summary["reserved"] = names.map(is_reserved).astype(int)
    summary["contaminant"] = names.isin(contaminant_names(names)).astype(int)
    summary[["n_not_positive", "farthest", "farthest_share"]] = np.nan
    spelt = layout.spellings(known[PROTEIN], described.path).set_index("name")
    summary = summary.rename_axis("protein").join(spelt[["n_spellings", "spellings"]])
    columns = [*summary.columns, *({"n_inf", "spread"} - set(summary.columns))]
    return summary.fillna({"n_spellings": 1}).reindex(columns=columns).reset_index().assign(
        **{TABLE: described.path}
    )  # fmt: skip
