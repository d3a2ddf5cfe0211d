"""Good inputs: small folders that readers and commands take."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from tests.crops.scenes import Scene
from tests.validation.conftest import valid_draft
from tests.validation.published import published

from phenoprot.screens.contract import STAINS

from .imports import annotations, proteins
from .own_files import own_files

ROOT = Path(__file__).parents[2]
PLATES = ("P1", "P2")
WAVES = (1.0, 0.97, 1.02, 0.8, 0.45, 0.3)
"""A falling curve: control and five doses."""
ENGINES = {
    "maxquant": ("Gene names", "Protein IDs", "LFQ intensity s{}"),
    "diann": ("Genes", "Protein.Group", "s{}.raw"),
    "fragpipe": ("Gene", "Protein", "s{} MaxLFQ Intensity"),
}
"""Columns of gene, protein and sample, by search engine."""


def params_text() -> str:
    """The shipped params.yaml, with limits for small screens and little work."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for before, after in {
        "min_compounds: 50": "min_compounds: 12",
        "min_positives: 10": "min_positives: 2",
        "min_negatives: 10": "min_negatives: 2",
        "min_treatments: 50": "min_treatments: 5",
        "min_compounds: 5\n": "min_compounds: 2\n",
        "permutations: 20000": "permutations: 100",  # of activity; the other number begins alike
        "permutations: 2000": "permutations: 9",
        "folds: 5": "folds: 3",
        "repeats: 5": "repeats: 2",
        "max_thin_proteins: 0.1": "max_thin_proteins: 1.0",
    }.items():
        assert before in text
        text = text.replace(before, after)
    return text


def load_data(folder: Path) -> None:
    """A LoadData CSV of eight fields; its images need not be there."""
    rows = []
    for number in range(8):
        name = f"{PLATES[number // 4]}_{number}"
        row = {
            "Metadata_Plate": PLATES[number // 4],
            "Metadata_Well": f"{'AB'[number // 2 % 2]}0{number % 2 + 1}",
            "Metadata_Site": "1",
        }
        for stain in STAINS:
            row |= {f"FileName_{stain}": f"{name}_{stain}.tif", f"PathName_{stain}": "images"}
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)


def urls(folder: Path) -> None:
    """A LoadData CSV that names its images by their paths; the images are there."""
    import tifffile

    rows = []
    (folder / "images").mkdir()
    for number in range(4):
        row = {"Metadata_Plate": "P1", "Metadata_Well": f"A0{number + 1}", "Metadata_Site": "1"}
        for place, stain in enumerate(STAINS):
            row[f"URL_{stain}"] = f"images/{number}_{stain}.tif"
            image = np.random.default_rng([number, place]).integers(200, 9000, (16, 16))
            tifffile.imwrite(folder / row[f"URL_{stain}"], image.astype(np.uint16))
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)


def screen(folder: Path) -> None:
    """A screen of 2 plates x 24 wells, and params.yaml."""
    draft = valid_draft()
    draft.write(folder / "tiny")
    (folder / "params.yaml").write_text(params_text(), encoding="utf-8")


def published_screen(folder: Path) -> None:
    """A screen of treatments with given labels, and params.yaml."""
    published().write(folder / "pub")
    (folder / "params.yaml").write_text(params_text(), encoding="utf-8")


def params(folder: Path) -> None:
    """params.yaml alone."""
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")


def well_features(folder: Path) -> None:
    """Features of wells and a plate layout, for ``phenoprot profiles``."""
    draft = valid_draft()
    key = ["Metadata_Plate", "Metadata_Well"]
    draft.wells[[*key, "Metadata_Control"]].to_csv(folder / "layout.csv", index=False)
    draft.cellprofiler.to_csv(folder / "features.csv", index=False)


TOML = """['Meta']
id = 'x'
description = 'x'
condition = 'x'
treatment_time = '1 h'
['Experiment']
experiments = [0, 1, 2, 3, 4, 5]
doses = [0, 1, 10, 100, 1000, 10000]
dose_scale = '1e-9'
dose_unit = 'M'
control_experiment = [0]
['Paths']
input_file = 'in.tsv'
curves_file = 'curves.txt'
['F Statistic']
alpha = 0.05
fc_lim = 0.45
"""


def intensities(n: int) -> np.ndarray:
    """(n, 6): half of the rows fall, half are flat."""
    rng = np.random.default_rng(0)
    shape = np.where(np.arange(n)[:, None] % 2, np.array(WAVES), 1.0)
    level = 1e6 * (1 + np.arange(n)[:, None])
    return np.round(shape * level * (1 + 0.01 * rng.normal(size=(n, 6))), 1)


