"""Tables of treatments and given labels: each fault is found, and named where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.validation.checks import validate_folder
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.normalise import normalise_to_controls

from .conftest import Draft
from .published import COMPOUNDS, Published, published

SETTINGS = ValidationSettings(min_compounds=12)
Change = Callable[[Published], None]


def report_of(draft: Published, folder: Path) -> ValidationReport:
    return validate_folder(draft.write(folder / "pub"), SETTINGS, normalise_to_controls)


def failed(report: ValidationReport) -> dict[str, str]:
    return {r.check: f"{r.where}: {r.what}" for r in report.results if not r.ok}


@pytest.mark.parametrize("kind", ["z", "state"])
def test_a_valid_screen_passes(tmp_path: Path, kind: str) -> None:
    report = report_of(published(kind), tmp_path)
    assert failed(report) == {}
    checked = {result.check for result in report.results}
    assert {"treatment_unique", "label_known", "feature_nan", "enough_compounds"} <= checked
    assert not checked & {"well_name", "negative_controls", "replicates"}


def _twice(draft: Published) -> None:
    draft.treatments = pd.concat([draft.treatments, draft.treatments.iloc[[3]]])


def _labels_twice(draft: Published) -> None:
    draft.labels = pd.concat([draft.labels, draft.labels.iloc[[5]].assign(Value=9.0)])


def _fewer_profiles(draft: Published) -> None:
    draft.deep = draft.deep.iloc[1:]


def _strange_profile(draft: Published) -> None:
    draft.deep = pd.concat([draft.deep, draft.deep.iloc[[0]].assign(Metadata_Concentration=3.0)])


def _few_labels(draft: Published) -> None:
    draft.labels = draft.labels[draft.labels["Metadata_Compound"].isin(COMPOUNDS[:5])]


CASES: dict[str, tuple[Change, str, str]] = {
    "no-compound": (
        lambda d: d.set("treatments", 4, "Metadata_Compound", None),
        "treatment_key",
        "treatments.csv: 1 of 32 rows lack a compound or a finite concentration: row 6",
    ),
    "infinite-dose": (
        lambda d: d.set("treatments", 0, "Metadata_Concentration", np.inf),
        "treatment_key",
        "row 2",
    ),
    "zero-dose": (
        lambda d: d.set("treatments", 0, "Metadata_Concentration", 0.0),
        "treatment_dose",
        "Metadata_Concentration: 1 of 32 rows have a concentration of 0 or below: row 2 "
        "'compound-a' 0",
    ),
    "twice": (_twice, "treatment_unique", "row 34 'compound-b' 10"),
    "two-spellings": (
        lambda d: d.set("treatments", 2, "Metadata_Compound", "Compound-B"),
        "compound_spelling",
        "'Compound-B' = 'compound-b'",
    ),
    "nan-feature": (
        lambda d: d.set("treatments", 1, "Cluster_1", np.nan),
        "feature_nan",
        "treatments.csv: 1 of 4 features have missing values: Cluster_1",
    ),
    "infinite-count": (
        lambda d: d.set("treatments", 1, "Count", np.inf),
        "feature_infinite",
        "Count",
    ),
    "strange-profile": (
        _strange_profile,
        "row_has_treatment",
        "profiles/deep.csv: 1 of 33 rows are of treatments that the screen does not have: row 34 "
        "'compound-a' 3",
    ),
    "profile-lacks-one": (
        _fewer_profiles,
        "treatments_without_profile",
        "1 of 32 treatments have no row: compound-a at 1",
    ),
    "no-such-dose": (
        lambda d: d.info["tables"]["treatments"].update(concentrations=[5.0]),
        "readable",
        "treatments.csv: no treatment at concentration(s) 5; there are: 1, 10",
    ),
    "no-such-count": (
        lambda d: d.info["tables"]["treatments"].update(cell_count="Cells"),
        "readable",
        "no column 'Cells' of cell numbers",
    ),
    "unknown-target": (
        lambda d: d.set("targets", 0, "Metadata_Compound", "unheard-of"),
        "target_compounds_unknown",
        "1 of 10 compounds are in no treatment: unheard-of",
    ),
    "label-without-protein": (
        lambda d: d.set("labels", 0, "Metadata_Protein", None),
        "label_key",
        "labels.csv: labels without a compound or protein: 'compound-a' (1 rows)",
    ),
    "label-twice": (_labels_twice, "label_unique", "'compound-b' (1 repeated)"),
    "infinite-z": (
        lambda d: d.set("labels", 2, "Value", np.inf),
        "readout_infinite",
        "labels.csv, Value: 1 of 4 proteins have infinite values: MYC (1)",
    ),
    "label-of-another": (
        lambda d: d.set("labels", slice(0, 4), "Metadata_Compound", "unheard-of"),
        "label_compounds",
        "1 of 16 compounds with labels are not in the screen: unheard-of",
    ),
    "gene-in-two-spellings": (
        lambda d: d.set("labels", 0, "Metadata_Protein", "ccnb1"),
        "protein_spelling",
        "'CCNB1' = 'ccnb1'",
    ),
    "few-labels": (_few_labels, "enough_compounds", "5 compounds have both a profile and"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_is_named(tmp_path: Path, case: str) -> None:
    change, check, message = CASES[case]
    draft = published()
    change(draft)
    found = failed(report_of(draft, tmp_path))
    assert message in found[check], found


@pytest.mark.parametrize("state", ["Up", "", "1", "nan", "upp"])
def test_wrong_states_are_refused(tmp_path: Path, state: str) -> None:
    draft = published("state")
    draft.set("labels", 0, "Label", state)
    found = failed(report_of(draft, tmp_path))
    shown = state or "(empty)"
    assert f"'compound-a' (1: {shown})" in found["label_known"]


def test_states_that_are_numbers(tmp_path: Path) -> None:
    draft = published("state")
    draft.labels["Label"] = 1
    assert "column 'Label' holds float64, expected up, down" in failed(
        report_of(draft, tmp_path)
    )["readable"]  # fmt: skip


@pytest.mark.parametrize("fault", [False, True], ids=["valid", "wrong-state"])
def test_labels_may_be_given_for_wells(tmp_path: Path, draft: Draft, fault: bool) -> None:
    given = published("state")
    if fault:
        given.set("labels", 0, "Label", "?")
    del draft.info["tables"]["proteomics"]
    draft.info["tables"]["labels"] = given.info["tables"]["labels"]
    # The plates of the readout are in no other table then.
    draft.write(tmp_path / "tiny")
    given.labels.to_csv(tmp_path / "tiny/labels.csv", index=False)
    report = validate_folder(tmp_path / "tiny", SETTINGS, normalise_to_controls)
    assert list(failed(report)) == (["label_known"] if fault else [])
    assert {"enough_compounds", "well_name"} <= {result.check for result in report.results}
