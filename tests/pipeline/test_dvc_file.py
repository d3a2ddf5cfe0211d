"""dvc.yaml is what the declarations ask for, and names all that a stage depends on."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo.artifacts import check_name_format

from phenoprot.core.closure import import_closure
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, read_json
from phenoprot.core.paths import Paths
from phenoprot.features.mae.finish import LOGGED
from phenoprot.features.mae.folder import TRAINING
from phenoprot.pipeline import dvc_file
from phenoprot.pipeline.dvc_file import dvc_yaml, require_in_step
from phenoprot.pipeline.first import (
    code_file,
    code_of,
    rows_file,
    settings_file,
    write_code,
    write_rows,
    write_settings,
)
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.provenance import parameters_of, sources_of
from phenoprot.pipeline.stages import SIMULATE, all_stages

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
ENTRIES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["stages"]
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "src").rglob("*.py"))
SCREENS = ("cpjump1", "phantom")
"""Those that have everything."""
ALL = (*SCREENS, "comas")


def path_of(out: str | dict[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))


def outs_of(entry: dict[str, Any]) -> list[str]:
    return [path_of(out) for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]


@pytest.fixture(autouse=True)
def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_committed_file_is_what_would_be_generated() -> None:
    assert dvc_yaml() == TEXT
    require_in_step()


@lru_cache(maxsize=1)
def code() -> dict[str, set[str]]:
    """What the first stage writes down: by the name of each file, the code that it covers."""
    return {str(code_file(script)): set(code_of(script)) for script in dvc_file.SCRIPTS}


def reruns(edited: Path) -> set[str]:
    """Stages that DVC would run again after an edit: first the one that writes down the code."""
    places = {str(edited), *map(str, edited.parents)}
    places |= {name for name, covered in code().items() if str(edited) in covered}
    return {name for name, entry in ENTRIES.items() if places & set(entry["deps"])}


def test_dvc_reruns_what_an_edit_of_any_module_concerns() -> None:
    """Both ways: no stage goes stale, and none runs again that the edit does not concern."""
    files = {
        stage.name: {path.resolve() for path in import_closure(stage.path).files}
        for stage in (SIMULATE, *all_stages())
    }
    for module in MODULES:
        concerned = {
            stage.key(screen)
            for stage in (SIMULATE, *all_stages())
            for screen in ALL
            if module.resolve() in files[stage.name]
        } & ENTRIES.keys()
        again = reruns(module)
        assert again - {"pipeline"} == concerned, module
        # Whether dvc.yaml is in step is asked again after any edit of what generates it, and what
        # the code of the stages is after an edit of that, or of another module of its package.
        asked = concerned or module.is_relative_to("src/phenoprot/pipeline")
        assert "pipeline" in again or not asked, module
    assert not reruns(Path("src/phenoprot/cli.py"))
    assert reruns(Path("src/phenoprot/curves/a_new_module.py")) == {"pipeline"}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        # What was missing by hand: each of these decides what the stage writes.
        ("src/phenoprot/readout/single_dose.py", {"labels"}),
        ("src/phenoprot/curves/settings.py", {"curves", "report"}),
        ("src/phenoprot/wells/normalise.py", {"validate", "labels", "profiles"}),
        ("src/phenoprot/tasks/folds.py", {"check_labels", "predict-classification"}),
        ("src/phenoprot/tasks/data.py", {"predict-regression", "predict-targets"}),
        ("src/phenoprot/core/statistics.py", {"labels", "evaluate"}),
        ("src/phenoprot/core/files.py", {"splits", "evaluate", "report", "features"}),
    ],
)
def test_stages_that_an_edit_must_rerun(module: str, stages: set[str]) -> None:
    again = reruns(Path(module))
    for stage in stages:
        assert {f"{stage}-{screen}" for screen in SCREENS} <= again


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("src/phenoprot/report/tables.py", {"evaluate", "predict-targets", "features", "mae"}),
        ("src/phenoprot/evaluation/auc.py", {"predict-classification", "labels", "mae"}),
        ("src/phenoprot/features/cellprofiler/texture.py", {"mae", "curves", "profiles"}),
        ("src/phenoprot/curves/kernel.py", {"features", "validate", "splits", "profiles"}),
        ("src/phenoprot/pipeline/params.py", {stage.name for stage in all_stages()}),
        ("src/phenoprot/cli.py", {stage.name for stage in all_stages()}),
    ],
)
def test_stages_that_an_edit_leaves_alone(module: str, stages: set[str]) -> None:
    again = reruns(Path(module))
    assert not again & {f"{stage}-{screen}" for stage in stages for screen in SCREENS}


@pytest.mark.parametrize("screen", ALL)
def test_every_artefact_has_one_maker_and_stages_come_after_what_they_need(screen: str) -> None:
    made: set[str] = set()
    for name, entry in ENTRIES.items():
        if name != "pipeline" and not name.endswith(f"-{screen}"):
            continue
        for dep in entry["deps"]:
            if dep.startswith(("data/", "metrics/")) and not (ROOT / dep).exists():
                assert any(dep == out or dep.startswith(f"{out}/") for out in made), (name, dep)
        outs = outs_of(entry)
        assert len(set(outs)) == len(outs)
        assert not made & set(outs), name
        made |= set(outs)
        script = Path(entry["cmd"].split()[1])
        assert entry["deps"][0] in {str(script), str(script.parent)}, (
            "a stage depends on its script"
        )
        assert name == "pipeline" or str(code_file(script)) in entry["deps"]


def test_metrics_and_plots_are_in_git_not_in_the_cache() -> None:
    for entry in ENTRIES.values():
        for out in (*entry.get("metrics", []), *entry.get("plots", [])):
            assert next(iter(out.values()))["cache"] is False


def test_dvc_s_metrics_are_the_headline_alone() -> None:
    """All metrics files made 5,228 columns of `dvc exp show`."""
    for name, entry in ENTRIES.items():
        screen = name.removeprefix("report-")
        expected = [f"metrics/{screen}/headline.json"] if name.startswith("report-") else []
        assert [path_of(out) for out in entry.get("metrics", [])] == expected


def test_training_is_plotted_and_its_models_are_artefacts() -> None:
    """Of screens that take features of the model: the phantom."""
    whole = yaml.safe_load(TEXT)
    (plot,), artefacts = whole["plots"], whole["artifacts"]
    log = Paths("phantom").mae / TRAINING
    assert plot["mae-phantom"]["y"] == {str(log): dvc_file.LOSSES}
    assert {plot["mae-phantom"]["x"], *dvc_file.LOSSES} <= set(LOGGED)
    assert {name: entry["path"] for name, entry in artefacts.items()} == {
        "mae-phantom": str(Paths("phantom").mae)
    }
    assert artefacts["mae-phantom"]["path"] in outs_of(ENTRIES["mae-phantom"])


def test_names_of_artefacts_are_those_that_dvc_takes(elsewhere: Path) -> None:
    params = (elsewhere / "params.yaml").read_text()
    text = params.replace("  cpjump1:\n", "  my.screen_1:\n", 1)
    text = text.replace("extracted: []", "extracted: [mae]")
    (elsewhere / "params.yaml").write_text(text)
    names = list(yaml.safe_load(dvc_yaml(elsewhere / "params.yaml"))["artifacts"])
    assert names == ["mae-my-screen_1", "mae-phantom"]
    for name in names:
        check_name_format(name)


def test_a_screen_s_stages_depend_on_the_files_that_they_read() -> None:
    """A further embedding concerns checks, profiles and activity, and no image is read again."""
    table = "data/screens/cpjump1/profiles/cellprofiler.parquet"
    assert {name for name, entry in ENTRIES.items() if table in entry["deps"]} == {
        "validate-cpjump1",
        "profiles-cpjump1",
        "activity-cpjump1",
        "report-cpjump1",  # it writes the hash of all files
    }
    folders = {str(Path("data/screens") / screen) for screen in ALL}
    assert not [name for name, entry in ENTRIES.items() if folders & set(entry["deps"])]


def test_the_report_depends_on_every_parameter_that_its_hash_covers(elsewhere: Path) -> None:
    """By the file that the first stage writes."""
    for screen in ALL:
        assert str(settings_file(screen)) in ENTRIES[f"report-{screen}"]["deps"]
    assert str(settings_file("comas").parent) in ENTRIES["pipeline"]["outs"]

    def written() -> tuple[bytes, str]:
        params = load_params()
        write_settings({"comas": parameters_of("comas", params)})
        return settings_file("comas").read_bytes(), sources_of("comas", params).params_sha256

    before = written()
    assert not any(key.startswith("execution") for key in read_json(settings_file("comas")))
    params = yaml.safe_load((elsewhere / "params.yaml").read_text())
    changes: list[tuple[tuple[str, ...], Any, bool]] = [
        (("execution", "workers"), 7, False),
        (("crops", "size"), 48, False),  # it has no images
        (("tasks", "linear", "components"), 9, True),
        (("screens", "comas", "settings"), {"evaluation": {"permutations": 500}}, True),
        (("screens", "cpjump1", "settings"), {"evaluation": {"permutations": 500}}, False),
    ]
    for keys, value, counts in changes:
        changed = yaml.safe_load(yaml.safe_dump(params))
        block = changed
        for key in keys[:-1]:
            block = block[key]
        block[keys[-1]] = value
        (elsewhere / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
        after = written()
        assert (before[0] != after[0], before[1] != after[1]) == (counts, counts), keys


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parameters and the screens that are no simulation, to be changed."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    for name in ("cpjump1", "comas"):
        folder = Path("data/screens") / name
        pictures = shutil.ignore_patterns("*.tiff")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=pictures)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(dvc_yaml(folder / "params.yaml"))["stages"]


def test_a_screen_s_optional_keys_may_be_left_out(elsewhere: Path) -> None:
    params = yaml.safe_load((elsewhere / "params.yaml").read_text())
    del params["screens"]["cpjump1"]["extracted"]
    (elsewhere / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert entries(elsewhere)["mae-cpjump1"]["params"] == ["mae"]
    assert entries(elsewhere)["mae-phantom"]["params"] == ["mae", "screens.phantom.extracted"]


def test_a_new_embedding_is_found(elsewhere: Path) -> None:
    profiles = elsewhere / "data/screens/cpjump1/profiles"
    shutil.copy(profiles / "cell_count.parquet", profiles / "mine.parquet")
    before = yaml.safe_load(TEXT)["stages"]
    changed = {
        name
        for name, entry in entries(elsewhere).items()
        if "data/screens/cpjump1/profiles/mine.parquet" in entry["deps"]
    }
    assert changed == {
        f"{stage}-cpjump1" for stage in ("validate", "profiles", "activity", "report")
    }
    assert "mine.parquet" not in str(before)


def test_of_the_simulated_screen_a_user_s_table_is_no_output(elsewhere: Path) -> None:
    profiles = elsewhere / "data/screens/phantom/profiles"
    profiles.mkdir(parents=True)
    shutil.copy(
        elsewhere / "data/screens/cpjump1/profiles/cell_count.parquet", profiles / "my.parquet"
    )
    found = entries(elsewhere)
    mine = "data/screens/phantom/profiles/my.parquet"
    assert mine not in outs_of(found["simulate-phantom"])
    assert mine in found["profiles-phantom"]["deps"]


def test_outside_a_repository_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (load_params, dvc_yaml):
        with pytest.raises(UserError, match=r"params\.yaml: .*folder that holds dvc\.yaml"):
            command()


def test_a_file_out_of_step_is_refused(elsewhere: Path) -> None:
    with pytest.raises(UserError, match="phenoprot pipeline write"):
        require_in_step()
    dvc_file.write_dvc_yaml()
    require_in_step()
    params = (elsewhere / "params.yaml").read_text()
    (elsewhere / "params.yaml").write_text(params.replace("  phantom:\n", "  other:\n", 1))
    with pytest.raises(UserError):
        require_in_step()


def test_the_code_of_a_stage_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the hash of each file: another one after an edit, and after no other."""
    source = tmp_path / "src/phenoprot"
    for name in ("core/names.py", "core/tables.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "src/phenoprot" / name, source / name)
    real = code_of(Path("stages/splits.py"))
    assert "src/phenoprot/tasks/splits.py" in real
    assert "src/phenoprot/curves/kernel.py" not in real
    script = Path("stages/splits.py").resolve()
    monkeypatch.chdir(tmp_path)
    covered = {f"src/phenoprot/{name}": source / name for name in ("core/names.py",)}
    monkeypatch.setattr("phenoprot.pipeline.first.code_of", lambda _: covered)
    write_code([script])
    written = code_file(script)
    before = written.read_bytes()
    assert read_json(written) == {name: file_sha256(file) for name, file in covered.items()}
    (source / "core/tables.py").write_text("")
    write_code([script])
    assert written.read_bytes() == before
    (source / "core/names.py").write_text("")
    write_code([script])
    assert written.read_bytes() != before


def test_stages_depend_on_the_rows_of_their_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the file that the first stage writes; the report by the parameter, which DVC shows."""
    for screen in ALL:
        named = {name for name, entry in ENTRIES.items() if str(rows_file(screen)) in entry["deps"]}
        asking = {s.key(screen) for s in all_stages() if "screen.rows" in s.params}
        assert named == asking & ENTRIES.keys() - {f"report-{screen}"}
        assert f"screens.{screen}.rows" in ENTRIES[f"report-{screen}"]["params"]
        assert not any(f"screens.{screen}.rows" in ENTRIES[name]["params"] for name in named)
    monkeypatch.chdir(tmp_path)
    rows = {"mine": {"features": ["a"], "model": "linear"}}
    write_rows({"one": {"folder": "here", "rows": rows}})
    assert read_json(rows_file("one")) == rows


def test_paths_of_stages_are_those_of_the_screen() -> None:
    for screen in SCREENS:
        outs = {out for entry in ENTRIES.values() for out in outs_of(entry)}
        paths = Paths(screen)
        for path in (paths.masks, paths.mae, paths.labels, paths.scores, paths.report):
            assert str(path) in outs
