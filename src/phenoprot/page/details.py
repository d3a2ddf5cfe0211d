"""What opens behind a target: its strongest compounds, predicted against measured, its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from phenoprot.core.artefacts import read_table
from phenoprot.core.paths import Paths
from phenoprot.curves.design import dose_scale
from phenoprot.curves.model import logistic
from phenoprot.page.blocks import MOST_LINES, values_of
from phenoprot.report.parts import TablePart
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN, TREATMENT_KEY
from phenoprot.tasks.columns import ROWS

MOST_TARGETS = 400
"""Targets of a part with a detail: the best."""
MOST_POINTS = 300
"""Points of predicted against measured: the strongest measured, the rest evenly predicted."""
N_CARRIERS = 12
"""Groups of features of a target: the heaviest."""
N_ERRORS = 2
"""Standard errors from a drop to either end of its whiskers."""
N_FIT = 41
"""Points of a drawn curve."""
CURVE = ["pEC50", "Slope", "Front", "Back"]
STRONGEST = ["Label", "Effect", "P", "pEC50"]
OF_CURVES = (
    "measured effect (log2 fold change)",
    "Effect: log2 fold change of the fitted curve over the measured doses. P: of the curve, "
    "uncorrected. pEC50: -log10 of the half-maximal concentration in mol/l.",
)
OF_TESTS = (
    "measured effect (sd of the controls)",
    "Effect: difference from the negative controls in their standard deviations. P: of its test, "
    "uncorrected.",
)
AS_GIVEN = ("effect as given", "Effect: as given with the labels.")
"""Axis of the effect, and what the columns of the strongest compounds are."""


@dataclass(frozen=True)
class Details:
    """Of all parts of a screen."""

    predicted: dict[str, dict[str, Any]]
    """By part and target: ``c`` numbers of compounds, ``g`` of groups, ``x``, ``y``, ``n`` all."""
    groups: dict[str, list[str]]
    """By part, the names of the groups."""
    strongest: dict[str, dict[str, Any]]
    """By protein: columns of the strongest compounds."""
    curves: dict[str, Any]
    """Points and lines of the strongest compounds: ``span`` of the doses, ``of`` each protein a
    list, the strongest first."""
    carriers: dict[str, dict[str, Any]]
    """By part and target: groups of features and what the AUC loses without them."""
    compounds: list[str]
    """Names of compounds by their numbers."""
    effect: str
    """Title of the axis of measured effects, with their unit."""
    explained: str
    """What the columns of the strongest compounds are."""
    files: dict[str, pd.DataFrame]
    """Data for the files beside the page, by name."""

    @property
    def json(self) -> dict[str, Any]:
        """For the page."""
        names = ("predicted", "groups", "strongest", "curves", "carriers", "compounds",
                 "effect", "explained")  # fmt: skip
        return {name: getattr(self, name) for name in names}


def best_targets(scores: pd.DataFrame, row: str) -> list[str]:
    """The best targets of a row, the best first."""
    own = scores[scores["row"] == row].dropna(subset=["score"])
    ordered = own.sort_values(["score", "Target"], ascending=[False, True])
    return [str(name) for name in ordered["Target"][:MOST_TARGETS]]


def details(
    paths: Paths, parts: Sequence[TablePart], best: dict[str, list[str]], row: str, unit: str
) -> Details:
    """All that opens on a click.

    Parameters
    ----------
    paths
        Of the screen.
    parts
        Those in the explorer.
    best
        By part, the targets with a detail.
    row
        The row whose predictions and features are shown.
    unit
        Of concentrations.
    """
    names: dict[str, int] = {}
    predicted: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    files: dict[str, pd.DataFrame] = {}
    proteins = sorted({t for part in parts if part.task != "targets" for t in best[part.name]})
    effects = _effects(paths.labels / "labels.parquet", proteins)
    for part in parts:
        if best[part.name] and _can_be_compared(paths, part, row, effects):
            table = _predicted(paths, part, best[part.name], row, effects, unit)
            files[f"predicted-{part.name.replace('/', '-')}"] = table
            groups[part.name] = list(dict.fromkeys(table["group"]))
            predicted[part.name] = _compact(table, groups[part.name], names)
    top = _strongest(effects)
    curves, points = _curves(paths.curves, top, unit)
    carriers: dict[str, dict[str, Any]] = {}
    for part in parts:
        table = carriers_table(paths, part, row)
        if table is not None:
            own = _places(table, best[part.name])
            carriers[part.name] = _carriers(own)
            files[f"carriers-{part.name.replace('/', '-')}"] = own
    if not points.empty:
        files["curves"] = points
    if not top.empty:
        kept = [PROTEIN, COMPOUND, *(name for name in STRONGEST if name in top)]
        files["strongest"] = top[kept]
    effect, explained = _meaning(effects)
    return Details(
        predicted, groups, _columns(top), curves, carriers, list(names), effect, explained, files
    )


def _meaning(effects: pd.DataFrame) -> tuple[str, str]:
    """Of the effects: of curves, of tests of single doses, or as given."""
    if "pEC50" in effects:
        return OF_CURVES
    return OF_TESTS if "P" in effects else AS_GIVEN


def _can_be_compared(paths: Paths, part: TablePart, row: str, effects: pd.DataFrame) -> bool:
    """Whether there are predictions, and something measured: states alone are no numbers."""
    there = (paths.predictions(part.name) / ROWS / f"{row}.parquet").exists()
    measured = part.scorer == "levels" or part.task == "targets" or effects["Effect"].notna().any()
    return there and bool(measured)


def _effects(path: Path, proteins: Sequence[str]) -> pd.DataFrame:
    """Labels of these proteins; empty without a readout. Given states have no effect: NaN."""
    if not path.exists() or not proteins:
        return pd.DataFrame(columns=[COMPOUND, PROTEIN, "Label", "Effect"])
    table = ds.dataset(path).to_table(filter=ds.field(PROTEIN).isin(list(proteins))).to_pandas()
    if "Effect" not in table:
        table = table.assign(Effect=np.nan)
    return table.assign(**{name: table[name].astype(str) for name in (COMPOUND, PROTEIN)})


def _predicted(
    paths: Paths, part: TablePart, targets: list[str], row: str, effects: pd.DataFrame, unit: str
) -> pd.DataFrame:
    """Out-of-fold predictions, mean over the repeats, beside what was measured or is known.

    Columns ``target``, ``compound``, ``group``, ``x`` (predicted), ``y`` (measured).
    """
    folder = paths.predictions(part.name)
    wide = read_table(folder / ROWS / f"{row}.parquet", columns=[*TREATMENT_KEY, *targets])
    mean = wide.groupby(TREATMENT_KEY, sort=True)[targets].mean()
    doses = mean.index.get_level_values(CONCENTRATION)
    if part.scorer == "levels":
        known = read_table(folder / "labels.parquet", columns=[*TREATMENT_KEY, *targets])
        observed = known.set_index(TREATMENT_KEY)[targets].reindex(mean.index)
        group = pd.Series([f"{dose:g} {unit}" for dose in doses], index=mean.index)
        return _melted(mean, observed, targets, lambda _: group)
    known = read_table(folder / "labels.parquet", columns=[COMPOUND, *targets])
    compounds = mean.index.get_level_values(COMPOUND)
    state = known.set_index(COMPOUND)[targets].reindex(compounds).set_axis(mean.index)
    if part.task == "targets":
        words = {1.0: "annotated", 0.0: "not annotated"}
        return _melted(mean, state, targets, lambda name: state[name].map(words))
    effect = effects.groupby([COMPOUND, PROTEIN])["Effect"].mean().unstack()
    observed = effect.reindex(index=compounds, columns=targets).set_axis(mean.index)
    words = {1.0: part.short.lower(), 0.0: "not"}
    return _melted(mean, observed, targets, lambda name: state[name].map(words))


def _melted(
    mean: pd.DataFrame,
    observed: pd.DataFrame,
    targets: list[str],
    group: Callable[[str], pd.Series],
) -> pd.DataFrame:
    """One line per point, at most `MOST_POINTS` of a target."""
    compounds = mean.index.get_level_values(COMPOUND).astype(str).to_numpy()
    x, y = (table[targets].to_numpy(dtype=float) for table in (mean, observed))
    found: list[tuple[np.ndarray, ...]] = []
    for i, name in enumerate(targets):
        groups = group(name).to_numpy()
        known = np.flatnonzero(~(np.isnan(x[:, i]) | np.isnan(y[:, i]) | pd.isna(groups)))
        kept = known[_thinned(x[known, i], y[known, i])]
        same = (np.full(len(kept), value) for value in (i, len(known)))
        found.append((kept, groups[kept], *same))
    at, groups, which, n_all = (np.concatenate(values) for values in zip(*found, strict=True))
    return pd.DataFrame(
        {"target": np.array(targets, dtype=object)[which], "compound": compounds[at],
         "group": groups, "x": x[at, which], "y": y[at, which], "n_all": n_all}
    )  # fmt: skip


def _thinned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Places of the points that are kept: evenly over the predictions, and the strongest measured.

    Parameters
    ----------
    x, y
        Predicted and measured, shape (n,).

    Returns
    -------
    numpy.ndarray
        At most `MOST_POINTS` places, in order.
    """
    n = len(x)
    if n <= MOST_POINTS:
        return np.arange(n)
    half = MOST_POINTS // 2
    strong = np.argsort(-np.abs(y), kind="stable")[:half]
    even = np.argsort(x, kind="stable")[np.linspace(0, n - 1, half).astype(int)]
    return np.unique(np.concatenate([strong, even]))


