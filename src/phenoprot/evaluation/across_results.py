"""What is said of two screens whose folds are paired, typed.

Names are keys and counts are numbers, so that ``dvc metrics`` reads the file in metrics/ as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from phenoprot.core.settings import Settings
from phenoprot.evaluation.results import Estimate

ACROSS = "across_screens.json"
"""Beside the comparisons of rows."""


class RowAcross(Settings):
    """One row in two screens, on the compounds and targets that both have."""

    n_compounds: int
    """In both screens."""
    n_compounds_here: int
    """In this screen alone."""
    n_compounds_there: int
    """In the other alone."""
    n_targets: int
    """With a score in both screens."""
    n_labels: int
    """Pairs of these compounds and targets with a label in both screens."""
    n_labels_alike: int
    """Those of them whose labels are the same."""
    n_labels_here: int
    """Pairs with a label in this screen alone."""
    n_labels_there: int
    """In the other alone."""
    here: Estimate | None = None
    """Mean AUC in this screen; None: no target has a score in both."""
    there: Estimate | None = None
    """In the other."""
    difference: Estimate | None = None
    """This screen minus the other."""
    p: float | None = None
    """Two-sided p of no difference."""
    q: float | None = None
    """The same, corrected over the rows of the part (Benjamini-Hochberg)."""
    smallest_difference: float | None = None
    """Difference that would be found in 80 % of such pairs of screens, two-sided at 5 %."""


class PartAcross(Settings):
    """One part of the benchmark in two screens."""

    n_targets: int
    """In both."""
    n_targets_here: int
    """In this screen alone."""
    n_targets_there: int
    """In the other alone."""
    rows: dict[str, RowAcross]
    """Rows that both have, in the order of the tables."""
    rows_here: list[str] = []
    """Rows of this screen alone."""
    rows_there: list[str] = []
    """Rows of the other alone."""


class AcrossScreens(Settings):
    """A screen against another."""

    other: str
    """Name of the other."""
    parts: dict[str, PartAcross]
    """Parts that both have, in the order of the tables."""

    def ordered(self, parts: Iterable[str], rows: Sequence[str]) -> AcrossScreens:
        """The same in the order of `parts` and `rows`: files have names in that of letters."""
        known = {name: self.parts[name] for name in parts if name in self.parts}
        return AcrossScreens(
            other=self.other,
            parts={
                name: part.model_copy(
                    update={"rows": {row: part.rows[row] for row in rows if row in part.rows}}
                )
                for name, part in known.items()
            },
        )
