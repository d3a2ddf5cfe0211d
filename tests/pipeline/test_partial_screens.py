"""Screens that lack parts: their stages, and reports of what there is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.whole import ALL, ROOT, tiny_params
from tests.wild.stages import call_stage, inside, shards_in_process
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.core.files import read_json
from phenoprot.core.paths import Paths
from phenoprot.pipeline.dvc_file import dvc_yaml
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.presence import contents_of
from phenoprot.pipeline.run import make_job
from phenoprot.pipeline.stage import Stage
from phenoprot.pipeline.stages import all_stages, stages_of
from phenoprot.report.account import account
from phenoprot.report.store import read_metrics
from phenoprot.screens.contents import EVERYTHING, Contents

SCREEN = "part"
PATHS = Paths(SCREEN)
IMAGE_STAGES = {"images", "segment", "crops", "mae", "features"}
READOUT_STAGES = {
    *("curves", "labels", "check_labels", "choose"),
    *("predict-classification", "predict-regression", "predict-sensitivity"),
}
ROWS: dict[str, Any] = {
    "oracle": {"features": ["oracle"], "model": "linear", "tasks": ALL},
    "shuffled": {"features": ["oracle"], "model": "linear", "shuffled": True},
}
Without = Callable[..., Path]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Screen folder of the tiny phantom."""
    folder = tmp_path_factory.mktemp("phantom")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params(), sort_keys=False))
    with inside(folder), shards_in_process():
        call_stage("simulate", "phantom")
    return folder / "data/screens/phantom"


@pytest.fixture
def without(phantom: Path, tmp_path: Path) -> Iterator[Without]:
    """Make a screen of the tables of the tiny phantom but some, in an empty folder."""
    (tmp_path / "stages").symlink_to(ROOT / "stages")

    def made(*removed: str, rows: dict[str, Any] = ROWS, **block: Any) -> Path:
        folder = Path("data/screens") / SCREEN
        shutil.copytree(phantom / "profiles", folder / "profiles", dirs_exist_ok=True)
        for name in ("wells.csv", "targets.csv", "proteomics.parquet"):
            shutil.copy(phantom / name, folder)
        info = yaml.safe_load((phantom / "screen.yaml").read_text(encoding="utf-8"))
        info["name"] = SCREEN
        for table in ("images", *removed):
            del info["tables"][table]
        (folder / "screen.yaml").write_text(yaml.safe_dump(info, sort_keys=False))
        params = tiny_params()
        params["screens"] = {SCREEN: {"folder": str(folder), "rows": rows, **block}}
        params["tasks"]["regression"]["selection"] = None
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        return folder

    with inside(tmp_path), shards_in_process():
        yield made


def own_stages(folder: Path, screen: str = SCREEN) -> tuple[Stage, ...]:
    rows = load_params().screen(screen).rows.values()
    return stages_of(screen, contents_of(screen, folder), rows)


def run_all(folder: Path) -> str:
    """Run all stages that the screen has; each makes all that dvc.yaml says. The account."""
    for stage in own_stages(folder):
        call_stage(" ".join([stage.script or stage.name, *stage.arguments]), SCREEN)
        made = [*stage.makes(PATHS), *stage.in_git(PATHS), *stage.metrics(PATHS)]
        assert [path for path in made if not path.exists()] == [], stage.name
    page = PATHS.report.read_text(encoding="utf-8")
    assert account(read_metrics(PATHS.metrics)) == page
    return page