def _compact(table: pd.DataFrame, groups: list[str], names: dict[str, int]) -> dict[str, Any]:
    """By target, in numbers."""
    found = {}
    for target, own in table.groupby("target", sort=False):
        found[str(target)] = {
            "c": [names.setdefault(name, len(names)) for name in own["compound"]],
            "g": [groups.index(name) for name in own["group"]],
            "x": [_short(value) for value in own["x"]],
            "y": [_short(value) for value in own["y"]],
            "n": int(own["n_all"].iloc[0]),
        }
    return found


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _strongest(effects: pd.DataFrame) -> pd.DataFrame:
    """The `MOST_LINES` strongest compounds of each protein: called ones first, then by effect."""
    if effects.empty:
        return effects
    called = effects["Label"].astype(str).isin(["up", "down"])
    ordered = effects.assign(called=called, size=effects["Effect"].abs()).sort_values(
        [PROTEIN, "called", "size", COMPOUND], ascending=[True, False, False, True]
    )
    once = ordered.drop_duplicates([PROTEIN, COMPOUND])
    return once.groupby(PROTEIN, sort=True).head(MOST_LINES)


def _columns(top: pd.DataFrame) -> dict[str, dict[str, Any]]:
    kept = [name for name in STRONGEST if name in top and top[name].notna().any()]
    values = {"Compound": list(top[COMPOUND])} | {
        name: values_of(top[name] if name == "Label" else top[name].astype(float).map(_short))
        for name in kept
    }
    places = top.groupby(PROTEIN).indices
    return {
        str(protein): {
            name: [column[i] for i in places[protein]] for name, column in values.items()
        }
        for protein in sorted(places)
    }


