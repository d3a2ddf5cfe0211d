"""Plate maps, feature tables and predictions that users bring: good inputs, readers, and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from tests.imports.test_harmony import old_index

from .imports import Read, either
from .mutations import BINARY, TEXT, Mutation, Right, Sheet, but
from .parquet_tables import PARQUET
from .text_tables import NUMBERS, text_table

WELLS = [f"{row}{column:02d}" for row in "AB" for column in range(1, 7)]


def own_files(folder: Path) -> None:
    """A plate map, the features of its wells in three formats, and predictions."""
    compounds = ["DMSO"] * 4 + [f"cpd {number}" for number in range(8)]
    doses = [0.0] * 4 + [1.5] * 8
    pd.DataFrame({"Well": WELLS, "Compound": compounds, "dose_uM": doses}).to_csv(
        folder / "map.csv", index=False
    )
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(12, 3)).round(3), columns=["Cells_a", "Cells_b", "n"])
    features.insert(0, "Metadata_Well", WELLS)
    features.insert(0, "Metadata_Plate", "P1")
    features.to_csv(folder / "features.csv", index=False)
    features.to_parquet(folder / "features.parquet", index=False)
    anndata.AnnData(
        X=features[["Cells_a", "Cells_b", "n"]].to_numpy(),
        obs=features[["Metadata_Plate", "Metadata_Well"]].set_axis([f"r{i}" for i in range(12)]),
        var=pd.DataFrame(index=["Cells_a", "Cells_b", "n"]),
    ).write_h5ad(folder / "features.h5ad")
    pd.DataFrame(
        {
            "Metadata_Compound": [name for name in compounds[4:] for _ in range(2)],
            "Metadata_Concentration": 1.5,
            "Target": ["ABL1", "KDR"] * 8,
            "Metadata_Repeat": 0,
            "Fold": [number % 4 for number in range(8) for _ in range(2)],
            "Score": rng.normal(size=16).round(3),
        }
    ).to_csv(folder / "predictions.csv", index=False)
    old_index(folder / "Index.xml")


def plate_map() -> Any:
    from phenoprot.imports.maps import read_plate_maps

    wells = read_plate_maps([Path("map.csv")], ["P1"]).wells
    return wells.sort_values("Metadata_Well", ignore_index=True)[sorted(wells)]


def features(name: str) -> Read:
    def read() -> Any:
        from phenoprot.imports.profiles import cleaned, read_profiles

        wells = pd.DataFrame({"Metadata_Plate": "P1", "Metadata_Well": WELLS})
        table = cleaned(read_profiles([Path(name)]), wells).table
        return table.sort_values("Metadata_Well", ignore_index=True)[sorted(table)]

    return read


def predictions() -> Any:
    from phenoprot.tasks.given import read_predictions
    from phenoprot.tasks.registry import find_task

    table = read_predictions(Path("predictions.csv"), find_task("targets"))
    return table.sort_values(list(table), ignore_index=True)


def index() -> Any:
    from phenoprot.imports.harmony import read_index

    return pd.Series(read_index(Path("Index.xml")))


def readers() -> dict[str, tuple[str, Read]]:
    """Kit and reader by name."""
    formats = {f"own_{kind}": features(f"features.{kind}") for kind in ("csv", "parquet", "h5ad")}
    found = {"own_map": plate_map, "own_predictions": predictions, "own_index": index}
    return {name: ("own_files", read) for name, read in (found | formats).items()}


FOLDED = ("lower-case-header", "space-in-header", "line-of-separators", "semicolons")
"""Names of columns are read in any spelling, separators told from the header."""
OF_CONTROLS = ("a-line-twice", "all-lines-twice", *(number.name for number in NUMBERS))
"""Wells may be repeated; the concentration of a negative control is not read."""


def damage() -> list[tuple[str, str, tuple[Mutation, ...], Sheet]]:
    """Reader, file, mutations and sheet of every case."""
    layout, values = Sheet("Compound", "dose_uM"), Sheet("Metadata_Well", "Cells_a")
    scores = Sheet("Target", "Score")
    infinite: dict[str, Right | None] = dict.fromkeys(
        ("number_infinite", "number_minus_infinite", "number_too_large", "number_5000_digits"),
        "warned",
    )
    infinite["a_number_column_missing"] = None  # nobody can tell
    parquet = but(
        either(PARQUET, "lower-case-column"),
        number_infinite="warned",
        number_minus_infinite="warned",
        number_1e300="warned",
        number_1e6=None,  # a check of the screen
        words_for_numbers="warned",
        nothing_for_numbers="warned",
        numbers_as_text="warned",  # as they are equal
    )
    return [
        (
            "own_map",
            "map.csv",
            but(either(text_table(layout), *FOLDED, *OF_CONTROLS), number_with_a_unit=None),
            layout,
        ),
        ("own_csv", "features.csv", but(either(text_table(values), *FOLDED), **infinite), values),
        ("own_parquet", "features.parquet", parquet, values),
        ("own_h5ad", "features.h5ad", BINARY, Sheet()),
        ("own_predictions", "predictions.csv", either(text_table(scores), *FOLDED), scores),
        ("own_index", "Index.xml", TEXT, Sheet()),
    ]
