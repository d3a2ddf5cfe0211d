"""What groups of features carry: against brute force, and where it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.core.random import stream
from phenoprot.evaluation import repeated
from phenoprot.evaluation.contribution_results import (
    COLUMNS,
    ContributionResult,
    ContributionSettings,
)
from phenoprot.evaluation.contribution_run import write_contributions
from phenoprot.evaluation.contribution_summary import _Hits, summarised
from phenoprot.evaluation.contributions import (
    Contribution,
    Contributions,
    OutOfFold,
    contributions,
    permuted_rows,
)
from phenoprot.evaluation.feature_groups import GROUPINGS, Partition
from phenoprot.evaluation.planted_places import (
    TRAIT_PLACES,
    planted_places,
    programme_places,
)
from phenoprot.evaluation.repeated import RepeatedAuc
from phenoprot.evaluation.results import read_result
from phenoprot.execution.attempt import Job, Outcome, attempt
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import LOCAL
from phenoprot.execution.shards import Compute
from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.traits import BASE, EFFECTS
from phenoprot.pipeline.params import load_params
from phenoprot.tasks.contributions import FittedFold
from phenoprot.tasks.settings import RowSettings, TaskSettings

DOSES, COMPOUNDS, FOLDS = 2, 40, 2
SETTINGS = ContributionSettings(draws=6, min_auc=0.6, seed=3)
NAMES = [
    "Nuclei_Texture_Contrast_DNA_3_00_256",
    "Nuclei_Intensity_MeanIntensity_DNA",
    "Cells_Texture_Contrast_ER_3_00_256",
    "Cells_Correlation_K_DNA_ER",
    "Cells_AreaShape_Area",
]


def folds_of(features: np.ndarray, weights: np.ndarray, *, linear: bool = True) -> list[FittedFold]:
    """Models that are given, not fitted: scores are features times weights, and a bend."""

    def predict(inputs: np.ndarray) -> np.ndarray:
        return inputs if linear else np.tanh(inputs) + inputs

    rows = np.arange(len(features)).reshape(FOLDS, -1)
    return [
        FittedFold(
            test, features[test], weights, predict, np.eye(weights.shape[1]) if linear else None
        )
        for test in rows
    ]


def problem(
    weights: Sequence[float], *, linear: bool = True
) -> tuple[OutOfFold, np.ndarray, np.ndarray]:
    """Two targets of two doses: what the first feature says, and noise."""
    rng = np.random.default_rng(0)
    compounds = np.repeat(np.arange(COMPOUNDS), DOSES)
    features = rng.standard_normal((len(compounds), len(NAMES)))
    told = features.reshape(COMPOUNDS, DOSES, -1).mean(axis=1)[:, 0]
    labels = np.column_stack([told > 0.3, rng.random(COMPOUNDS) < 0.4]).astype(float)[compounds]
    labels[0:2, 1] = np.nan
    slopes = np.column_stack([weights, weights])
    return OutOfFold(labels, compounds, folds_of(features, slopes, linear=linear)), features, slopes


def mean_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Within each test fold, weighted by its positives."""
    parts, sizes = [], []
    for rows in np.arange(len(labels)).reshape(FOLDS, -1):
        known = rows[~np.isnan(labels[rows])]
        parts.append(roc_auc_score(labels[known], scores[known]))
        sizes.append((labels[known] == 1).sum())
    return float(np.average(parts, weights=sizes))


@pytest.mark.parametrize("linear", [True, False])
def test_drop_and_alone_are_those_of_permuted_features(linear: bool) -> None:
    tested, features, weights = problem([2.0, 0.5, -1.0, 0.7, 0.2], linear=linear)
    found = contributions(tested, ["p", "q"], Partition.of(NAMES), SETTINGS)
    members = {
        ("stain", "DNA"): [0, 1, 3],
        ("place", "Cells ER"): [2, 3],
        ("family", "AreaShape"): [4],
    }
    for (grouping, name), own in members.items():
        group = next(g for g in found.groups if (g.grouping, g.name) == (grouping, name))
        assert group.n_features == len(own)
        others = [i for i in range(len(NAMES)) if i not in own]
        lost, left = np.zeros(2), np.zeros(2)
        for draw in range(SETTINGS.draws):
            without, alone = features.copy(), features.copy()
            for i, fold in enumerate(tested.folds):
                rng = stream(SETTINGS.seed, "contributions", i, draw)
                order = fold.test[permuted_rows(tested.compounds[fold.test], rng)]
                without[np.ix_(fold.test, own)] = features[np.ix_(order, own)]
                alone[np.ix_(fold.test, others)] = features[np.ix_(order, others)]
            for target in range(2):
                predict = tested.folds[0].predict
                lost[target] += mean_auc(
                    tested.labels[:, target], predict(without @ weights)[:, target]
                )
                left[target] += mean_auc(
                    tested.labels[:, target], predict(alone @ weights)[:, target]
                )
        assert group.drop == pytest.approx(found.auc - lost / SETTINGS.draws, abs=1e-9)
        assert group.alone == pytest.approx(left / SETTINGS.draws, abs=1e-9)
        assert np.isnan(group.share).all() == (not linear)