def _curves(folder: Path, top: pd.DataFrame, unit: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Points and fitted lines of the strongest compounds; nothing of a screen of single doses."""
    ratios = folder / "ratios.parquet"
    empty = pd.DataFrame()
    if top.empty or not ratios.exists():
        return {}, empty
    key = [PROTEIN, COMPOUND]
    wanted = top[key].drop_duplicates()
    proteins = list(wanted[PROTEIN].unique())
    chosen = ds.field(PROTEIN).isin(proteins)
    points = ds.dataset(ratios).to_table(filter=chosen).to_pandas()
    fits = ds.dataset(folder / "curves.parquet").to_table(
        columns=[*key, *CURVE], filter=chosen
    ).to_pandas()  # fmt: skip
    points, fits = (
        wanted.merge(t.assign(**{k: t[k].astype(str) for k in key}), on=key) for t in (points, fits)
    )
    points = points.dropna(subset=["Ratio"])
    if points.empty:
        return {}, empty
    doses = points[CONCENTRATION][points[CONCENTRATION] > 0]
    x = np.linspace(np.log10(doses.min()), np.log10(doses.max()), N_FIT)
    fitted = (fits[name].to_numpy(dtype=float)[:, None] for name in CURVE)
    lines = logistic(x + np.log10(dose_scale(unit)), *fitted)
    at = {pair: i for i, pair in enumerate(zip(fits[PROTEIN], fits[COMPOUND], strict=True))}
    found: dict[str, list[dict[str, Any]]] = {}
    for (protein, compound), own in points.groupby(key, sort=False):
        line = lines[at[protein, compound]] if (protein, compound) in at else np.array([])
        found.setdefault(str(protein), []).append(
            {
                "compound": str(compound),
                "dose": values_of(own[CONCENTRATION].astype(float)),
                "ratio": [_short(value) for value in own["Ratio"]],
                "line": [_short(value) for value in line if np.isfinite(value)],
            }
        )
    spans = {"from": float(f"{10 ** x[0]:.6g}"), "to": float(f"{10 ** x[-1]:.6g}")}
    return {"span": spans, "of": found}, points.merge(fits, on=key, how="left")


def _contributions(paths: Paths, part: TablePart, row: str) -> Path:
    return paths.contributions / part.name / f"{row}.parquet"


def carriers_table(paths: Paths, part: TablePart, row: str) -> pd.DataFrame | None:
    """What the AUC of each target loses without a group of features; None: not computed."""
    path = _contributions(paths, part, row)
    return read_table(path, ["Target", "Grouping", "Group", "drop"]) if path.exists() else None


def _places(table: pd.DataFrame, targets: list[str]) -> pd.DataFrame:
    """Places (compartment and stain) of the best targets."""
    own = table[(table["Grouping"] == "place") & table["Target"].isin(targets)]
    kept = ["Target", "Group", "n_features", "auc", "drop", "drop_se"]
    return own.dropna(subset=["drop"])[kept]


def _carriers(own: pd.DataFrame) -> dict[str, Any]:
    """The heaviest places of each target, the heaviest first."""
    found = {}
    for target, group in own.groupby("Target", sort=False):
        lines = group.sort_values("drop", ascending=False, kind="stable")[:N_CARRIERS]
        reach = N_ERRORS * lines["drop_se"]
        found[str(target)] = {
            "group": list(lines["Group"]),
            "n_features": [int(n) for n in lines["n_features"]],
            "drop": [_short(v) for v in lines["drop"]],
            "low": values_of((lines["drop"] - reach).map(_short)),
            "high": values_of((lines["drop"] + reach).map(_short)),
        }
    return found
