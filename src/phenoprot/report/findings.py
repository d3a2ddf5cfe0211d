"""What the numbers of a screen say, in sentences; one whose row is missing is left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from phenoprot.evaluation.results import Estimate, RowComparison, RowResult, ThresholdCount
from phenoprot.report.flatten import dose_key
from phenoprot.report.meaning import (
    against_ceiling,
    against_structure,
    sensitivity,
    within_thirds,
)
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import LINEAR, MLP, MethodRecord, ScreenResults
from phenoprot.report.row_tables import typical_difference
from phenoprot.report.table import number, p_cell

COUNTS_OF_CELLS = ("cell_count", "cell_count_readout")
"""Features that need no image analysis, or none of this screen's images."""


def findings(results: ScreenResults) -> list[str]:
    """Sentences on the first row against its baselines."""
    first = first_row(results)
    lines = [
        line
        for name, part in table_parts().items()
        if first in results.parts[name]
        for line in SENTENCES.get(part.task, _of_other_task)(results, part, first)
    ]
    if not results.doses and any(results.parts.values()):
        lines.append(
            "**Concentration**: every compound was given at one, so there are no scores by dose."
        )
    return lines


def first_row(results: ScreenResults) -> str:
    """The first row of params.yaml, which the others are compared with."""
    return results.provenance.rows[0]


def rows_like(
    results: ScreenResults, features: list[str], *, shuffled: bool = False, model: object = None
) -> list[str]:
    """Rows of these features, with true labels unless `shuffled`; None: of any model."""

    def fits(method: MethodRecord) -> bool:
        return (
            method.features == features
            and method.shuffled == shuffled
            and model in (None, method.model)
        )

    source = results.provenance
    return [row for row in source.rows if fits(source.methods[row])]


def linear_of(results: ScreenResults, row: str) -> str | None:
    """The linear model on the same features as the MLP of `row`."""
    method = results.provenance.methods[row]
    if method.model != MLP:
        return None
    return next(iter(rows_like(results, method.features, model=LINEAR)), None)


