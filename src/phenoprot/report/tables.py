"""The benchmark tables, from metrics/ alone: no cache, no heavy import."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from phenoprot.core.artefacts import damaged, read_object, remedied
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import read_json
from phenoprot.features.networks.methods import UNTRAINED
from phenoprot.report.footnotes import MAE, TRAINED_HERE, untrained_note
from phenoprot.report.poster import POSTER, POSTER_TOP_REGRESSION

Metrics = dict[str, float | int]
PARTS = {
    "classification/up": "Table 1a. Classification, UP vs NOT: ROC AUC",
    "classification/down": "Table 1b. Classification, DOWN vs NOT: ROC AUC",
    "regression": "Table 2a. Regression of protein level: R2 and SMAPE",
    "targets": "Table 3. Compound target prediction: ROC AUC",
}
TOP_TITLE = "Table 2b. Best predicted proteins of the regression"
TASKS = {
    "classification/up": "UP",
    "classification/down": "DOWN",
    "regression": "regression",
    "targets": "targets",
}
"""Short names of the parts."""
NOTHING = "-"
"""A cell without a figure."""
Dosed = dict[str, dict[str, Metrics]]
"""Metrics by row and concentration."""
Compared = dict[str, dict[str, Metrics]]
"""Metrics by row and the row it is compared with."""


@dataclass(frozen=True)
class Table:
    """A printed table."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ScreenMetrics:
    """Everything under ``metrics/<screen>``."""

    provenance: dict[str, Any]
    """Versions and hashes, title, caveats, row order."""
    parts: dict[str, dict[str, Metrics]]
    """Metrics by part and row, rows in the order of params.yaml."""
    top_regression: list[dict[str, Any]]
    """Best predicted proteins."""
    labels: Metrics
    """Number of labels in each state."""
    truth: Metrics | None
    """Labels against what was planted, for a simulated screen."""
    doses: dict[str, Dosed]
    """Metrics by part, row and concentration, ascending; empty for a screen of single doses."""
    comparisons: dict[str, Compared]
    """Metrics by part, row and the row it is compared with."""
    images: Metrics = field(default_factory=dict)
    """Fields of view and cells found in them; empty without images."""

    def published(self, part: str, row: str) -> Metrics | None:
        """The poster's figures of what a row is: the same features in the MLP, labels as they are.

        Features of an untrained network have a name of their own, and no figures.
        """
        method = self.provenance["methods"][row]
        if method["model"] != "mlp" or method["shuffled"]:
            return None
        return POSTER[part].get("+".join(method["features"]))


REMEDY = "Bring it back with `git checkout`, or make it again with `dvc repro`."


class MethodRecord(BaseModel):
    """How one row came about, in ``provenance.json``."""

    features: list[str]
    model: str
    shuffled: bool


class Provenance(BaseModel):
    """What of ``provenance.json`` the tables need."""

    title: str
    caveats: list[str]
    rows: list[str]
    methods: dict[str, MethodRecord]
    concentration_unit: str = ""
    false_discovery_rate: float = 0.0


