"""Two screens with paired folds: by hand, against comparisons of rows, by simulation, and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.coverage.screens import COMPOUND, predicted, simulated
from benchmarks.coverage.simulate import Design, World
from scipy import stats
from sklearn.metrics import roc_auc_score
from tests.execution.computations import in_process

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.evaluation import blocks
from phenoprot.evaluation.across import across_row, compare_screens, write_across
from phenoprot.evaluation.across_results import ACROSS, AcrossScreens, RowAcross
from phenoprot.evaluation.blocks import WideFile
from phenoprot.evaluation.compare import compare
from phenoprot.evaluation.results import read_result
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.execution.run import EXECUTORS
from phenoprot.tasks.columns import PREDICTION_COLUMNS
from phenoprot.tasks.registry import all_parts, all_tasks

SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)


def labelled(compounds: list[str], **labels: list[float]) -> pd.DataFrame:
    return pd.DataFrame({COMPOUND: compounds} | labels).astype(dict.fromkeys(labels, float))


def test_by_hand() -> None:
    # Shared: a to e. Here d (negative) outranks b (positive): 3 of 4 pairs are in order. There
    # all are, and e, which is masked here, is the best of three positives. Spelling plays no part.
    here = predicted({"X": [4, 2, 1, 3, 9, 0], "only": [0] * 6}, list("abcdez"), [0] * 6)
    labels = labelled(list("abcdez"), X=[1, 1, 0, 0, np.nan, 1], only=[1, 0, 1, 0, 1, 0])
    there = predicted({"x": [4, 3, 2, 1, 5, 8, 8]}, list("ABCDEyw"), [0] * 7)
    labels_there = labelled(list("ABCDEyw"), x=[1, 1, 0, 0, 1, 0, 1])
    found = across_row(here, there, labels, labels_there)
    assert found.here is not None
    assert found.there is not None
    assert found.difference is not None
    assert (found.here.value, found.there.value, found.difference.value) == (0.75, 1.0, -0.25)
    counts = found.model_dump(include={name for name in RowAcross.model_fields if name[:2] == "n_"})
    assert counts == {
        "n_compounds": 5, "n_compounds_here": 1, "n_compounds_there": 2, "n_targets": 1,
        "n_labels": 4, "n_labels_alike": 4, "n_labels_here": 0, "n_labels_there": 1,
    }  # fmt: skip
    # Without a: 1 of 2 in order, and 1 there; without b: 2 of 2; c: 1 of 2; d: 2 of 2; e: 3 of 4.
    changes = np.array([-0.25, 0.25, -0.25, 0.25, 0.0])
    variance = (changes**2).sum() * 4 / 5
    error = np.sqrt(1.9 * variance)
    df = np.clip(2 * 0.25**2 / (4 * 0.0625**2 - 0.25**2 / 5), 1, 4)
    assert found.p == pytest.approx(2 * stats.t.sf(0.25 / error, df), abs=1e-6)
    power = (stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * error
    assert found.smallest_difference == pytest.approx(power, abs=1e-6)


def test_all_shared_is_the_comparison_of_two_rows() -> None:
    world = World.of(Design("small", 60, 1, 4, 15, 0.6, repeats=3))
    (one, other), labels = simulated(1, world, 60, 0)
    found = across_row(one, other, labels, labels)
    within = compare(("one", "other"), one, other, labels, SETTINGS).result
    assert found.difference == within.mean_auc_difference
    assert (found.p, found.smallest_difference) == (within.p, within.smallest_difference)
    assert found.n_labels == found.n_labels_alike == 240


def test_scores_of_the_shared_compounds_are_scikit_learn_s() -> None:
    world = World.of(Design("small", 60, 1, 2, 20, 0.6, repeats=1))
    (one, other), labels = simulated(2, world, 60, 9)
    found = across_row(one, other, labels, labels)
    truth = labels.set_index(COMPOUND)
    assert found.n_compounds == 42
    for table, mean in ((one, found.here), (other, found.there)):
        shared = table[table[COMPOUND].isin(truth.index[9:51])]
        aucs = []
        for target in ("t00", "t01"):
            of_fold = [
                (rows[target].to_numpy(), truth.loc[rows[COMPOUND], target].to_numpy())
                for _, rows in shared.groupby("Fold")
            ]
            both = [(x, y) for x, y in of_fold if 0 < y.sum() < len(y)]
            weights = [y.sum() for _, y in both]
            aucs.append(np.average([roc_auc_score(y, x) for x, y in both], weights=weights))
        assert mean is not None
        assert mean.value == pytest.approx(np.mean(aucs), abs=1e-6)


@pytest.mark.parametrize("alone", [0, 40])
def test_intervals_cover_where_the_screens_do_not_differ(alone: int) -> None:
    """Models trained in each fold of each screen; 40 of 100 compounds are in one screen alone."""
    design = Design("small", 100 + alone // 2, 1, 6, 12, 0.0)
    world = World.of(design)
    missed = 0
    for seed in range(40):
        tables, labels = simulated(seed, world, design.compounds, alone // 2)
        found = across_row(*tables, labels, labels).difference
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= 0 <= found.high
    assert missed <= stats.binom.ppf(0.98, 40, 0.05)


def test_what_cannot_be_paired() -> None:
    one = predicted({"x": [1, 2, 3]}, list("abc"), [0, 0, 1])
    labels = labelled(list("abc"), x=[1, 0, 1])
    moved = one.assign(Fold=[0, 1, 0])
    with pytest.raises(UserError) as error:
        across_row(one, moved, labels, labels)
    assert "2 of 3 shared compound(s) are in different folds in the two screens" in str(error.value)
    assert "set `folds_like` of one screen to the other" in str(error.value)
    with pytest.raises(UserError, match="no compound in common"):
        across_row(one, one.replace({COMPOUND: {"a": "d", "b": "e", "c": "f"}}), labels, labels)


@pytest.mark.parametrize("files", [False, True])
def test_without_a_shared_target_there_is_no_score(files: bool, tmp_path: Path) -> None:
    one = predicted({"x": [1, 2, 3], "y": [1, 2, 3]}, list("abc"), [0, 0, 0])
    labels = labelled(list("abc"), x=[1, 0, 1]), labelled(list("abc"), y=[1, 0, 1])
    tables = as_files(tmp_path, one, one, *labels) if files else (one, one, *labels)
    found = across_row(*tables)
    assert (found.n_targets, found.here, found.difference, found.p) == (0, None, None, None)
    assert (found.n_labels, found.n_labels_here) == (0, 0)


def as_files(folder: Path, *tables: pd.DataFrame) -> tuple[WideFile, ...]:
    """The tables as files: two of predictions, two of labels."""
    found = []
    for number, table in enumerate(tables):
        path = folder / f"{number}.parquet"
        table.to_parquet(path, index=False)
        found.append(WideFile(path, PREDICTION_COLUMNS if number < 2 else [COMPOUND]))
    return tuple(found)


def test_blocks_of_files_are_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets in another order and spelling, compounds of one screen alone, unknown labels."""
    world = World.of(Design("small", 60, 1, 5, 20, 0.6, repeats=2))
    (one, other), labels = simulated(3, world, 60, 9)
    there = labels.assign(**{COMPOUND: labels[COMPOUND].str.upper(), "only": 1.0})
    there = there.iloc[::-1, [0, 6, 5, 3, 2, 1, 4]].rename(columns=str.upper)
    there = there.rename(columns={COMPOUND.upper(): COMPOUND})
    there.iloc[::7, 2:4] = np.nan
    compounds = {name: other[name].str.upper() for name in (COMPOUND, "Metadata_LabelsOf")}
    other = other.assign(**compounds).rename(columns={f"t{i:02d}": f"T{i:02d}" for i in range(5)})
    whole = across_row(one, other, labels, there)
    assert (whole.n_targets, whole.n_compounds) == (5, 42)
    assert 0 < whole.n_labels_here < whole.n_labels == whole.n_labels_alike
    files = as_files(tmp_path, one, other, labels, there)
    assert across_row(*files) == whole
    monkeypatch.setattr(blocks, "VALUES", 2 * len(one))
    assert across_row(*files) == whole


