"""A small valid screen of treatments to break: 16 compounds x 2 doses, labels of 4 genes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

COMPOUNDS = [f"compound-{letter}" for letter in "abcdefghijklmnop"]
GENES = ("CCNB1", "HMOX1", "MYC", "TP53")
STATES = ("up", "down", "not", "masked")


@dataclass
class Published:
    """A screen in memory: change it, then write it."""

    info: dict[str, Any]
    treatments: pd.DataFrame
    deep: pd.DataFrame
    labels: pd.DataFrame
    targets: pd.DataFrame

    def write(self, folder: Path) -> Path:
        (folder / "profiles").mkdir(parents=True)
        (folder / "screen.yaml").write_text(yaml.safe_dump(self.info))
        self.treatments.to_csv(folder / "treatments.csv", index=False)
        self.deep.to_csv(folder / "profiles/deep.csv", index=False)
        self.labels.to_csv(folder / "labels.csv", index=False)
        self.targets.to_csv(folder / "targets.csv", index=False)
        return folder

    def set(self, table: str, rows: Any, column: str, value: Any) -> None:
        """Set a column of some rows (positions) of a table."""
        frame = getattr(self, table)
        frame.iloc[rows, frame.columns.get_loc(column)] = value


def published(kind: str = "z") -> Published:
    """Labels as z, or as states."""
    rng = np.random.default_rng(0)
    keys = pd.DataFrame(
        {
            "Metadata_Compound": np.repeat(COMPOUNDS, 2),
            "Metadata_Concentration": [1.0, 10.0] * len(COMPOUNDS),
        }
    )
    treatments = keys.assign(
        Metadata_SMILES=["C" * (1 + row // 2) + "O" for row in range(len(keys))],
        **{f"Cluster_{i}": rng.uniform(0, 100, len(keys)).round(2) for i in range(3)},
        Count=rng.integers(50, 110, len(keys)).astype(float),
    )
    pairs = pd.MultiIndex.from_product([COMPOUNDS, GENES]).to_frame(index=False)
    pairs.columns = pd.Index(["Metadata_Compound", "Metadata_Protein"])
    values = rng.normal(0, 3, len(pairs)).round(3)
    states = rng.permutation(np.resize(STATES, len(pairs)))
    described: dict[str, Any] = {
        "path": "labels.csv",
        "content": "consensus signatures",
        "cell_line": "pooled",
        "measured": "mRNA",
        "kind": kind,
    }
    if kind == "z":
        described |= {"called": 4.0, "quiet": 2.0}
    return Published(
        info={
            "name": "pub",
            "title": "Published features for tests",
            "organism": "Homo sapiens",
            "cell_line": "U2OS",
            "concentration_unit": "uM",
            "tables": {
                "treatments": {
                    "path": "treatments.csv",
                    "content": "similarities",
                    "method": "similarity",
                    "cell_count": "Count",
                    "concentrations": [10.0],
                },
                "labels": described,
                "targets": "targets.csv",
            },
        },
        treatments=treatments,
        deep=keys.assign(x=rng.normal(size=len(keys)), y=rng.normal(size=len(keys))),
        labels=pairs.assign(Value=values) if kind == "z" else pairs.assign(Label=states),
        targets=pd.DataFrame(
            {
                "Metadata_Compound": COMPOUNDS[:10],
                "Metadata_Target": ["EGFR", "KDR"] * 5,
                "Metadata_Source": "tests",
            }
        ),
    )