def curves(folder: Path) -> None:
    """CurveCurator's TOML file and its table."""
    (folder / "params.toml").write_text(TOML, encoding="utf-8")
    table = pd.DataFrame(intensities(8), columns=[f"Raw {i}" for i in range(6)])
    table.insert(0, "Name", [f"G{i}" for i in range(8)])
    table.to_csv(folder / "in.tsv", sep="\t", index=False)


def wide(folder: Path) -> None:
    """Protein tables of three search engines."""
    values = intensities(8)
    for engine, (gene, protein, sample) in ENGINES.items():
        table = pd.DataFrame({protein: [f"P{i:05d}" for i in range(8)]})
        table[gene] = [f"G{i}" for i in range(8)]
        for place in range(6):
            table[sample.format(place)] = values[:, place]
        if engine == "maxquant":
            for flag in ("Reverse", "Potential contaminant", "Only identified by site"):
                table[flag] = ""
        table["Description"] = "kinase"
        table.to_csv(folder / f"{engine}.tsv", sep="\t", index=False)


def cellprofiler_tables() -> dict[str, pd.DataFrame]:
    """What CellProfiler measures in four images of three cells."""
    objects = pd.DataFrame(
        {
            "ImageNumber": np.repeat([1, 2, 3, 4], 3),
            "ObjectNumber": [1, 2, 3] * 4,
            "AreaShape_Area": np.arange(10.0, 22.0),
            "Intensity_MeanIntensity_DNA": np.round(np.arange(1, 13) / 10, 1),
            "Number_Object_Number": [1, 2, 3] * 4,
        }
    )
    image = pd.DataFrame(
        {
            "ImageNumber": [1, 2, 3, 4],
            "Metadata_Plate": "P1",
            "Metadata_Well": ["A01", "A02", "A03", "A04"],
            "Metadata_Site": "1",
            "FileName_OrigDNA": ["a.tif", "b.tif", "c.tif", "d.tif"],
        }
    )
    number = objects["ObjectNumber"]
    return {
        "Image": image,
        "Nuclei": objects,
        "Cells": objects.assign(Parent_Nuclei=number),
        "Cytoplasm": objects.assign(Parent_Cells=number, Parent_Nuclei=number),
    }


def cellprofiler(folder: Path) -> None:
    """ExportToSpreadsheet's folder and ExportToDatabase's file."""
    (folder / "cp").mkdir()
    tables = cellprofiler_tables()
    for name, table in tables.items():
        table.to_csv(folder / "cp" / f"{name}.csv", index=False)
    with closing(sqlite3.connect(folder / "cp.sqlite")) as connection:
        for name, table in tables.items():
            prefixed = table.drop(columns="ObjectNumber", errors="ignore").rename(
                columns=lambda column, name=name: (
                    column if column == "ImageNumber" else f"{name}_{column}"
                )
            )
            prefixed.to_sql(f"Per_{name}", connection, index=False)


def masks(folder: Path) -> None:
    """A file of masks of two fields, and their images."""
    scene = Scene(folder, size=40)
    scene.add("P1", "A01", "1", [(12, 12), (26, 26)])
    scene.add("P1", "A02", "1", [(20, 20)])
    scene.write()


def crops(folder: Path) -> None:
    """A crop store of two plate rows."""
    from tests.mae.toy import ArrayCrops, write_crops

    write_crops(folder / "crops", ArrayCrops(), "P1")


def network():  # type: ignore[no-untyped-def]  # torch is not imported here
    """A small network and its optimiser, one step done."""
    import torch
    from torch import nn

    from phenoprot.features.mae.lion import Lion

    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimiser = Lion([{"params": list(model.parameters()), "lr": 1e-4, "weight_decay": 0.0}])
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return model, optimiser


def checkpoint(folder: Path) -> None:
    """A checkpoint of training, and files of published weights."""
    import torch
    from safetensors.torch import save_file

    from phenoprot.core.files import file_sha256
    from phenoprot.features.mae.checkpoint import State, save_checkpoint

    model, optimiser = network()
    state = State(step=4, log=[{"step": 2.0, "loss": 0.5}, {"step": 4.0, "loss": 0.25}])
    save_checkpoint(folder / "checkpoint.safetensors", model, optimiser, state, "ab" * 32)
    torch.save(model.state_dict(), folder / "weights.pt")
    (folder / "weights.sha256").write_text(file_sha256(folder / "weights.pt"))
    save_file(model.state_dict(), folder / "weights.safetensors")


def metrics(folder: Path) -> None:
    """The committed metrics of a screen."""
    shutil.copytree(ROOT / "metrics" / "cpjump1", folder / "metrics" / "cpjump1")


def illumination(folder: Path) -> None:
    """An image and its illumination function."""
    import tifffile

    rng = np.random.default_rng(0)
    image = rng.integers(200, 9000, (24, 32), dtype=np.uint16)
    tifffile.imwrite(folder / "image.tif", image)
    np.save(folder / "illumination.npy", 1 + rng.random((24, 32)))


