"""The notes below the tables: what a score is, and whether a row's network was trained."""

from __future__ import annotations

from phenoprot.evaluation.results import Ceiling
from phenoprot.features.method import Description

INTERVAL = (
    "95 %, of what the procedure gives on average over fresh data sets of the same size: from the "
    "influence of each compound on the mean over the repeats, taken twice (a compound is tested, "
    "and it trains), and the variance between the repeats; Student's t (docs/coverage.md). Those "
    "of differences are by the same rule, on the paired scores"
)
"""What the intervals of means over targets are."""
AUC = (
    "AUC: ROC AUC within each test fold, folds weighted by their positives, mean over the repeats "
    "of the folds, then over the targets (label columns: proteins, or annotated targets); 0.5 by "
    "chance."
)
P = (
    "p: one-sided, of the mean being above chance; the compounds are permuted for all targets at "
    "once, and the spread is widened by what training adds."
)
REACHED = (
    "Counts: targets at or above each threshold, in brackets how many permuted labels reach; p "
    "and sd are in the details."
)
SPREADS = (
    "sd: between the repeats (folds and seeds drawn anew). Chance sd: of the mean by chance. 80 % "
    "power: the difference that would be found in 80 % of such screens, two-sided at 5 %."
)
OF_CEILING = (
    "Of ceiling: share of the way from chance to what a repeat of the protein assay would score "
    "against these labels (from replicates, docs/decisions.md)."
)
POSTER = (
    "Poster: its mean AUC and its shares at or above the thresholds, or its best R2; on other data."
)
Q = "q: p corrected over all comparisons of the part (Benjamini-Hochberg)."


def ceiling(known: Ceiling | None, score: str) -> str:
    """What a repeat of the assay would score; empty where nothing is known."""
    if known is None:
        return ""
    return f" Ceiling: a {score} of {known.value:.3f} over {known.n} targets."


