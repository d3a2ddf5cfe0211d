"""A small dose-response readout with planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.curves.settings import CurveSettings

COMPOUND, PROTEIN, PLATE = "Metadata_Compound", "Metadata_Protein", "Metadata_Plate"
DOSE, REPLICATE = "Metadata_Concentration", "Metadata_Replicate"
PROTEINS = {"up": 3.0, "down": 0.2, "flat": 1.0}
PROTEINS_OF_MANY = 60
SETTINGS = CurveSettings(control_group=(PLATE,))


def screen(seed: int = 0, proteins: dict[str, float] = PROTEINS) -> pd.DataFrame:
    """Three designs over two plates, the second twice as bright; plus one single-dose compound."""
    rng = np.random.default_rng(seed)
    doses = {
        "a": ("p1", [0.01, 0.1, 1, 10, 100]),
        "b": ("p2", [0.01, 0.1, 1, 10, 100]),
        "c": ("p2", [100, 30, 10, 3, 1, 0.3, 0.1]),
        "d": ("p1", [1.0]),
        "DMSO": ("p1", [0.0]),
        "DMSO ": ("p2", [0.0]),
    }
    rows = [
        (compound.strip(), dose, replicate, protein, plate, base * bright * effect)
        for compound, (plate, levels) in doses.items()
        for bright in [2.0 if plate == "p2" else 1.0]
        for dose in levels
        for replicate in range(4 if dose == 0 else 1)
        for protein, back in proteins.items()
        for base in [1e6 * rng.normal(1, 0.02)]
        for effect in [1 + (back - 1) * dose / (dose + 1)]
    ]
    return pd.DataFrame(rows, columns=[COMPOUND, DOSE, REPLICATE, PROTEIN, PLATE, "Value"])


def many_proteins() -> pd.DataFrame:
    """The same with `PROTEINS_OF_MANY` proteins."""
    backs = {f"p{number:03d}": 0.2 + number / 50 for number in range(PROTEINS_OF_MANY)}
    return screen(proteins=backs)
