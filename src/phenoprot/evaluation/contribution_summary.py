"""Means of contributions over the predicted targets, and how often what was planted comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from phenoprot.evaluation.contribution_results import (
    MEASURES,
    ContributionResult,
    ContributionSettings,
    First,
    GroupContribution,
    Measure,
    PlantedFirst,
)
from phenoprot.evaluation.contributions import Contribution, Contributions
from phenoprot.evaluation.feature_groups import Grouping
from phenoprot.evaluation.folds import mean_of_present
from phenoprot.evaluation.means import difference_estimate
from phenoprot.evaluation.planted_places import Place
from phenoprot.evaluation.results import defined, tidy

PLACED: tuple[Grouping, ...] = ("stain", "compartment", "place")
"""Groupings that what was planted is known of."""


def summarised(
    found: Contributions,
    settings: ContributionSettings,
    planted: Mapping[str, frozenset[Place]] | None = None,
) -> ContributionResult:
    """Means over the targets at the AUC of the settings or above.

    Parameters
    ----------
    found
        Of every target and group.
    settings
        Least AUC and draws, to be stated.
    planted
        Compartments and stains of each target of a simulated screen; None: nothing was planted.
    """
    shown = found.shown
    groups = [_means(group, shown) for group in found.groups]
    with_places = [
        (i, planted[target])
        for i, target in enumerate(found.targets)
        if planted is not None and shown[i] and target in planted
    ]
    return ContributionResult(
        n_targets=len(found.targets),
        n_shown=int(shown.sum()),
        min_auc=settings.min_auc,
        draws=settings.draws,
        groups=groups,
        n_planted=len(with_places),
        planted=_planted_first(found, with_places) if with_places else [],
    )


def _means(group: Contribution, shown: np.ndarray) -> GroupContribution:
    return GroupContribution(
        grouping=group.grouping,
        group=group.name,
        n_features=group.n_features,
        drop=None if group.mean_drop is None else difference_estimate(group.mean_drop),
        alone=defined(float(mean_of_present(group.alone[shown], axis=0))),
        share=defined(float(mean_of_present(group.share[shown], axis=0))),
    )


def _planted_first(
    found: Contributions, with_places: list[tuple[int, frozenset[Place]]]
) -> list[PlantedFirst]:
    """Of the stain, the compartment, and both, by each measure that the model has."""
    targets = [i for i, _ in with_places]
    places = [own for _, own in with_places]
    stains = [frozenset(stain for _, stain in own) for own in places]
    compartments = [frozenset(compartment for compartment, _ in own) for own in places]
    named = [frozenset(" ".join(place) for place in own) for own in places]
    results = []
    for measure in MEASURES:
        first = {of: _first(found, of, measure, targets) for of in PLACED}
        if not all(first.values()):
            continue
        by_stain = _Hits.of(first["stain"], stains)
        by_compartment = _Hits.of(first["compartment"], compartments)
        hits: dict[First, _Hits] = {
            "stain": by_stain,
            "compartment": by_compartment,
            "stain and compartment": by_stain.both(by_compartment),
            "place": _Hits.of(first["place"], named),
        }
        results += [_stated(of, measure, own) for of, own in hits.items()]
    return results


_WORTH: dict[Measure, Callable[[Contribution], np.ndarray]] = {
    "drop": lambda group: group.drop,
    "alone": lambda group: group.alone,
    "share": lambda group: group.share,
}


def _first(
    found: Contributions, grouping: Grouping, measure: Measure, targets: list[int]
) -> list[str]:
    """Name of the group with the largest figure, target by target; empty if there is none."""
    groups = [group for group in found.groups if group.grouping == grouping]
    worth = np.stack([_WORTH[measure](group)[targets] for group in groups])
    if np.isnan(worth).any():
        return []
    return [groups[i].name for i in worth.argmax(axis=0)]


class _Hits(NamedTuple):
    """The first group of each target, and for which targets each group is planted."""

    first: np.ndarray
    """(targets,): numbers of groups."""
    planted: np.ndarray
    """(groups, targets)."""

    @classmethod
    def of(cls, first: Sequence[str], planted: Sequence[frozenset[str]]) -> Self:
        """From the names of both."""
        names, numbers = np.unique(first, return_inverse=True)
        return cls(numbers, np.array([[name in own for own in planted] for name in names]))

    def both(self, other: Self) -> Self:
        """With pairs of a group and one of `other` as groups."""
        planted = self.planted[:, None] & other.planted
        pairs = self.first * len(other.planted) + other.first
        return type(self)(pairs, planted.reshape(-1, len(pairs)))


def _stated(grouping: First, measure: Measure, hits: _Hits) -> PlantedFirst:
    n = len(hits.first)
    own = hits.planted[hits.first, np.arange(n)].sum()
    pairs = hits.planted.sum(axis=1)[hits.first].sum()
    return PlantedFirst(
        grouping=grouping,
        measure=measure,
        share=tidy(own / n),
        by_chance=tidy((pairs - own) / (n * (n - 1))) if n > 1 else None,
    )
