"""Groups of CellProfiler features, from their names: where, in which stain, of which family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

Grouping = Literal["stain", "compartment", "family", "place", "group"]
"""``place``: compartment and stain; ``group``: compartment, stain and family."""
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
SHAPE, OTHER = "shape", "other"
"""Stand for the stain of features of no stain, and for all three of names that are of none."""
_WITHOUT_STAIN = ("AreaShape", "Neighbors")
_STAIN_AT = {"Texture": 1, "RadialDistribution": 1, "Intensity": -1, "Granularity": -1}
"""Position of the stain behind the family, e.g. ``FracAtD_ER_1of4``."""
_PAIR = "Correlation"


class FeatureGroup(NamedTuple):
    """Where features are measured, in which stains, and what kind they are."""

    compartment: str
    """``Nuclei``, ``Cells`` or ``Cytoplasm``."""
    stains: tuple[str, ...]
    """One; two of a correlation, by name; `SHAPE`."""
    family: str
    """``Texture``, ``AreaShape``, ...; ``Location`` counts with the family ``Intensity``."""

    def names(self, grouping: Grouping) -> list[str]:
        """Groups that it is a part of: of a pair of stains, that of each."""
        if self.compartment == OTHER or grouping == "compartment":
            return [self.compartment]
        if grouping == "family":
            return [self.family]
        if grouping == "group":
            stains = [] if self.stains == (SHAPE,) else ["+".join(self.stains)]
            return [" ".join([self.compartment, *stains, self.family])]
        where = [] if grouping == "stain" else [self.compartment]
        return [" ".join([*where, stain]) for stain in self.stains]


NO_GROUP = FeatureGroup(OTHER, (OTHER,), OTHER)
"""Of a name that is none of CellProfiler's."""


def group_of(name: str) -> FeatureGroup:
    """The group of a feature, e.g. of ``Cells_Texture_Contrast_RNA_3_00_256``; `NO_GROUP`.

    Names are those of CellProfiler, behind the compartment, as our own extraction and the JUMP
    consortium's profiles have them.
    """
    compartment, _, measured = name.partition("_")
    family, *rest = measured.split("_")
    if family in _WITHOUT_STAIN and rest:
        return FeatureGroup(compartment, (SHAPE,), family)
    if family == _PAIR and len(rest) == 3:
        first, second = sorted(rest[1:])
        return FeatureGroup(compartment, (first, second), family)
    if family == "Location" and rest and rest[0] != "Center":
        return FeatureGroup(compartment, (rest[-1],), "Intensity")
    if family in _STAIN_AT and len(rest) >= 2:
        return FeatureGroup(compartment, (rest[_STAIN_AT[family]],), family)
    return NO_GROUP


@dataclass(frozen=True)
class Partition:
    """Features by their group, and what larger groups the groups make up.

    Parameters
    ----------
    groups
        G groups, in the order of the features.
    columns
        Column numbers of the features of each: every column is in one group.
    """

    groups: list[FeatureGroup]
    columns: list[np.ndarray]

    @classmethod
    def of(cls, names: Sequence[str]) -> Partition:
        """Group the features of these names."""
        members: dict[FeatureGroup, list[int]] = {}
        for column, name in enumerate(names):
            members.setdefault(group_of(name), []).append(column)
        return cls(list(members), [np.array(columns) for columns in members.values()])

    def unions(self, grouping: Grouping) -> dict[str, np.ndarray]:
        """By name of the larger group, the share (G,) of each group that belongs to it.

        A group of two stains belongs to both, by half: over the larger groups the shares of a
        group sum to 1.
        """
        found: dict[str, np.ndarray] = {}
        for i, group in enumerate(self.groups):
            names = group.names(grouping)
            for name in names:
                found.setdefault(name, np.zeros(len(self.groups)))[i] += 1 / len(names)
        return found

    def n_features(self, share: np.ndarray) -> int:
        """Number of features of the groups with any share."""
        return sum(len(self.columns[i]) for i in np.flatnonzero(share))