def _classification(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    row = results.parts[part.name][first]
    reached = f"{_auc(row)} over {row.n_targets} {results.provenance.measured}s"
    return [
        f"**{part.short} vs NOT**: {first} reaches a mean ROC AUC of {reached}"
        f"{_at_threshold(row)}.",
        *against_ceiling(results, part, first),
        *_against(results, part, first),
        *within_thirds(results, part, first),
        *against_structure(results, part, first),
        *_by_dose(results, part, first),
        *_models(results, part),
    ]


def _of_other_task(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """A task of another package."""
    row = results.parts[part.name][first]
    name, score = {"auc": ("auc", "mean ROC AUC"), "levels": ("skill", "pooled skill")}[row.scorer]
    mean = row.means.get(name)
    return [
        f"**{part.short}**: {first} reaches a {score} of "
        f"{number(mean.value if mean else None, '.3f')} over {row.n_targets} targets.",
        *_by_dose(results, part, first),
    ]


def _at_threshold(row: RowResult) -> str:
    count = _nearest(row, 0.8)
    if count is None:
        return ""
    return (
        f"; {count.n} of them at or above {count.threshold:g}, where "
        f"{by_chance(count)} would be expected by chance"
    )


def by_chance(count: ThresholdCount) -> str:
    """``"3.5 (sd 4.7, p 0.04)"``."""
    expected = f"{count.expected_by_chance:.1f}"
    if count.chance_sd is None or count.p is None:
        return expected
    return f"{expected} (sd {count.chance_sd:.1f}, p {count.p:.2g})"


def _nearest(row: RowResult, wanted: float) -> ThresholdCount | None:
    """The count at the threshold of params.yaml that is nearest to the wanted one."""
    return min(row.thresholds, key=lambda count: abs(count.threshold - wanted), default=None)


def _auc(row: RowResult) -> str:
    mean = row.means.get("auc")
    if mean is None or mean.low is None or mean.high is None:
        return number(mean.value if mean else None, ".3f")
    spread = "" if mean.repeat_sd is None else f", sd over repeats {mean.repeat_sd:.3f}"
    return f"{mean.value:.3f} (95 % CI {mean.low:.2f}-{mean.high:.2f}{spread})"


def _by_dose(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """From the lowest concentration to the highest."""
    doses = results.doses.get(part.name, {}).get(first, [])
    scored = [
        (dose_key(dose.concentration), dose.means["auc"].value)
        for dose in doses
        if "auc" in dose.means
    ]
    if len(scored) < 2:
        return []
    unit = results.provenance.concentration_unit
    (low, at_low), *_, (high, at_high) = scored
    return [
        f"{part.short}: by concentration {first} goes from {at_low:.3f} at {low} {unit} to "
        f"{at_high:.3f} at {high} {unit}."
    ]


def _against(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """The first row against the number of cells, the linear model, and shuffled labels."""
    means = {
        name: row.means["auc"].value
        for name, row in results.parts[part.name].items()
        if "auc" in row.means
    }
    if first not in means:
        return []
    return [
        *_against_cell_counts(results, part, first, means),
        *_against_linear(results, part, first),
        *(
            f"{part.short}: with shuffled labels the same procedure scores {means[name]:.3f} "
            f"(`{name}`)."
            for name in rows_like(
                results, results.provenance.methods[first].features, shuffled=True
            )
            if name in means
        ),
    ]


def _against_cell_counts(
    results: ScreenResults, part: TablePart, first: str, means: dict[str, float]
) -> list[str]:
    counts = {
        name: means[name]
        for feature in COUNTS_OF_CELLS
        for name in rows_like(results, [feature])
        if name in means and name != first
    }
    if not counts:
        return []
    mine, best = means[first], max(counts, key=lambda name: counts[name])
    distance = (
        f", {100 * (counts[best] - 0.5) / (mine - 0.5):.0f} % of {first}'s distance from 0.5"
        if mine > 0.5
        else ""
    )
    return [
        f"{part.short}: the number of cells alone (`{best}`) reaches {counts[best]:.3f}{distance}. "
        f"{first} adds {mine - counts[best]:+z.3f}."
    ]


def _against_linear(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    linear = linear_of(results, first)
    noun = "targets" if part.task == "targets" else f"{results.provenance.measured}s"
    return [
        f"{part.short}: MLP minus linear model on the same features: "
        f"{_difference(one.mean_auc_difference)}{_p(one)}; {one.n_better} {noun} better and "
        f"{one.n_worse} worse of {one.n_targets_tested}."
        for one in results.comparisons.get(part.name, [])
        if (one.row, one.against) == (first, linear)
    ]


def _p(one: RowComparison) -> str:
    """``", p 0.21, q 0.4"``."""
    return "".join(
        f", {name} {p_cell(value)}"
        for name, value in (("p", one.p), ("q", one.q))
        if value is not None
    )


def _models(results: ScreenResults, part: TablePart) -> list[str]:
    """Where the MLP and the linear model rank the feature sets differently."""
    scored = _by_both_models(results, part)
    if len(scored) < 3:
        return []
    from scipy.stats import spearmanr

    mlp, linear = (np.array([pair[i] for pair in scored.values()]) for i in (0, 1))
    alike = spearmanr(mlp, linear).statistic
    text = (
        f"{part.short}: the MLP and the linear model rank {len(scored)} feature sets with a "
        f"Spearman correlation of {alike:.2f}"
    )
    smallest = typical_difference(results, part.name)
    if smallest is None:
        return [f"{text}."]
    names, flips = list(scored), []
    for i, j in combinations(range(len(names)), 2):
        of_mlp, of_linear = mlp[i] - mlp[j], linear[i] - linear[j]
        if of_mlp * of_linear < 0 and min(abs(of_mlp), abs(of_linear)) > smallest:
            flips.append(f"{names[i]} and {names[j]} ({of_mlp:+z.3f} and {of_linear:+z.3f})")
    order = "; ".join(flips) if flips else "none"
    return [
        f"{text}; pairs in the opposite order, by more than the {smallest:.3f} that can be seen in "
        f"both (MLP, linear): {order}."
    ]


def _by_both_models(results: ScreenResults, part: TablePart) -> dict[str, tuple[float, float]]:
    """Mean AUC in the MLP and in the linear model of each feature set that has both."""
    means = {
        name: row.means["auc"].value
        for name, row in results.parts[part.name].items()
        if "auc" in row.means
    }
    scored: dict[str, tuple[float, float]] = {}
    for row, mean in means.items():
        linear = linear_of(results, row)
        if linear in means and not results.provenance.methods[row].shuffled:
            features = "+".join(results.provenance.methods[row].features)
            scored.setdefault(features, (mean, means[linear]))
    return scored


def _difference(gain: Estimate | None) -> str:
    """``"-0.025 (95 % CI -0.041 to -0.004)"``."""
    if gain is None or gain.low is None or gain.high is None:
        return number(gain.value if gain else None, "+.3f")
    return f"{gain.value:+z.3f} (95 % CI {gain.low:+z.3f} to {gain.high:+z.3f})"


def _regression(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    rows = results.parts[part.name]
    row = rows[first]
    count = _nearest(row, 0.2)
    reached = (
        f"; {count.n} of {row.n_targets} proteins reach {count.threshold:g} "
        f"({count.expected_by_chance:.1f} by chance)"
        if count
        else ""
    )
    text = (
        f"**Regression** of the level: {first} has a pooled skill of {_skill(row)} over all "
        "proteins and treatments (1: perfect; 0: no better than the training part's mean). Its "
        f"median R2 is {number(row.median, '.3f')}, its best protein {number(row.maximum, '.2f')}"
        f"{reached}."
    )
    linear = linear_of(results, first)
    if linear in rows:
        text += (
            f" The linear model's pooled skill is {_skill(rows[linear])}, its median R2 "
            f"{number(rows[linear].median, '.3f')}."
        )
    return [text, *_skill_by_dose(results, part, first)]


def _skill(row: RowResult) -> str:
    """``"0.12 (95 % CI 0.05 to 0.19)"``."""
    skill = row.means.get("skill")
    if skill is None or skill.low is None or skill.high is None:
        return number(skill.value if skill else None, ".3f")
    return f"{skill.value:z.3f} (95 % CI {skill.low:z.2f} to {skill.high:z.2f})"


def _skill_by_dose(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """From the lowest concentration to the highest."""
    doses = results.doses.get(part.name, {}).get(first, [])
    skills = [(dose.concentration, dose.means["skill"]) for dose in doses if "skill" in dose.means]
    if len(skills) < 2:
        return []
    unit = results.provenance.concentration_unit
    values = ", ".join(f"{skill.value:+z.2f}" for _, skill in skills)
    span = f"{dose_key(skills[0][0])} to {dose_key(skills[-1][0])} {unit}"
    return [f"{part.short}: pooled skill of {first} at each concentration, {span}: {values}."]


def _targets(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    rows = results.parts[part.name]
    method = results.provenance.methods[first]
    wanted = [
        name
        for features in (["proteome"], ["proteome", *method.features])
        for name in rows_like(results, features, model=method.model)
    ]
    named = [name for name in (first, *wanted) if name in rows]
    if len(named) < 2:
        return []
    scores = "; ".join(f"{name} {_auc(rows[name])}" for name in named)
    row = rows[first]
    text = f"**Targets** ({row.n_targets} with enough annotated compounds): {scores}."
    count = _nearest(row, 0.7)
    if count is not None:
        text += (
            f" With so few positives chance alone lifts {by_chance(count)} targets to "
            f"{count.threshold:g} ({first}: {count.n})."
        )
    return [
        text,
        *against_structure(results, part, first),
        *_against_linear(results, part, first),
        *_models(results, part),
    ]


SENTENCES: dict[str, Callable[[ScreenResults, TablePart, str], list[str]]] = {
    "classification": _classification,
    "regression": _regression,
    "targets": _targets,
    "sensitivity": sensitivity,
}
"""By task."""
