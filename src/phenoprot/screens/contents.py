"""What a screen has, as far as stages and tasks ask for it: declared by its ``screen.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, cast

from phenoprot.screens.contract import ScreenInfo

Content = Literal["wells", "images", "readout", "labels", "levels", "targets"]
"""A part of a screen that not every one has."""

WORDS: dict[Content, str] = {
    "wells": "wells with negative controls",
    "images": "images",
    "readout": "protein readout",
    "labels": "labels of proteins",
    "levels": "protein levels",
    "targets": "target annotations",
}
"""The parts in words: the screen has no ..."""


@dataclass(frozen=True)
class Contents:
    """Which parts a screen has; what needs one that is not there is left out."""

    wells: bool = True
    """A plate layout, with negative controls."""
    images: bool = True
    """Fields of view."""
    readout: bool = True
    """Proteins measured in wells."""
    labels: bool = True
    """Up, down or not of compounds and proteins."""
    levels: bool = True
    """Levels of proteins under treatments."""
    targets: bool = True
    """Annotated targets of compounds."""

    @classmethod
    def of(cls, info: ScreenInfo) -> Contents:
        """What ``screen.yaml`` declares."""
        tables = info.tables
        readout = tables.proteomics is not None
        return cls(
            wells=tables.wells is not None,
            images=tables.images is not None,
            readout=readout,
            labels=readout or tables.labels is not None,
            levels=readout,
            targets=tables.targets is not None,
        )

    def lacking(self, requires: Iterable[Content]) -> tuple[Content, ...]:
        """Those of `requires` that the screen does not have."""
        return tuple(name for name in requires if not getattr(self, name))

    @classmethod
    def without(cls, names: Iterable[Content]) -> Contents:
        """A screen that has all parts but these."""
        return cls(**dict.fromkeys(names, False))

    @property
    def missing(self) -> tuple[Content, ...]:
        """All that the screen does not have."""
        return self.lacking(cast("Content", field.name) for field in fields(self))

    def reason(self, requires: Iterable[Content]) -> str:
        """Which of `requires` it lacks, in words; labels and levels are those of the readout.

        ``"protein readout"``, ``"protein readout and target annotations"``; empty: none.
        """
        neither = not (self.readout or self.labels or self.levels)
        of_readout = ("labels", "levels") if neither else ()
        found = ("readout" if name in of_readout else name for name in self.lacking(requires))
        return " and ".join(dict.fromkeys(WORDS[name] for name in found))


EVERYTHING = Contents()
"""A screen with all parts."""