def test_shares_are_covariances_and_sum_to_one() -> None:
    tested, features, weights = problem([2.0, 0.5, -1.0, 0.7, 0.2])
    found = contributions(tested, ["p", "q"], Partition.of(NAMES), SETTINGS)
    by_name = {(g.grouping, g.name): g.share for g in found.groups}
    parts = features * weights[:, 0]
    for rows in np.arange(len(parts)).reshape(FOLDS, -1):
        parts[rows] -= parts[rows].mean(axis=0)
    score = parts.sum(axis=1)
    er = parts[:, 2] + parts[:, 3] / 2
    assert by_name["stain", "ER"][0] == pytest.approx(er @ score / (score @ score))
    for grouping in GROUPINGS:
        total = sum(share for (kind, _), share in by_name.items() if kind == grouping)
        assert total == pytest.approx(np.ones(2))


def test_what_carries_comes_first_and_what_says_the_same_stands_in() -> None:
    tested, features, _ = problem([0.0] * 5)
    features[:, 2] = features[:, 0]  # ER in cells says what DNA in nuclei says
    weights = np.zeros((5, 2))
    weights[[0, 2]] = 1.0
    tested = OutOfFold(tested.labels, tested.compounds, folds_of(features, weights))
    found = contributions(tested, ["p", "q"], Partition.of(NAMES), SETTINGS)
    places = {g.name: g for g in found.groups if g.grouping == "place"}
    one, other, none = places["Nuclei DNA"], places["Cells ER"], places["Cells shape"]
    assert found.auc[0] > 0.8
    assert one.share[0] == pytest.approx(0.5)
    assert other.share[0] == pytest.approx(0.5)
    assert one.drop[0] < 0.25
    assert none.drop[0] == 0
    assert none.alone[0] == pytest.approx(0.5, abs=0.06)
    whole = next(g for g in found.groups if (g.grouping, g.name) == ("compartment", "Cells"))
    assert whole.alone[0] > none.alone[0] + 0.1


def test_numbers_do_not_depend_on_the_blocks_of_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    tested, *_ = problem([2.0, 0.5, -1.0, 0.7, 0.2])
    narrow = replace(tested, labels=tested.labels.astype(np.float32))  # as the tasks have them
    tables = []
    for one, values in ((tested, repeated.VALUES), (narrow, 1)):
        monkeypatch.setattr(repeated, "VALUES", values)
        found = contributions(one, ["p", "q"], Partition.of(NAMES), SETTINGS)
        tables.append((found.table(), summarised(found, SETTINGS)))
    pd.testing.assert_frame_equal(tables[0][0], tables[1][0], check_exact=True)
    assert tables[0][1] == tables[1][1]
    assert tables[0][1].n_shown == 1


def test_compounds_stay_together_whatever_their_number_of_doses() -> None:
    compounds = np.array([7, 7, 7, 2, 2, 2, 5, 4, 4, 4])
    seen = set()
    for seed in range(30):
        order = permuted_rows(compounds, np.random.default_rng(seed))
        given = {c: compounds[order[compounds == c]] for c in (7, 2, 5, 4)}
        assert all(len(set(others)) == 1 for others in given.values())
        assert sorted(others[0] for others in given.values()) == [2, 4, 5, 7]
        for c, others in given.items():
            rows = np.flatnonzero(compounds == others[0])
            if len(rows) == len(others):
                assert np.array_equal(order[compounds == c], rows)
        seen.add(tuple(order))
    assert len(seen) > 10


