"""Copy a screen's metrics into metrics/ and write its account."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from phenoprot.core.artefacts import REMEDY, read_object, read_table
from phenoprot.core.errors import UserError
from phenoprot.core.files import write_json, write_text
from phenoprot.core.names import inside, name_fault
from phenoprot.core.paths import Paths
from phenoprot.core.version import __version__
from phenoprot.curves.settings import CurveSettings
from phenoprot.evaluation.across_results import ACROSS
from phenoprot.evaluation.results import (
    ACTIVITY,
    COMPARISONS,
    ActivityCounts,
    defined,
    read_result,
    tidy,
)
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.imaging.segmentation.folder import BORDER, CELLS, DEAD, OBJECTS, SCORE
from phenoprot.imaging.segmentation.score import KINDS
from phenoprot.readout.settings import LabelSettings
from phenoprot.report.account import account
from phenoprot.report.details import details
from phenoprot.report.figure import draw
from phenoprot.report.files import HEADLINE
from phenoprot.report.headline import headline
from phenoprot.report.heat_map import draw_heat_map
from phenoprot.report.parts import TablePart, parts_of, table_parts
from phenoprot.report.plotted import write_plotted
from phenoprot.report.results import (
    GIVEN,
    NO_ACTIVITY,
    MethodRecord,
    Numbers,
    Provenance,
    ScreenResults,
    TopTarget,
    VariantRecord,
)
from phenoprot.report.rule import given_rule, label_rule
from phenoprot.report.store import (
    CONTRIBUTIONS,
    COUNTS,
    DOSES,
    EMPTY,
    PROVENANCE,
    SERIES,
    TRUTH,
    read_across,
    read_comparisons,
    read_contributions,
    read_rows,
    read_truth,
    top_file,
    write_metrics,
)
from phenoprot.screens.contents import Contents
from phenoprot.screens.loader import load_screen
from phenoprot.tasks.columns import VARIANTS
from phenoprot.tasks.registry import tasks_of
from phenoprot.tasks.settings import RowSettings

TOP = 10
"""Proteins in Table 2b, as in the poster."""


@dataclass(frozen=True)
class Sources:
    """Hashes of what the results of a screen came from."""

    params_sha256: str
    """Of the parameters that its stages depend on."""
    data_sha256: str
    """Of the files of the screen that they read."""


@dataclass(frozen=True)
class Output:
    """Where a report goes."""

    metrics: Path
    """Folder of the screen's metrics."""
    page: Path
    """The account, Markdown; its figure and its long tables go beside it."""

    @classmethod
    def of(cls, paths: Paths) -> Output:
        """The places in the repository."""
        return cls(paths.metrics, paths.report)

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The account, its figure, and the page of the long tables."""
        page = self.page
        return page, page.with_suffix(".svg"), page.with_name(f"{page.stem}-details.md")

    @property
    def heat_map(self) -> Path:
        """The figure of the features that carry the predictions."""
        return self.page.with_name(f"{self.page.stem}-contributions.svg")


@dataclass(frozen=True)
class Inputs:
    """What the report needs of params.yaml."""

    folder: Path
    """The screen folder; its ``screen.yaml`` is read."""
    rows: Mapping[str, RowSettings]
    """In the order of the tables."""
    evaluation: EvaluationSettings
    labels: LabelSettings
    curves: CurveSettings

    @property
    def has(self) -> Contents:
        """What the screen has."""
        return Contents.of(load_screen(self.folder).info)

    @property
    def explained(self) -> bool:
        """Whether a row asks which features carry its predictions, and the screen has labels."""
        return self.has.labels and any(row.contributions for row in self.rows.values())

    @property
    def without_rows(self) -> list[str]:
        """Tasks that the screen could have, and that no row takes part in."""
        has, rows = self.has, self.rows.values()
        there = tasks_of(has, rows)
        return [name for name in tasks_of(has) if name not in there]


def publish(paths: Paths, inputs: Inputs, sources: Sources, out: Output | None = None) -> None:
    """Write the metrics of a screen, its account and its figure, from its scores.

    Reads data/scores, the objects and score of data/masks, and ``screen.yaml``.

    Parameters
    ----------
    paths
        Paths of the screen's artefacts.
    inputs
        Rows and settings.
    sources
        Hashes for ``provenance.json``.
    out
        Where to; None: metrics/ and docs/.

    Raises
    ------
    UserError
        A file of the earlier stages is missing or damaged.
    """
    out = out or Output.of(paths)
    results = collect(paths, inputs, sources)
    remove_earlier(out.metrics)
    write_metrics(results, out.metrics)
    # Not sorted: `dvc exp show` has its columns in the order of the file.
    write_text(out.metrics / HEADLINE, json.dumps(headline(results), indent=2) + "\n")
    write_plotted(results, paths.scores, out.metrics)
    page, figure, long_tables = out.files
    write_text(page, account(results))
    write_text(long_tables, details(results))
    draw(results, figure)
    if inputs.explained:
        if not results.contributions:  # DVC asks for the folder
            write_json(out.metrics / CONTRIBUTIONS / EMPTY, {})
        draw_heat_map(results, paths.contributions, out.heat_map)


def collect(paths: Paths, inputs: Inputs, sources: Sources) -> ScreenResults:
    """Read all that the report is made from: of the parts that the screen has, no others."""
    has, scores = inputs.has, paths.scores
    there = parts_of(has, inputs.without_rows)
    rows = [name for name, row in inputs.rows.items() if not row.variant]
    found = read_rows(scores, rows)
    parts = {part: of_part if part in there else {} for part, of_part in found.items()}
    variants = read_rows(scores, [row for row in inputs.rows if row not in rows], VARIANTS)
    comparisons = read_comparisons(scores)
    asked = [row for row in rows if inputs.rows[row].contributions]
    explained = read_contributions(paths.contributions, asked, REMEDY)
    activity = scores / ACTIVITY
    tested = has.wells and activity.exists()
    results = ScreenResults(
        provenance=provenance(inputs, sources, [part for part in there if not parts[part]]),
        parts=parts,
        labels=read_object(scores / COUNTS) if has.labels else {},
        truth=read_truth(scores) if has.labels else None,
        comparisons={part: of_part for part, of_part in comparisons.items() if part in there},
        top={
            part.task: best_predicted(scores / name, list(parts[name]), part)
            for name, part in there.items()
            if part.poster_top
        },
        variants={part: of_part for part, of_part in variants.items() if of_part and part in there},
        activity=read_result(activity, ActivityCounts) if tested else NO_ACTIVITY,
        images=image_counts(paths.masks) if has.images else {},
        contributions=explained,
        across=read_across(scores, rows, REMEDY),
    )
    return results.completed()


def provenance(inputs: Inputs, sources: Sources, too_few: Sequence[str] = ()) -> Provenance:
    """What the metrics came from, and what a reader must know beside them.

    Parameters
    ----------
    inputs, sources
        Of the report.
    too_few
        Parts that rows take part in, and that none has scores of.
    """
    info = load_screen(inputs.folder).info
    readout, given, evaluation = info.tables.proteomics, info.tables.labels, inputs.evaluation
    source = readout or given
    rule = label_rule(readout, inputs.labels, inputs.curves) if readout else None
    return Provenance(
        package_version=__version__,
        data_sha256=sources.data_sha256,
        params_sha256=sources.params_sha256,
        screen=info.name,
        title=info.title,
        imaged_cell_line=info.cell_line,
        readout_cell_line=source.cell_line if source else None,
        measured=given.measured if given else "protein",
        caveats=info.caveats,
        rows=[name for name, row in inputs.rows.items() if not row.variant],
        methods={name: method_record(row) for name, row in inputs.rows.items()},
        variants={
            name: variant_record(row, inputs.rows)
            for name, row in inputs.rows.items()
            if row.variant
        },
        missing=list(inputs.has.missing),
        without_rows=inputs.without_rows,
        too_few_labels=list(too_few),
        concentration_unit=info.concentration_unit,
        false_discovery_rate=evaluation.false_discovery_rate,
        strata=evaluation.strata,
        label_rule=given_rule(given) if given else rule,
        thresholds={"auc": evaluation.auc_thresholds, "r2": evaluation.r2_thresholds},
    )


def method_record(row: RowSettings) -> MethodRecord:
    """How a row comes about; its model is a name, or a name with parameters."""
    if row.fusion is not None:
        of = list(row.fusion.of)
        return MethodRecord(features=[], model=row.fusion.by, shuffled=False, fusion=of)
    if row.model is None:
        return MethodRecord(
            features=[], model=GIVEN, shuffled=False, predictions=str(row.predictions)
        )
    model = row.model.model_dump(mode="json") if row.model.parameters else row.model.estimator
    return MethodRecord(features=row.features, model=model, shuffled=row.shuffled)


def variant_record(row: RowSettings, rows: Mapping[str, RowSettings]) -> VariantRecord:
    """What sets a variant apart, and from which row."""
    plain = (name for name, other in rows.items() if row.is_variant_of(other))
    return VariantRecord(of=next(plain, None), splits=row.splits, train_share=row.train_share)


def remove_earlier(metrics: Path) -> None:
    """Remove what an earlier report wrote of the scores, and nothing else.

    Which rows that were stands in its ``provenance.json``; without one, nothing is removed.
    """
    if not (metrics / PROVENANCE).is_file():
        return
    try:
        known = read_object(metrics / PROVENANCE)
        names = [f"{row}.json" for row in (*known["rows"], *known.get("variants", {}))]
    except (UserError, KeyError, TypeError):  # damaged: it is written anew, the rest overwritten
        return
    folders = [metrics / place / part for place in ("", DOSES) for part in table_parts()]
    folders += [metrics / part / VARIANTS for part in table_parts()]
    files = [inside(folder, name) for folder in folders for name in names if not name_fault(name)]
    files += [metrics / COMPARISONS / f"{part}.json" for part in table_parts()]
    files += [metrics / COMPARISONS / ACROSS]
    files += [
        metrics / CONTRIBUTIONS / part / name
        for part in table_parts()
        for name in names
        if not name_fault(name)
    ]
    files += [metrics / folder / EMPTY for folder in (*table_parts(), COMPARISONS, CONTRIBUTIONS)]
    files += [metrics / top_file(part.task) for part in table_parts().values() if part.poster_top]
    for path in (*files, *(metrics / name for name in (COUNTS, TRUTH, SERIES, ACTIVITY))):
        path.unlink(missing_ok=True)


def image_counts(masks: Path) -> Numbers:
    """Sum up the segmentation of a screen; empty for one without images.

    Parameters
    ----------
    masks
        Output of the segment stage. The average precision is there if the true masks are known.
    """
    if not (masks / OBJECTS).exists():
        return {}
    objects = read_table(masks / OBJECTS, [CELLS, BORDER, DEAD])
    counts: Numbers = {
        "n_fields": len(objects),
        "n_cells": int(objects[CELLS].sum()),
        "n_cells_at_border": int(objects[BORDER].sum()),
        "n_dead_cells_left_out": int(objects[DEAD].sum()),
        "n_fields_without_cell": int((objects[CELLS] == 0).sum()),
    }
    if (masks / SCORE).exists():
        score = read_object(masks / SCORE, KINDS)
        for kind in KINDS:
            counts[f"average_precision_{kind}"] = score[kind]["average_precision"]
    return counts


def best_predicted(scores: Path, rows: list[str], part: TablePart) -> list[TopTarget]:
    """The best predicted targets of the first row, as in the poster's Table 2.

    Parameters
    ----------
    scores
        Folder of the part's scores.
    rows
        Rows of the part; none: nothing is predicted.
    part
        The part, one of levels.
    """
    shown = ("r2", "r2_over_doses", "pearson_r2", "smape")
    if not rows:
        return []
    row = rows[0]
    table = read_table(scores / f"{row}.parquet", ["Target", *shown])
    main = part.scores.main
    scored = table.dropna(subset=[main])
    best = scored.sort_values([main, "Target"], ascending=[False, True]).head(TOP)
    return [
        TopTarget(
            row=row,
            protein=line.Target,
            r2=tidy(line.r2),
            r2_over_doses=defined(line.r2_over_doses),
            pearson_r2=tidy(line.pearson_r2),
            smape=tidy(line.smape),
        )
        for line in best.itertuples()
    ]
