"""What a screen holds, in formats of others: AnnData and Croissant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import file_sha256
from phenoprot.core.folders import temporary_folder
from phenoprot.core.paths import Paths
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    INCHIKEY,
    SMILES,
    TREATMENT_KEY,
    VALUE,
    feature_columns,
)
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.tables import read_table as read_screen_table
from phenoprot.tasks.registry import all_parts

CROISSANT = "http://mlcommons.org/croissant/1.0"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.0."""
_FORMATS = {".parquet": "application/x-parquet", ".csv": "text/csv", ".gz": "application/gzip"}


def write_anndata(screen: str, folder: Path, method: str, output: Path) -> tuple[int, int, int]:
    """Write the profiles of one method, and the labels of all tasks, as AnnData.

    ``X`` (treatments, features) float32; ``obs`` has the compound, the concentration and, where
    the screen has them, InChIKey and SMILES; ``obsm["<task>_<part>"]`` is the label matrix of a
    part (NaN: no label), whose columns ``uns["<task>_<part>"]`` names.

    Parameters
    ----------
    screen
        Name of the screen, whose profiles and labels the pipeline has made.
    folder
        Its folder.
    method
        Name of the profiles.
    output
        File to write (``.h5ad``).

    Returns
    -------
    treatments, features, parts
        Sizes of what was written.

    Raises
    ------
    UserError
        There are no such profiles.
    """
    import anndata

    paths = Paths(screen)
    profiles = paths.profiles / f"{method}.parquet"
    if not profiles.is_file():
        there = sorted(path.stem for path in paths.profiles.glob("*.parquet"))
        raise UserError(
            f"no profiles {quoted(method)}; there are: {listed(there)}",
            where=str(paths.profiles),
            remedy="Name one of them, or run the stage profiles.",
        )
    table = read_table(profiles, TREATMENT_KEY)
    features = feature_columns(table)
    about = table[TREATMENT_KEY].copy()
    wells = load_screen(folder).layout()
    for column in (INCHIKEY, SMILES):
        if column in wells:
            first = wells[wells[column] != ""].drop_duplicates(COMPOUND).set_index(COMPOUND)
            about[column] = about[COMPOUND].map(first[column]).fillna("")
    about.index = pd.Index([str(number) for number in range(len(about))])
    matrices, names = {}, {}
    for part in all_parts():
        path = paths.predictions(part) / "labels.parquet"
        if path.is_file():
            labels = read_table(path, [COMPOUND])
            key = TREATMENT_KEY if CONCENTRATION in labels else [COMPOUND]
            columns = feature_columns(labels)
            own = table[key].merge(labels, "left", key)[columns]
            matrices[part.replace("/", "_")] = own.to_numpy(dtype=np.float32)
            names[part.replace("/", "_")] = np.array(columns, dtype=object)
    data = anndata.AnnData(
        X=table[features].to_numpy(dtype=np.float32),
        obs=about,
        var=pd.DataFrame(index=pd.Index(features, dtype=object)),
        obsm=matrices,
        uns=names,
    )
    with temporary_folder(output) as place:  # HDF5 locks its files itself
        data.write_h5ad(place / output.name)
        (place / output.name).replace(output)
    return len(table), len(features), len(matrices)


def croissant(folder: Path) -> dict[str, Any]:
    """Describe a screen folder as Croissant 1.0 (JSON-LD).

    Every table is a file with its SHA-256 and a record set; of feature tables with more than
    :data:`MOST_FIELDS` columns only the keys are fields.

    Raises
    ------
    UserError
        The folder is no screen, or a table cannot be read.
    """
    screen = load_screen(folder)
    info = screen.info
    files = _tables(screen)
    licences = list(dict.fromkeys(source.licence for source in info.sources))
    citations = list(dict.fromkeys(source.citation for source in info.sources if source.citation))
    about = " ".join([info.title + ".", *info.caveats])
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": info.name,
        "description": about,
        "conformsTo": CROISSANT,
        "keywords": ["Cell Painting", info.cell_line, info.organism],
        "distribution": [_file(name, path, folder) for name, path in files.items()],
        "recordSet": [_records(name, path) for name, path in files.items()],
    }
    if licences:
        described["license"] = licences
    if citations:
        described["citeAs"] = "; ".join(citations)
    return described


MOST_FIELDS = 40
"""Columns of a table up to which each is described."""


def _tables(screen: Screen) -> dict[str, Path]:
    tables = screen.info.tables
    found = {"wells" if tables.treatments is None else "treatments": tables.layout}
    found |= {
        f"profiles-{name}": table.path
        for name, table in tables.profiles.items()
        if table.path != tables.layout
    }
    found |= {"labels": tables.labels.path} if tables.labels else {}
    found |= {"proteomics": tables.proteomics.path} if tables.proteomics else {}
    found |= {"targets": tables.targets} if tables.targets else {}
    found |= {"images": tables.images} if tables.images else {}
    return {name: screen.folder / path for name, path in found.items()}


def _file(name: str, path: Path, folder: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{name}-file",
        "name": path.name,
        "contentUrl": path.relative_to(folder).as_posix(),
        "encodingFormat": _FORMATS[path.suffix],
        "contentSize": f"{path.stat().st_size} B",
        "sha256": file_sha256(path),
    }


def _records(name: str, path: Path) -> dict[str, Any]:
    table = read_screen_table(path)
    columns = list(table)
    if len(columns) > MOST_FIELDS:
        columns = [column for column in columns if column.startswith("Metadata_")]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "dataType": "sc:Float" if _is_number(table[column]) else "sc:Text",
                "source": {
                    "fileObject": {"@id": f"{name}-file"},
                    "extract": {"column": column},
                },
            }
            for column in columns
        ],
    }


def _is_number(values: pd.Series) -> bool:
    return values.name in (CONCENTRATION, VALUE) or pd.api.types.is_numeric_dtype(values)
