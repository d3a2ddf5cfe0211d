"""Revisions and their results are read from git, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.revisions.tiny import git

from phenoprot.core.errors import UserError
from phenoprot.revisions.git import Revision
from phenoprot.revisions.state import State, flat


def test_files_are_read_from_the_store_not_from_the_working_folder(repository: Any) -> None:
    old = repository.commit()
    repository.write("requirements.lock", "edited")
    revision = Revision.open("HEAD")
    assert revision.commit == old
    assert revision.read(["requirements.lock"]) == {"requirements.lock": repository.pins.encode()}
    assert revision.below("src/p") == ["src/p/__init__.py", "src/p/fit.py"]
    assert revision.short == f"HEAD ({old[:8]})"
    assert Revision.open(old[:7]).short == old[:8]


@pytest.mark.parametrize("name", ["nothing", "--all", ""])
def test_what_is_no_revision_is_named(repository: Any, name: str) -> None:
    repository.commit()
    with pytest.raises(UserError, match=f"'{name}'"):
        Revision.open(name)


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="no git repository"):
        Revision.open("HEAD")


def test_a_state(repository: Any) -> None:
    repository.commit()
    state = State.read(Revision.open("HEAD"))
    toy = state.screens["toy"]
    assert toy.files["classification/up/a.json"]["mean_auc"] == 0.7
    assert set(toy.files) == {
        *("classification/up/a.json", "classification/up/b.json", "labels/counts.json")
    }
    assert toy.stages["labels"].outputs == {"data/labels/toy": "labels1"}
    assert toy.stages["labels"].params == {"labels.alpha": 0.05}
    assert toy.rows == {"a.model": "mlp"}
    assert state.pins == {"torch": "2.0", "numpy": "2.1"}


@pytest.mark.parametrize(
    "path", ["dvc.lock", "params.yaml", "metrics/toy/provenance.json"], ids=lambda p: Path(p).stem
)
def test_files_that_a_revision_lacks_are_named(repository: Any, path: str) -> None:
    repository.commit()
    revision = Revision.open("HEAD")
    del revision.blobs[path]
    with pytest.raises(UserError, match=path) as error:
        State.read(revision)
    assert "HEAD" in str(error.value)


def test_a_revision_without_metrics_names_what_it_lacks(repository: Any) -> None:
    repository.commit()
    revision = Revision.open("HEAD")
    bare = {path: h for path, h in revision.blobs.items() if not path.startswith("metrics")}
    with pytest.raises(UserError, match=r"metrics/SCREEN/provenance\.json"):
        State.read(Revision(revision.name, revision.commit, bare))


@pytest.mark.parametrize(
    ("path", "content"),
    [("dvc.lock", "stages: 3"), ("dvc.lock", "{"), ("metrics/toy/provenance.json", "[]")],
)
def test_a_damaged_file_is_named(repository: Any, path: str, content: str) -> None:
    repository.commit()
    repository.write(path, content)
    git("commit", "-qam", "damaged")
    with pytest.raises(UserError, match=f"{path} of HEAD"):
        State.read(Revision.open("HEAD"))


def test_of_two_screens_the_longer_name_has_the_stage(repository: Any) -> None:
    repository.stages["labels-my-toy"] = repository.stage({}, {"data/labels/my-toy": "x"}, {})
    repository.write("metrics/my-toy/provenance.json", {"rows": []})
    repository.commit()
    state = State.read(Revision.open("HEAD"))
    assert list(state.screens["my-toy"].stages) == ["labels"]
    repository.stages["curves@toy"] = repository.stage({}, {"data/curves/toy": "x"}, {})
    repository.commit()
    state = State.read(Revision.open("HEAD"))
    assert set(state.screens["toy"].stages) == {"labels", "evaluate", "curves"}


def test_values_by_dotted_keys() -> None:
    content = {"a": {"b": 1, "c": [1, 2]}, "d": [{"e": None}, {"e": True}]}
    assert flat(content) == {"a.b": 1, "a.c": "[1, 2]", "d.0.e": None, "d.1.e": True}
