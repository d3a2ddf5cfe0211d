"""Does CurveCurator find what is planted, and little else?

``python tests/screens_phantom/test_recall.py ENGINE COMPOUNDS PROTEINS`` prints the counts of
docs/phantom.md.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.curves.designs import screen_curves
from phenoprot.curves.screen import fit_screen
from phenoprot.curves.settings import CurveSettings
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.write import simulate_phantom
from phenoprot.screens.loader import Screen, load_screen

EDGES = [0, 0.2, 0.45, 0.7, 1, 1.5, np.inf]


def calls(screen: Screen, engine: str, n_compounds: int, n_proteins: int) -> pd.DataFrame:
    """Planted regulation and its call, for compounds and proteins drawn at random."""
    keys = ["Metadata_Plate", "Metadata_Well"]
    rows = screen.proteomics().merge(screen.wells(), on=keys, validate="m:1")
    treated = rows["Metadata_Control"] == ""
    rng = np.random.default_rng(0)
    compounds = rng.choice(rows.loc[treated, "Metadata_Compound"].unique(), n_compounds, False)
    proteins = rng.choice(np.sort(rows["Metadata_Protein"].unique()), n_proteins, False)
    rows = rows[~treated | rows["Metadata_Compound"].isin(compounds)]
    rows = rows[rows["Metadata_Protein"].isin(proteins)]
    replicate = rows["Metadata_Plate"].where(rows["Metadata_Control"] == "", rows["Metadata_Well"])
    settings = CurveSettings(control_group=("Metadata_Plate",), engine=engine)
    long = rows.assign(Metadata_Replicate=replicate)
    curves = fit_screen(screen_curves(long, settings), settings)
    truth = pd.read_parquet(screen.folder / "truth" / "regulation.parquet")
    table = truth.merge(
        curves[["Metadata_Compound", "Metadata_Protein", "pEC50", "Label"]],
        on=["Metadata_Compound", "Metadata_Protein"],
    )
    table["call"] = table["Label"].replace("", "unclassified")
    table["called"] = table["call"].isin(["up", "down"])
    table["found"] = table["called"] & (table["call"] == table["direction"])
    size = table["log2_fold_change"].abs()
    table["effect"] = pd.cut(size.where(table["direction"] != "none"), EDGES).astype(str)
    return table


def test_strong_effects_are_found_and_nothing_is_called_where_nothing_is(phantom):
    table = calls(phantom.screen, "curvecurator", 10, 30)
    size = table["log2_fold_change"].abs()
    strong, medium = table[size > 1], table[size.between(0.45, 0.9)]
    assert len(strong) >= 10
    assert strong["found"].mean() > 0.8
    assert 0.2 < medium["found"].mean() < strong["found"].mean()
    null = table[table["direction"] == "none"]
    assert len(null) > 200
    assert null["called"].mean() < 0.01
    found = strong[strong["found"]]
    assert (found["pEC50"] - found["pec50"]).abs().median() < 0.5


def main(engine: str, n_compounds: int, n_proteins: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "phantom"
        simulate_phantom(PhantomSettings(images=None), folder)
        table = calls(load_screen(folder), engine, n_compounds, n_proteins)
    counts = pd.crosstab(table["effect"], table["call"])
    counts["found"] = table.groupby("effect")["found"].mean().round(3)
    print(counts.to_string())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