COUNTS = (
    "Counts: number of targets at or above each threshold and their share; in brackets the number "
    "expected by chance ± its sd, and p, from the same permutations, in which targets that go "
    "together stay together."
)
ABOVE_CHANCE = (
    "Above chance: targets whose own p, from the same permutations, passes the false discovery "
    "rate (Benjamini-Hochberg over the targets)."
)
OTHER_DRAWS = (
    "The intervals are checked for 5 folds x 5 repeats (docs/coverage.md), not for {draws}: with "
    "fewer they may be too narrow or too wide."
)
COMPARED = (
    "Difference of the mean AUC, row minus against. Linear models of other features, single "
    "targets, power and overlap are in the details."
)
SENSITIVITY = (
    "Elsewhere pairs of the opposite direction and unclassified pairs are masked; here they are "
    "negatives, in training and test."
)
ACTIVITY = (
    "A treatment is active if its replicate wells resemble each other more than they resemble "
    "negative controls: mean average precision against its permutation null, q at or below the "
    "false discovery rate (docs/activity.md)."
)
BY_ACTIVITY = (
    "A compound is active if one of its treatments is. A positive is compared with negatives of "
    "its own test fold and kind only."
)
OTHER_FOLDS = "The same features, model and compounds under folds of another kind."
FAMILIES = (
    "Under folds of target families a target whose compounds are all in one fold has no positive "
    "to train on, and scores 0.5 by construction."
)
LEARNING = (
    "Share of the training compounds of each fold; the test compounds are all there, and a "
    "smaller share is a part of a larger one."
)
CHOICE = (
    "Pooled skill (95 % CI); median R2 over the proteins within each test fold, mean over the "
    "folds (other than in Table 2a, which has the median over the proteins of each one's mean over "
    "the folds); in brackets the number of proteins. Chosen are those whose direction the "
    "classification reads well enough (`tasks.regression.selection`), by compounds of the training "
    "part alone, or by all compounds, as in the poster. Optimism: what the second says beyond the "
    "first."
)
ACROSS = (
    "Rows of one name, on the compounds and targets that {screen} and {other} both have; a "
    "compound is in the same fold in both. Scores are against each screen's own labels; models "
    "are trained on all compounds of their screen. Difference: {screen} minus {other}; q: p "
    "corrected over the rows of the part (Benjamini-Hochberg); 80 % power: the difference that "
    "would be found in 80 % of such pairs of screens. Rows with shuffled labels are left out."
)
STRATA = (
    "Treatments cut into thirds by the number of cells (`{table}`). In a third a positive is "
    "compared with negatives of its own test fold and third only; within: all three. A score that "
    "is nothing but the number of cells falls towards 0.5 here."
)
LEVELS = (
    "Levels: in standard deviations; those of a test fold are brought to mean 0 and sd 1 by the "
    "other folds, which the model was trained on, protein by protein. Pooled skill: 1 - SSE/SST "
    "with one SSE and one SST over all proteins and treatments, SST around the training part's "
    "mean; 1 is perfect, 0 no better than that mean, below 0 worse. RMSE and SMAPE (mean of 100 "
    "|p - y| / (|p| + |y|), 0 to 100 %): on the same scale, as the poster's SMAPE almost surely "
    "was. R2: 1 - SSE/SST of one protein within each test fold, SST around the fold's own mean; "
    "it has no lower bound, so its median over the proteins is shown and no mean. Concordance: "
    "share of the pairs of treatments in a test fold that are predicted in the right order, 0.5 "
    "by chance. A score of a fold weighs by its levels. What chance gives of R2: the compounds "
    "permuted dose by dose, its spread around each protein's mean widened by what training adds, "
    "as of an AUC."
)
LEVELS_OVER_DOSES = (
    "R2 takes all concentrations of a fold together, so that it rewards knowing that high ones "
    "act more; the mean over doses is that of R2 at each concentration (over the compounds of all "
    "test folds, SST around the protein's mean there), as the poster averages."
)
LEVELS_OF_ONE_DOSE = (
    "Every compound has one concentration: there is nothing to average over, and R2 over all "
    "treatments is the poster's mean over concentrations."
)
TOP = "Picked by the score itself, so optimistic, here as in the poster."
DOSE_AUC = (
    "Treatments of each concentration alone, within each test fold. A label belongs to the "
    "compound, not to the dose: below the dose at which it acts it still counts, and nothing can "
    "tell it from the others."
)
DOSE_SKILL = (
    "Pooled skill at a concentration: 1 - SSE/SST with one SSE and one SST over all proteins and "
    "the compounds of all test folds, levels in standard deviations, SST around each protein's "
    "mean at that concentration: what all compounds share at a dose is no merit."
)
DOSE_R2 = (
    "Median over the proteins of R2 at that concentration, otherwise the same. R2 has no lower "
    "bound, and where little happens SST is noise: the median is shown and no mean."
)
LEAK = (
    "The same row with treatments instead of compounds assigned to the folds, drawn as often: "
    "doses of a test compound, and with them its label, are among the training rows. Mean AUC (in "
    "the regression mean concordance: pairs of treatments in the right order, 0.5 by chance)."
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
    "direction of the task). Proteins only: moved by a programme that no image shows, so at "
    "chance for a method that reads images. Nothing planted: at chance for all; in a "
    "classification such a protein would need the calls that it cannot have."
)
TARGET_GROUPS = (
    "Targets by where the programme of their compounds shows. Proteins only: at chance for a "
    "method that reads images, but for what few compounds have in common besides (most have a "
    "second programme). Images only: at chance for the proteome, likewise. Nothing planted: "
    "compounds drawn at random, at chance for all."
)
GROUPS = {
    "classification": [PROTEIN_GROUPS],
    "regression": [PROTEIN_GROUPS],
    "targets": [TARGET_GROUPS],
}
"""What the planted groups of a task's targets are."""


def smallest_difference(size: float | None) -> str:
    """What two rows must differ by to be told apart; nothing where none are compared."""
    if size is None:
        return ""
    return (
        f" Two rows must differ by about {size:.3f} in the mean for such a screen to show it (80 % "
        "power, two-sided at 5 %; median over the comparisons of the part)."
    )


def comparison_note(false_discovery_rate: float) -> str:
    """Below the table of rows against others."""
    return (
        "Difference of the mean AUC, row minus against; p two-sided. 80 % power: of the means, "
        "then of a single target, median over the targets. Better/worse: targets "
        "whose AUC differs by DeLong's test, a compound with all its doses and repeats taken as "
        "one case and training added as in the interval, at a false discovery rate of "
        f"{100 * false_discovery_rate:g} % (Benjamini-Hochberg over the targets). Overlap: "
        "targets above chance in both rows, as a share of those in either (Jaccard). Rows with "
        "shuffled labels have other labels and are not compared."
    )


CONTRIBUTIONS = (
    "Drop: the AUC lost when the group's features are permuted among the test compounds. Alone: "
    "the AUC when all others are. Share: of the variance of a linear score, cov(part, score) / "
    "var(score), 100 % over the groups of one kind. Groups that say the same stand in for each "
    "other: the drop of either is near 0 though both are good alone. A correlation counts with "
    "both its stains, in the share by half. First draw of the folds (docs/contributions.md)."
)
FUSION = (
    "Mean: of the scores as they are. Stack: weighted target by target, by how well scores explain "
    "the other test folds. Gain: over the better single row, chosen by these very scores, which "
    "favours the single row."
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
