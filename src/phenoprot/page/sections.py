"""The sections of a page, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from phenoprot.core.artefacts import read_object
from phenoprot.core.tables import read_delimited
from phenoprot.page import charts
from phenoprot.page.blocks import (
    Block,
    Figure,
    Section,
    TableBlock,
    Text,
)
from phenoprot.page.comparisons import comparisons_section, features_section
from phenoprot.page.explorer import targets_section
from phenoprot.page.rows import activity_section, doses_section, leaks_section, rows_section
from phenoprot.page.source import Source, kind_of
from phenoprot.page.targets import (
    score_table,
)
from phenoprot.report.results import MethodRecord, ScreenResults
from phenoprot.report.summary import summary
from phenoprot.report.table import Table
from phenoprot.report.words import images, labels_in_words
from phenoprot.screens.loader import load_screen


def all_sections(source: Source) -> list[Section]:
    """All sections that the screen has."""
    scores = {
        part.name: score_table(source.paths, part, list(source.results.parts[part.name]))
        for part in source.parts
    }
    made = [
        _answer(source),
        rows_section(source),
        doses_section(source),
        targets_section(source, scores),
        features_section(source),
        comparisons_section(source, scores),
        activity_section(source),
        leaks_section(source),
        _truth(source),
        _images(source),
        _checks(source),
        _provenance(source),
    ]
    return [section for section in made if section.blocks]


def _answer(source: Source) -> Section:
    text = summary(source.results)
    _, _, rest = text.partition("\n\n")
    return Section("answer", "The answer", [Text(rest)])


def asked(results: ScreenResults) -> str:
    """The question, Markdown."""
    return summary(results).partition("\n\n")[0]


def _truth(source: Source) -> Section:
    return Section("truth", "Against what was planted", [TableBlock(t) for t in source.tables(7)])


def _images(source: Source) -> Section:
    results = source.results
    if not results.provenance.has.images or not results.images:
        return Section("images", "Images", [])
    from phenoprot.page.images import image_blocks, is_trained

    blocks: list[Block] = [Text(images(results.images))]
    blocks += image_blocks(source.paths, source.folder)
    if is_trained(source.paths.mae):
        from phenoprot.features.mae.folder import TRAINING  # loads torch

        log = read_delimited(source.paths.mae / TRAINING).astype(float)
        title = "Training of the masked autoencoder"
        note = "Over the hidden tokens of the training batches; pixels and their Fourier term."
        blocks.append(Figure("mae-loss", title, charts.loss_chart(), log, note))
    return Section("images", "Images", blocks)


def _checks(source: Source) -> Section:
    """What was checked of the inputs, the labels and the images."""
    results = source.results
    blocks: list[Block] = []
    if results.labels:
        blocks.append(Text(labels_in_words(results)))
    lines, counts = [], []
    paths = source.paths
    for title, path in (("inputs", paths.input_checks), ("labels", paths.label_checks)):
        if path.exists():
            report = read_object(path, ("n_checks", "n_failures", "n_warnings", "results"))
            counts.append(
                f"{title}: {report['n_checks']} checks; failed: {report['n_failures']}, "
                f"warnings: {report['n_warnings']}"
            )
            lines += [
                [one["check"], one["severity"], one["where"], one["what"], one["remedy"]]
                for one in report["results"]
                if not one["ok"]
            ]
    if counts:
        blocks.append(Text("\n".join(f"- {count}" for count in counts)))
    if lines:
        columns = ["check", "severity", "where", "what", "what to do"]
        blocks.append(TableBlock(Table("Warnings and failures", columns, lines)))
    return Section("checks", "Data checks", blocks)


def _provenance(source: Source) -> Section:
    known = source.results.provenance
    facts = [
        ["screen", known.screen],
        ["phenoprot", known.package_version],
        ["data, SHA-256", known.data_sha256],
        ["parameters, SHA-256", known.params_sha256],
        ["cells of the images", known.imaged_cell_line],
        ["cells of the readout", known.readout_cell_line or "-"],
        ["false discovery rate", f"{known.false_discovery_rate:g}"],
        ["rows", str(len(known.rows))],
    ]
    rows = [
        [
            row,
            _made_from(known.methods[row]),
            kind_of(source.results, row),
        ]
        for row in known.rows
    ]
    made = Table("Where the numbers come from", ["what", "value"], facts)
    models = Table("Rows: features and model", ["row", "features", "model"], rows)
    blocks: list[Block] = [TableBlock(made), *_sources(source.folder), TableBlock(models, True)]
    return Section("provenance", "Provenance", blocks)


def _sources(folder: Path) -> list[Block]:
    """Where the data of the screen come from; a laboratory's own data name nothing."""
    rows = [
        [one.content, f"{one.repository} {one.commit}".strip(), one.licence, one.citation or "-"]
        for one in load_screen(folder).info.sources
    ]
    columns = ["content", "where from", "licence", "citation"]
    return [TableBlock(Table("Data of the screen", columns, rows))] if rows else []


def _made_from(method: MethodRecord) -> str:
    """Features of a row, the rows that it fuses, or the file of its predictions."""
    return " + ".join(method.fusion or method.features) or method.predictions or "-"


def missing_sections(results: ScreenResults, sections: Sequence[Section]) -> str:
    """Sections that the screen has not, in one sentence; empty: it has all."""
    names = {
        "doses": "scores by concentration",
        "targets": "scores of single proteins",
        "features": "features that carry a prediction",
        "comparisons": "comparisons of rows",
        "activity": "activity",
        "folds": "leak gauge",
        "images": "images",
    }
    there = {section.key for section in sections}
    lacking = [name for key, name in names.items() if key not in there]
    if not lacking:
        return ""
    return f"Not for this screen, which lacks the data or rows: {', '.join(lacking)}."