@pytest.mark.parametrize(
    ("removed", "absent"),
    [
        ((), set()),
        (("proteomics",), READOUT_STAGES),
        (("targets",), {"predict-targets"}),
        (("proteomics", "targets"), READOUT_STAGES | {"predict-targets"}),
    ],
    ids=["nothing", "readout", "targets", "both"],
)
def test_stages_that_need_what_is_not_there_do_not_exist(
    removed: tuple[str, ...], absent: set[str], without: Without
) -> None:
    rows = ROWS | {"oracle": {"features": ["oracle"], "model": "linear"}}
    without(*removed, rows=rows)
    entries: dict[str, dict[str, Any]] = yaml.safe_load(dvc_yaml())["stages"]
    # No row asks for the sensitivity, or for what carries its predictions.
    absent = absent | {"predict-sensitivity", "contributions"}
    names = {stage.name for stage in all_stages()} - IMAGE_STAGES - absent
    assert set(entries) == {"pipeline"} | {f"{name}-{SCREEN}" for name in names}
    assert f"data/screens/{SCREEN}/screen.yaml" in entries["pipeline"]["deps"]
    made = {
        out if isinstance(out, str) else next(iter(out))
        for entry in entries.values()
        for out in entry["outs"]
    }
    for name, entry in entries.items():
        needed = {dep for dep in entry["deps"] if dep.startswith("data/")}
        unmade = {dep for dep in needed if not {dep, *map(str, Path(dep).parents)} & made}
        assert all(Path(dep).exists() for dep in unmade), name


def test_without_a_part_the_others_are_scored_and_what_is_left_of_it_is_not_looked_at(
    without: Without,
) -> None:
    folder = without("targets")
    page = run_all(folder)
    assert "Left out, as the screen has no target annotations: targets." in page
    assert "### Table 1. Classification" in page
    assert "### Table 3" not in page
    assert (PATHS.metrics / "regression/oracle.json").is_file()
    rows = ROWS | {"plain": {"features": ["plate_position"], "model": "linear"}}
    without("proteomics", rows=rows)
    page = run_all(folder)
    assert "no protein readout: classification, regression, sensitivity." in page
    assert "What compounds do to the proteins" not in page
    assert "Table 3. Compound target prediction" in page
    assert not re.search(r"### Table [12][ab.]", page)
    assert "## Labels and images" not in page
    assert (PATHS.metrics / "targets/plain.json").is_file()
    known = read_json(PATHS.metrics / "provenance.json")
    assert known["missing"] == ["images", "readout", "labels", "levels"]
    left = {path.relative_to(PATHS.metrics).parts[0] for path in PATHS.metrics.rglob("*.json")}
    assert left == {"activity.json", "comparisons", "doses", "headline.json", "images.json",
                    "provenance.json", "targets"}  # fmt: skip


def test_with_neither_the_report_is_about_activity(without: Without) -> None:
    rows = {"oracle": {"features": ["oracle"], "model": "linear"}}
    page = run_all(without("proteomics", "targets", rows=rows))
    assert "**Asked.** Which compounds change images of U2OS-like (simulated) cells?" in page
    assert "no protein readout: classification" in page
    assert "no target annotations: targets." in page


def test_targets_with_too_few_compounds_are_left_out_by_name(
    without: Without, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = without("proteomics", settings={"tasks": {"targets": {"min_compounds": 99}}})
    page = run_all(folder)
    assert "Left out, as no target has enough labels: targets" in page
    assert not (PATHS.metrics / "labels").exists()
    assert (
        "part: no target has enough labels for targets: it is left out" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {
                "up": {"features": ["oracle"], "model": "linear", "tasks": ["classification"]},
                "both": {"features": ["oracle"], "model": "linear", "tasks": ALL},
            },
            "1 row(s) ask for what the screen does not have: "
            "'up' is in classification only (no protein readout)",
        ),
        (
            {"p": {"features": ["proteome"], "model": "linear", "tasks": ["targets"]}},
            "'p' has the features proteome (no protein readout)",
        ),
    ],
    ids=["tasks", "proteome"],
)
def test_rows_that_ask_for_what_is_not_there_are_refused(
    rows: dict[str, Any], message: str, without: Without
) -> None:
    without("proteomics", rows=rows)
    with pytest.raises(UserError) as caught:
        dvc_yaml()
    assert message in str(caught.value)
    assert f"params.yaml, screens.{SCREEN}.rows" in str(caught.value)


ONE_TASK = {"oracle": {"features": ["oracle"], "model": "linear", "tasks": ["classification"]}}


