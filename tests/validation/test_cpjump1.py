"""The shipped screen passes, and broken copies of it do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.screens.loader import Screen, load_screen
from phenoprot.validation.checks import validate_screen
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.normalise import normalise_to_controls

FOLDER = Path(__file__).parents[2] / "data" / "screens" / "cpjump1"
Edit = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class EditedScreen(Screen):
    """The shipped screen with one of its tables changed on the way in."""

    edits: dict[str, Edit]

    def wells(self) -> pd.DataFrame:
        return self._edited("wells", super().wells())

    def profile(self, method: str) -> pd.DataFrame:
        return self._edited(method, super().profile(method))

    def proteomics(self) -> pd.DataFrame:
        return self._edited("proteomics", super().proteomics())

    def _edited(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        return self.edits[name](table) if name in self.edits else table


def validate(normalised: bool = False, **edits: Edit) -> ValidationReport:
    info = load_screen(FOLDER).info
    tables = dict(info.tables.profiles)
    tables["cellprofiler"] = tables["cellprofiler"].model_copy(update={"normalised": normalised})
    info = info.model_copy(update={"tables": info.tables.model_copy(update={"profiles": tables})})
    screen = EditedScreen(FOLDER, info, edits)
    return validate_screen(screen, ValidationSettings(), normalise_to_controls)


def test_shipped_screen_passes() -> None:
    report = validate()
    assert report.ok, report.lines()
    assert {r.check for r in report.warnings} <= {
        "wells_incomplete",
        "treatments_unused",
        "treatments_thinned",
        "features_of_place",
    }


def test_upstream_normalisation_would_pass() -> None:
    assert validate(normalised=True).lines() == []


def test_normalised_to_all_wells() -> None:
    def to_all_wells(table: pd.DataFrame) -> pd.DataFrame:
        features = table.columns[2:]
        groups = table.groupby("Metadata_Plate")[list(features)]
        values = (table[features] - groups.transform("mean")) / groups.transform("std")
        return pd.concat([table[table.columns[:2]], values], axis=1)

    lines = validate(normalised=True, cellprofiler=to_all_wells).lines()
    assert {line.split("]")[0] for line in lines} == {"[control_mean", "[control_spread"}
    assert "4 of 4 plates" in lines[0]


@pytest.mark.parametrize(
    ("edits", "checks", "part"),
    [
        (
            {"cellprofiler": lambda t: t[t["Metadata_Well"] < "D"]},
            {"wells_missing", "treatments_unmatched"},
            "BR00117010 (312 of 384)",
        ),
        (
            {"cell_count": lambda t: t.assign(Metadata_Well=t["Metadata_Well"].str[:2])},
            {
                "key_unique",
                "row_has_well",
                "wells_missing",
                "negative_controls",
                "treatments_unmatched",
                "enough_compounds",
            },
            "A0 (8 repeated)",
        ),
        (
            {"cellprofiler": lambda t: t.assign(**{t.columns[5]: np.nan})},
            {"feature_nan"},
            "1 of 904 features",
        ),
        (
            {"proteomics": lambda t: t.assign(Value=t["Value"] + 3)},
            {"control_mean"},
            "4 of 4 plates",
        ),
    ],
    ids=["70_of_384_wells", "column_cut_to_a_digit", "nan_vector", "uncentred_readout"],
)
def test_broken_copy_fails(edits: dict[str, Edit], checks: set[str], part: str) -> None:
    report = validate(**edits)
    assert {r.check for r in report.failures} == checks, report.lines()
    assert part in "\n".join(report.lines())
