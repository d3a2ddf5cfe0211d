"""Typed results as the flat keys of metrics/, and back: the one place that spells these keys.

DVC shows metrics by key, so a threshold, an interval or a group is a part of a key's name there.
The way back never takes a name apart: thresholds, concentrations and groups stand in
``provenance.json``, their keys are built from them and looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from phenoprot.evaluation.results import (
    SCORE_NAMES,
    Activeness,
    ChosenScores,
    DoseScores,
    Estimate,
    Group,
    LabelTruth,
    ProteinChoice,
    RowComparison,
    RowResult,
    ScorerName,
    Stratum,
    ThresholdCount,
)
from phenoprot.report.results import Numbers, Provenance

Flat = Mapping[str, Any]
"""What a file of metrics holds."""
DIFFERENCE = "mean_auc_difference"
COMPARISON_KEYS = {
    "p": f"{DIFFERENCE}_p",
    "q": f"{DIFFERENCE}_q",
    "jaccard": "jaccard_above_chance",
    "smallest_difference": f"smallest_{DIFFERENCE}",
    "smallest_target_difference": "smallest_auc_difference_of_a_target",
}
"""Keys of what a comparison says of its test, by field."""


def flat_row(result: RowResult) -> Numbers:
    """The metrics of one row; scores by concentration are a file of their own."""
    main = SCORE_NAMES[result.scorer].main
    flat = _present(
        {
            "n_targets": result.n_targets,
            "n_compounds": result.n_compounds,
            "n_repeats": result.n_repeats,
            "n_folds": result.n_folds,
            "n_targets_scored": result.n_targets_scored,
            "n_folds_skipped": result.n_folds_skipped,
            "n_above_chance": result.n_above_chance,
            f"chance_sd_mean_{main}": result.mean_chance_sd,
            f"mean_{main}_p": result.mean_p,
            f"median_{main}": result.median,
            f"max_{main}": result.maximum,
            f"median_{main}_over_doses": result.median_over_doses,
            f"max_{main}_over_doses": result.maximum_over_doses,
        }
    )
    flat |= _flat_means(result.means)
    for count in result.thresholds:
        keys = _threshold_keys(main, count.threshold)
        flat |= _present({keys[name]: value for name, value in _counted(count).items()})
    if result.ceiling is not None:
        flat |= {f"ceiling_{main}": result.ceiling.value, "ceiling_n_targets": result.ceiling.n}
        flat |= _present({"ceiling_share": result.ceiling.share})
    if result.leak is not None:
        flat |= _present({f"leak_mean_{result.leak.score}": result.leak.mean})
        flat |= _flat_estimate("leak_gap", result.leak.gap)
        flat["leak_n_doses"] = result.leak.n_doses
    for of, strata in (("cells", result.strata), ("compounds", result.activity)):
        for stratum in strata:
            flat[f"n_targets_scored_{of}_{stratum.name}"] = stratum.n_targets_scored
            for name, value in stratum.means.items():
                flat |= _flat_estimate(f"mean_{name}", value, f"_{of}_{stratum.name}")
    if result.choice is not None:
        flat |= _flat_choice(result.choice)
    for scores in result.planted:
        group = group_key(scores.group)
        flat[f"truth_n_{group}"] = scores.n
        for name, value in scores.means.items():
            flat |= _flat_estimate(f"truth_mean_{name}", value, f"_{group}")
    return flat


def nested_row(
    flat: Flat, scorer: ScorerName, known: Provenance, doses: list[DoseScores]
) -> RowResult:
    """The row that :func:`flat_row` has flattened.

    Raises
    ------
    pydantic.ValidationError
        A key is missing, or its value is no number.
    """
    names = SCORE_NAMES[scorer]
    leak = {
        "score": names.leak,
        "mean": flat.get(f"leak_mean_{names.leak}"),
        "gap": _estimate(flat, "leak_gap"),
        "n_doses": flat.get("leak_n_doses"),
    }
    ceiling = {
        "value": flat.get(f"ceiling_{names.main}"),
        "n": flat.get("ceiling_n_targets"),
        "share": flat.get("ceiling_share"),
    }
    content = {
        "scorer": scorer,
        **{key: flat.get(key) for key in ("n_targets", "n_compounds", "n_repeats", "n_folds")},
        **{key: flat.get(key) for key in ("n_targets_scored", "n_folds_skipped", "n_above_chance")},
        "means": _means(flat, names.means),
        "mean_chance_sd": flat.get(f"chance_sd_mean_{names.main}"),
        "mean_p": flat.get(f"mean_{names.main}_p"),
        "median": flat.get(f"median_{names.main}"),
        "maximum": flat.get(f"max_{names.main}"),
        "median_over_doses": flat.get(f"median_{names.main}_over_doses"),
        "maximum_over_doses": flat.get(f"max_{names.main}_over_doses"),
        "thresholds": _thresholds(flat, names.main, known.thresholds.get(names.main, [])),
        "ceiling": ceiling if "ceiling_n_targets" in flat else None,
        "leak": leak if "leak_n_doses" in flat else None,
        "planted": _planted(flat, names.planted, known.planted),
        "strata": _strata(flat, names.main, "cells", get_args(Stratum)),
        "activity": _strata(flat, names.main, "compounds", get_args(Activeness)),
        "choice": _choice(flat),
        "doses": doses,
    }
    return RowResult.model_validate(_present(content))


def _strata(flat: Flat, score: str, of: str, strata: tuple[str, ...]) -> list[dict[str, Any]]:
    """Scores by stratum, in the order of `strata`."""
    found = []
    for name in strata:
        n = flat.get(f"n_targets_scored_{of}_{name}")
        if n is not None:
            mean = _estimate(flat, f"mean_{score}", f"_{of}_{name}")
            means = _present({score: mean})
            found.append({"name": name, "n_targets_scored": n, "means": means})
    return found


CHOICES = ("every", "inside", "all")
"""Sets of proteins of a :class:`ProteinChoice`."""


def _flat_choice(choice: ProteinChoice) -> Numbers:
    flat = _flat_estimate("chosen_optimism", choice.optimism)
    for name in CHOICES:
        scores: ChosenScores = getattr(choice, name)
        flat |= {f"chosen_{name}_n": scores.n}
        flat |= _present({f"chosen_{name}_median_r2": scores.median})
        flat |= _flat_estimate(f"chosen_{name}_skill", scores.skill)
    return flat


def _choice(flat: Flat) -> dict[str, Any] | None:
    if f"chosen_{CHOICES[0]}_n" not in flat:
        return None
    content: dict[str, Any] = {"optimism": _estimate(flat, "chosen_optimism")}
    for name in CHOICES:
        content[name] = _present(
            {
                "n": flat.get(f"chosen_{name}_n"),
                "skill": _estimate(flat, f"chosen_{name}_skill"),
                "median": flat.get(f"chosen_{name}_median_r2"),
            }
        )
    return _present(content)


COUNT_KEYS = {
    "n": "n",
    "percent": "pct",
    "expected_by_chance": "chance_n",
    "chance_sd": "chance_sd",
    "p": "p",
}
"""How the key of each field of a count begins."""


def _threshold_keys(score: str, threshold: float) -> dict[str, str]:
    """Keys of a count by the names of its fields."""
    return {name: f"{start}_{score}_ge_{threshold:g}" for name, start in COUNT_KEYS.items()}


def _counted(count: ThresholdCount) -> dict[str, float | None]:
    return {name: getattr(count, name) for name in COUNT_KEYS}


def _thresholds(flat: Flat, score: str, thresholds: list[float]) -> list[ThresholdCount]:
    counts = []
    for threshold in thresholds:
        keys = _threshold_keys(score, threshold)
        if keys["n"] in flat:
            found = {name: flat.get(key) for name, key in keys.items()}
            content = {"threshold": threshold, **found}
            counts.append(ThresholdCount.model_validate(_present(content)))
    return counts


def group_key(group: Group) -> str:
    """``0.7_1`` for a bin of effects, ``1.5_inf`` for the last one; a kind is its own name."""
    if group.kind is not None:
        return group.kind
    return f"{group.low:g}_inf" if group.high is None else f"{group.low:g}_{group.high:g}"


def _planted(flat: Flat, scores: tuple[str, ...], groups: list[Group]) -> list[dict[str, Any]]:
    found = []
    for group in groups:
        key = group_key(group)
        if f"truth_n_{key}" in flat:
            means = {name: _estimate(flat, f"truth_mean_{name}", f"_{key}") for name in scores}
            found.append({"group": group, "n": flat[f"truth_n_{key}"], "means": _present(means)})
    return found


def dose_key(concentration: float) -> str:
    """Name of a concentration in metrics, e.g. ``0.001``."""
    return f"{concentration:.12g}"


def flat_doses(doses: list[DoseScores], scorer: ScorerName) -> dict[str, Numbers]:
    """Metrics by concentration."""
    main = SCORE_NAMES[scorer].main
    return {
        dose_key(dose.concentration): _present(
            {
                "n_compounds": dose.n_compounds,
                "n_targets_scored": dose.n_targets_scored,
                f"median_{main}": dose.median,
            }
        )
        | _flat_means(dose.means)
        for dose in doses
    }


def nested_doses(flat: Flat, scorer: ScorerName, known: Provenance) -> list[DoseScores]:
    """The scores that :func:`flat_doses` has flattened, concentrations ascending."""
    names = SCORE_NAMES[scorer]
    doses = []
    for concentration in sorted(known.concentrations):
        line = flat.get(dose_key(concentration))
        if line is not None:
            content = {
                "concentration": concentration,
                "n_compounds": line.get("n_compounds"),
                "n_targets_scored": line.get("n_targets_scored"),
                "means": _means(line, names.by_dose),
                "median": line.get(f"median_{names.main}"),
            }
            doses.append(DoseScores.model_validate(_present(content)))
    return doses


def flat_comparisons(comparisons: list[RowComparison]) -> dict[str, dict[str, Numbers]]:
    """Metrics by row and the row it is compared with."""
    flat: dict[str, dict[str, Numbers]] = {}
    for one in comparisons:
        line = _present(
            {
                "n_compounds": one.n_compounds,
                "n_targets_tested": one.n_targets_tested,
                "n_better": one.n_better,
                "n_worse": one.n_worse,
                **{key: getattr(one, name) for name, key in COMPARISON_KEYS.items()},
            }
        )
        line |= _flat_estimate(DIFFERENCE, one.mean_auc_difference)
        flat.setdefault(one.row, {})[one.against] = line
    return flat


def nested_comparisons(flat: Flat, known: Provenance) -> list[RowComparison]:
    """The comparisons that :func:`flat_comparisons` has flattened, in the order of the rows."""
    found = []
    for row in known.rows:
        for against in known.rows:
            line = flat.get(row, {}).get(against)
            if line is not None:
                counts = ("n_compounds", "n_targets_tested", "n_better", "n_worse")
                content = {
                    "row": row,
                    "against": against,
                    **{key: line.get(key) for key in counts},
                    "mean_auc_difference": _estimate(line, DIFFERENCE),
                    **{name: line.get(key) for name, key in COMPARISON_KEYS.items()},
                }
                found.append(RowComparison.model_validate(_present(content)))
    return found


def flat_truth(truth: LabelTruth) -> Numbers:
    """Labels against what was planted."""
    flat = _present(
        {
            "n_wrong_direction": truth.n_wrong_direction,
            "n_null": truth.n_null,
            "false_call_share": truth.false_call_share,
        }
    )
    for effect in truth.effects:
        key = group_key(effect.group)
        flat |= _present({f"n_{key}": effect.n, f"recall_{key}": effect.recall})
    return flat


def nested_truth(flat: Flat, known: Provenance) -> LabelTruth:
    """The truth that :func:`flat_truth` has flattened."""
    bins = {group_key(group): group for group in known.planted if group.kind is None}
    effects = [
        _present({"group": group, "n": flat[f"n_{key}"], "recall": flat.get(f"recall_{key}")})
        for key, group in bins.items()
        if f"n_{key}" in flat
    ]
    content = {
        "effects": effects,
        **{key: flat.get(key) for key in ("n_wrong_direction", "n_null", "false_call_share")},
    }
    return LabelTruth.model_validate(_present(content))


def _present(content: dict[str, Any]) -> dict[str, Any]:
    """What is defined."""
    return {key: value for key, value in content.items() if value is not None}


def _flat_estimate(key: str, value: Estimate | None, end: str = "") -> Numbers:
    """A value, its interval and its spread over the repeats; `end` closes each key."""
    if value is None:
        return {}
    return _present(
        {
            f"{key}{end}": value.value,
            f"{key}_ci_low{end}": value.low,
            f"{key}_ci_high{end}": value.high,
            f"{key}_repeat_sd{end}": value.repeat_sd,
        }
    )


def _estimate(flat: Flat, key: str, end: str = "") -> dict[str, Any] | None:
    if f"{key}{end}" not in flat:
        return None
    more = {
        "low": flat.get(f"{key}_ci_low{end}"),
        "high": flat.get(f"{key}_ci_high{end}"),
        "repeat_sd": flat.get(f"{key}_repeat_sd{end}"),
    }
    return {"value": flat[f"{key}{end}"], **_present(more)}


def _flat_means(means: Mapping[str, Estimate]) -> Numbers:
    flat: Numbers = {}
    for name, value in means.items():
        flat |= _flat_estimate(f"mean_{name}", value)
    return flat


def _means(flat: Flat, names: tuple[str, ...]) -> dict[str, Any]:
    return _present({name: _estimate(flat, f"mean_{name}") for name in names})
