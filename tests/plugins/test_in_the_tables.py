"""A feature method, a model and a task of another package stand in the tables of a screen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.whole import SCREEN, run_stage, tiny_params
from tests.wild.stages import inside

from phenoprot.core.paths import Paths
from phenoprot.pipeline.stages import all_stages
from phenoprot.tasks.settings import RowSettings

pytestmark = pytest.mark.usefixtures("toy")


def test_all_three_appear_in_the_tables_of_a_small_screen(whole_run: Path, tmp_path: Path) -> None:
    """No file of this repository is edited: parameters and an installed package do it."""
    folder = tmp_path / "run"
    shutil.copytree(whole_run, folder, symlinks=True)
    params = tiny_params()
    block = params["screens"][SCREEN]
    block["extracted"] = ["toy_light"]
    block["rows"] = {
        "light": {"features": ["toy_light"], "model": "linear"},
        "centroid": {
            "features": ["oracle"],
            "model": {"estimator": "centroid", "parameters": {"power": 1.0}},
            "tasks": ["classification", "targets", "spread"],
        },
        "tree": {
            "features": ["toy_light"],
            "model": {"estimator": "sklearn.tree.DecisionTreeRegressor"},
            "tasks": ["regression"],
        },
    }
    params["features"]["others"] = {"toy_light": {"statistic": "max"}}
    params["tasks"]["others"] = {"spread": {"quantile": 0.5}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    rows = [RowSettings.model_validate(row) for row in block["rows"].values()]
    tasks = [stage.name for stage in all_stages(rows=rows) if stage.script == "predict"]
    assert tasks[-1] == "predict-spread"
    assert "predict-sensitivity" not in tasks  # no row asks for it
    names = ["features", "profiles", *tasks]
    stages = {stage.name: stage for stage in all_stages()}
    paths = Paths(SCREEN)
    with inside(folder):
        for place in (paths.all_features, paths.profiles, paths.scores, paths.metrics):
            shutil.rmtree(place)
        shutil.rmtree(paths.predictions("classification").parent)
        for name in (*names, "evaluate", "report"):
            run_stage(stages[name])
        spread = json.loads((paths.metrics / "spread" / "centroid.json").read_text())
        page = paths.report.read_text(encoding="utf-8")
    assert 0 <= spread["mean_auc"] <= 1
    assert "Proteome-wide effect: ROC AUC" in page
    table = page.split("Proteome-wide effect")[1].split("\n\n")[1]
    assert "| light |" in table
    assert "| centroid |" in table
    regression = page.split("Table 2a")[1].split("\n\n")[1]
    assert "| tree |" in regression
    assert "| centroid |" not in regression
