"""Protein tables and target annotations of other programs: good inputs, readers, and damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from tests.imports import protein_files, target_files, workbooks

from .mutations import BINARY, FILES, TEXT, Mutation, Sheet, but
from .parquet_tables import PARQUET
from .text_tables import NUMBERS, SHAPES, text_table

Read = Callable[[], Any]
SAMPLES = "samples.csv"


def workbook(folder: Path) -> Path:
    """The long table in a workbook."""
    return workbooks.write(folder / "x.xlsx", pd.read_csv(protein_files.long(folder)))


PROTEIN_TABLES = {
    "maxquant": (protein_files.maxquant, "LFQ intensity P1_B01"),
    "diann": (protein_files.diann, r"D:\runs 2025\P1_B01.raw"),
    "fragpipe": (protein_files.fragpipe, "P1_B01 MaxLFQ Intensity"),
    "fragpipe_tmt": (protein_files.fragpipe_tmt, "P1_B01"),
    "spectronaut": (protein_files.spectronaut, "[3] P1_B01.raw.PG.Quantity"),
    "discoverer": (protein_files.proteome_discoverer, ""),
    "gct": (protein_files.gct, ""),
    "long": (protein_files.long, "Intensity"),
    "wells": (protein_files.wells, "CDK1 [a.u.]"),
    "report": (protein_files.diann_report, "PG.MaxLFQ"),
    "workbook": (workbook, ""),
}
"""Writer and a column of numbers of each; one of names follows from the source."""
GENES = {
    "maxquant": "Gene names",
    "diann": "Genes",
    "fragpipe": "Gene",
    "fragpipe_tmt": "Gene",
    "spectronaut": "PG.Genes",
    "long": "Gene symbol",
}
SCALES = {"gct": "log2"}
NUMBERED = tuple(enumerate(protein_files.WELLS, 1))


def proteins(folder: Path) -> None:
    """A protein table of every source, each in a folder of its own, and the map of its samples."""
    for name, (write, _) in PROTEIN_TABLES.items():
        place = folder / name
        place.mkdir()
        path = write(place)
        path.rename(place / f"{name}.{suffix(name)}")
    samples = [*protein_files.SAMPLES, *(f"F{n}: Sample, P1_{w}" for n, w in NUMBERED)]
    wells = [*protein_files.WELLS] * 2
    table = pd.DataFrame({"column": samples, "plate": "P1", "well": wells})
    table[:4].to_csv(folder / SAMPLES, index=False)
    table[4:].to_csv(folder / "discoverer" / SAMPLES, index=False)


def suffix(name: str) -> str:
    """End of the file of a source."""
    ends = {"long": "csv", "wells": "csv", "gct": "gct", "report": "parquet", "workbook": "xlsx"}
    return ends.get(name, "txt" if name in {"maxquant", "discoverer"} else "tsv")


def read_protein_table(name: str) -> Read:
    """Read as the command does; warnings are printed."""

    def read() -> Any:
        from phenoprot.imports.cli_proteins import proteins as command

        mapped = name in GENES and name != "long"
        samples = Path(SAMPLES) if mapped else Path("discoverer") / SAMPLES
        command(
            Path(name) / f"{name}.{suffix(name)}",
            Path("o.parquet"),
            samples=samples if mapped or name == "discoverer" else None,
            scale=SCALES.get(name),
        )
        table = pd.read_parquet("o.parquet")
        # A protein without a gene has the name of its protein: the same row.
        known = dict(zip(protein_files.ACCESSIONS, protein_files.NAMES, strict=True))
        table = table.replace({"Metadata_Protein": known})
        return table.sort_values(list(table), ignore_index=True)

    return read


def annotations(folder: Path) -> None:
    """Files of every source of targets, each source in a folder of its own."""
    for name in ("ttd", "guide", "chembl", "drugbank", "sqlite", "plain"):
        (folder / name).mkdir()
    target_files.drugbank(folder / "drugbank" / "drugbank.xml")
    target_files.ttd(folder / "ttd")
    target_files.guide(folder / "guide")
    activities = target_files.activities(folder / "chembl")
    pd.read_csv(activities).to_csv(folder / "chembl" / "activities.csv", index=False)
    activities.unlink()
    target_files.mapping(folder / "chembl")
    shutil.move(target_files.sqlite(folder), folder / "sqlite" / "chembl.db")
    plain = pd.DataFrame({"compound": [*target_files.KEYS], "target": list("ABCDE"), "n": range(5)})
    plain.to_csv(folder / "plain" / "plain.csv", index=False)


def read_annotations(*names: str) -> Read:
    """Read the files of one source."""

    def read() -> Any:
        from phenoprot.imports.targets import read_targets

        return read_targets([Path(name) for name in names], target_files.compounds()).table

    return read


def readers() -> dict[str, tuple[str, Read]]:
    """Kit and reader by name."""
    found: dict[str, tuple[str, Read]] = {
        f"proteins_{name}": ("proteins", read_protein_table(name)) for name in PROTEIN_TABLES
    }
    for name, files in {
        "drugbank": ("drugbank/drugbank.xml",),
        "sqlite": ("sqlite/chembl.db",),
        "plain": ("plain/plain.csv",),
        "guide": ("guide/interactions.csv", "guide/ligands.csv"),
        "chembl": ("chembl/activities.csv", "chembl/chembl_uniprot_mapping.txt"),
        "ttd": tuple(
            f"ttd/{part}"
            for part in (
                "P1-01-TTD_target_download.txt",
                "P1-02-TTD_drug_download.txt",
                "P1-07-Drug-TargetMapping.csv",
            )
        ),
    }.items():
        found[f"targets_{name}"] = ("annotations", read_annotations(*files))
    return found


def either(mutations: tuple[Mutation, ...], *names: str) -> tuple[Mutation, ...]:
    """Refused, or read with the same values."""
    present = {mutation.name for mutation in mutations}
    return but(mutations, **{n: "refused or same" for n in names if n.replace("_", "-") in present})


WORDS = tuple(
    f"name-{word}" for word in ("blank", "nan", "NaN", "None", "NA", "N~A", "#N~A", "null", "<NA>")
)


def of_engine(name: str, number: str) -> tuple[tuple[Mutation, ...], Sheet]:
    """Damage of a wide table. A sample that is lost is warned of; groups are merged by the rule."""
    sheet = Sheet(GENES[name], number, "\t", quoted=False)
    found = either(
        text_table(sheet), *WORDS, "a-line-twice", "all-lines-twice", "a-name-column-missing",
        "lower-case-header", "space-in-header", "line-of-separators",
    )  # fmt: skip
    return but(found, a_number_column_missing="warned"), sheet


def damage() -> list[tuple[str, str, tuple[Mutation, ...], Sheet]]:
    """Reader, file, mutations and sheet of every case."""
    table = []
    for name, (_, number) in PROTEIN_TABLES.items():
        path = f"{name}/{name}.{suffix(name)}"
        if name == "long":
            sheet = Sheet(GENES[name], number)
            mutations = either(
                text_table(sheet), *WORDS, "lower-case-header", "space-in-header", "semicolons"
            )
        elif name in GENES:
            mutations, sheet = of_engine(name, number)
        elif name == "report":
            sheet = Sheet("Protein.Group", number)
            # Precursors repeat what they say of their group; rows that do not count are not read.
            mutations = either(PARQUET, "row-twice", "number-1e300", "number-1e6")
            mutations = but(mutations, key_as_index=None, numbers_as_text=None)
        else:
            mutations, sheet = BINARY if name == "workbook" else TEXT, Sheet()
        table.append((f"proteins_{name}", path, mutations, sheet))
    plain = Sheet("compound", "n")
    values = Sheet("molecule_chembl_id", "pchembl_value")
    folded = (
        "lower-case-header",
        "space-in-header",
        "line-of-separators",
        "semicolons",
        "a-number-column-missing",
    )
    short = tuple(m for m in SHAPES if m.name not in {"columns-shuffled", "header-twice"})
    few = tuple(m for m in NUMBERS if m.name in {"number-a-word", "number-infinite"})
    table += [
        ("targets_drugbank", "drugbank/drugbank.xml", TEXT, Sheet()),
        ("targets_ttd", "ttd/P1-01-TTD_target_download.txt", TEXT, Sheet()),
        ("targets_ttd", "ttd/P1-02-TTD_drug_download.txt", FILES, Sheet()),
        ("targets_ttd", "ttd/P1-07-Drug-TargetMapping.csv", FILES, Sheet()),
        ("targets_guide", "guide/interactions.csv", TEXT, Sheet()),
        ("targets_guide", "guide/ligands.csv", FILES, Sheet()),
        (
            "targets_chembl",
            "chembl/activities.csv",
            either((*TEXT, *short, *few), *folded[:4]),
            values,
        ),
        ("targets_chembl", "chembl/chembl_uniprot_mapping.txt", FILES, Sheet()),
        ("targets_sqlite", "sqlite/chembl.db", BINARY, Sheet()),
        ("targets_plain", "plain/plain.csv", either((*TEXT, *short), *folded), plain),
    ]
    return table
