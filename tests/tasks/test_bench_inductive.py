"""The autoencoder without the test compounds: what is left out, how networks are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.mae.bench_mae import make_store
from benchmarks.models.inductive import Without, difference, of_fold

from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.imaging.crops.cut import CELL_COLUMNS
from phenoprot.imaging.crops.store import COUNT_COLUMNS, CropStore
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, FIELD_KEY, WELL_KEY
from phenoprot.tasks.columns import FOLD, GROUP
from phenoprot.tasks.data import align
from phenoprot.tasks.models import find_model
from phenoprot.tasks.settings import ModelSettings, TaskSettings

SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)


@pytest.fixture
def store(tmp_path: Path) -> CropStore:
    """Three wells with two fields each; the second has no crop in its first field."""
    opened = make_store(tmp_path, 4)
    table = pd.DataFrame([("P", f"A0{1 + i // 2}", str(i % 2)) for i in range(6)])
    table = table.set_axis(FIELD_KEY, axis=1)
    crops = np.array([300, 100, 0, 150, 200, 50])
    counts = dict.fromkeys(COUNT_COLUMNS, crops)
    table.assign(**counts).to_parquet(tmp_path / "P/A.fields.parquet")
    cells = table.loc[table.index.repeat(crops)].assign(**dict.fromkeys(CELL_COLUMNS, 0))
    cells.reset_index(drop=True).to_parquet(tmp_path / "P/A.parquet")
    return CropStore.open(opened.folder)


def test_every_field_of_the_wells_that_are_left_out_is_gone(store: CropStore) -> None:
    gone = pd.DataFrame({WELL_KEY[0]: ["P", "Q"], WELL_KEY[1]: ["A02", "A01"]})
    left = Without.of(store, gone)
    assert [(f[0], len(f)) for f in left.fields] == [(0, 300), (300, 100), (550, 200), (750, 50)]
    assert sum(map(len, Without.of(store, gone[:0]).fields)) == 800
    np.testing.assert_array_equal(left.read(left.fields[2][:3]), store.read([550, 551, 552]))


def test_rows_of_one_fold_and_their_difference(tiny: TaskSettings) -> None:
    rng = np.random.default_rng(0)
    names = [f"c{i:03d}" for i in range(120)]
    x = rng.normal(size=(120, 3))
    profile = pd.DataFrame(x, columns=list("abc")).assign(**{COMPOUND: names, CONCENTRATION: 1.0})
    folds = pd.DataFrame({COMPOUND: names, GROUP: names, FOLD: rng.permutation(120) % 3})
    labels = pd.DataFrame({COMPOUND: names, "P": (x[:, 0] > 0).astype(np.float32)})
    model = find_model(ModelSettings(estimator="linear"), tiny)
    good, bad = (
        of_fold(model, align([table], labels, folds), 1)
        for table in (profile, profile.assign(a=0.0))
    )
    assert set(good[FOLD]) == {1}
    assert len(good) == 40
    assert difference(good, good, labels, SETTINGS) == "-"
    value, low, _, high = difference(good, bad, labels, SETTINGS).replace("(", "").split()
    assert 0 < float(low) < float(value) < float(high.rstrip(")"))
