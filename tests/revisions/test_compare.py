"""What differs between two revisions, and what is not set side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.revisions.tiny import git, row

from phenoprot.revisions.compare import Comparison, ScreenChange

Against = Callable[[str], Comparison]


def only(found: Comparison) -> ScreenChange:
    (screen,) = found.screens
    return screen


def test_nothing_changed(repository: Any, against: Against) -> None:
    found = only(against(repository.commit()))
    assert found.same
    assert len(found.rows) == 2
    assert found.causes.stages == []
    assert found.causes.versions == []


def test_rows_on_the_same_data(repository: Any, against: Against) -> None:
    old = repository.commit()
    repository.rows |= {"a": row(0.8, n_above_chance=2), "c": row(0.5)}
    del repository.rows["b"]
    found = only(against(old))
    (a,) = found.rows
    assert (a.part, a.row, a.old, a.new, a.change) == ("classification/up", "a", 0.7, 0.8, 0.1)
    assert a.beyond_noise
    assert found.only_old == ["classification/up/b"]
    assert found.only_new == ["classification/up/c"]
    assert {(value.key, value.old, value.new) for value in found.values} >= {
        ("mean_auc", 0.7, 0.8),
        ("n_above_chance", None, 2),
    }


def new_data(repository: Any) -> None:
    repository.provenance["data_sha256"] = "e" * 64
    repository.entry("labels-toy", "deps", "data/screens/toy/wells.csv", "wells2")


def new_labels(repository: Any) -> None:
    repository.counts["n_up"] = 5


def new_rule(repository: Any) -> None:
    repository.provenance["label_rule"] = "p below 0.01"


def new_targets(repository: Any) -> None:
    repository.rows = {name: values | {"n_targets": 3} for name, values in repository.rows.items()}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (new_data, "data_sha256: dddddddd -> eeeeeeee: data/screens/toy/wells.csv"),
        (new_labels, "labels: n_up: 4 -> 5"),
        (new_rule, "label_rule (provenance.json)"),
        (new_targets, "n_targets: 2 -> 3"),
    ],
)
def test_unlike_tables_are_refused_by_name(
    repository: Any, against: Against, change: Callable[[Any], None], named: str
) -> None:
    old = repository.commit()
    repository.rows["a"] = row(0.9)
    change(repository)
    found = only(against(old))
    assert found.rows == []
    (refused,) = found.refused
    assert refused.rows == ["a", "b"]
    assert "DVC's cache (data/scores/toy)" in refused.why[-1]
    assert named in [*found.data_changes, *found.label_changes, *refused.why]
    # Nor do their values stand side by side in the details.
    assert {value.file for value in found.values} <= {"labels/counts.json"}


def test_the_headline_says_nothing_twice(repository: Any, against: Against) -> None:
    """Commits from before it, which have none, compare as well."""
    old = repository.commit()
    repository.rows["a"] = row(0.73)
    plain = against(old)
    repository.write("metrics/toy/headline.json", {"toy": {"up": 0.73, "n_targets": 2}})
    assert against(old).screens == plain.screens


def test_labels_do_not_make_other_parts_unlike(repository: Any, against: Against) -> None:
    repository.write("metrics/toy/targets/a.json", row(0.6))
    old = repository.commit()
    new_labels(repository)
    found = only(against(old))
    assert [(each.part, each.row) for each in found.rows] == [("targets", "a")]


def test_unlike_tables_over_their_common_targets(repository: Any, against: Against) -> None:
    first = repository.scores(a={"P1": 0.6, "P2": 0.8, "P3": 0.1})
    repository.entry("evaluate-toy", "outs", "data/scores/toy", first)
    old = repository.commit()
    second = repository.scores(a={"P2": 0.9, "P3": 0.4, "P4": 0.5})
    repository.entry("evaluate-toy", "outs", "data/scores/toy", second)
    new_data(repository)
    found = only(against(old))
    (a,) = found.rows
    assert (a.old, a.new, a.common_targets) == (0.45, 0.65, 2)  # P2 and P3
    assert a.noise == pytest.approx(0.03 * 2**0.5)
    assert a.beyond_noise
    (refused,) = found.refused
    assert refused.rows == ["b"]  # the cache has no scores of it


def test_without_a_common_target(repository: Any, against: Against) -> None:
    repository.entry("evaluate-toy", "outs", "data/scores/toy", repository.scores(a={"P1": 0.6}))
    old = repository.commit()
    repository.entry("evaluate-toy", "outs", "data/scores/toy", repository.scores(a={"P2": 0.6}))
    new_data(repository)
    whys = {row: each.why for each in only(against(old)).refused for row in each.rows}
    assert whys["a"] == ["no target is in both"]


@pytest.mark.parametrize(("labels", "alike"), [("labels1", True), ("labels2", False)])
def test_other_features_of_the_same_labels_are_compared(
    repository: Any, against: Against, labels: str, alike: bool
) -> None:
    profile = "data/screens/toy/profiles/x.parquet"
    repository.stages["profiles-toy"] = repository.stage({profile: "1"}, {"data/x": "1"}, {})
    old = repository.commit()
    repository.provenance["data_sha256"] = "e" * 64
    repository.stages["profiles-toy"] = repository.stage({profile: "2"}, {"data/x": "2"}, {})
    repository.entry("labels-toy", "outs", "data/labels/toy", labels)
    found = only(against(old))
    assert (len(found.rows) == 2) == alike
    assert found.causes.of("data", effective=True) == [profile]


def test_parameters_and_versions(repository: Any, against: Against) -> None:
    old = repository.commit()
    repository.stages["labels-toy"]["params"] = {"params.yaml": {"labels": {"alpha": 0.1, "n": 5}}}
    repository.entry("labels-toy", "outs", "data/labels/toy", "labels2")
    repository.entry("evaluate-toy", "deps", "data/labels/toy", "labels2")
    repository.provenance["package_version"] = "1.1"
    repository.pins = "torch==2.1\nnumpy==2.1\n"
    causes = only(against(old)).causes
    assert causes.of("parameters", effective=True) == [
        "labels.alpha: 0.05 -> 0.1",
        "labels.n: (none) -> 5",
    ]
    assert causes.versions == ["phenoprot: 1.0 -> 1.1", "torch: 2.0 -> 2.1"]
    labels, evaluate = causes.stages
    assert (labels.stage, labels.upstream) == ("labels", [])
    assert (evaluate.own, evaluate.upstream) == (False, ["data/labels/toy"])


def test_changes_that_change_no_output_are_told_apart(repository: Any, against: Against) -> None:
    old = repository.commit()
    repository.code["src/p/fit.py"] = "2"
    repository.entry("labels-toy", "deps", "src/p", "code2")
    causes = only(against(old)).causes
    assert [each.stage for each in causes.idle] == ["labels"]
    assert causes.of("code", effective=True) == []
    assert causes.of("code", effective=False) == ["src/p/fit.py"]


def listed_code(repository: Any, *paths: str, cached: bool) -> None:
    """Name the code of the stage by a file, as the first stage of a run writes it."""
    content = json.dumps({path: repository.code[path] for path in paths}).encode()
    deps = repository.stages["labels-toy"]["deps"]
    kept = [entry for entry in deps if not entry["path"].startswith(("src", "data/code"))]
    repository.stages["labels-toy"]["deps"] = kept
    value = repository.cached(content) if cached else json.dumps([*paths, repository.code])
    repository.entry("labels-toy", "deps", "data/code/labels.json", value)


@pytest.mark.parametrize("cached", [True, False])
def test_code_that_a_file_lists(repository: Any, against: Against, cached: bool) -> None:
    listed_code(repository, "src/p/fit.py", cached=cached)
    old = repository.commit()
    repository.code |= {"src/p/fit.py": "2", "src/p/other.py": "2"}
    listed_code(repository, "src/p/fit.py", cached=cached)
    repository.entry("labels-toy", "outs", "data/labels/toy", "labels2")
    causes = only(against(old)).causes
    every = ["src/p/fit.py", "src/p/other.py"]
    assert causes.of("code", effective=True) == (every[:1] if cached else every)
    assert causes.code_is_guessed != cached


def test_rows_are_parameters_of_the_stages_that_read_them(
    repository: Any, against: Against
) -> None:
    repository.entry("evaluate-toy", "deps", "data/rows/toy.json", "1")
    old = repository.commit()
    repository.params["screens"]["toy"]["rows"]["a"]["model"] = "linear"
    repository.entry("evaluate-toy", "deps", "data/rows/toy.json", "2")
    repository.entry("evaluate-toy", "outs", "data/scores/toy", "2")
    (change,) = only(against(old)).causes.effective
    assert change.stage == "evaluate"
    assert change.parameters == ["screens.toy.rows.a.model: mlp -> linear"]


def test_settings_that_a_report_hashes_are_those_of_the_other_stages(
    repository: Any, against: Against
) -> None:
    settings = {"data/settings/toy.json": "1", "data/scores/toy": "scores1"}
    repository.stages["report-toy"] = repository.stage(
        settings, {"metrics/toy/provenance.json": "1"}, {}
    )
    old = repository.commit()
    repository.entry("report-toy", "deps", "data/settings/toy.json", "2")
    repository.entry("report-toy", "outs", "metrics/toy/provenance.json", "2")
    causes = only(against(old)).causes
    (change,) = causes.stages
    assert (change.stage, change.own, change.upstream) == ("report", False, [])


def test_screens_of_one_revision(repository: Any, against: Against) -> None:
    repository.write("metrics/old/provenance.json", {"rows": []})
    old = repository.commit()
    git("rm", "-rq", "metrics/old")
    repository.write("metrics/new/provenance.json", {"rows": []})
    found = against(old)
    assert (found.only_old, found.only_new) == (["old"], ["new"])
