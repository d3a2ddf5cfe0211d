"""The summary of the account: what was asked, the answer, what is not known. It fits one screen."""

from __future__ import annotations

from phenoprot.evaluation.results import Estimate, RowResult
from phenoprot.report.across_tables import across_sentence
from phenoprot.report.choose_rows import best_baseline, shown_parts
from phenoprot.report.findings import first_row, linear_of, rows_like
from phenoprot.report.parts import TablePart
from phenoprot.report.results import LINEAR, MLP, ScreenResults
from phenoprot.report.row_tables import is_untrained, typical_difference
from phenoprot.report.table import number, p_cell
from phenoprot.report.truth_tables import group_name
from phenoprot.report.words import left_out


def summary(results: ScreenResults) -> str:
    """Question, answer and limits."""
    first = first_row(results)
    answers = [
        line
        for part in shown_parts(results)
        if first in results.parts[part.name]
        for line in (
            _answer(results, part, first) if part.scorer == "auc" else _levels(results, part, first)
        )
    ]
    lists = {
        "Answer": [
            *answers,
            *_active(results),
            *across_sentence(results.across, first),
            *_controls(results),
        ],
        "Not known": [*left_out(results), *_unknown(results, first)],
    }
    sections = [
        f"**{title}.**\n\n" + "\n".join(f"- {line}" for line in lines)
        for title, lines in lists.items()
        if lines
    ]
    return "\n\n".join([_asked(results, first), *sections])


def _asked(results: ScreenResults, first: str) -> str:
    source = results.provenance
    cells = f"images of {source.imaged_cell_line} cells"
    if source.has.labels or source.has.levels:
        asked = f"what compounds do to the {source.measured}s of {_readout_cells(results)}"
    elif shown_parts(results):
        asked = "what compounds are known to act on"
    else:
        return f"**Asked.** Which compounds change {cells}?"
    return (
        f"**Asked.** How much of {asked} can be read from {cells}, in compounds that no model has "
        f"seen? The first row, `{first}`, answers; the others say what its score means."
    )


def _readout_cells(results: ScreenResults) -> str:
    source = results.provenance
    return f"{source.readout_cell_line or source.imaged_cell_line} cells"


def _active(results: ScreenResults) -> list[str]:
    """How many compounds change the images; beside a readout Table 10 alone says it."""
    counts = results.activity
    if results.provenance.has.readout or not counts.doses:
        return []
    return [f"{counts.n_active} of {counts.n_compounds} tested compounds are active (Table 10)."]


