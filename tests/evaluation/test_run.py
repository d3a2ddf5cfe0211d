"""A screen is evaluated: all its files, in parallel, resumable, whatever computes them."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from tests.execution.computations import in_process

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.evaluation.compute import evaluate_shard
from phenoprot.evaluation.plan import PartToScore, comparison_shards, row_shards
from phenoprot.evaluation.results import (
    ActivityCounts,
    Ceiling,
    Comparisons,
    Estimate,
    Group,
    LabelTruth,
    RowResult,
    read_result,
)
from phenoprot.evaluation.run import evaluate_screen
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.execution.attempt import Job, Outcome
from phenoprot.execution.local import run_local
from phenoprot.execution.run import EXECUTORS, run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import Compute
from phenoprot.screens.contents import EVERYTHING
from phenoprot.tasks.registry import all_parts, find_task
from phenoprot.tasks.settings import RowSettings

from .test_score import task

ROOT = Path(__file__).parents[2]
PARTS = tuple(all_parts())
COMPARED = [name for name, of_part in all_parts().items() if of_part.scorer == "auc"]
SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6, 0.8], r2_thresholds=[0.1, 0.5], permutations=20, seed=0
)
TWO = ExecutionSettings(workers=2)


def write_ceilings(paths: Paths, *lines: tuple[str, str, float]) -> None:
    """Ceilings in the labels folder: protein, kind, ceiling."""
    columns = ["Metadata_Protein", "Kind", "Ceiling"]
    table = pd.DataFrame(lines, columns=columns).assign(N=2, Reliability=0.5)
    table.to_parquet(paths.labels / "ceiling.parquet")


def row(paths: Paths, name: str) -> RowResult:
    """Result of a row from its file."""
    return read_result(paths.scores / f"{name}.json", RowResult)


def content(folder: Path) -> dict[str, bytes]:
    """Bytes of all files by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A screen with two rows in each part; one of them is gauged."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    paths = Paths("toy")
    predictions, labels = task({"t": [1, 0, 1, 0]}, {"t": [9, 8, 2, 1]}, [0, 0, 1, 1])
    paths.labels.mkdir(parents=True)
    (paths.labels / "counts.json").write_text('{"n_up": 2}')
    write_ceilings(paths)
    for part in PARTS:
        rows = paths.predictions(part) / "rows"
        rows.mkdir(parents=True)
        labels.to_parquet(paths.predictions(part) / "labels.parquet")
        for name in ("first", "second+third", "no row of the table"):
            predictions.to_parquet(rows / f"{name}.parquet")
    gauge = paths.predictions("targets") / "leak_gauge"
    gauge.mkdir()
    predictions.assign(t=[9, 8, 1, 2]).to_parquet(gauge / "first.parquet")
    return paths


NAMES = ["second+third", "first", "of another task"]


def test_a_screen_is_evaluated_row_by_row(paths: Paths, tmp_path: Path) -> None:
    evaluate_screen(paths, tmp_path / "no truth here", NAMES, SETTINGS)
    rows = [f"{part}/{name}" for part in PARTS for name in ("first", "second+third")]
    assert set(content(paths.scores)) == {
        "labels/counts.json",
        *(f"{name}.{ending}" for name in rows for ending in ("json", "parquet")),
        *(f"comparisons/{part}.{ending}" for part in COMPARED for ending in ("json", "parquet")),
    }
    (up,) = read_result(
        paths.scores / "comparisons/classification/up.json", Comparisons
    ).comparisons
    assert (up.row, up.against) == ("second+third", "first")
    assert up.mean_auc_difference == Estimate(value=0, low=0, high=0)
    # With four compounds nothing is above chance.
    assert (up.jaccard, row(paths, "classification/up/first").n_above_chance) == (None, 0)
    leak = row(paths, "targets/first").leak
    assert leak is not None
    assert leak.gap is not None
    assert leak.gap.value == -0.5  # the second fold's pair is the wrong way round
    assert row(paths, "targets/second+third").leak is None
    up_row = row(paths, "classification/up/first")
    assert (up_row.means["auc"].value, up_row.doses, up_row.n_concentrations) == (1.0, [], 1)
    # Both folds: SST 0.5; SSE 8^2 + 8^2 and 1 + 1.
    r2 = row(paths, "regression/first").median
    assert r2 == pytest.approx(1 - (128 / 0.5 + 2 / 0.5) / 2)
    table = pd.read_parquet(paths.scores / "classification/up/second+third.parquet")
    assert table["Target"].tolist() == ["t"]
    assert (paths.scores / "labels/counts.json").read_text() == '{\n  "n_up": 2\n}\n'