def made_up(alone: dict[str, dict[str, list[float]]]) -> Contributions:
    """Contributions of three targets whose AUCs alone are given; drops are a tenth of them."""
    groups, shown = [], np.array([True, True, False])
    for grouping, of in alone.items():
        for name, values in of.items():
            drop = RepeatedAuc(np.array([values]) / 10, np.zeros((4, 3)), np.zeros(3))
            groups.append(
                Contribution(
                    grouping, name, 2, drop.auc, np.zeros(3), drop.mean(shown),  # type: ignore[arg-type]
                    np.array(values), np.full(3, np.nan),
                )
            )  # fmt: skip
    return Contributions(["p", "q", "r"], np.array([0.9, 0.8, 0.5]), shown, groups)


def test_how_often_the_planted_place_comes_first() -> None:
    found = made_up(
        {
            "stain": {"DNA": [0.9, 0.6, 0.5], "ER": [0.6, 0.7, 0.9]},
            "compartment": {"Nuclei": [0.9, 0.8, 0.5], "Cells": [0.6, 0.6, 0.9]},
            "place": {"Nuclei DNA": [0.9, 0.5, 0.5], "Cells ER": [0.5, 0.6, 0.9]},
        }
    )
    planted = {
        "p": frozenset({("Nuclei", "DNA")}),
        "q": frozenset({("Cells", "ER")}),
        "r": frozenset({("Cells", "ER")}),
    }
    result = summarised(found, SETTINGS, planted)
    assert (result.n_targets, result.n_shown, result.n_planted) == (3, 2, 2)  # r is at 0.5
    stated = {(p.measure, p.grouping): (p.share, p.by_chance) for p in result.planted}
    # By chance: what is planted in the other one of the two.
    assert stated["alone", "stain"] == (1.0, 0.0)
    assert stated["alone", "compartment"] == (0.5, 0.5)  # Nuclei comes first of both
    assert stated["alone", "stain and compartment"] == (0.5, 0.0)
    assert stated["alone", "place"] == (1.0, 0.0)
    assert ("share", "stain") not in stated  # no linear model
    means = {g.group: g for g in result.groups}
    assert means["DNA"].alone == pytest.approx(0.75)
    assert means["DNA"].drop is not None
    assert means["DNA"].drop.value == pytest.approx(0.075)
    assert means["DNA"].share is None
    assert summarised(found, SETTINGS).planted == []


def test_hits_are_those_of_every_pair_of_targets() -> None:
    rng = np.random.default_rng(0)
    names, n = ["DNA", "ER", "RNA", "shape"], 30
    first = [[names[i] for i in rng.integers(0, 4, n)] for _ in range(2)]
    planted = [
        [frozenset(rng.choice(names, rng.integers(1, 4), replace=False)) for _ in range(n)]
        for _ in range(2)
    ]
    one, other = (_Hits.of(*of) for of in zip(first, planted, strict=True))
    pairs = [
        np.array([[name in own for own in groups] for name in of])
        for of, groups in zip(first, planted, strict=True)
    ]
    both = one.both(other), pairs[0] & pairs[1]
    for hits, expected in ((one, pairs[0]), (other, pairs[1]), both):
        assert len(hits.planted) <= 16  # by group, not by target
        np.testing.assert_array_equal(hits.planted[hits.first], expected)


def test_every_trait_of_a_programme_has_a_place(tmp_path: Path) -> None:
    assert set(TRAIT_PLACES) == set(BASE)
    places = programme_places()
    assert set(places) == set(EFFECTS) == {p for p, own in CATALOGUE.items() if own.in_images}
    assert places["er_stress"] == {("Nuclei", "ER"), ("Cells", "ER"), ("Cytoplasm", "ER")}
    table = pd.DataFrame(
        {
            "Metadata_Protein": ["a", "b", "c"],
            "loading_er_stress": [1.2, -0.5, 0.0],
            "loading_mitochondrial_stress": [0.4, 0.0, 0.0],
            "loading_antioxidant_response": [0.0, 0.0, 2.0],
        }
    )
    table.to_parquet(tmp_path / "proteins.parquet")
    up = planted_places(tmp_path, 1)
    assert up == {"a": places["er_stress"] | places["mitochondrial_stress"]}
    assert planted_places(tmp_path, -1) == {"b": places["er_stress"]}


