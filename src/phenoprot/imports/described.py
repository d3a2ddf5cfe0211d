"""What was understood of a laboratory's files, in lines of text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.imports.draft import Draft
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    INCHIKEY,
    NEGATIVE_CONTROL,
    PLATE,
    SMILES,
    WELL_KEY,
    treated_wells,
)


def describe(draft: Draft) -> list[tuple[str, str]]:
    """What was understood: label and text, line by line."""
    wells, layout = draft.layout.wells, draft.layout
    treated = treated_wells(wells)
    controls = wells[wells[CONTROL] == NEGATIVE_CONTROL]
    positive = wells[(wells[CONTROL] != NEGATIVE_CONTROL) & (wells[CONTROL] != "")]
    per_plate = controls.groupby(PLATE).size().reindex(wells[PLATE].unique(), fill_value=0)
    doses = draft.doses
    values = sorted(treated[CONCENTRATION].unique())
    said: list[tuple[str, str]] = [
        ("plates", f"{wells[PLATE].nunique()}: {listed(list(wells[PLATE].unique()))}"),
        ("wells", f"{len(wells)}, {len(treated)} of them treated"),
        ("compounds", str(treated[COMPOUND].nunique())),
        (
            "concentrations",
            f"{_range(doses)} per compound, {listed([f'{value:g}' for value in values], 8)} "
            f"{layout.unit}",
        ),
        ("negative control", f"{layout.negative_control}, {_range(per_plate)} wells a plate"),
        (
            "positive controls",
            listed(sorted(positive[COMPOUND].unique())) if len(positive) else "none",
        ),
        ("cells", draft.cell_line),
    ]
    for column, what in ((INCHIKEY, "InChIKey"), (SMILES, "SMILES")):
        if column in wells:
            known = treated.dropna(subset=column)[COMPOUND].nunique()
            said.append((what, f"{known} of {treated[COMPOUND].nunique()} compounds"))
    said += [("", line) for line in layout.lines]
    for name, (profiles, normalised) in draft.profiles.items():
        table = profiles.table
        features = sum(not column.startswith("Metadata_") for column in table)
        how = "normalised to the negative controls" if normalised else "to be standardised"
        said.append(
            (
                f"profiles/{name}",
                f"{len(table[WELL_KEY].drop_duplicates())} wells on {table[PLATE].nunique()} "
                f"plate(s), {features} features, {how}",
            )
        )
        said += [("", line) for line in profiles.lines]
    if draft.images is not None:
        said += [("images", draft.images.lines[-1])]
        said += [("", line) for line in draft.images.lines[:-1]]
    if draft.proteins is not None:
        said.append(("proteins", f"{draft.proteins.content}; {draft.design.replace('_', ' ')}"))
        kind = {"level": "levels", "intensity": "intensities"}[draft.proteins.kind]
        said.append(("", f"{kind} of {draft.protein_cell_line}"))
        said += [("", line) for line in draft.proteins.lines]
    if draft.targets is not None:
        said.append(("targets", draft.targets.lines[0] if draft.targets.lines else ""))
        said += [("", line) for line in draft.targets.lines[1:]]
    return [*said, *matches(draft)]


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def matches(draft: Draft) -> list[tuple[str, str]]:
    """Treatments that have a profile and a readout, and those that have one of them."""
    if draft.proteins is None or not (draft.profiles or draft.images):
        return []
    wells = treated_wells(draft.layout.wells)

    def treatments(table: pd.DataFrame) -> set[Any]:
        keys = pd.MultiIndex.from_frame(table[WELL_KEY].drop_duplicates())
        rows = wells[pd.MultiIndex.from_frame(wells[WELL_KEY]).isin(keys)]
        return set(rows[[COMPOUND, CONCENTRATION]].itertuples(index=False, name=None))

    if draft.profiles:
        imaged = treatments(next(iter(draft.profiles.values()))[0].table)
    else:
        assert draft.images is not None
        imaged = treatments(draft.images.fields)
    measured = treatments(draft.proteins.table)
    said = f"{len(imaged & measured)} treatments have both images and readout"
    for only, what in ((imaged - measured, "images"), (measured - imaged, "readout")):
        if only:
            said += f"; {len(only)} {what} only: {listed(sorted({str(key[0]) for key in only}), 3)}"
    return [("matches", said)]
