"""Where the programmes of a simulated screen show in its images: stains and compartments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phenoprot.core.artefacts import read_table
from phenoprot.evaluation.feature_groups import SHAPE
from phenoprot.phantom.traits import EFFECTS
from phenoprot.screens.contract import PROTEIN
from phenoprot.tasks.planted import LOADING

Place = tuple[str, str]
"""Compartment and stain."""
_NUCLEUS, _BODY = ("Nuclei",), ("Cells", "Cytoplasm")
_CELL = (*_NUCLEUS, *_BODY)
TRAIT_PLACES: dict[str, tuple[tuple[str, ...], str]] = {
    "cell_area": (_BODY, SHAPE),
    "elongation": (_BODY, SHAPE),
    "protrusion": (_BODY, SHAPE),
    "nucleus_area": (_NUCLEUS, SHAPE),
    "dna": (_NUCLEUS, "DNA"),
    "chromatin": (_NUCLEUS, "DNA"),
    "nucleoli": (_NUCLEUS, "RNA"),
    "nucleolus_area": (_NUCLEUS, "RNA"),
    "nucleolus_contrast": (_NUCLEUS, "RNA"),
    "er": (_CELL, "ER"),
    "er_reach": (_BODY, "ER"),
    "er_grain": (_BODY, "ER"),
    "rna": (_CELL, "RNA"),
    "agp": (_CELL, "AGP"),
    "fibres": (_BODY, "AGP"),
    "rim": (_BODY, "AGP"),
    "golgi": (_BODY, "AGP"),
    "vacuoles": (_BODY, "AGP"),
    "vacuole_diameter": (_BODY, "AGP"),
    "mito": (_CELL, "Mito"),
    "mito_length": (_BODY, "Mito"),
    "mito_reach": (_BODY, "Mito"),
}
"""Compartments and stain that a trait is drawn in (:mod:`phenoprot.phantom.stains`). The level of a
stain multiplies its light above the nucleus as well. The outline of the cell holds the nucleus, but
a trait of the nucleus counts as planted in ``Nuclei`` alone."""


def programme_places() -> dict[str, frozenset[Place]]:
    """Compartments and stains that each programme changes; none of one that no image shows."""
    return {
        programme: frozenset(
            (compartment, TRAIT_PLACES[trait][1])
            for trait in effects
            for compartment in TRAIT_PLACES[trait][0]
        )
        for programme, effects in EFFECTS.items()
    }


def planted_places(truth: Path, direction: int) -> Mapping[str, frozenset[Place]]:
    """Compartments and stains of the programmes that move each protein.

    Parameters
    ----------
    truth
        Folder ``truth`` of a simulated screen.
    direction
        1: only programmes that raise a protein count; -1: only those that lower it.

    Returns
    -------
    Mapping
        By protein, those alone that a programme moves which images show.

    Raises
    ------
    UserError
        The table of the proteins is missing or damaged.
    """
    table = read_table(truth / "proteins.parquet", [PROTEIN]).set_index(PROTEIN)
    shown = programme_places()
    found: dict[str, frozenset[Place]] = {}
    for programme, places in shown.items():
        column = f"{LOADING}{programme}"
        if column not in table:
            continue
        for protein in table.index[direction * table[column] > 0]:
            found[str(protein)] = found.get(str(protein), frozenset()) | places
    return found
