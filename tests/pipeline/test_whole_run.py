"""What a stage declares is what it reads: it runs with that alone, and leaves none of it aside."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.whole import SCREEN, run_stage, stages
from tests.wild.stages import inside

from phenoprot.core.paths import Paths
from phenoprot.pipeline import run as launcher
from phenoprot.pipeline.declared import DeclaredParams
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.provenance import sources_of
from phenoprot.pipeline.screen_files import files_of, screen_parts
from phenoprot.pipeline.stage import Stage


def made(stage: Stage) -> list[Path]:
    """What a stage writes, as dvc.yaml names it."""
    paths = Paths(SCREEN)
    found = [*stage.makes(paths), *stage.in_git(paths), *stage.metrics(paths)]
    return [*found, *(paths.metrics / name for name in stage.plots)]


def content(folder: Path, places: list[Path]) -> dict[str, bytes]:
    files = [
        file for place in places for file in [folder / place, *(folder / place).rglob("*")]
        if file.is_file()
    ]  # fmt: skip
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)}


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy(source, target)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Parameter blocks that were read."""
    names: set[str] = set()
    plain = DeclaredParams.__getattr__

    def recorded(view: DeclaredParams, name: str) -> object:
        value = plain(view, name)
        if not isinstance(value, DeclaredParams):
            names.add(f"{view._above}{name}")
        return value

    monkeypatch.setattr(DeclaredParams, "__getattr__", recorded)
    return names


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_a_stage_runs_with_what_it_declares_alone_and_reads_every_block_of_it(
    stage: Stage, whole_run: Path, tmp_path: Path, read: set[str]
) -> None:
    """The same bytes in a folder that holds its declared files and nothing else.

    A parameter block that it does not read would run it again for nothing.
    """
    params, paths = whole_run / "params.yaml", Paths(SCREEN)
    shutil.copy(params, tmp_path)
    with inside(whole_run):
        parts = screen_parts(SCREEN, load_params().screen(SCREEN).folder)
    for place in (*files_of(stage, parts), *stage.needs(paths)):
        if place == paths.contributions:  # no row of this run is asked for them
            continue
        assert (whole_run / place).exists(), f"{stage.name} declares {place}, which nobody makes"
        copied(whole_run / place, tmp_path / place)
    read.clear()
    with inside(tmp_path):
        run_stage(stage)
    places = made(stage) or [Path("data/screens") / SCREEN]  # a simulation makes the screen
    expected = content(whole_run, places)
    assert expected
    assert content(tmp_path, places) == expected
    # The rule of a readout is that of its design; a screen has one of the two.
    of_the_other_design = {"labels"} if stage.name in {"labels", "report"} else set()
    # The row that chooses proteins has one model, and may have any.
    of_other_models = {"tasks.mlp", "tasks.mlp_poster"} if stage.name == "choose" else set()
    unread = set(stage.params) - read - of_the_other_design - of_other_models
    assert not unread, "declared, and never read"


def test_the_provenance_hashes_what_the_stages_depend_on(whole_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole_run, folder, symlinks=True)

    def hashes() -> tuple[str, str]:
        with inside(folder):
            sources = sources_of(SCREEN, load_params())
        return sources.params_sha256, sources.data_sha256

    def edit(old: str, new: str) -> None:
        text = (folder / "params.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "params.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")

    before = hashes()
    edit("executor: local", "executor: ray")
    assert hashes() == before, "how the work is spread changes no result"
    edit("  alpha: 0.05", "  alpha: 0.04")
    params, data = hashes()
    assert params != before[0]
    assert data == before[1]
    table = folder / f"data/screens/{SCREEN}/targets.csv"
    table.write_text(table.read_text() + "\n")
    assert hashes()[1] != before[1]


def test_the_launcher_gives_the_declared_view(whole_run: Path) -> None:
    with inside(whole_run):
        job = launcher.make_job("splits", SCREEN)
    assert job.params.tasks.splits.folds == 3
    assert job.paths.folds == Path("data/folds/phantom.csv")
    with pytest.raises(AttributeError, match="declaration"):
        _ = job.params.mae
