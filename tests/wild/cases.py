"""The table of the campaign: which file of which reader is damaged how, and what is right."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import binary_files, image_files, imports, observe, own_files, settings_files
from .inputs import ENGINES
from .mutations import BINARY, FILES, TEXT, Mutation, Sheet, but
from .parquet_tables import PARQUET
from .readers import READERS, Reader
from .text_tables import (
    ESCAPES,
    NUMBERS,
    ORDER,
    SHAPES,
    TWICE,
    WORDS,
    of_cells,
    set_cell,
    text_table,
)

Mutations = tuple[Mutation, ...]
BLANK = Sheet()


@dataclass(frozen=True)
class Case:
    """A reader, a file of its good input, and what befalls it."""

    reader: Reader
    file: str
    """Path in the folder of the input."""
    mutation: Mutation
    sheet: Sheet

    @property
    def id(self) -> str:
        """Name of the test."""
        place = "~".join(Path(self.file).parts[-3:])
        return f"{self.reader.name}-{place}-{self.mutation.name}"

    def damage(self, folder: Path, seed: int = 0) -> None:
        """Change the file in a copy of the good input."""
        rng = random.Random(zlib.crc32(f"{self.id} {seed}".encode()))
        self.mutation.change(folder / self.file, self.sheet, rng)

    @property
    def names(self) -> tuple[str, ...]:
        """What a message may call the file."""
        if self.mutation.elsewhere:
            return ()
        return (Path(self.file).name, *self.reader.also)

    def judge(self, outcome: observe.Outcome, good: Any, gate: observe.Outcome | None) -> list[str]:
        """What is wrong with how it ended.

        Parameters
        ----------
        outcome
            Of the reader on the damaged input.
        good
            What the reader gives on the good one.
        gate
            How the reader's gate ended, if it was asked.
        """
        right, refusal = self.mutation.right, outcome.error or (gate and gate.error)
        if refusal is not None:
            if right == "same":
                return [f"refused: {refusal}"]
            lacks = observe.faults_of(refusal, self.names, self.mutation.counted)
            return [f"{fault}: {str(refusal)[:300]}" for fault in lacks]
        if right == "warned":
            return [] if outcome.warned else ["neither refused nor warned of"]
        equal = observe.same(good, outcome.value)
        if right == "refused":
            return ["accepted, the same values" if equal else "accepted, other values"]
        return [] if equal else ["read, with other values"]


def cases(reader: str, file: str, mutations: Mutations, sheet: Sheet = BLANK) -> list[Case]:
    """All mutations of one file of one reader."""
    return [Case(READERS[reader], file, mutation, sheet) for mutation in mutations]


def renamed(mutations: Mutations, column: str) -> Mutations:
    """The same mutations of another column, with names of their own."""
    return tuple(Mutation(f"{m.name}-{column}", m.change, m.right, m.counted) for m in mutations)


def chosen(mutations: Mutations, names: str) -> Mutations:
    """Some mutations, by name."""
    wanted = names.split()
    found = {mutation.name: mutation for mutation in mutations}
    return tuple(found[name] for name in wanted)


LOAD_DATA = Sheet("Metadata_Plate", paths=True)
WELLS = Sheet("Metadata_Plate", "Metadata_Concentration", paths=True)
COUNTS = Sheet("Metadata_Plate", "Cells_Count", paths=True)
TARGETS = Sheet("Metadata_Target")
TREATMENTS = Sheet("Metadata_Compound", "Metadata_Concentration")
LABELS = Sheet("Metadata_Protein", "Value")
DEEP = Sheet("Metadata_Compound", "x")
FEATURES = Sheet("Metadata_Plate", "Cells_Feature_0", paths=True)
LAYOUT = Sheet("Metadata_Plate", paths=True)
INTENSITIES = Sheet("Name", "Raw 3", "\t", quoted=False)
IMAGES = Sheet("Metadata_Plate", "ImageNumber", unordered=False)
CELLS = Sheet("ImageNumber", "AreaShape_Area", unordered=False)
FOLDS = Sheet("Metadata_Compound", "Fold")
REPEAT_OF = Sheet("Metadata_Compound", "Metadata_Repeat")

WELL_NAMES = tuple(
    Mutation(f"well-{name or 'blank'}", set_cell("name", name))
    for name in ("A00", "A49", "AG01", "ZZ99", "", "nan", "01A", "A1.0", "A", "1", "A-01", "../A01")
)
CONTROLS = tuple(
    Mutation(f"control-{name}", set_cell("name", name))
    for name in ("Negcon", "negative", "neg con", "DMSO", "1")
)
REPEATS = (
    *renamed(chosen(SHAPES, "a-number-column-missing column-twice-other-values"), "repeat"),
    *(
        Mutation(f"repeat-{value or 'blank'}", set_cell("number", value))
        for value in ("", "-1", "0.5", "nan", "7")
    ),
)
"""A compound that lacks one of its draws, among others."""
SCALES = (
    Mutation(
        "times-a-million",
        of_cells(
            lambda grid, sheet, _: [
                grid[0],
                *(
                    [
                        repr(float(cell) * 1e6) if name == sheet.number else cell
                        for name, cell in zip(grid[0], line, strict=True)
                    ]
                    for line in grid[1:]
                ),
            ]
        ),
    ),
)


def text_cases() -> list[Case]:
    """Text tables."""
    few_numbers = chosen(NUMBERS, "number-a-word number-infinite number-too-large number-arabic")
    counts = text_table(Sheet("x", paths=True))
    table = [
        *cases("load_data", "images.csv", text_table(LOAD_DATA), LOAD_DATA),
        *cases("load_data", "images.csv", WELL_NAMES, Sheet("Metadata_Well")),
        *cases(
            "load_data", "images.csv", renamed((*WORDS, *ESCAPES), "site"), Sheet("Metadata_Site")
        ),
        *cases("load_data", "images.csv", renamed(WORDS, "file"), Sheet("FileName_ER")),
        *cases("load_data_urls", "images.csv", image_files.PLACES_OF_IMAGES),
        *cases("screen", "tiny/wells.csv", (*text_table(WELLS), *SCALES), WELLS),
        *cases("screen", "tiny/wells.csv", WELL_NAMES, Sheet("Metadata_Well")),
        *cases("screen", "tiny/wells.csv", CONTROLS, Sheet("Metadata_Control")),
        *cases("screen", "tiny/wells.csv", renamed(WORDS, "compound"), Sheet("Metadata_Compound")),
        *cases("screen", "tiny/cell_count.csv", (*counts, *few_numbers), COUNTS),
        *cases("screen", "tiny/targets.csv", text_table(TARGETS), TARGETS),
        *cases("published", "pub/treatments.csv", text_table(TREATMENTS), TREATMENTS),
        *cases("published", "pub/labels.csv", text_table(LABELS), LABELS),
        *cases("published", "pub/profiles/deep.csv", few_numbers, DEEP),
        # Nobody can tell that a table had one more feature.
        *cases(
            "profiles",
            "features.csv",
            but(text_table(FEATURES), a_number_column_missing=None),
            FEATURES,
        ),
        *cases("profiles", "layout.csv", text_table(LAYOUT), LAYOUT),
        *cases("profiles", "layout.csv", CONTROLS, Sheet("Metadata_Control")),
        *cases("curves", "in.tsv", text_table(INTENSITIES), INTENSITIES),
        *cases("curves", "params.toml", (*TEXT, *settings_files.TOML)),
    ]
    for engine, (gene, _, sample) in ENGINES.items():
        sheet = Sheet(gene, sample.format(3), "\t", quoted=False)
        words = {
            f"name-{word.replace('/', '~')}": "refused or same"
            for word in ("nan", "NaN", "None", "NA", "N/A", "#N/A", "null", "<NA>")
        }
        mutations = but(text_table(sheet), **words, **{"name-blank": "same"})
        table += cases(f"wide_{engine}", f"{engine}.tsv", mutations, sheet)
    # The link leads into a folder that is searched, too: there, the other tables are missing.
    images = but(text_table(IMAGES), a_link="refused or same")
    table += cases("import_csv", "cp/Image.csv", images, IMAGES)
    table += cases(
        "import_csv",
        "cp/Cells.csv",
        but(
            text_table(CELLS),
            a_number_column_missing=None,  # as above
            number_infinite="warned",
            number_minus_infinite="warned",
            number_too_large="warned",
            **{"number-5000-digits": "warned"},
        ),
        CELLS,
    )
    for name in ("Nuclei", "Cytoplasm"):
        table += cases(
            "import_csv",
            f"cp/{name}.csv",
            (
                *FILES,
                *chosen(
                    SHAPES,
                    "header-only no-header one-field-too-many one-field-too-few column-twice",
                ),
            ),
            CELLS,
        )
    return table


def settings_cases() -> list[Case]:
    """YAML and JSON."""
    plain = ("bom", "crlf", "bom-and-crlf")
    json_text = but(TEXT, **dict.fromkeys(plain, "refused or same"))
    optional = but((*json_text, *settings_files.JSON), missing=None)
    yaml_text = (*but(TEXT, nul_tail="refused"), *settings_files.YAML)
    return [
        *cases("params", "params.yaml", (*yaml_text, *settings_files.NUMBERS_OF_PARAMS)),
        *cases("preset", "params.yaml", yaml_text),
        *cases("screen", "tiny/screen.yaml", yaml_text),
        *cases("show", "tiny/screen.yaml", FILES),
        *cases("tables", "metrics/cpjump1/provenance.json", (*json_text, *settings_files.JSON)),
        *cases("tables", "metrics/cpjump1/labels/counts.json", json_text),
        *cases("tables", "metrics/cpjump1/classification/up/cellprofiler_linear.json", optional),
    ]


def binary_cases() -> list[Case]:
    """Parquet, SQLite, masks, crops, checkpoints, images."""
    readout = Sheet("Metadata_Protein", "Value")
    features = Sheet("Metadata_Well", "Cells_Feature_0")
    no_checkpoint = but(BINARY, missing=None, a_broken_link=None, a_loop=None)
    return [
        *cases("screen", "tiny/proteomics.parquet", PARQUET, readout),
        *cases("screen", "tiny/cellprofiler.parquet", PARQUET, features),
        *cases("import_sqlite", "cp.sqlite", (*BINARY, *binary_files.SQLITE)),
        *cases("masks", "masks/P1/A.zip", (*BINARY, *binary_files.MASKS)),
        *cases("own_labels", "labels.tif", BINARY),
        *cases("own_cellpose", "cells_seg.npy", BINARY),
        *cases("crops", "crops/P1/A.npy", (*BINARY, *binary_files.ARRAYS)),
        *cases("crops", "crops/P1/A.parquet", BINARY),
        *cases("crops", "crops/P1/B.fields.parquet", BINARY),
        *cases("checkpoint", "checkpoint.safetensors", (*no_checkpoint, *binary_files.CHECKPOINT)),
        *cases("weights_pt", "weights.pt", BINARY),
        *cases("weights_safetensors", "weights.safetensors", (*BINARY, *binary_files.SAFETENSORS)),
        *cases("weights_pinned", "weights.pt", BINARY),
        *cases("image", "image.tif", (*BINARY, *image_files.TIFF)),
        *cases("illumination", "illumination.npy", (*BINARY, *image_files.ILLUMINATION)),
    ]


def stage_cases() -> list[Case]:
    """Artefacts of stages, damaged before the next stage reads them."""
    predicted = "data/predictions/tiny"
    folds = (*TEXT, *SHAPES, *ORDER, *TWICE)
    rows = chosen(BINARY, "missing a-folder empty cut garbage zeros")
    return [
        *cases("stage_classify", "data/labels/tiny/labels.parquet", BINARY),
        *cases("stage_classify", "data/profiles/tiny/cellprofiler.parquet", BINARY),
        *cases("stage_classify", "data/folds/tiny.csv", folds, FOLDS),
        *cases("stage_classify", "data/folds/tiny.csv", REPEATS, REPEAT_OF),
        *cases("stage_regress", "data/labels/tiny/levels.parquet", rows),
        *cases("stage_targets", "data/profiles/tiny/cell_count.parquet", rows),
        *cases("stage_check_labels", "data/labels/tiny/labels.parquet", rows),
        *cases("stage_evaluate", f"{predicted}/classification/up/labels.parquet", rows),
        *cases(
            "stage_evaluate",
            f"{predicted}/classification/up/rows/linear.parquet",
            but(rows, missing=None),
        ),
        *cases(
            "stage_evaluate", f"{predicted}/regression/rows/linear.parquet", but(rows, missing=None)
        ),
        *cases("stage_evaluate", "data/labels/tiny/ceiling.parquet", rows),
        *cases(
            "stage_evaluate", "data/labels/tiny/counts.json", (*FILES, *settings_files.JSON[:1])
        ),
        *cases(
            "stage_report",
            "data/scores/tiny/labels/counts.json",
            (*FILES, *settings_files.JSON[:1]),
        ),
        *cases("stage_report", "data/scores/tiny/regression/linear.parquet", rows),
    ]


def import_cases() -> list[Case]:
    """Protein tables and target annotations of other programs."""
    entries = [*imports.damage(), *own_files.damage()]
    return [case for entry in entries for case in cases(*entry)]


TABLE = [*text_cases(), *settings_cases(), *binary_cases(), *stage_cases(), *import_cases()]
"""All cases, by reader."""
THINNED = {"screen": 9, "published": 9, "import_csv": 12, "stage_classify": 12, "profiles": 6}
"""Readers that take their time: of the kinds of damage that many files share, `QUICK` has one in so
many; of the other readers, one in five."""


def quick() -> list[Case]:
    """A part of the table: all that befalls one file only; of the rest every n-th case.

    Counting begins at another case for each file; each kind of damage is tried on one at least.
    """
    files: dict[tuple[str, str], list[Case]] = {}
    for case in TABLE:
        files.setdefault((case.reader.name, case.file), []).append(case)
    often = Counter(name for group in files.values() for name in {c.mutation.name for c in group})
    kept = []
    for number, group in enumerate(files.values()):
        step = THINNED.get(group[0].reader.name, 5)
        shared = [case for case in group if often[case.mutation.name] > 1]
        chosen_ones = {case.id for case in shared[number % step :: step]}
        kept += [c for c in group if c.id in chosen_ones or often[c.mutation.name] == 1]
    names = {case.mutation.name for case in kept}
    for case in sorted(TABLE, key=lambda case: THINNED.get(case.reader.name, 5)):
        if case.mutation.name not in names:
            names.add(case.mutation.name)
            kept.append(case)
    return kept


QUICK = quick()
"""What a run of the tests tries; ``make torture`` tries the whole table."""