def test_stages_of_tasks_without_a_row_do_not_exist(without: Without) -> None:
    """Nor do their folders, which git would not keep: a fresh clone has all that dvc asks for."""
    without(rows=ONE_TASK)
    entries = yaml.safe_load(dvc_yaml())["stages"]
    absent = {"choose", "predict-regression", "predict-targets", "predict-sensitivity"}
    absent.add("contributions")
    names = {stage.name for stage in all_stages()} - IMAGE_STAGES - absent
    assert set(entries) == {"pipeline"} | {f"{name}-{SCREEN}" for name in names}
    metrics = [path for out in entries[f"report-{SCREEN}"]["outs"] for path in out]
    assert f"{PATHS.metrics}/classification/up" in metrics
    assert not [path for path in metrics if re.search("regression|targets|sensitivity", path)]
    for script, argument in (("predict", "targets"), ("choose", "")):
        with pytest.raises(UserError) as caught:
            make_job(script, SCREEN, (argument,) if argument else ())
        assert f"no row asks for the stage {script}" in str(caught.value)
        assert f"params.yaml, screens.{SCREEN}.rows" in str(caught.value)


def test_a_report_of_one_task_leaves_no_empty_folder(without: Without) -> None:
    page = run_all(without(rows=ONE_TASK))
    assert "- Left out, as no row takes part: regression, targets, sensitivity." in page
    folders = [path for path in PATHS.metrics.rglob("*") if path.is_dir()]
    assert folders
    assert [path for path in folders if not any(path.iterdir())] == []
    assert not (PATHS.metrics / "targets").exists()


def test_a_screen_with_the_folds_of_another_is_compared_with_it(without: Without) -> None:
    tasks = {"tasks": ["classification", "targets"]}
    rows = {name: row | tasks for name, row in ROWS.items()}
    folder = without(rows=rows)
    params = yaml.safe_load(Path("params.yaml").read_text())
    copy = Path(shutil.copytree(folder, folder.with_name("twin")))
    text = (copy / "screen.yaml").read_text()
    (copy / "screen.yaml").write_text(text.replace(f"name: {SCREEN}\n", "name: twin\n"))
    twin = {"folder": str(copy), "rows": rows | {"mine": rows["oracle"]}, "folds_like": SCREEN}
    params["screens"]["twin"] = twin
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    entries = yaml.safe_load(dvc_yaml())["stages"]
    assert f"data/folds/{SCREEN}.csv" in entries["splits-twin"]["deps"]
    predictions = {
        dep for dep in entries["evaluate-twin"]["deps"] if dep.startswith("data/predictions/")
    }
    assert predictions == {
        f"data/predictions/{screen}/{task}"
        for screen in ("twin", SCREEN)
        for task in tasks["tasks"]
    }
    assert "screens.twin.folds_like" in entries["evaluate-twin"]["params"]
    for screen in (SCREEN, "twin"):
        for stage in own_stages(folder.with_name(screen), screen):
            if stage.name != "activity":
                call_stage(" ".join([stage.script or stage.name, *stage.arguments]), screen)
    page = Paths("twin").report.read_text(encoding="utf-8")
    assert account(read_metrics(Paths("twin").metrics)) == page
    assert "### Table 14" not in PATHS.report.read_text(encoding="utf-8")
    section = page.split("### Table 14")[1]
    lines = [line for line in section.splitlines() if line.startswith(("| UP", "| DOWN", "| targ"))]
    assert [line.split(" | ")[:2] for line in lines] == [
        [f"| {part}", "oracle"] for part in ("UP", "DOWN", "targets")
    ]
    # The same screen under another name.
    same = "| +0.000 (+0.000 to +0.000) | 1 |"
    # A target of one positive has no interval.
    assert [line.split(" | ")[0] for line in lines if same not in line] == ["| DOWN"]
    assert "rows of twin alone: mine." in section
    assert "- Against the screen part, on shared compounds and targets: UP +0.000" in page
    printed = CliRunner().invoke(app, ["screens", "compare", "twin", SCREEN, "--md"])
    assert printed.exit_code == 0, printed.output
    assert [line for line in lines if line not in printed.output] == [], printed.output
    del params["screens"]["twin"]["folds_like"]
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name in ("evaluate", "report"):
        call_stage(name, "twin")
    assert "### Table 14" not in Paths("twin").report.read_text(encoding="utf-8")


