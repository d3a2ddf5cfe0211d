"""Simple measurements of phantom fields by scikit-image: the tests' eyes, and docs/phantom.md's.

``python -m tests.screens_phantom.measure FOLDER`` measures the imaged fields of a phantom with
the true masks, predicts each programme's activity from them by ridge regression, out of fold and
compounds apart, and prints R2 for each dose. With a PROFILE of the pipeline behind FOLDER
(``data/profiles/phantom/mae.parquet``) it predicts from that: what a method's features tell.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from scipy import ndimage
from skimage.measure import regionprops_table
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler

from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.write import IMAGES_FILE
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    FIELD_KEY,
    PLATE,
    SITE,
    STAINS,
    TREATMENT_KEY,
    WELL,
    WELL_KEY,
    feature_columns,
)

SHAPES = ("area", "eccentricity", "solidity", "extent")
CONTRASTS = (1.0, 2.5)
"""Standard deviations of the blurs (px) whose differences measure texture."""

CLIP = 10.0
"""Interquartile ranges from the median at which a feature is cut off."""


def measure_field(counts: np.ndarray, nuclei: np.ndarray, cells: np.ndarray) -> dict[str, float]:
    """Mean over the field's cells of shapes, intensities, contrasts and correlations.

    Parameters
    ----------
    counts
        Images (5, Y, X).
    nuclei, cells
        Masks (Y, X) with the same labels 1..n.

    Returns
    -------
    features
        By name; NaN where a field has no cell.
    """
    image = counts.astype(float)
    image -= np.percentile(image, 5, axis=(1, 2), keepdims=True)
    found: dict[str, float] = {"count": float(cells.max())}
    rings = np.where(nuclei == 0, cells, 0)
    for place, mask in (("nucleus", nuclei), ("cell", cells)):
        shapes = regionprops_table(mask, properties=SHAPES)
        found |= {f"{place}_{shape}": _mean(shapes[shape]) for shape in SHAPES}
    index = np.unique(nuclei[nuclei > 0])
    for stain, channel in zip(STAINS, image, strict=True):
        coarse = [channel, *(ndimage.gaussian_filter(channel, sigma) for sigma in CONTRASTS)]
        for place, mask in (("nucleus", nuclei), ("cytoplasm", rings)):
            inside = ndimage.mean(channel, mask, index)
            found[f"{place}_{stain}_mean"] = _mean(inside)
            spread = ndimage.standard_deviation(channel, mask, index)
            found[f"{place}_{stain}_variation"] = _mean(spread / inside)
            for sigma, finer, coarser in zip(CONTRASTS, coarse, coarse[1:], strict=False):
                contrast = ndimage.standard_deviation(finer - coarser, mask, index)
                found[f"{place}_{stain}_contrast{sigma:g}"] = _mean(contrast / inside)
    ring = rings > 0
    if ring.any():
        correlation = np.corrcoef(image[:, ring])
        for first, second in zip(*np.triu_indices(len(STAINS), 1), strict=True):
            found[f"cytoplasm_{STAINS[first]}_{STAINS[second]}"] = correlation[first, second]
    return found


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else np.nan


def measure_screen(folder: Path) -> pd.DataFrame:
    """Measure the imaged fields of a phantom with its true masks: key and features."""
    rows = []
    fields = pd.read_csv(folder / IMAGES_FILE, dtype=str)
    for plate, well, site in fields[FIELD_KEY].to_numpy():
        name = f"{plate}/{well}_s{site}"
        counts = np.stack(
            [tifffile.imread(folder / "images" / f"{name}_{stain}.tiff") for stain in STAINS]
        )
        masks = [
            tifffile.imread(folder / "truth" / "masks" / f"{name}_{kind}.tiff").astype(int)
            for kind in ("nuclei", "cells")
        ]
        rows.append({PLATE: plate, WELL: well, SITE: site, **measure_field(counts, *masks)})
    return pd.DataFrame(rows)


def predict(features: pd.DataFrame, targets: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Predict targets (N, P) by ridge regression out of 5 folds, with groups never split."""
    values = features.fillna(features.median())
    # Thousands of features have some that run away at high doses; `tasks.clip` does the same.
    clipped = FunctionTransformer(np.clip, kw_args={"a_min": -CLIP, "a_max": CLIP})
    model = make_pipeline(RobustScaler(), clipped, RidgeCV(np.geomspace(0.1, 1e4, 11)))
    return cross_val_predict(model, values, targets, groups=groups, cv=GroupKFold(5))


def score_screen(folder: Path) -> pd.DataFrame:
    """R2 of each programme's activity at each dose, and over all treated wells."""
    features = measure_screen(folder)
    table = features.merge(planted(folder), on=WELL_KEY)
    return score(table, table[feature_columns(features)])


def score_profile(folder: Path, profile: Path) -> pd.DataFrame:
    """The same from a table of treatments, as the stage `profiles` writes it; without controls."""
    features = pd.read_parquet(profile)
    wells = planted(folder).drop_duplicates(TREATMENT_KEY)  # replicates are planted alike
    table = features.merge(wells, on=TREATMENT_KEY, suffixes=("", " of the well"))
    return score(table, table[feature_columns(features)])


def planted(folder: Path) -> pd.DataFrame:
    """Wells and the activities they were made from."""
    wells = pd.read_csv(folder / "wells.csv").fillna({CONTROL: ""})
    truth = pd.read_parquet(folder / "truth" / "activities.parquet")
    return wells.merge(truth, on=WELL_KEY)


def score(table: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """R2 of the activities in a table of wells, predicted from the features beside them."""
    # A control well is no compound: each goes to a fold of its own accord.
    treated = table[CONTROL] == ""
    groups = table[COMPOUND].where(treated, table[WELL]).to_numpy()
    programmes = [name for name in CATALOGUE if name in table]
    predicted = predict(features, table[programmes].to_numpy(), groups)
    parts = {"all": treated}
    parts |= {f"{dose:g} uM": table[CONCENTRATION] == dose for dose in sorted(table[CONCENTRATION])}
    parts.pop("0 uM", None)
    scores = {
        name: r2_score(table.loc[part, programmes], predicted[part], multioutput="raw_values")
        for name, part in parts.items()
    }
    return pd.DataFrame(scores, index=programmes)


if __name__ == "__main__":
    found = (score_profile if sys.argv[2:] else score_screen)(*map(Path, sys.argv[1:]))
    print(found.round(2).to_markdown())