ROWS = {
    "linear": {"features": ["cellprofiler"], "model": "linear"},
    "cell_count": {"features": ["cell_count"], "model": "linear"},
}


def project(folder: Path) -> None:
    """A screen and what all stages make of it, from labels to scores."""
    from tests.wild.stages import run_stages

    screen(folder)
    (folder / "data" / "screens").mkdir(parents=True)
    (folder / "tiny").rename(folder / "data" / "screens" / "tiny")
    # Effects for labels of both kinds.
    path = folder / "data" / "screens" / "tiny" / "proteomics.parquet"
    readout = pd.read_parquet(path)
    wells = pd.read_csv(path.with_name("wells.csv"))
    compound = readout.merge(wells)["Metadata_Compound"]
    number = compound.str[-1].map(ord).where(compound != "DMSO", 0).to_numpy()
    readout["Value"] += np.where(number % 3 == 1, 9.0, 0.0) - np.where(number % 3 == 2, 9.0, 0.0)
    readout.to_parquet(path, index=False)
    content = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    block = {"folder": "data/screens/tiny", "extracted": [], "rows": ROWS}
    content["screens"] = {"tiny": block}
    content["execution"]["workers"] = 1
    content["labels"]["position_correction"] = "none"
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run_stages(folder)


def dose_screen(folder: Path) -> None:
    """A dose-response screen: 3 plates of 8 controls and 4 compounds at 5 doses, 12 proteins."""
    rng = np.random.default_rng(0)
    doses = (0.001, 0.01, 0.1, 1.0, 10.0)
    names = ["DMSO"] * 8 + [f"compound-{letter}" for letter in "abcd" for _ in doses]
    wells = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 8)]
    layout = pd.concat(
        [
            pd.DataFrame(
                {
                    "Metadata_Plate": plate,
                    "Metadata_Well": wells,
                    "Metadata_Compound": names,
                    "Metadata_Concentration": [0.0] * 8 + [*doses] * 4,
                    "Metadata_Control": ["negcon"] * 8 + [""] * 20,
                }
            )
            for plate in ("P1", "P2", "P3")
        ],
        ignore_index=True,
    )
    key = layout[["Metadata_Plate", "Metadata_Well"]]
    fall = np.where(
        layout["Metadata_Compound"] == "compound-a", layout["Metadata_Concentration"], 0
    )
    values = np.exp(rng.normal(0, 0.02, (len(layout), 12))) * 10 ** rng.uniform(3, 6, 12)
    values *= np.where(np.arange(12) % 2, 1 / (1 + fall[:, None]), 1.0)
    readout = pd.DataFrame(values, columns=[f"PROT{i}" for i in range(12)])
    features = pd.DataFrame(
        rng.normal(size=(len(layout), 4)), columns=[f"Cells_F_{i}" for i in range(4)]
    )
    draft = valid_draft()
    info = draft.info | {"name": "series"}
    info["tables"] = {
        "wells": "wells.csv",
        "profiles": {"cellprofiler": {"path": "cellprofiler.parquet", "content": "noise"}},
        "proteomics": {
            **draft.info["tables"]["proteomics"],
            "kind": "intensity",
            "design": "dose_response",
        },
    }
    (folder / "series").mkdir()
    (folder / "series" / "screen.yaml").write_text(yaml.safe_dump(info))
    layout.to_csv(folder / "series" / "wells.csv", index=False)
    pd.concat([key, features.astype("float32")], axis=1).to_parquet(
        folder / "series" / "cellprofiler.parquet", index=False
    )
    long = pd.concat([key, readout], axis=1).melt(
        id_vars=list(key), var_name="Metadata_Protein", value_name="Value"
    )
    long.to_parquet(folder / "series" / "proteomics.parquet", index=False)
    text = params_text().replace("min_compounds: 12", "min_compounds: 4")
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write plain data as JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")


def own_masks(folder: Path) -> None:
    """Label images: a TIFF, and the masks of Cellpose."""
    import tifffile

    labels = np.zeros((24, 32), np.uint16)
    labels[3:9, 4:12], labels[12:20, 15:28] = 1, 2
    tifffile.imwrite(folder / "labels.tif", labels)
    flows = [np.zeros((24, 32, 3), np.uint8), [1, 2, None]]
    content = {"outlines": labels, "masks": labels, "filename": "a.tif", "flows": flows}
    np.save(folder / "cells_seg.npy", np.array(content))


KITS = {
    kit.__name__: kit
    for kit in (
        load_data,
        urls,
        screen,
        published_screen,
        params,
        well_features,
        curves,
        wide,
        cellprofiler,
        masks,
        crops,
        checkpoint,
        metrics,
        illumination,
        own_masks,
        dose_screen,
        project,
        proteins,
        annotations,
        own_files,
    )
}
"""Builders by name: each fills an empty folder."""