def _answer(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """Score with interval, chance, ceiling, and the best baseline."""
    row = results.parts[part.name][first]
    mean = row.means.get("auc")
    if mean is None:
        return []
    chance = "" if row.mean_p is None else f"; by chance 0.5, p {row.mean_p:.2g}"
    measured = f"{results.provenance.measured}s" if part.task == "classification" else "targets"
    text = f"{part.short}: mean ROC AUC {_interval(mean)} over {row.n_targets} {measured}{chance}"
    if row.ceiling is not None and row.ceiling.share is not None:
        text += (
            f"; {100 * row.ceiling.share:.0f} % of the way from chance to the ceiling of "
            f"{row.ceiling.value:.3f}"
        )
    return [f"{text}. {_against_baseline(results, part, first)}".strip()]


def _interval(mean: Estimate) -> str:
    if mean.low is None or mean.high is None:
        return f"{mean.value:.3f}"
    return f"{mean.value:.3f} ({mean.low:.2f} to {mean.high:.2f})"


def _against_baseline(results: ScreenResults, part: TablePart, first: str) -> str:
    best = best_baseline(results, part.name)
    if best is None or best == first:
        return ""
    score = results.parts[part.name][best].means["auc"].value
    text = f"Best baseline: `{best}` {score:.3f}"
    for one in results.comparisons.get(part.name, []):
        gain = one.mean_auc_difference
        if (one.row, one.against) != (first, best) or gain is None:
            continue
        if gain.low is not None and gain.high is not None:
            text += (
                f", `{first}` {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}; "
                f"q {p_cell(one.q)})"
            )
            if one.q is not None and one.q > results.provenance.false_discovery_rate:
                text += ", not told apart"
    return f"{text}."


def _levels(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    row = results.parts[part.name][first]
    skill = row.means.get("skill")
    if skill is None:
        return []
    text = (
        f"{part.short}: pooled skill {_interval(skill)} (0: the training mean, 1: perfect), median "
        f"R2 {number(row.median, '.3f')}"
    )
    if row.ceiling is not None:
        text += f" under a ceiling of {row.ceiling.value:.3f}"
    text += f", best protein {number(row.maximum, '.2f')} of {row.n_targets}"
    if row.doses and (at := _skill_at_ends(row)):
        text += f"; {at}"
    return [f"{text}."]


def _skill_at_ends(row: RowResult) -> str:
    scored = [dose.means["skill"].value for dose in row.doses if "skill" in dose.means]
    if len(scored) < 2:
        return ""
    return f"skill {scored[0]:+.2f} at the lowest dose, {scored[-1]:+.2f} at the highest"


def _controls(results: ScreenResults) -> list[str]:
    """Shuffled labels, planted truth and the leak gauge in one sentence each."""
    features = results.provenance.methods[first_row(results)].features
    texts = []
    for row in rows_like(results, features, shuffled=True)[:1]:
        scores = [
            f"{part.short} {results.parts[part.name][row].means['auc'].value:.3f}"
            for part in shown_parts(results)
            if row in results.parts[part.name] and "auc" in results.parts[part.name][row].means
        ]
        if scores:
            texts.append(f"Controls: with shuffled labels {', '.join(scores)}.")
    null = [
        f"{part.short}, {group_name(group.group)} {_interval(group.means['auc'])}"
        for part in shown_parts(results)
        for group in results.parts[part.name].get(first_row(results), _NO_ROW).planted
        if group.group.kind in ("null", "proteins_only") and "auc" in group.means
    ]
    if null:
        texts.append(f"Targets that no image can show: {'; '.join(null)}.")
    return texts


_NO_ROW = RowResult(scorer="auc", n_targets=0, n_compounds=0, means={}, thresholds=[])


def _without_mlp(results: ScreenResults) -> list[str]:
    """Feature sets that stand in rows of the linear model, and in none of the MLP."""
    methods = [results.provenance.methods[row] for row in results.provenance.rows]
    by_model = {
        model: dict.fromkeys("+".join(m.features) for m in methods if m.model == model)
        for model in (MLP, LINEAR)
    }
    return [name for name in by_model[LINEAR] if by_model[MLP] and name not in by_model[MLP]]


def _unknown(results: ScreenResults, first: str) -> list[str]:
    sizes = {part.short: typical_difference(results, part.name) for part in shown_parts(results)}
    seen = ", ".join(f"{name} {size:.3f}" for name, size in sizes.items() if size is not None)
    lines = []
    if seen:
        lines.append(
            f"Differences of two rows below {seen} in the mean AUC: this screen would show them in "
            "less than 80 % of such experiments."
        )
    linear = linear_of(results, first)
    close = [
        part.short
        for part in shown_parts(results)
        for one in results.comparisons.get(part.name, [])
        if (one.row, one.against) == (first, linear) and one.q is not None
        and one.q > results.provenance.false_discovery_rate
    ]  # fmt: skip
    if close:
        lines.append(f"Whether the MLP reads more than `{linear}` in {', '.join(close)}.")
    if alone := _without_mlp(results):
        lines.append(
            f"What the MLP reads from {', '.join(alone)}: rows of the linear model alone have them."
        )
    untrained = sorted(
        {
            feature
            for method in results.provenance.methods.values()
            for feature in method.features
            if is_untrained(feature)
        }
    )
    if untrained:
        lines.append(
            f"What trained networks read where weights are random: {', '.join(untrained)}."
        )
    if not results.doses and shown_parts(results):
        lines.append("How scores depend on the dose: every compound was given at one.")
    untested = results.activity.n_untested
    if not results.activity.doses and results.provenance.has.wells:
        lines.append("Which treatments are active: none was tested, which needs replicate wells.")
    elif untested:
        lines.append(f"Whether {untested} treatments with one well are active.")
    lines.append(
        "Whether other compounds, cells or laboratories give the same: intervals are over "
        "compounds, folds and seeds of this screen."
    )
    return lines
