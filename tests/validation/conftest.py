"""A small valid screen to break: 2 plates x 24 wells, 8 + 1 features, 4 proteins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from phenoprot.validation.checks import validate_folder
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.normalise import normalise_to_controls

PLATES = ("P1", "P2")
WELLS = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 7)]
N_CONTROLS = 8
COMPOUNDS = [f"compound-{letter}" for letter in "abcdefghijklmnop"]
PROTEINS = ("IL-6", "IL-8", "TNF alpha", "VEGF")
FEATURES = [f"Cells_Feature_{i}" for i in range(8)]
SETTINGS = ValidationSettings(min_compounds=12)


@dataclass
class Draft:
    """A screen in memory: change it, then write it."""

    info: dict[str, Any]
    wells: pd.DataFrame
    cellprofiler: pd.DataFrame
    cell_count: pd.DataFrame
    proteomics: pd.DataFrame
    targets: pd.DataFrame

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "screen.yaml").write_text(yaml.safe_dump(self.info))
        self.wells.to_csv(folder / "wells.csv", index=False)
        self.targets.to_csv(folder / "targets.csv", index=False)
        self.cellprofiler.to_parquet(folder / "cellprofiler.parquet", index=False)
        self.cell_count.to_csv(folder / "cell_count.csv", index=False)
        self.proteomics.to_parquet(folder / "proteomics.parquet", index=False)

    def set(self, table: str, rows: Any, column: str, value: Any) -> None:
        """Set a column of some rows (positions) of a table."""
        frame = getattr(self, table)
        frame.iloc[rows, frame.columns.get_loc(column)] = value


def inchikey(number: int) -> str:
    return f"{chr(65 + number) * 14}-UHFFFAOYSA-N"


def valid_draft() -> Draft:
    rng = np.random.default_rng(0)
    names = ["DMSO"] * N_CONTROLS + COMPOUNDS
    control = ["negcon"] * N_CONTROLS + [""] * 14 + ["poscon"] * 2
    layout = pd.DataFrame(
        {
            "Metadata_Plate": np.repeat(PLATES, len(WELLS)),
            "Metadata_Well": WELLS * 2,
            "Metadata_Compound": names * 2,
            "Metadata_Concentration": ([0.0] * N_CONTROLS + [5.0] * 16) * 2,
            "Metadata_Control": control * 2,
            "Metadata_InChIKey": ([""] * N_CONTROLS + [inchikey(i) for i in range(16)]) * 2,
        }
    )
    key = layout[["Metadata_Plate", "Metadata_Well"]]
    is_control = np.array(control * 2) == "negcon"

    def centred(n: int, scale: bool) -> np.ndarray:
        """Noise (wells x n) with controls of mean 0 (and sd 1) on each plate."""
        values = rng.normal(size=(len(layout), n))
        for plate in PLATES:
            rows = (layout["Metadata_Plate"] == plate).to_numpy()
            controls = values[rows & is_control]
            values[rows] -= controls.mean(axis=0)
            values[rows] /= controls.std(axis=0) if scale else 1.0
        return values

    readout = pd.DataFrame(centred(len(PROTEINS), scale=False), columns=list(PROTEINS))
    features = pd.DataFrame(centred(len(FEATURES), scale=True), columns=FEATURES)
    return Draft(
        info={
            "name": "tiny",
            "title": "Small screen for tests",
            "organism": "Homo sapiens",
            "cell_line": "U2OS",
            "stains": ["DNA"],
            "concentration_unit": "uM",
            "negative_control": "DMSO",
            "sources": [{"repository": "tests", "commit": "0", "licence": "x", "content": "noise"}],
            "caveats": [],
            "tables": {
                "wells": "wells.csv",
                "profiles": {
                    "cellprofiler": {
                        "path": "cellprofiler.parquet",
                        "content": "noise",
                        "normalised": True,
                    },
                    "cell_count": {"path": "cell_count.csv", "content": "counts"},
                },
                "proteomics": {
                    "path": "proteomics.parquet",
                    "content": "noise",
                    "cell_line": "U2OS",
                    "kind": "level",
                    "design": "single_dose",
                },
                "targets": "targets.csv",
            },
        },
        wells=layout,
        cellprofiler=pd.concat([key, features.astype("float32")], axis=1),
        cell_count=key.assign(Cells_Count=rng.integers(900, 1100, len(key))),
        proteomics=pd.concat([key, readout], axis=1).melt(
            id_vars=list(key), var_name="Metadata_Protein", value_name="Value"
        ),
        targets=pd.DataFrame(
            {
                "Metadata_Compound": COMPOUNDS[:10],
                "Metadata_Target": ["EGFR", "KDR"] * 5,
                "Metadata_Source": "tests",
            }
        ),
    )


@pytest.fixture
def draft() -> Draft:
    return valid_draft()


@pytest.fixture
def validate(tmp_path: Path) -> Callable[..., ValidationReport]:
    """Write a draft as a screen folder and validate it."""

    def run(draft: Draft, settings: ValidationSettings = SETTINGS) -> ValidationReport:
        draft.write(tmp_path / "tiny")
        return validate_folder(tmp_path / "tiny", settings, normalise_to_controls)

    return run
