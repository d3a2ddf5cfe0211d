"""The ceiling of a dose-response screen against a second run of the assay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.screen import fit_screen
from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.ceiling import CEILING_COLUMNS
from phenoprot.readout.ceiling_doses import dose_response_ceiling

SETTINGS = CurveSettings(control_group=("Metadata_Plate",))
DOSES = [0.001, 0.01, 0.1, 1.0, 10.0]
COMPOUNDS, PROTEINS, CONTROLS = 60, 20, 12


def run(effects: np.ndarray, replicates: int, noise: float, seed: int) -> pd.DataFrame:
    """One run of the assay, a plate for each replicate: sigmoids of height `effects` (log2)."""
    rng = np.random.default_rng(seed)
    response = 1 / (1 + (0.05 / np.array(DOSES)))
    rows = []
    for plate in range(1, replicates + 1):
        shape = (COMPOUNDS, len(DOSES), PROTEINS)
        logs = effects[:, None] * response[:, None] + noise * rng.normal(size=shape)
        index = pd.MultiIndex.from_product(
            [[f"c{i:02d}" for i in range(COMPOUNDS)], DOSES, [f"p{i:02d}" for i in range(PROTEINS)]]
        )
        treated = pd.Series(1000 * 2 ** logs.ravel(), index).reset_index()
        treated.columns = [*KEY, "Value"]
        rows.append(treated.assign(Metadata_Replicate=plate, Metadata_Plate=f"P{plate}"))
        for well in range(CONTROLS):
            values = 1000 * 2 ** (noise * rng.normal(size=PROTEINS))
            rows.append(
                pd.DataFrame(
                    {
                        "Metadata_Compound": "DMSO",
                        "Metadata_Concentration": 0.0,
                        "Metadata_Protein": [f"p{i:02d}" for i in range(PROTEINS)],
                        "Value": values,
                        "Metadata_Replicate": plate * CONTROLS + well,
                        "Metadata_Plate": f"P{plate}",
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


KEY = ["Metadata_Compound", "Metadata_Concentration", "Metadata_Protein"]


def planted() -> np.ndarray:
    rng = np.random.default_rng(0)
    hit = rng.random((COMPOUNDS, PROTEINS)) < 0.3
    return np.where(hit, rng.normal(size=hit.shape), 0.05 * rng.normal(size=hit.shape))


@pytest.mark.parametrize("noise", [0.2, 0.35])
def test_the_ceiling_is_what_a_second_run_scores(noise: float) -> None:
    settings = SETTINGS.model_copy(update={"not_rmse_limit": 1.0})
    effects = planted()
    one, two = (run(effects, 3, noise, seed) for seed in (1, 2))
    ceiling = dose_response_ceiling(one, settings)
    assert ceiling.columns.tolist() == CEILING_COLUMNS
    labels = fit_screen(screen_curves(one, settings), settings)
    ratios = mean_ratios(screen_curves(two, settings), settings)
    top = ratios[ratios["Metadata_Concentration"] >= 1.0]
    score = np.log2(top.set_index(KEY)["Ratio"]).groupby(level=[0, 2]).mean()
    found, expected = [], []
    for kind, sign in (("up", 1), ("down", -1)):
        known = ceiling[ceiling["Kind"] == kind].set_index("Metadata_Protein")["Ceiling"]
        for name, rows in labels[labels["Label"].isin([kind, "not"])].groupby("Metadata_Protein"):
            pairs = pd.MultiIndex.from_frame(rows[["Metadata_Compound", "Metadata_Protein"]])
            if rows["Label"].value_counts().get(kind, 0) >= 2 and name in known:
                expected.append(roc_auc_score(rows["Label"] == kind, sign * score[pairs]))
                found.append(known[name])
    assert len(found) > 20
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.03)


def test_reliability_is_the_correlation_with_a_second_run() -> None:
    effects = planted() * np.linspace(0.1, 2, PROTEINS)
    one, two = (run(effects, 3, 0.3, seed) for seed in (3, 4))
    logs = [
        np.log2(mean_ratios(screen_curves(each, SETTINGS), SETTINGS).set_index(KEY)["Ratio"])
        for each in (one, two)
    ]
    wide = [each.unstack("Metadata_Protein") for each in logs]
    level = dose_response_ceiling(one, SETTINGS).query("Kind == 'level'")
    assert (level["N"] == COMPOUNDS * len(DOSES)).all()
    again = wide[0].corrwith(wide[1])
    got = level.set_index("Metadata_Protein")["Ceiling"]
    np.testing.assert_allclose(got, again[got.index], atol=0.3)  # few of them are reliable
    assert got.mean() == pytest.approx(again.mean(), abs=0.05)


def test_one_replicate_has_no_ceiling() -> None:
    assert dose_response_ceiling(run(planted(), 1, 0.2, 5), SETTINGS).empty