def test_compounds_are_shared_in_the_repeats_that_both_have() -> None:
    """A compound that one screen predicts in a repeat of its own alone is not shared."""
    names, labels = list("abcd"), labelled(list("abcde"), x=[1, 0, 1, 0, 1])
    one = predicted({"x": [4, 3, 2, 1]}, names, [0] * 4)
    more = pd.concat([one, predicted({"x": [1, 2]}, list("ae"), [0, 0], repeat=1)])
    other = predicted({"x": [4, 3, 2, 1, 0]}, list("abcde"), [0] * 5)
    found = across_row(more.reset_index(drop=True), other, labels, labels)
    assert (found.n_compounds, found.n_compounds_here, found.n_compounds_there) == (4, 1, 1)
    assert found.difference is not None
    assert found.difference.value == 0


@pytest.fixture
def screens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Paths, Paths]:
    """Two screens with rows of their own and shared ones, in targets and UP."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(20)]
    for screen, rows, targets in (
        ("here", ("both", "shuffled", "mine"), ("x", "z")),
        ("there", ("theirs", "both", "shuffled"), ("X", "y")),
    ):
        for part in ("targets", "classification/up"):
            folder = Paths(screen).predictions(part)
            (folder / "rows").mkdir(parents=True)
            labels = labelled(names, **{t: [0.0, 1.0] * 10 for t in targets})
            labels.to_parquet(folder / "labels.parquet")
            for row in rows:
                scores = {t: rng.normal(size=20).tolist() for t in targets}
                table = predicted(scores, names, [i // 5 % 2 for i in range(20)])
                if row == "shuffled":
                    table["Metadata_LabelsOf"] = names[::-1]
                table.to_parquet(folder / "rows" / f"{row}.parquet")
    return Paths("here"), Paths("there")


def test_parts_rows_and_what_is_not_shared(screens: tuple[Paths, Paths]) -> None:
    here, there = screens
    (there.predictions("targets") / "rows" / "both.parquet").unlink()
    rows = ["mine", "both", "shuffled", "not predicted"]
    write_across(here, there, rows, all_tasks())
    place = here.scores / "comparisons" / ACROSS
    found = read_result(place, AcrossScreens).ordered(all_parts(), rows)
    assert found == compare_screens(here, there, rows, all_tasks())
    assert (found.other, list(found.parts)) == ("there", ["classification/up", "targets"])
    up, targets = found.parts.values()
    assert (up.n_targets, up.n_targets_here, up.n_targets_there) == (1, 1, 1)
    assert (list(up.rows), up.rows_here, up.rows_there) == (["both"], ["mine"], ["theirs"])
    assert (targets.rows, targets.rows_here, targets.rows_there) == (
        {}, ["mine", "both"], ["theirs"]
    )  # fmt: skip
    assert up.rows["both"].q == up.rows["both"].p  # one test
    write_across(here, None, rows, all_tasks())
    assert not place.exists()


def test_q_is_over_the_rows_of_a_part(screens: tuple[Paths, Paths]) -> None:
    here, there = screens
    for name in ("mine", "more"):
        for paths in screens:
            folder = paths.predictions("targets") / "rows"
            table = pd.read_parquet(folder / "both.parquet")
            shift = table["Metadata_Compound"].str[1:].astype(int) % 2 * (paths == here)
            target = table.columns[-2]
            table.assign(**{target: table[target] + 2.0 * shift}).to_parquet(
                folder / f"{name}.parquet"
            )
    rows = compare_screens(here, there, ["both", "mine", "more"], all_tasks()).parts["targets"].rows
    p = [row.p for row in rows.values()]
    q = [row.q for row in rows.values()]
    assert q == pytest.approx(stats.false_discovery_control(p), abs=1e-6)


def test_nothing_to_compare(screens: tuple[Paths, Paths]) -> None:
    with pytest.raises(UserError) as error:
        compare_screens(screens[0], Paths("nowhere"), ["both"], all_tasks())
    assert "no part of the benchmark has predictions in both 'here' and 'nowhere'" in str(
        error.value
    )
    assert "dvc repro evaluate-here evaluate-nowhere" in str(error.value)