def test_extracted_features_without_images_are_refused(without: Without) -> None:
    without(extracted=["cell_count"])
    with pytest.raises(UserError, match="the screen has no images: cell_count"):
        dvc_yaml()


def test_a_stage_that_the_screen_does_not_have_does_not_run(without: Without) -> None:
    without("proteomics")
    with pytest.raises(UserError) as caught:
        make_job("labels", SCREEN)
    assert "no protein readout, and hence no stage labels" in str(caught.value)
    assert f"dvc repro report-{SCREEN}" in str(caught.value)
    assert make_job("evaluate", SCREEN).has.missing == ("images", "readout", "labels", "levels")


def test_contents_in_words() -> None:
    assert EVERYTHING.missing == ()
    assert Contents.without(["readout", "labels", "levels"]).reason(["levels"]) == "protein readout"
    given = Contents.without(["readout", "levels"])  # labels that others found
    assert given.reason(["labels"]) == ""
    assert given.reason(["levels", "targets"]) == "protein levels"


def plates(folder: Path) -> None:
    """Two replicate plates of pycytominer's: 30 compounds at 3 doses, 24 DMSO wells.

    Compounds of the targets ONE and TWO move a feature each, at the two higher doses; those of
    NONE do nothing.
    """
    rng = np.random.default_rng(0)
    targets = ("ONE", "TWO", "NONE")
    names = [f"cpd{number:02d}" for number in range(30)]
    treated = [(name, dose) for name in names for dose in (0.1, 1.0, 10.0)]
    keys = [("DMSO", 0.0)] * 24 + treated
    for plate in ("SQ1", "SQ2"):
        order = rng.permutation(len(keys))
        lines = []
        for well, (name, dose) in enumerate(keys[i] for i in order):
            values = rng.normal(size=8)
            target = targets[int(name[3:]) % 3] if dose else ""
            if target in targets[:2] and dose >= 1:
                values[3 * targets.index(target)] += 8
            of_well = f"{'ABCDEFGHIJKLMNOP'[well // 24]}{well % 24 + 1:02d}"
            lines.append([plate, of_well, name, dose, target, "A549", *values])
        columns = ["Metadata_Plate", "Metadata_Well", "Metadata_broad_sample", "Metadata_dose_uM",
                   "Metadata_target", "Metadata_cell_id",
                   *(f"Cells_f{number}" for number in range(8))]  # fmt: skip
        pd.DataFrame(lines, columns=columns).to_csv(folder / f"{plate}.csv", index=False)


def test_a_dose_series_without_a_readout(tmp_path: Path) -> None:
    """From feature tables alone: which doses act, where compounds begin to, and their targets."""
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_params(), sort_keys=False))
    plates(tmp_path)
    line = f"screens new data/screens/{SCREEN} --profiles SQ*.csv --params params.yaml"
    with inside(tmp_path), shards_in_process():
        result = CliRunner().invoke(app, line.split(), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert "no readout: stages that need them are left out" in result.output
        page = run_all(Path("data/screens") / SCREEN)
        activity = read_json(PATHS.metrics / "activity.json")
        scores = pd.read_parquet(PATHS.scores / "targets/cellprofiler_linear.parquet")
        by_dose = read_json(PATHS.metrics / "doses/targets/cellprofiler_linear.json")
    by_concentration = {one["concentration"]: one for one in activity["doses"]}
    assert {dose: one["n"] for dose, one in by_concentration.items()} == {0.1: 30, 1: 30, 10: 30}
    assert [by_concentration[dose]["n_active"] >= 20 for dose in (0.1, 1, 10)] == [
        *(False, True, True)
    ]
    assert by_concentration[1]["n_first"] >= 18
    assert f"{activity['n_active']} of 30 tested compounds are active (Table 10)." in page
    assert "### Table 10a. Activity: treatments" in page
    assert scores.set_index("Target")["auc"].loc[["ONE", "TWO"]].min() > 0.75
    assert by_dose["10"]["mean_auc"] > by_dose["0.1"]["mean_auc"] + 0.2
