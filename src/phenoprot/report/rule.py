"""The rule of the labels in words."""

from __future__ import annotations

from phenoprot.curves.settings import CurveSettings
from phenoprot.readout.settings import LabelSettings
from phenoprot.screens.contract import LabelTable, ProteomicsTable


def label_rule(readout: ProteomicsTable, labels: LabelSettings, curves: CurveSettings) -> str:
    """The rule of the labels in words, with the thresholds in force."""
    corrected = (
        "after the effect of the well's position is removed (as the negative controls show it)"
        if labels.position_correction == "controls"
        else "not corrected for the well's position"
    )
    if readout.design == "single_dose":
        rule = labels.single_dose
        return (
            f"Up or down: adjusted p < {rule.alpha:g} (t test against the negative controls, with "
            f"the error of positions and wells that they show, Benjamini-Hochberg per protein) and "
            f"an effect of at least {rule.min_effect:g} control standard deviations, {corrected}. "
            f"Not: p > {rule.alpha:g} and a smaller effect."
        )
    return (
        f"Up or down: CurveCurator's relevance (engine {curves.engine}) at alpha {curves.alpha:g} "
        f"and |log2 fold change| >= {curves.fc_lim:g}, at least {curves.minimum_valid_doses} valid "
        f"values, {corrected}. Not: less relevant, null-model RMSE <= {curves.not_rmse_limit:g} "
        f"and its level within {curves.fc_lim / 2:g} of the controls (log2)."
    )


def given_rule(labels: LabelTable) -> str:
    """Where labels that others found come from, in words, with the thresholds of z."""
    found = f"They are given, not measured here: {labels.content}."
    if labels.kind == "state":
        return found
    return (
        f"{found} Up or down: z above {labels.called:g} or below -{labels.called:g}. Not: z within "
        f"{labels.quiet:g} of 0."
    )
