"""The leak gauge: what folds that split a compound between training and test would pretend.

The same features and model, cross-validated with folds of compounds and with folds of treatments,
both drawn anew in each repeat. In the second, doses of a test compound are among the training rows,
and its label with them: a model may recognise the compound instead of reading the protein. The gap
is the size of that error on this screen. Where a compound has a single treatment the two differ
only in which compounds fell into which fold, and the gap is about 0.
"""

from __future__ import annotations

from phenoprot.core.errors import UserError
from phenoprot.evaluation.blocks import Wide
from phenoprot.evaluation.doses import concentrations
from phenoprot.evaluation.folds import mean_of_present
from phenoprot.evaluation.level_data import levels_in_blocks
from phenoprot.evaluation.level_influence import Influence, concordance
from phenoprot.evaluation.levels import LevelScores
from phenoprot.evaluation.means import difference_estimate
from phenoprot.evaluation.repeated import RepeatedAuc
from phenoprot.evaluation.results import LeakGauge, defined
from phenoprot.evaluation.score import RowScores, auc_scores
from phenoprot.evaluation.settings import EvaluationSettings


def leak_of_aucs(
    scores: RowScores, leaking: Wide, labels: Wide, settings: EvaluationSettings
) -> LeakGauge:
    """Mean AUC under folds of treatments, and its gap to that under folds of compounds.

    The interval of the gap is that of a difference of two rows, over compounds and repeats. Two
    draws of the folds belong together by nothing but their number, so that the spread of the gap
    over the repeats has that of both: the interval is rather too wide than too narrow.

    Parameters
    ----------
    scores
        Scores under folds of compounds.
    leaking
        Predictions of the same treatments under folds of treatments.
    labels
        By compound.
    settings
        None is needed.

    Raises
    ------
    UserError
        The two have not the same compounds and number of repeats.
    """
    del settings
    torn = auc_scores(leaking, labels)
    _require_same(scores.repeated, torn)
    return LeakGauge(
        score="auc",
        mean=defined(torn.mean().value),
        gap=difference_estimate(torn.minus(scores.repeated).mean()),
        n_doses=max(1, len(concentrations(leaking))),
    )


def _require_same(own: RepeatedAuc | Influence, torn: RepeatedAuc | Influence) -> None:
    sizes = [(len(scores.changes), len(scores.by_repeat)) for scores in (own, torn)]
    if sizes[0] != sizes[1]:
        (compounds, repeats), (other_compounds, other_repeats) = sizes
        raise UserError(
            f"a row has {compounds} compounds and {repeats} repeat(s), its leak gauge "
            f"{other_compounds} and {other_repeats}",
            where="predictions",
            remedy="Predict both anew: `dvc repro`.",
        )


def leak_of_levels(
    scores: RowScores, leaking: Wide, levels: Wide, settings: EvaluationSettings
) -> LeakGauge:
    """Mean concordance under folds of treatments, and its gap to that under folds of compounds.

    The interval is that of :func:`leak_of_aucs`. Not R2: a fold of compounds in which a protein
    hardly varies has a tiny SST, a fold of treatments has not, and the gap would measure that.

    Parameters
    ----------
    scores
        Scores under folds of compounds.
    leaking
        Predictions of the same treatments under folds of treatments.
    levels
        By treatment.
    settings
        None is needed.

    Raises
    ------
    UserError
        The two have not the same compounds and number of repeats.
    """
    del settings
    own = LevelScores.checked(scores).concordance
    torn = Influence.joined(concordance(data) for data in levels_in_blocks(leaking, levels))
    _require_same(own, torn)
    return LeakGauge(
        score="concordance",
        mean=defined(float(mean_of_present(torn.mean().by_repeat, axis=0))),
        gap=torn.minus(own).mean().estimate(-1, 1),
        n_doses=max(1, len(concentrations(leaking))),
    )