def test_what_two_rows_find_above_chance_is_compared(paths: Paths, tmp_path: Path) -> None:
    path = paths.predictions("targets") / "rows" / "first.parquet"
    table = pd.read_parquet(path)
    table.assign(t=-table["t"]).to_parquet(path)
    # Four compounds leave no low p: at this rate the AUC of 1 passes, and that of 0 does not.
    lenient = SETTINGS.model_copy(update={"false_discovery_rate": 0.9})
    evaluate_screen(paths, tmp_path, NAMES, lenient)
    for part, found, overlap in (("classification/up", 1, 1.0), ("targets", 0, 0.0)):
        file = paths.scores / f"comparisons/{part}.json"
        (one,) = read_result(file, Comparisons).comparisons
        rows = [row(paths, f"{part}/{name}") for name in (one.row, one.against)]
        assert [of_row.n_above_chance for of_row in rows] == [1, found]
        assert one.jaccard == overlap


def test_a_second_run_computes_nothing(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS)
    first = content(paths.scores)

    def computed(*_: object) -> None:
        raise AssertionError("a finished shard is computed again")

    monkeypatch.setattr("phenoprot.execution.run._compute", computed)
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS)
    assert content(paths.scores) == first


def test_ray_is_asked_where_the_settings_say_so(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def ray(compute: Compute, jobs: Iterator[Job], workers: int | None) -> Iterator[Outcome]:
        asked.append(workers)
        return in_process(compute, jobs, workers)

    monkeypatch.setitem(EXECUTORS, "ray", ray)
    execution = ExecutionSettings(executor="ray", workers=3)
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS, execution)
    assert asked == [3]  # rows and comparisons in one pool


@pytest.fixture
def part(paths: Paths) -> PartToScore:
    """A part with the rows first and second+third."""
    return PartToScore.find(
        "targets", all_parts()["targets"], paths, ["first", "second+third"], None, None
    )


