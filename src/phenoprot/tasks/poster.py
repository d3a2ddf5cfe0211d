"""How the tasks write down the poster's published figures, the reference column of every table.

"Bridging the Phenotype-Proteome Gap: A Multi-Modal AI Framework for analysis of Cell Painting
images" (Chronowski et al.): Merck's proprietary screen of about 2,000 compounds at five doses in
U2OS, proteins by mass spectrometry. Other data than ours: a reference, not a target.
"""

from __future__ import annotations

from phenoprot.tasks.task import Figures

THRESHOLDS = (0.6, 0.7, 0.8, 0.9)
"""ROC AUCs at which the poster counts targets; only Table 3 has the last."""


def auc_figures(n_targets: int, mean_auc: float, *counts: int) -> Figures:
    """One column of Table 1 or 3: targets, mean AUC, and targets at or above each threshold."""
    return {"n_targets": n_targets, "mean_auc": mean_auc} | {
        f"n_auc_ge_{threshold:g}": count
        for threshold, count in zip(THRESHOLDS, counts, strict=False)
    }
