"""What is no protein of the sample is known by its name, and no gene is taken for it."""

from __future__ import annotations

import pytest

from phenoprot.screens.contaminants import contaminant_names, is_contaminant, is_decoy

MARKED = [
    "CON__P00761",
    "CON__ENSEMBL:ENSBTAP00000038253",
    "Cont_P02769",
    "cont_P02769",
    "sp|Cont_P02769|ALBU_BOVIN",
    "contam_sp|P02769|ALBU_BOVIN",
    "CONTAMINANT_P1",
    "cRAP-P00761",
    "crap_P00761",
    "cRAP001|P00330|ADH1_YEAST",
    "zz|Y-FGCZCont00001|",
    "P04264;CON__P04264",
    "REV__P9",
    "REV__CON__P00761",
    "rev_sp|P9|X_HUMAN",
    "rev_contam_sp|P02769|ALBU_BOVIN",
    "DECOY_P9",
    "decoy_P9",
    "XXX_P9",
    "###REV###P9",
]
SAMPLE = [
    "REV1",
    "REV3L",
    "REVERB",
    "CONT1",
    "CONTACTIN",
    "CON1",
    "CRABP1",
    "CRAPX",
    "CRAP1",
    "DECOY",
    "XXX",
    "P02769",
    "sp|Q9UBZ9|REV1_HUMAN",
    "P1;REV__P2",
    "",
]


@pytest.mark.parametrize("name", MARKED)
def test_marks_of_the_engines_are_known(name: str) -> None:
    assert contaminant_names([name]) == [name]


@pytest.mark.parametrize("name", SAMPLE)
def test_genes_that_look_alike_are_kept(name: str) -> None:
    assert contaminant_names([name]) == []


def test_groups() -> None:
    assert is_contaminant("P1; Cont_P2")
    assert not is_decoy("P1;REV__P2")
    assert is_decoy("REV__P2;P1")


def test_each_is_named_once_and_in_order() -> None:
    assert contaminant_names(["rev_b", "A", "CON__a", "rev_b"]) == ["rev_b", "CON__a"]
