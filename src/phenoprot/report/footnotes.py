"""The notes below the tables: what a score is, and whether a row's network was trained."""

from __future__ import annotations

from phenoprot.features.method import Description

AUC = (
    "AUC within each test fold, then averaged; interval from resampling the compounds. At each "
    "threshold: number of targets, share, and (in brackets) the number expected by chance at the "
    "same positives. Poster: mean AUC and its shares at the same thresholds, on other data."
)
LEVELS = (
    "R2 = 1 - SSE/SST within each test fold, averaged (below 0: worse than the test fold's own "
    "mean); r2 is the squared Pearson correlation. Counts as in Table 1. Poster: its best R2, on "
    "other data."
)
TOP = "Picked by the score itself, so optimistic, here as in the poster."
DOSE_AUC = (
    "Treatments of each concentration alone, within each test fold, 95 % interval from resampling "
    "the compounds. A label belongs to the compound, not to the dose: below the dose at which it "
    "acts it still counts, and nothing can tell it from the others."
)
DOSE_R2 = (
    "1 - SSE/SST over the compounds of all test folds, SST around the mean of the levels at that "
    "concentration: what all compounds share at a dose is no merit. 95 % interval from resampling "
    "the compounds."
)
DOSE_PEARSON = "Squared Pearson correlation, otherwise the same."
LEAK = (
    "The same row with treatments instead of compounds assigned to the folds: doses of a test "
    "compound, and with them its label, are among the training rows. Mean AUC (in the regression "
    "mean concordance: pairs of treatments in the right order, 0.5 by chance), 95 % interval from "
    "resampling the compounds."
)
LEAK_WITHOUT_DOSES = (
    "Here every compound has one treatment: no compound is split between folds, and the gap is no "
    "more than the difference between two draws of the folds."
)
CONCORDANCE = (
    "Concordance: share of the pairs of treatments that are predicted in the right order; chance "
    "is 0.5, as of a ROC AUC, and no calls are needed."
)
PROTEIN_GROUPS = (
    "Proteins by the largest log2 fold change that a programme at full activity plants (in the "
    "direction of the task), their number in brackets. Proteins only: moved by a programme that no "
    "image shows, so at chance for a method that reads images. Nothing planted: at chance for all; "
    "in a classification such a protein would need the calls that it cannot have."
)
TARGET_GROUPS = (
    "Targets by where the programme of their compounds shows, their number in brackets. Proteins "
    "only: at chance for a method that reads images. Images only: at chance for the proteome. "
    "Nothing planted: compounds drawn at random, at chance for all."
)
GROUPS = {
    "classification": [PROTEIN_GROUPS],
    "regression": [PROTEIN_GROUPS],
    "targets": [TARGET_GROUPS],
}
"""What the planted groups of a task's targets are."""


def comparison_note(false_discovery_rate: float) -> str:
    """Below the table of rows against others."""
    return (
        "Difference of the mean AUC: interval and p from resampling the compounds (p is never "
        "below 2 / (draws + 1)). Better, worse: targets whose AUC differs by DeLong's test, doses "
        "of a compound taken as one case, at a false discovery rate of "
        f"{100 * false_discovery_rate:g} % (Benjamini-Hochberg over the targets). Rows with "
        "shuffled labels have other labels and are not compared."
    )


def untrained_note(screen: str, row: str, method: Description, published: str | None) -> str:
    """The footnote of a row whose network has random weights.

    Parameters
    ----------
    screen
        Name of the screen, a key of params.yaml.
    row
        Name of the row.
    method
        What its features are: those of a network with random weights.
    published
        The poster's figures of the method with trained weights, if it has any.
    """
    other = f" The poster's {published} is of the trained network and no reference for it."
    return (
        f"{row}: {method.title} with random weights, a baseline for what its architecture sees "
        f"untrained.{other if published else ''} To compare the trained network: "
        f"{_remedy(screen, method)}."
    )


def _remedy(screen: str, method: Description) -> str:
    """What to run, and what to change in params.yaml."""
    row = (
        f"add `{method.trained}` to `screens.{screen}.extracted`, and to `rows` "
        f"`{method.trained}: {{features: [{method.trained}], model: mlp}}`"
    )
    if method.weights:
        return f"{method.weights}; {row}"
    return f"the row `{method.trained}`; if there is none, {row}"