def test_worker_processes_give_the_same_bytes(
    part: PartToScore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = replace(part, ceilings={"t": 0.9}, groups={"t": Group(kind="null")})
    shards = [*row_shards(part, SETTINGS), *comparison_shards(part, SETTINGS)]

    def computed(work: str) -> list[dict[str, bytes]]:
        folders = run_shards(evaluate_shard, shards, tmp_path / work, "toy", TWO)
        return [content(folder) for folder in folders]

    here = computed("here")
    assert [set(files) >= {"result.json", "targets.parquet"} for files in here] == [True] * 3
    monkeypatch.setitem(EXECUTORS, "local", run_local)
    assert computed("elsewhere") == here


def keys(part: PartToScore, settings: EvaluationSettings = SETTINGS) -> list[str]:
    return [shard.fingerprint for shard in row_shards(part, settings)]


def test_the_key_of_a_row_holds_what_its_scores_depend_on(part: PartToScore) -> None:
    before = keys(part)
    same = {"comparisons": "all", "strata": "cells", "r2_thresholds": [0.9]}
    assert keys(part, SETTINGS.model_copy(update=same)) == before
    for change in (
        {"auc_thresholds": [0.9]}, {"permutations": 3}, {"seed": 3}, {"false_discovery_rate": 0.2},
    ):  # fmt: skip
        other = keys(part, SETTINGS.model_copy(update=change))
        assert not set(other) & set(before), change
    grouped = keys(replace(part, groups={"t": Group(kind="null")}))
    assert not set(grouped) & set(before)
    assert keys(replace(part, groups={})) != before
    for ceilings in ({}, {"t": 0.9}, {"t": 0.8}):
        assert not set(keys(replace(part, ceilings=ceilings))) & set(before)
    assert keys(replace(part, ceilings={"t": 0.9})) != keys(replace(part, ceilings={"t": 0.8}))
    known = {active: keys(replace(part, active={"c0": active})) for active in (True, False)}
    assert not set(known[True]) & {*before, *known[False]}
    (part.folder / "variants").mkdir()
    shutil.copy(part.predictions("second+third"), part.folder / "variants")
    variant = keys(replace(part, rows=part.rows[:1], variants=part.rows[1:], active={"c0": True}))
    assert variant[0] == known[True][0]
    cells = part.folder / "cells.parquet"
    cells.write_bytes(b"one")
    counted = keys(replace(part, counts=cells))
    assert not set(counted) & set(before)
    cells.write_bytes(b"two")
    assert not set(keys(replace(part, counts=cells))) & set(counted)
    levels = replace(part, scorer="levels")
    assert not set(keys(levels)) & set(before)
    (part.folder / "leak_gauge" / "first.parquet").unlink()
    assert [new == old for new, old in zip(keys(part), before, strict=True)] == [False, True]
    predictions = part.predictions("second+third")
    pd.read_parquet(predictions).assign(t=0.0).to_parquet(predictions)
    assert keys(part)[1] != before[1]


def test_the_key_of_a_comparison_holds_both_rows_and_its_settings(part: PartToScore) -> None:
    def key(settings: EvaluationSettings = SETTINGS) -> str:
        (shard,) = comparison_shards(part, settings)
        assert shard.name == "targets first against second+third"
        return shard.fingerprint

    before = key()
    same = {"permutations": 3, "auc_thresholds": [0.9], "seed": 3}
    assert key(SETTINGS.model_copy(update=same)) == before
    assert key(SETTINGS.model_copy(update={"false_discovery_rate": 0.2})) != before
    predictions = part.predictions("second+third")
    table = pd.read_parquet(predictions)
    table.assign(t=0.0).to_parquet(predictions)
    assert key() != before
    # Only rows whose labels are not shuffled are compared.
    swapped = table["Metadata_LabelsOf"][::-1].to_numpy()
    table.assign(Metadata_LabelsOf=swapped).to_parquet(predictions)
    assert comparison_shards(part, SETTINGS) == []


def test_missing_labels_are_named(paths: Paths, tmp_path: Path) -> None:
    (paths.predictions("regression") / "labels.parquet").unlink()
    with pytest.raises(UserError, match=r"regression/labels.parquet: no such file\. Bring it back"):
        evaluate_screen(paths, tmp_path, NAMES, SETTINGS)


def test_missing_ceilings_are_named(paths: Paths, tmp_path: Path) -> None:
    (paths.labels / "ceiling.parquet").unlink()
    with pytest.raises(UserError, match=r"toy/ceiling.parquet: no such file\. Bring it back"):
        evaluate_screen(paths, tmp_path, NAMES, SETTINGS)


def test_ceilings_go_to_the_parts_that_have_them(paths: Paths, tmp_path: Path) -> None:
    write_ceilings(paths, ("t", "up", 0.9), ("t", "level", 0.25), ("no target", "up", 0.6))
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS)
    # The AUC is 1: (1 - 0.5) / (0.9 - 0.5).
    assert row(paths, "classification/up/first").ceiling == Ceiling(value=0.9, n=1, share=1.25)
    levels = row(paths, "regression/first")
    assert levels.median is not None
    assert levels.ceiling is not None
    assert (levels.ceiling.value, levels.ceiling.n) == (0.25, 1)
    assert levels.ceiling.share == pytest.approx(levels.median / 0.25, abs=1e-6)
    table = pd.read_parquet(paths.scores / "classification/up/first.parquet")
    assert table.set_index("Target")["ceiling"].to_dict() == {"t": 0.9}
    for other in ("classification/down/first", "targets/first"):
        assert row(paths, other).ceiling is None
        assert "ceiling" not in pd.read_parquet(paths.scores / f"{other}.parquet")