def read_metrics(folder: Path) -> ScreenMetrics:
    """Read the committed metrics of one screen.

    Raises
    ------
    UserError
        There are none.
    """
    if not (folder / "provenance.json").exists():
        raise UserError(
            "no metrics here", where=str(folder), remedy="Run `make reproduce` or `dvc repro`."
        )
    provenance = read_object(folder / "provenance.json", remedy=REMEDY)
    try:
        Provenance.model_validate(provenance, strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise damaged(folder / "provenance.json", f"'{key}': {fault['msg']}", REMEDY) from None
    rows = provenance["rows"]
    truth = folder / "labels" / "truth.json"
    images = folder / "images.json"
    doses = {part: _read_rows(folder / "doses" / part, rows) for part in PARTS}
    return ScreenMetrics(
        provenance,
        {part: _read_rows(folder / part, rows) for part in PARTS},
        top_regression=_read_list(folder / "top_regression.json"),
        labels=_read(folder / "labels" / "counts.json"),
        truth=_read(truth) if truth.exists() else None,
        doses={
            part: {row: dict(sorted(by_dose.items(), key=_dose)) for row, by_dose in named.items()}
            for part, named in doses.items()
            if named
        },
        comparisons=_in_order(_read_rows(folder / "comparisons", list(PARTS)), rows),
        images=_read(images) if images.exists() else {},
    )


def _read_rows(folder: Path, names: list[str]) -> dict[str, Any]:
    """Content of the files that are there, in the order of their names in params.yaml."""
    files = {name: folder / f"{name}.json" for name in names}
    return {name: _read(file) for name, file in files.items() if file.exists()}


def _dose(item: tuple[str, Any]) -> float:
    return float(item[0])


def _in_order(comparisons: dict[str, Compared], rows: list[str]) -> dict[str, Compared]:
    """Rows in the order of params.yaml: JSON sorts them by name."""
    return {
        part: {
            one: {other: compared[one][other] for other in rows if other in compared[one]}
            for one in rows
            if one in compared
        }
        for part, compared in comparisons.items()
        if compared
    }


def _read_list(path: Path) -> list[Any]:
    with remedied(REMEDY):
        content = read_json(path)
    if not isinstance(content, list):
        raise damaged(path, f"holds a {type(content).__name__}, expected a list", REMEDY)
    return content


def _read(path: Path) -> dict[str, Any]:
    """A file of metrics: numbers, under names at any depth."""
    content = read_object(path, remedy=REMEDY)
    strange = _no_numbers(content)
    if strange:
        raise damaged(path, f"{len(strange)} value(s) are no numbers: {listed(strange)}", REMEDY)
    return content


def _no_numbers(content: dict[str, Any], above: str = "") -> list[str]:
    """Keys whose values are neither numbers nor mappings of such."""
    found = []
    for key, value in content.items():
        if isinstance(value, dict):
            found += _no_numbers(value, f"{above}{key}.")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            found.append(f"{above}{key}")
    return found


def build_tables(metrics: ScreenMetrics) -> list[Table]:
    """All tables; 1 to 3 with the poster's figures as a reference column."""
    tables = []
    for part, title in PARTS.items():
        rows = metrics.parts[part]
        if not rows:
            continue
        if part == "regression":
            regression = _regression_table(title, rows, metrics)
            tables += [_noted(regression, metrics, part), _top_table(metrics.top_regression)]
        else:
            tables.append(_noted(_auc_table(title, rows, metrics, part), metrics, part))
    later = [*_dose_tables(metrics), *_comparison_tables(metrics), *_leak_tables(metrics)]
    later += _truth_tables(metrics)
    return [*tables, *(_marked(table, metrics) for table in later)]


def _noted(table: Table, metrics: ScreenMetrics, part: str) -> Table:
    """Say under the table which of its rows have an untrained network, and what would train it."""
    screen, notes = metrics.provenance["screen"], []
    for line in table.rows:
        row = line[0]
        for feature in metrics.provenance["methods"][row]["features"]:
            if feature.endswith(UNTRAINED):
                figures = POSTER[part].get(feature.removesuffix(UNTRAINED))
                published = _published(figures, _thresholds(metrics.parts[part], "auc"))
                notes.append(untrained_note(screen, row, feature, published if figures else None))
            elif feature == MAE and line[-1] != NOTHING:
                notes.append(f"{row}: {TRAINED_HERE}")
    # Items of a list: each stands on a line of its own.
    return replace(table, notes=[*table.notes, *(f"- {note}" for note in notes)])


def _marked(table: Table, metrics: ScreenMetrics) -> Table:
    """Name under a further table the rows of untrained networks."""
    named = {cell for line in table.rows for cell in line[:3]}
    rows = [
        row
        for row in metrics.provenance["rows"]
        if row in named
        and any(
            feature.endswith(UNTRAINED)
            for feature in metrics.provenance["methods"][row]["features"]
        )
    ]
    note = f"Networks with random weights: {', '.join(rows)}; see the notes under Tables 1 to 3."
    return replace(table, notes=[*table.notes, note]) if rows else table


def _thresholds(rows: dict[str, Metrics], name: str) -> list[str]:
    prefix = f"n_{name}_ge_"
    return [key.removeprefix(prefix) for key in next(iter(rows.values())) if key.startswith(prefix)]


def _count(metrics: Metrics, name: str, threshold: str) -> str:
    """``"24, 59 % (0.3)"``: number, share, and number expected by chance."""
    key = f"{name}_ge_{threshold}"
    chance = metrics[f"chance_n_{key}"]
    return f"{metrics[f'n_{key}']}, {metrics[f'pct_{key}']:.0f} % ({chance:.1f})"


def _auc_table(title: str, rows: dict[str, Metrics], metrics: ScreenMetrics, part: str) -> Table:
    thresholds = _thresholds(rows, "auc")
    lines = [
        [
            name,
            str(row["n_targets"]),
            f"{row['mean_auc']:.3f} ({row['mean_auc_ci_low']:.2f}-{row['mean_auc_ci_high']:.2f})",
            *(_count(row, "auc", threshold) for threshold in thresholds),
            _published(metrics.published(part, name), thresholds),
        ]
        for name, row in rows.items()
    ]
    compounds = max(row["n_compounds"] for row in rows.values())
    return Table(
        title,
        ["row", "targets", "mean AUC (95 % CI)", *(f">= {t}" for t in thresholds), "poster"],
        lines,
        [
            f"{compounds} compounds. AUC within each test fold, then averaged; interval from "
            "resampling the compounds. At each threshold: number of targets, share, and (in "
            "brackets) the number expected by chance at the same positives. Poster: mean AUC and "
            "its shares at the same thresholds, on other data."
        ],
    )


def _published(row: Metrics | None, thresholds: list[str]) -> str:
    """``"0.64; 71/24/2 %"``: the poster's mean AUC and shares."""
    if row is None:
        return NOTHING
    counts = [row[f"n_auc_ge_{t}"] for t in thresholds if f"n_auc_ge_{t}" in row]
    shares = "/".join(f"{100 * count / row['n_targets']:.0f}" for count in counts)
    return f"{row['mean_auc']:.2f}; {shares} %"


def _regression_table(title: str, rows: dict[str, Metrics], metrics: ScreenMetrics) -> Table:
    thresholds = _thresholds(rows, "r2")
    lines = [
        [
            name,
            str(row["n_targets"]),
            f"{row['mean_r2']:.3f}",
            f"{row['median_r2']:.3f}",
            f"{row['mean_pearson_r2']:.3f}",
            f"{row['mean_smape']:.1f}",
            *(_count(row, "r2", t) for t in thresholds),
            f"{row['max_r2']:.2f}",
            _published_max(metrics.published("regression", name)),
        ]
        for name, row in rows.items()
    ]
    return Table(
        title,
        [
            "row", "proteins", "mean R2", "median", "mean r2", "SMAPE %",
            *(f"R2 >= {t}" for t in thresholds), "best R2", "poster",
        ],
        lines,
        [
            "R2 = 1 - SSE/SST within each test fold, averaged (below 0: worse than the test fold's "
            "own mean); r2 is the squared Pearson correlation. Counts as in Table 1. Poster: its "
            "best R2, on other data."
        ],
    )  # fmt: skip


def _published_max(row: Metrics | None) -> str:
    return f"{row['max_r2']:.2f}" if row else NOTHING


def _top_table(top: list[dict[str, Any]]) -> Table:
    lines = [
        [entry["protein"], f"{entry['r2']:.3f}", f"{entry['pearson_r2']:.3f}",
         f"{entry['smape']:.1f}", f"{gene} {r2:.3f} / {smape:.1f}"]
        for entry, (gene, r2, smape) in zip(top, POSTER_TOP_REGRESSION, strict=False)
    ]  # fmt: skip
    row = top[0]["row"] if top else ""
    return Table(
        f"{TOP_TITLE} ({row})",
        ["protein", "R2", "r2 (Pearson)", "SMAPE %", "poster: gene R2 / SMAPE %"],
        lines,
        ["Picked by the score itself, so optimistic, here as in the poster."],
    )


def _dose_tables(metrics: ScreenMetrics) -> list[Table]:
    """Table 4: one for each score of each part."""
    unit = metrics.provenance["concentration_unit"]
    wanted = [
        (part, name, score, note)
        for part in metrics.doses
        for name, score, note in (
            (("mean_r2", "mean R2", R2_NOTE), ("mean_pearson_r2", "mean r2", PEARSON_NOTE))
            if part == "regression"
            else (("mean_auc", "mean ROC AUC", AUC_NOTE),)
        )
    ]
    tables = []
    for letter, (part, name, score, note) in zip("abcdefgh", wanted, strict=False):
        rows = metrics.doses[part]
        doses = sorted({dose for row in rows.values() for dose in row}, key=float)
        one = next(iter(rows.values()))
        scored = sorted({line["n_targets_scored"] for line in one.values()})
        tables.append(
            Table(
                f"Table 4{letter}. By concentration, {TASKS[part]}: {score}",
                ["row", *(f"{dose} {unit}" for dose in doses)],
                [
                    [row, *(_score_cell(by_dose.get(dose, {}), name) for dose in doses)]
                    for row, by_dose in rows.items()
                ],
                [f"{' to '.join(map(str, scored[:1] + scored[1:][-1:]))} targets. {note}"],
            )
        )
    return tables


AUC_NOTE = (
    "Treatments of each concentration alone, within each test fold, 95 % interval from resampling "
    "the compounds. A label belongs to the compound, not to the dose: below the dose at which it "
    "acts it still counts, and nothing can tell it from the others."
)
R2_NOTE = (
    "1 - SSE/SST over the compounds of all test folds, SST around the mean of the levels at that "
    "concentration: what all compounds share at a dose is no merit. 95 % interval from resampling "
    "the compounds."
)
PEARSON_NOTE = "Squared Pearson correlation, otherwise the same."


def _score_cell(metrics: Metrics, name: str) -> str:
    """``"0.831 (0.75-0.89)"``, or a dash where no fold has both classes."""
    if name not in metrics:
        return "-"
    if f"{name}_ci_low" not in metrics:
        return f"{metrics[name]:.3f}"
    low, high = metrics[f"{name}_ci_low"], metrics[f"{name}_ci_high"]
    return f"{metrics[name]:.3f} ({low:.2f} to {high:.2f})"


def _comparison_tables(metrics: ScreenMetrics) -> list[Table]:
    """Table 5: which row is better, on average and target by target."""
    lines = [
        [
            TASKS[part],
            one,
            other,
            str(line["n_targets_tested"]),
            _difference(line),
            f"{line['mean_auc_difference_p']:.2g}" if "mean_auc_difference_p" in line else "-",
            str(line["n_better"]),
            str(line["n_worse"]),
        ]
        for part, compared in metrics.comparisons.items()
        for one, others in compared.items()
        for other, line in others.items()
    ]
    if not lines:
        return []
    rate = 100 * metrics.provenance["false_discovery_rate"]
    return [
        Table(
            "Table 5. Rows compared on the same treatments, folds and targets",
            ["task", "row", "against", "targets", "mean AUC difference (95 % CI)", "p", "better",
             "worse"],
            lines,
            [
                "Difference of the mean AUC: interval and p from resampling the compounds (p is "
                "never below 2 / (draws + 1)). Better, "
                "worse: targets whose AUC differs by DeLong's test, doses of a compound taken as "
                f"one case, at a false discovery rate of {rate:g} % (Benjamini-Hochberg over the "
                "targets). Rows with shuffled labels have other labels and are not compared."
            ],
        )
    ]  # fmt: skip


def _difference(line: Metrics) -> str:
    name = "mean_auc_difference"
    if f"{name}_ci_low" not in line:
        return "-"
    return f"{line[name]:+.3f} ({line[f'{name}_ci_low']:+.3f} to {line[f'{name}_ci_high']:+.3f})"


def _leak_tables(metrics: ScreenMetrics) -> list[Table]:
    """Table 6: what folds that tear compounds apart would pretend."""
    lines = [
        [TASKS[part], name, *_leak_cells(row), str(row["leak_n_doses"])]
        for part, rows in metrics.parts.items()
        for name, row in rows.items()
        if "leak_gap" in row
    ]
    if not lines:
        return []
    notes = [
        "The same row with treatments instead of compounds dealt to the folds: doses of a test "
        "compound, and with them its label, are among the training rows. Mean AUC (in the "
        "regression mean concordance: pairs of treatments in the right order, 0.5 by chance), 95 % "
        "interval from resampling the compounds."
    ]
    if all(line[-1] == "1" for line in lines):
        notes.append(
            "Here every compound has one treatment: nothing is torn apart, and the gap is no more "
            "than the difference between two draws of the folds."
        )
    return [
        Table(
            "Table 6. Leak gauge",
            ["task", "row", "folds of compounds", "folds of treatments", "gap (95 % CI)", "doses"],
            lines,
            notes,
        )
    ]


def _leak_cells(row: Metrics) -> list[str]:
    """Scores under both kinds of folds, and the gap."""
    name = "mean_auc" if "leak_mean_auc" in row else "mean_concordance"
    gap = f"{row['leak_gap']:+.3f}"
    if "leak_gap_ci_low" in row:
        gap += f" ({row['leak_gap_ci_low']:+.3f} to {row['leak_gap_ci_high']:+.3f})"
    return [f"{row[name]:.3f}", f"{row[f'leak_{name}']:.3f}", gap]


def _truth_tables(metrics: ScreenMetrics) -> list[Table]:
    """Table 7: scores of a simulated screen by what was planted."""
    tables = []
    for letter, (part, score, title) in zip("abcde", TRUTH_SCORES, strict=True):
        rows = metrics.parts[part]
        groups = _planted_groups(rows)
        if not groups:
            continue
        notes = [TARGET_GROUPS if part == "targets" else PROTEIN_GROUPS]
        tables.append(
            Table(
                f"Table 7{letter}. Against the planted truth, {TASKS[part]}: {title}",
                ["row", *(f"{_group_name(group)} ({n})" for group, n in groups.items())],
                [
                    [row, *(_group_cell(line, score, group) for group in groups)]
                    for row, line in rows.items()
                ],
                [*notes, CONCORDANCE] if score == "mean_concordance" else notes,
            )
        )
    return tables


TRUTH_SCORES = (
    ("classification/up", "mean_auc", "mean ROC AUC"),
    ("classification/down", "mean_auc", "mean ROC AUC"),
    ("regression", "mean_pearson_r2", "mean r2"),
    ("regression", "mean_concordance", "mean concordance"),
    ("targets", "mean_auc", "mean ROC AUC"),
)
CONCORDANCE = (
    "Concordance: share of the pairs of treatments that are predicted in the right order; chance "
    "is 0.5, as of a ROC AUC, and no calls are needed."
)
PROTEIN_GROUPS = (
    "Proteins by the largest log2 fold change that a programme at full activity plants (in the "
    "direction of the task), their number in brackets. Proteins only: moved by a programme that no "
    "image shows, so at chance for a method that reads images. Nothing planted: at chance for all; "
    "in a classification such a protein would need the calls that it cannot have."
)
TARGET_GROUPS = (
    "Targets by where the programme of their compounds shows, their number in brackets. Proteins "
    "only: at chance for a method that reads images. Images only: at chance for the proteome. "
    "Nothing planted: compounds drawn at random, at chance for all."
)


def _planted_groups(rows: dict[str, Metrics]) -> dict[str, int]:
    """Groups of targets and their sizes: effects ascending, then the named ones."""
    prefix = "truth_n_"
    sizes = {
        key.removeprefix(prefix): int(value)
        for row in rows.values()
        for key, value in row.items()
        if key.startswith(prefix)
    }
    return dict(sorted(sizes.items(), key=lambda item: _group_order(item[0])))


def _group_order(group: str) -> tuple[bool, float, str]:
    named = not group[0].isdigit()
    return named, 0.0 if named else float(group.split("_", maxsplit=1)[0]), group


def _group_name(group: str) -> str:
    """``0.7_1``: "0.7 to 1"; ``null``: "nothing planted"."""
    if group[0].isdigit():
        return group.replace("_", " to ").replace("to inf", "and more")
    return "nothing planted" if group == "null" else group.replace("_", " ")


def _group_cell(row: Metrics, name: str, group: str) -> str:
    cell = {
        key: row[f"truth_{key}_{group}"]
        for key in (name, f"{name}_ci_low", f"{name}_ci_high")
        if f"truth_{key}_{group}" in row
    }
    return _score_cell(cell, name)


def to_markdown(table: Table) -> str:
    """A GitHub table with its title and notes."""
    lines = [f"### {table.title}", "", _markdown_row(table.columns)]
    lines.append("|" + "---|" * len(table.columns))
    lines += [_markdown_row(row) for row in table.rows]
    return "\n".join([*lines, "", *table.notes]) + "\n"


def _markdown_row(cells: list[str]) -> str:
    """One line; a name such as ``sp|P02768|ALBU`` stays in its cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
