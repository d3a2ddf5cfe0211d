"""A small screen of levels for the tests: doses, missing levels, several draws of the folds."""

from __future__ import annotations

import numpy as np
import pandas as pd

DOSES = [0.01, 0.5, 10.0]
NAMES = list("tuvw")


def screen(
    compounds: int = 12,
    doses: list[float] = DOSES,
    repeats: int = 2,
    folds: int = 3,
    seed: int = 0,
    missing: float = 0.15,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions that know something of the levels, more so at high doses; rows in any order."""
    rng = np.random.default_rng(seed)
    key = pd.DataFrame(
        {
            "Metadata_Compound": np.repeat([f"c{i:02d}" for i in range(compounds)], len(doses)),
            "Metadata_Concentration": np.tile(doses, compounds),
        }
    )
    strength = np.tile(np.linspace(0.5, 2, len(doses)), compounds)[:, None]
    truth = 3 + strength * rng.normal(size=(len(key), len(NAMES))) * [1, 1, 5, 0.1]
    measured = np.where(rng.random(truth.shape) < missing, np.nan, truth)
    levels = pd.concat([key, pd.DataFrame(measured, columns=NAMES)], axis=1)
    tables = []
    for repeat in range(repeats):
        fold = rng.permutation(compounds) % folds
        noise = rng.normal(size=truth.shape) * [1, 1, 5, 0.1]
        table = key.assign(
            Fold=np.repeat(fold, len(doses)),
            Metadata_LabelsOf=key["Metadata_Compound"],
            Metadata_Repeat=repeat,
        )
        table[NAMES] = 3 + 0.6 * (truth - 3) + 0.5 * noise
        tables.append(table)
    predictions = pd.concat(tables, ignore_index=True)
    return predictions.sample(frac=1, random_state=seed).reset_index(drop=True), levels


def joined(predictions: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """Predictions with the level of protein x in column ``x true``."""
    wanted = levels.rename(columns={"Metadata_Compound": "Metadata_LabelsOf"})
    wanted = wanted.rename(columns={name: f"{name} true" for name in NAMES})
    return predictions.merge(wanted, on=["Metadata_LabelsOf", "Metadata_Concentration"])


def standardised(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Columns ``y`` and ``p`` of one protein on the scale of the other folds, by plain loops."""
    parts = []
    for (repeat, fold), rows in table.groupby(["Metadata_Repeat", "Fold"]):
        others = (table["Metadata_Repeat"] == repeat) & (table["Fold"] != fold)
        trained_on = table.loc[others, f"{name} true"]
        mean, sd = trained_on.mean(), trained_on.std(ddof=0)
        parts.append(rows.assign(y=(rows[f"{name} true"] - mean) / sd, p=(rows[name] - mean) / sd))
    return pd.concat(parts).dropna(subset=["y"])