def test_thirds_of_the_cell_number_go_to_the_parts_that_have_them(
    paths: Paths, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"strata": "cells"})
    evaluate_screen(paths, tmp_path, NAMES, settings)
    assert row(paths, "targets/first").strata == []  # the screen has no such table
    key = pd.read_parquet(paths.predictions("targets") / "rows" / "first.parquet")
    key = key[["Metadata_Compound", "Metadata_Concentration"]]
    paths.profiles.mkdir(parents=True)
    # The two treatments of a fold have about as many cells.
    key.assign(Cells=[1.0, 1.0, 9.0, 9.0]).to_parquet(paths.profiles / "cells.parquet")
    evaluate_screen(paths, tmp_path, NAMES, settings)
    strata = row(paths, "targets/first").strata
    assert [stratum.name for stratum in strata] == ["few", "middle", "many", "within"]
    assert [stratum.n_targets_scored for stratum in strata] == [1, 0, 1, 1]
    assert strata[3].means["auc"].value == 1.0
    asked = {name for name, of_part in all_parts().items() if of_part.asked}
    assert asked
    for part in PARTS:
        found = row(paths, f"{part}/first").strata
        assert bool(found) == (part in COMPARED and part not in asked), part


def test_variants_stand_apart_and_are_compared_with_none(paths: Paths, tmp_path: Path) -> None:
    folder = paths.predictions("targets") / "variants"
    folder.mkdir()
    shutil.copy(paths.predictions("targets") / "rows" / "first.parquet", folder / "fewer.parquet")
    evaluate_screen(paths, tmp_path, [*NAMES, "fewer"], SETTINGS)
    assert row(paths, "targets/variants/fewer").means == row(paths, "targets/first").means
    assert (paths.scores / "targets/variants/fewer.parquet").is_file()
    assert not (paths.scores / "targets/fewer.json").exists()
    compared = read_result(paths.scores / "comparisons/targets.json", Comparisons).comparisons
    assert [(one.row, one.against) for one in compared] == [("second+third", "first")]


def test_chosen_proteins_and_activity_go_to_the_parts_that_have_them(
    paths: Paths, tmp_path: Path
) -> None:
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS)
    assert not (paths.scores / "activity.json").exists()
    assert row(paths, "regression/first").choice is None
    chosen = [(0, fold, "t", True, fold == 0) for fold in (0, 1)]
    columns = ["Metadata_Repeat", "Fold", "Metadata_Protein", "inside", "all"]
    paths.chosen.parent.mkdir(parents=True)
    pd.DataFrame(chosen, columns=columns).to_parquet(paths.chosen)
    key = pd.read_parquet(paths.predictions("targets") / "rows" / "first.parquet")
    treatments = key[["Metadata_Compound", "Metadata_Concentration"]].assign(active=True)
    paths.activity.mkdir(parents=True)
    treatments.to_parquet(paths.activity / "treatments.parquet")
    compounds = treatments.rename(columns={"Metadata_Concentration": "first_active_concentration"})
    compounds.to_parquet(paths.activity / "compounds.parquet")
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS)
    counts = read_result(paths.scores / "activity.json", ActivityCounts)
    assert (counts.n_compounds, counts.n_active, counts.doses[0].n_first) == (4, 4, 4)
    active, inactive = row(paths, "targets/first").activity
    assert (active.means["auc"].value, inactive.means) == (1.0, {})
    assert row(paths, "regression/first").activity == []
    assert row(paths, "targets/first").choice is None
    choice = row(paths, "regression/first").choice
    assert choice is not None
    assert (choice.every.n, choice.inside.n, choice.all.n) == (1, 1, 0.5)
    paths.chosen.unlink()
    pd.DataFrame([], columns=columns).to_parquet(paths.chosen)
    evaluate_screen(paths, tmp_path, NAMES, SETTINGS)
    assert row(paths, "regression/first").choice is None


def test_the_stage_passes_the_execution_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        "phenoprot.evaluation.run.evaluate_screen", lambda *given: asked.extend(given)
    )
    evaluate = runpy.run_path(str(ROOT / "stages" / "evaluate.py"))["evaluate"]
    monkeypatch.setattr(
        "phenoprot.evaluation.across.write_across", lambda *given: asked.extend(given)
    )
    rows = {
        name: RowSettings.model_validate({"features": ["x"], "model": "linear", "tasks": [task]})
        for name, task in (("a", "targets"), ("b", "sensitivity"))
    }
    params = SimpleNamespace(
        screen=SimpleNamespace(rows=rows, folds_like="other"), evaluation=SETTINGS
    )
    folder = Path("data/screens/toy")
    job = SimpleNamespace(
        paths=Paths("toy"), folder=folder, params=params, execution=TWO, has=EVERYTHING
    )
    evaluate(job)
    tasks = {name: find_task(name) for name in ("targets", "sensitivity")}
    assert asked == [
        *(Paths("toy"), folder, ["a", "b"], SETTINGS, TWO, EVERYTHING, tasks, []),
        *(Paths("toy"), Paths("other"), ["a", "b"], tasks, TWO),
    ]


