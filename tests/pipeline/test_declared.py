"""A stage reads the parameter blocks that it declares, and no others."""

from __future__ import annotations

import pickle

import pytest

from phenoprot.core.settings import Settings
from phenoprot.pipeline.declared import DeclaredParams, UndeclaredParameterError


class Inner(Settings):
    folds: int = 5
    seed: int = 1


class Outer(Settings):
    splits: Inner = Inner()
    training: Inner = Inner(seed=2)
    clip: float = 10.0


class Root(Settings):
    tasks: Outer = Outer()
    curves: Inner = Inner(seed=3)


VIEW = DeclaredParams(Root(), ("tasks.splits", "tasks.clip", "curves"), "toy")


def test_declared_blocks_are_the_settings_themselves() -> None:
    assert VIEW.curves == Inner(seed=3)
    assert VIEW.tasks.splits == Inner()
    assert VIEW.tasks.splits.seed == 1
    assert VIEW.tasks.clip == 10.0


@pytest.mark.parametrize(
    ("read", "key"),
    [
        (lambda view: view.tasks.training, "tasks.training"),
        (lambda view: view.tasks.training.seed, "tasks.training"),
        (lambda view: DeclaredParams(Root(), ("tasks",), "toy").curves, "curves"),
        (lambda view: DeclaredParams(Root(), ("curves.seed",), "toy").curves.folds, "curves.folds"),
    ],
)
def test_others_are_refused_by_name(read, key: str) -> None:
    with pytest.raises(UndeclaredParameterError, match=f"stage toy reads {key} "):
        read(VIEW)


def test_a_key_that_begins_alike_is_another() -> None:
    class More(Settings):
        task: int = 1
        tasks: int = 2

    view = DeclaredParams(More(), ("task",), "toy")
    assert view.task == 1
    with pytest.raises(UndeclaredParameterError):
        _ = view.tasks


def test_a_view_goes_to_a_worker_process_as_it_is() -> None:
    sent = pickle.loads(pickle.dumps(VIEW))
    assert sent.tasks.splits == Inner()
    with pytest.raises(UndeclaredParameterError):
        _ = sent.tasks.training


def test_an_absent_key_is_no_undeclared_one() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = VIEW.nothing