def in_process(compute: Compute, jobs: Iterator[Job], workers: int | None) -> Iterator[Outcome]:
    """Stands for the local executor: starts no process."""
    for job in jobs:
        yield Outcome(job, *attempt(compute, job))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """:func:`toy_screen` in an empty working folder, shards computed here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    return toy_screen()


def toy_screen() -> Paths:
    """A screen of one dose, 40 compounds; the label of ``p`` is what DNA in nuclei says."""
    paths, rng = Paths("toy"), np.random.default_rng(1)
    compounds = [f"c{i:02d}" for i in range(COMPOUNDS)]
    key = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Concentration": 1.0})
    features = pd.DataFrame(rng.standard_normal((COMPOUNDS, 5)), columns=NAMES)
    paths.profiles.mkdir(parents=True)
    pd.concat([key, features], axis=1).to_parquet(paths.profiles / "cellprofiler.parquet")
    plain = features.rename(columns={name: f"f{i}" for i, name in enumerate(NAMES)})
    pd.concat([key, plain], axis=1).to_parquet(paths.profiles / "mae.parquet")
    for part in ("up", "down"):
        folder = paths.predictions(f"classification/{part}")
        folder.mkdir(parents=True)
        labels = key[["Metadata_Compound"]].assign(p=(features[NAMES[0]] > 0).astype("float32"))
        (labels if part == "up" else labels[["Metadata_Compound"]]).to_parquet(
            folder / "labels.parquet"
        )
    paths.folds.parent.mkdir(parents=True)
    folds = {"Metadata_Kind": "compound", "Metadata_Repeat": 0, "Metadata_Compound": compounds}
    folds |= {"Metadata_Group": compounds, "Fold": np.arange(COMPOUNDS) % 5}
    pd.DataFrame(folds).to_csv(paths.folds, index=False)
    return paths


@pytest.fixture(scope="module")
def tasks() -> TaskSettings:
    return load_params().tasks


def test_rows_that_ask_for_it(toy: Paths, tasks: TaskSettings) -> None:
    rows = {
        "linear": RowSettings(features=["cellprofiler"], model="linear", contributions=True),
        "other": RowSettings(features=["cellprofiler"], model="linear"),
    }
    truth = Path("screen/truth")
    truth.mkdir(parents=True)
    table = {"Metadata_Protein": ["p"], "loading_cell_cycle_arrest": [1.0]}
    pd.DataFrame(table).to_parquet(truth / "proteins.parquet")
    for _ in range(2):  # the second time from the finished shard
        write_contributions(toy, truth.parent, rows, tasks, SETTINGS, LOCAL)
    files = sorted(str(p.relative_to(toy.contributions)) for p in toy.contributions.rglob("*.*"))
    assert files == ["classification/up/linear.json", "classification/up/linear.parquet"]
    found = pd.read_parquet(toy.contributions / files[1])
    assert list(found.columns) == COLUMNS
    stains = found[found["Grouping"] == "stain"].set_index("Group")
    assert stains["alone"].idxmax() == stains["drop"].idxmax() == stains["share"].idxmax() == "DNA"
    assert stains["share"].sum() == pytest.approx(1)
    assert (stains["drop_se"] >= 0).all()
    result = read_result(toy.contributions / files[0], ContributionResult)
    assert result.n_planted == 1
    assert {p.share for p in result.planted if p.grouping == "stain"} == {1.0}


def test_features_of_other_methods_have_no_groups(toy: Paths, tasks: TaskSettings) -> None:
    rows = {"mae": RowSettings(features=["mae"], model="linear", contributions=True)}
    message = (
        r"contributions of row 'mae': none of 5 features has a name of CellProfiler's, .* f0, f1"
    )
    with pytest.raises(UserError, match=message):
        write_contributions(toy, Path("screen"), rows, tasks, SETTINGS, LOCAL)


@pytest.mark.parametrize(
    "row",
    [
        {"features": ["a", "b"], "model": "mlp"},
        {"features": ["a"], "model": "mlp", "shuffled": True},
        {"features": ["a"], "model": "mlp", "tasks": ("targets",)},
        {"features": ["a"], "model": "mlp", "train_share": 0.5},
        {"features": ["a"], "model": "mlp_poster"},
    ],
)
def test_rows_that_cannot_be_asked(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"contributions are of (a plain row|models linear and)"):
        RowSettings.model_validate(row | {"contributions": True})