def test_a_dose_series_with_planted_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of a simulated screen, and what it says of a shuffled row."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    paths = Paths("toy")
    label = [1, 0, 0, 1, 0, 0]
    one, labels = task({"t": label}, {"t": [3.0, 1, 2, 3, 1, 2]}, [0] * 3 + [1] * 3)
    predictions = pd.concat([one, one.assign(Metadata_Concentration=9.0, t=-one["t"])])
    others = predictions["Metadata_LabelsOf"].map(dict(zip(sorted(labels["Metadata_Compound"]),
        sorted(labels["Metadata_Compound"])[::-1], strict=True)))  # fmt: skip
    shuffled = predictions.assign(Metadata_LabelsOf=others)
    levels = predictions[["Metadata_Compound", "Metadata_Concentration"]].assign(t=range(12))
    for part in PARTS:
        rows = paths.predictions(part) / "rows"
        rows.mkdir(parents=True)
        truth = levels if part == "regression" else labels
        truth.to_parquet(paths.predictions(part) / "labels.parquet")
        predictions.to_parquet(rows / "method.parquet")
        shuffled.to_parquet(rows / "shuffled.parquet")
    paths.labels.mkdir(parents=True)
    (paths.labels / "counts.json").write_text("{}")
    write_ceilings(paths, ("t", "down", 0.8))
    called = labels[["Metadata_Compound"]].assign(Metadata_Protein="t", Label="not")
    called.to_parquet(paths.labels / "labels.parquet")
    planted = tmp_path / "screen" / "truth"
    planted.mkdir(parents=True)
    planted_effects = called.drop(columns="Label").assign(log2_fold_change=0.0)
    planted_effects.to_parquet(planted / "regulation.parquet")
    pd.DataFrame({"Metadata_Protein": ["t"], "loading_er_stress": [1.2]}).to_parquet(
        planted / "proteins.parquet"
    )
    pd.DataFrame({"Metadata_Target": ["t"], "Metadata_Programme": ["vacuolation"]}).to_parquet(
        planted / "targets.parquet"
    )
    evaluate_screen(paths, tmp_path / "screen", ["method", "shuffled"], SETTINGS)
    up = row(paths, "classification/up/method")
    # At 5 every positive is on top, at 9 it is at the bottom.
    assert {dose.concentration: dose.means["auc"].value for dose in up.doses} == {5: 1.0, 9: 0.0}
    assert up.n_concentrations == 2
    shuffled_row = row(paths, "regression/shuffled")
    assert [dose.concentration for dose in shuffled_row.doses] == [5, 9]
    (planted_up,) = up.planted
    assert (planted_up.group, planted_up.means["auc"].value) == (Group(low=1.0, high=1.5), 0.5)
    (planted_down,) = row(paths, "classification/down/method").planted
    assert (planted_down.group, planted_down.n) == (Group(kind="null"), 1)
    # The mean AUC is 0.5: nothing of the way to the ceiling.
    assert row(paths, "classification/down/method").ceiling == Ceiling(value=0.8, n=1, share=0.0)
    (planted_target,) = row(paths, "targets/method").planted
    assert planted_target.group == Group(kind="images_only")
    assert "pearson_r2" in shuffled_row.planted[0].means
    truth_of_labels = read_result(paths.scores / "labels/truth.json", LabelTruth)
    assert (truth_of_labels.n_null, truth_of_labels.false_call_share) == (6, 0.0)
    # The only other row has shuffled labels: nothing to compare.
    compared = read_result(paths.scores / "comparisons/classification/up.json", Comparisons)
    assert compared.comparisons == []
    assert not (paths.scores / "comparisons/classification/up.parquet").exists()
