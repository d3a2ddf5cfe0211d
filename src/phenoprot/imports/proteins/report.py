"""A protein readout that was read, and what was done to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.imports.proteins.groups import Rule
from phenoprot.imports.proteins.matrix import Scale
from phenoprot.imports.proteins.scale import BASES


@dataclass(frozen=True)
class ProteinReport:
    """What was read, left out and merged.

    Parameters
    ----------
    title
        Source and quantity.
    scale
        Of the file.
    rows, proteins, wells, values
        Numbers of rows in the file (of those that are proteins of the sample), of proteins, of
        wells, and of measured values.
    zeros
        Zeros that were taken as missing.
    left_out
        Names of the rows that were left out, by reason.
    untold
        What no column and no prefix marks.
    several, without_gene, dates
        Names of groups with several genes, of groups named by their protein, and names that look
        like dates.
    merged
        Number of groups of each name that has several, and the rule.
    unmatched, absent
        Columns without a well, and names in the map of samples that are no column.
    no_layout, no_sample
        Wells with a readout that the layout lacks, and treated wells or controls of the same
        plates that have no readout; empty if no layout is known.
    unlike
        Plates whose values look like logarithms, in a table of intensities.
    """

    title: str
    scale: Scale
    rows: int
    proteins: int
    wells: int
    values: int
    zeros: int = 0
    left_out: dict[str, list[str]] = field(default_factory=dict)
    untold: tuple[str, ...] = ()
    several: list[str] = field(default_factory=list)
    without_gene: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    merged: dict[str, int] = field(default_factory=dict)
    rule: Rule = "best"
    unmatched: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    no_layout: list[str] = field(default_factory=list)
    no_sample: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    unlike: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What was read and done, in lines of text, the numbers first."""
        share = self.values / max(self.proteins * self.wells, 1)
        kept = "the one with most values" if self.rule == "best" else "their sum"
        became = " -> intensities" if self.scale in BASES else ""
        merged = [f"{name} ({count})" for name, count in self.merged.items()]
        return [
            f"{self.title}: {self.proteins} proteins x {self.wells} wells, {share:.1%} measured",
            f"scale: {self.scale}{became}"
            + (f"; {self.zeros} zeros taken as missing" if self.zeros else ""),
            *_counted((f"left out, {kind}", names) for kind, names in self.left_out.items()),
            *_counted(
                [
                    ("group(s) with several genes, named by the first", self.several),
                    ("group(s) without a gene, named by the protein", self.without_gene),
                    (f"gene(s) with several groups, read is {kept}", merged),
                ]
            ),
            *self.notes,
        ]

    def warnings(self) -> list[str]:
        """What looks wrong, in lines of text; empty if nothing does."""
        untold = (
            f"no column and no prefix marks {' and '.join(self.untold)}: if the search had any, "
            "they are read as proteins"
        )
        return [
            *_counted(
                [
                    ("plate(s) look like logarithms among intensities", self.unlike),
                    ("name(s) look like what spreadsheets make of MARCHF1", self.dates),
                    ("column(s) without a well, left out", self.unmatched),
                    ("name(s) in the map of samples are no column", self.absent),
                    ("well(s) are not in the plate layout", self.no_layout),
                    ("well(s) of the layout have no readout", self.no_sample),
                ]
            ),
            *([untold] if self.untold else []),
        ]


def _counted(parts: Iterable[tuple[str, Sequence[object]]]) -> list[str]:
    return [f"{len(names)} {what}: {listed(names)}" for what, names in parts if names]


@dataclass(frozen=True)
class Proteins:
    """A protein readout, ready for a screen.

    Parameters
    ----------
    table
        ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Protein``, ``Value`` (float32), measured
        values only, by plate, well and protein.
    kind
        For ``screen.yaml``: ``intensity`` or ``level``.
    report
        What was done.
    """

    table: pd.DataFrame
    kind: Literal["intensity", "level"]
    report: ProteinReport

    @property
    def lines(self) -> list[str]:
        """The report in lines of text, with what looks wrong."""
        return [*self.report.lines(), *self.report.warnings()]

    @property
    def content(self) -> str:
        """One line for ``screen.yaml``."""
        return f"{self.report.title}, {self.report.proteins} proteins"
