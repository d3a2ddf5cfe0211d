"""A screen in a few lines."""

from __future__ import annotations

from pathlib import Path

from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    TARGET,
    WELL_KEY,
    feature_columns,
)
from phenoprot.screens.loader import load_screen
from phenoprot.screens.readout import is_large


def describe(folder: Path) -> str:
    """Tables, sizes, sources and caveats of a screen folder, as text."""
    screen = load_screen(folder)
    info, layout = screen.info, screen.layout()
    treated = layout[layout[CONTROL] != NEGATIVE_CONTROL]
    doses = treated.groupby(COMPOUND)[CONCENTRATION].nunique()
    wells = (
        f"wells: {len(layout)} on {layout[PLATE].nunique()} plates, "
        f"{(layout[CONTROL] == NEGATIVE_CONTROL).sum()} of them {info.negative_control}"
        if info.tables.treatments is None
        else f"treatments: {len(layout)}, without wells"
    )
    lines = [
        info.title,
        f"{wells}; "
        f"{treated[COMPOUND].nunique()} compounds at {doses.min()}-{doses.max()} concentration(s)",
    ]
    rows = "wells" if info.tables.treatments is None else "treatments"
    for method, table in info.tables.profiles.items():
        profile = screen.profile(method)
        lines.append(
            f"profiles/{method}: {len(profile)} {rows} x {len(feature_columns(profile))} features"
            f" - {table.content}"
        )
    if info.tables.images:
        fields = screen.images()
        sites = fields.groupby(WELL_KEY).size()
        lines.append(
            f"images: {len(fields)} fields of view in {len(sites)} wells on "
            f"{fields[PLATE].nunique()} plates, {sites.min()}-{sites.max()} site(s) per well"
        )
    if info.tables.proteomics:
        if is_large(folder / info.tables.proteomics.path):
            sizes = len(screen.proteins()), len(screen.readout_wells())
        else:
            readout = screen.proteomics()
            sizes = readout[PROTEIN].nunique(), len(readout[WELL_KEY].drop_duplicates())
        lines.append(
            f"proteomics: {sizes[0]} proteins x {sizes[1]} wells - {info.tables.proteomics.content}"
        )
    if info.tables.labels:
        labels = screen.labels()
        lines.append(
            f"labels: {labels[PROTEIN].nunique()} of {info.tables.labels.measured} x "
            f"{labels[COMPOUND].nunique()} compounds - {info.tables.labels.content}"
        )
    if info.tables.targets:
        targets = screen.targets()
        lines.append(
            f"targets: {targets[TARGET].nunique()} of {targets[COMPOUND].nunique()} compounds"
        )
    lines += [f"source: {s.content} ({s.repository} at {s.commit}; {s.licence})"
              for s in info.sources]  # fmt: skip
    return "\n".join(lines + [f"caveat: {caveat}" for caveat in info.caveats])
