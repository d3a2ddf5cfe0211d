"""The poster's published figures, the reference column of every table.

"Bridging the Phenotype-Proteome Gap: A Multi-Modal AI Framework for analysis of Cell Painting
images" (Chronowski et al.): Merck's proprietary screen of about 2,000 compounds at five doses in
U2OS, proteins by mass spectrometry. Other data than ours: a reference, not a target.
"""

from __future__ import annotations

from phenoprot.evaluation.summary import Metrics


def _row(n_targets: int, mean_auc: float, *counts: int) -> Metrics:
    thresholds = (0.6, 0.7, 0.8, 0.9)
    return {"n_targets": n_targets, "mean_auc": mean_auc} | {
        f"n_auc_ge_{t:g}": n for t, n in zip(thresholds, counts, strict=False)
    }


UP, DOWN, TARGETS = 6035, 6782, 252

POSTER: dict[str, dict[str, Metrics]] = {
    "classification/up": {
        "cellprofiler": _row(UP, 0.64, 4303, 1428, 96),
        "mae": _row(UP, 0.62, 3802, 869, 48),
        "cloome": _row(UP, 0.58, 2555, 196, 4),
        "dino": _row(UP, 0.58, 2597, 198, 6),
    },
    "classification/down": {
        "cellprofiler": _row(DOWN, 0.66, 5730, 1881, 37),
        "mae": _row(DOWN, 0.63, 4892, 679, 14),
        "cloome": _row(DOWN, 0.60, 3955, 203, 5),
        "dino": _row(DOWN, 0.59, 3144, 115, 5),
    },
    "targets": {
        "cellprofiler": _row(TARGETS, 0.63, 171, 49, 7, 0),
        "mae": _row(TARGETS, 0.60, 133, 19, 2, 0),
        "proteome": _row(TARGETS, 0.49, 67, 10, 0, 0),
        "proteome+cellprofiler": _row(TARGETS, 0.64, 154, 78, 27, 8),
    },
    # Table 2 has no mean: the best of 2,944 genes is MGP.
    "regression": {"cellprofiler": {"n_targets": 2944, "max_r2": 0.4482}},
}

POSTER_TOP_REGRESSION: list[tuple[str, float, float]] = [
    ("MGP", 0.4482, 48.8926),
    ("LRRN2", 0.4282, 61.6972),
    ("CD44", 0.3703, 57.3468),
    ("FBXL14", 0.3685, 57.6521),
    ("SMTN", 0.3628, 54.2414),
    ("P4HA2", 0.3509, 62.6770),
    ("CEP131", 0.3428, 66.5592),
    ("PODXL", 0.3385, 61.3162),
    ("DLGAP5", 0.3242, 64.4138),
    ("CD63", 0.3238, 55.8664),
]
"""Gene, R2, SMAPE (%) of Table 2."""
