"""Broken labels and folds: each fails the one check that names its fault."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from phenoprot.validation.labels import check_labels
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.settings import ValidationSettings

Tables = tuple[pd.DataFrame, pd.DataFrame]
N_FOLDS = 5


def valid_tables() -> Tables:
    """60 compounds x 6 proteins; up for every third, down for every fourth compound."""
    compounds = [f"c{i:02d}" for i in range(60)]
    i = np.arange(60)
    label = np.where(i % 3 == 0, "up", np.where(i % 4 == 0, "down", "not"))
    labels = pd.DataFrame(
        {
            "Metadata_Compound": np.repeat(compounds, 6),
            "Metadata_Protein": [f"p{j}" for j in range(6)] * 60,
            "Label": np.repeat(label, 6),
        }
    )
    folds = pd.DataFrame(
        {"Metadata_Compound": compounds, "Metadata_Group": compounds, "Fold": i // 2 % N_FOLDS}
    )
    return labels, folds


def check(labels: pd.DataFrame, folds: pd.DataFrame) -> ValidationReport:
    return check_labels(
        labels, folds, ValidationSettings(), min_positives=10, min_negatives=10, n_folds=N_FOLDS
    )


def no_label_column(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    return labels.drop(columns="Label"), folds


def unknown_label(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    labels.loc[3, "Label"] = "UP"
    return labels, folds


def repeated_label(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    return pd.concat([labels, labels.iloc[[7]]]), folds


def compound_in_two_folds(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    extra = folds.iloc[[4]].assign(Fold=0, Metadata_Group="another")
    return labels, pd.concat([folds, extra])


def fold_out_of_range(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    folds.loc[5, "Fold"] = 7
    return labels, folds


def group_in_two_folds(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    folds.loc[[1, 2], "Metadata_Group"] = "SKELETON"
    return labels, folds


def compound_without_fold(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    return labels, folds.drop(index=[0, 9])


def empty_fold(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    folds["Fold"] = folds["Fold"].replace(4, 3)
    return labels, folds


def nothing_down(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    labels["Label"] = labels["Label"].replace("down", "")
    return labels, folds


def positives_in_two_folds(labels: pd.DataFrame, folds: pd.DataFrame) -> Tables:
    # p0 is up in 10 of the 12 + 12 compounds of folds 0 and 1 only.
    of_p0 = labels["Metadata_Protein"] == "p0"
    labels.loc[of_p0, "Label"] = "not"
    few = folds.loc[folds["Fold"] < 2, "Metadata_Compound"].tolist()
    labels.loc[of_p0 & labels["Metadata_Compound"].isin(few[:10]), "Label"] = "up"
    return labels, folds


FAULTS = [
    (no_label_column, "label_columns", "labels: columns missing: Label"),
    (unknown_label, "label_known", "1 of 360 labels are unknown: c00 p3 'UP'"),
    (repeated_label, "label_unique", "1 of 361 labels repeat a compound and protein: c01 p1"),
    (compound_in_two_folds, "fold_unique", "1 of 61 rows repeat a compound: c04 (fold 0)"),
    (fold_out_of_range, "fold_number", "1 of 60 compounds have a fold outside 0 to 4: c05"),
    (group_in_two_folds, "fold_group", "1 of 59 groups of compounds are spread over folds: SKEL"),
    (compound_without_fold, "label_has_fold", "2 of 60 labelled compounds have no fold: c00, c09"),
    (empty_fold, "fold_filled", "1 of 5 folds have no labelled compound: fold 4"),
    (nothing_down, "enough_proteins", "direction down: 0 of 6 proteins have 10 positives"),
    (positives_in_two_folds, "proteins_thin", "direction up: 1 of 6 proteins (p0) can be scored"),
]


def test_valid_labels_pass() -> None:
    report = check(*valid_tables())
    assert report.ok, report.lines()
    assert report.warnings == []


@pytest.mark.parametrize(
    ("fault", "rule", "message"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS]
)
def test_one_fault_one_message(fault: Callable[..., Tables], rule: str, message: str) -> None:
    report = check(*fault(*valid_tables()))
    assert [r.check for r in report.failures] == [rule], report.lines()
    assert message in report.lines()[0]


def test_all_labels_are_counted() -> None:
    """One sound label stands for all others; what is wrong with the rest is told of all."""
    labels, folds = valid_tables()
    for faulty, failed in ((labels, 0), (unknown_label(labels.copy(), folds)[0], 1)):
        results = {result.check: result for result in check(faulty, folds).results}
        assert results["label_known"].total == results["label_unique"].total == 360
        assert results["label_known"].n == failed
