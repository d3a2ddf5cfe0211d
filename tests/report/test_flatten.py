"""Typed results become today's flat metrics, and come back from them as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.evaluation.results import (
    SCORE_NAMES,
    Activeness,
    ActivityCounts,
    Ceiling,
    ChosenScores,
    DoseActivity,
    DoseScores,
    EffectRecall,
    Estimate,
    Group,
    GroupScores,
    LabelTruth,
    LeakGauge,
    ProteinChoice,
    RowComparison,
    RowResult,
    ScorerName,
    Stratum,
    StratumScores,
    ThresholdCount,
)
from phenoprot.report import flatten
from phenoprot.report.files import HEADLINE
from phenoprot.report.headline import headline
from phenoprot.report.parts import table_parts
from phenoprot.report.plotted import dose_curves, threshold_counts
from phenoprot.report.results import MethodRecord, Provenance, ScreenResults, VariantRecord
from phenoprot.report.store import read_metrics, write_metrics

ROOT = Path(__file__).parents[2]
SCREENS = sorted(path.parent.name for path in (ROOT / "metrics").glob("*/provenance.json"))
ROWS = ["first", "second", "third"]
GROUPS = [
    Group(low=0.0, high=0.45),
    Group(low=0.45, high=1.5),
    Group(low=1.5),
    Group(kind="null"),
    Group(kind="proteins_only"),
]
KNOWN = Provenance(
    package_version="1",
    data_sha256="ab",
    params_sha256="cd",
    screen="toy",
    title="Toy",
    imaged_cell_line="U2OS",
    caveats=[],
    rows=ROWS,
    methods={row: MethodRecord(features=[row], model="mlp", shuffled=False) for row in ROWS},
    concentration_unit="uM",
    false_discovery_rate=0.05,
    thresholds={"auc": [0.55, 0.6, 0.9], "r2": [-0.5, 0.1]},
    concentrations=[1e-05, 0.001, 1.5, 10.0],
    planted=GROUPS,
)

value = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))
count = st.integers(0, 10_000)
optional_estimate = st.none() | st.builds(
    Estimate,
    value=value,
    low=st.none() | value,
    high=st.none() | value,
    repeat_sd=st.none() | value,
)


def some_of(choices: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Any of them, in their order."""
    return st.sets(st.sampled_from(range(len(choices)))).map(
        lambda chosen: [choices[i] for i in sorted(chosen)]
    )


class MadeUp:
    """Numbers and what is made of them, any of it missing; from one seed, as single draws are slow.

    Parameters
    ----------
    seed
        Of all that is made up.
    share
        How much of what may be missing is there.
    """

    def __init__(self, seed: int, share: float) -> None:
        self.random, self.share = Random(seed), share

    def there(self) -> bool:
        return self.random.random() < self.share

    def number(self) -> float:
        return self.random.choice([0.0, 1.0, round(self.random.uniform(-1e3, 1e3), 6)])

    def count(self) -> int:
        return self.random.choice([0, 1, self.random.randint(0, 10_000)])

    def some_number(self) -> float | None:
        return self.number() if self.there() else None

    def some_count(self) -> int | None:
        return self.count() if self.there() else None

    def some_estimate(self) -> Estimate | None:
        ends = {name: self.some_number() for name in ("low", "high", "repeat_sd")}
        return Estimate(value=self.number(), **ends) if self.there() else None

    def means(self, names: tuple[str, ...]) -> dict[str, Estimate]:
        """Estimates of any of the scores."""
        found = {name: self.some_estimate() for name in names}
        return {name: mean for name, mean in found.items() if mean is not None}


@st.composite
def rows(draw: st.DrawFn) -> RowResult:
    """Results of a row of either kind, with and without all that may be missing."""
    scorer: ScorerName = draw(st.sampled_from(["auc", "levels"]))
    names = SCORE_NAMES[scorer]
    some = MadeUp(draw(st.integers(0, 2**32)), draw(st.sampled_from([0.0, 0.3, 0.7, 1.0])))
    thresholds = [
        ThresholdCount(
            threshold=threshold,
            n=some.count(),
            percent=some.number(),
            expected_by_chance=some.number(),
            chance_sd=some.some_number(),
            p=some.some_number(),
        )
        for threshold in draw(some_of(KNOWN.thresholds[names.main]))
    ]
    ceiling = Ceiling(value=some.number(), n=some.count(), share=some.some_number())
    leak = LeakGauge(
        score=names.leak, mean=some.some_number(), gap=some.some_estimate(), n_doses=some.count()
    )
    planted = [
        GroupScores(group=group, n=some.count(), means=some.means(names.planted))
        for group in draw(some_of(GROUPS))
    ]
    strata = [
        StratumScores(name=name, n_targets_scored=some.count(), means=some.means((names.main,)))
        for name in draw(some_of(list(get_args(Stratum))))
    ]
    activity = [
        StratumScores(name=name, n_targets_scored=some.count(), means=some.means((names.main,)))
        for name in draw(some_of(list(get_args(Activeness))))
    ]
    every, inside, over_all = (
        ChosenScores(n=some.number(), skill=some.some_estimate(), median=some.some_number())
        for _ in range(3)
    )
    choice = ProteinChoice(every=every, inside=inside, all=over_all, optimism=some.some_estimate())
    doses = [
        DoseScores(
            concentration=concentration,
            n_compounds=some.count(),
            n_targets_scored=some.count(),
            means=some.means(names.by_dose),
            median=some.some_number(),
        )
        for concentration in draw(some_of(KNOWN.concentrations))
    ]
    return RowResult(
        scorer=scorer,
        n_targets=some.count(),
        n_compounds=some.count(),
        n_repeats=some.some_count(),
        n_folds=some.some_count(),
        n_targets_scored=some.some_count(),
        n_folds_skipped=some.some_count(),
        means=some.means(names.means),
        mean_chance_sd=some.some_number(),
        mean_p=some.some_number(),
        n_above_chance=some.some_count(),
        median=some.some_number(),
        maximum=some.some_number(),
        median_over_doses=some.some_number(),
        maximum_over_doses=some.some_number(),
        thresholds=thresholds,
        ceiling=draw(st.sampled_from([None, ceiling])),
        leak=draw(st.sampled_from([None, leak])),
        planted=planted,
        strata=strata,
        activity=activity,
        choice=draw(st.sampled_from([None, choice])),
        doses=doses,
    )


def through_json(content: Any) -> Any:
    return json.loads(json.dumps(content, sort_keys=True, allow_nan=False))


@given(rows())
@settings(max_examples=200, deadline=None)
def test_a_row_comes_back(row: RowResult) -> None:
    flat = through_json(flatten.flat_row(row))
    flat_doses = through_json(flatten.flat_doses(row.doses, row.scorer))
    doses = flatten.nested_doses(flat_doses, row.scorer, KNOWN)
    assert flatten.nested_row(flat, row.scorer, KNOWN, doses) == row
    assert all(isinstance(number, int | float) for number in flat.values())


comparison = st.builds(
    RowComparison,
    row=st.just(""),
    against=st.just(""),
    n_compounds=count,
    n_targets_tested=count,
    n_better=count,
    n_worse=count,
    mean_auc_difference=optional_estimate,
    p=st.none() | value,
    q=st.none() | value,
    jaccard=st.none() | value,
    smallest_difference=st.none() | value,
    smallest_target_difference=st.none() | value,
)
PAIRS = [(one, other) for one in ROWS for other in ROWS if one != other]


@given(some_of(PAIRS), st.data())
@settings(max_examples=50, deadline=None)
def test_comparisons_come_back(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    compared = [
        data.draw(comparison).model_copy(update={"row": one, "against": other})
        for one, other in pairs
    ]
    flat = through_json(flatten.flat_comparisons(compared))
    assert flatten.nested_comparisons(flat, KNOWN) == compared


@given(some_of(GROUPS[:3]), st.data())
@settings(max_examples=50, deadline=None)
def test_the_truth_of_labels_comes_back(groups: list[Group], data: st.DataObject) -> None:
    effects = [
        EffectRecall(group=group, n=data.draw(count), recall=data.draw(st.none() | value))
        for group in groups
    ]
    truth = LabelTruth(
        effects=effects,
        n_wrong_direction=data.draw(count),
        n_null=data.draw(count),
        false_call_share=data.draw(st.none() | value),
    )
    assert flatten.nested_truth(through_json(flatten.flat_truth(truth)), KNOWN) == truth


def test_the_keys_are_those_that_dvc_shows() -> None:
    row = RowResult(
        scorer="auc",
        n_targets=41,
        n_compounds=301,
        n_targets_scored=40,
        n_folds_skipped=3,
        n_repeats=5,
        means={"auc": Estimate(value=0.7, low=0.6, high=0.8, repeat_sd=0.01)},
        mean_chance_sd=0.03,
        mean_p=0.001,
        n_above_chance=17,
        thresholds=[
            ThresholdCount(
                threshold=0.9, n=2, percent=5.0, expected_by_chance=0.1, chance_sd=0.4, p=0.02
            )
        ],
        ceiling=Ceiling(value=0.92, n=39, share=0.47),
        leak=LeakGauge(score="auc", mean=0.8, gap=Estimate(value=0.1, low=0.0), n_doses=5),
        planted=[
            GroupScores(
                group=Group(low=1.0, high=1.5), n=5, means={"auc": Estimate(value=0.6, low=0.5)}
            ),
            GroupScores(group=Group(low=1.5), n=6, means={}),
        ],
        strata=[
            StratumScores(
                name="within", n_targets_scored=38, means={"auc": Estimate(value=0.65, low=0.6)}
            )
        ],
    )
    assert flatten.flat_row(row) == {
        "n_targets": 41,
        "n_compounds": 301,
        "n_targets_scored": 40,
        "n_folds_skipped": 3,
        "mean_auc": 0.7,
        "mean_auc_ci_low": 0.6,
        "mean_auc_ci_high": 0.8,
        "mean_auc_repeat_sd": 0.01,
        "chance_sd_mean_auc": 0.03,
        "mean_auc_p": 0.001,
        "n_repeats": 5,
        "n_auc_ge_0.9": 2,
        "pct_auc_ge_0.9": 5.0,
        "chance_n_auc_ge_0.9": 0.1,
        "chance_sd_auc_ge_0.9": 0.4,
        "p_auc_ge_0.9": 0.02,
        "n_above_chance": 17,
        "ceiling_auc": 0.92,
        "ceiling_n_targets": 39,
        "ceiling_share": 0.47,
        "leak_mean_auc": 0.8,
        "leak_gap": 0.1,
        "leak_gap_ci_low": 0.0,
        "leak_n_doses": 5,
        "truth_n_1_1.5": 5,
        "truth_mean_auc_1_1.5": 0.6,
        "truth_mean_auc_ci_low_1_1.5": 0.5,
        "truth_n_1.5_inf": 6,
        "n_targets_scored_cells_within": 38,
        "mean_auc_cells_within": 0.65,
        "mean_auc_ci_low_cells_within": 0.6,
    }
    assert flatten.dose_key(1e-05) == "1e-05"
    assert flatten.dose_key(10.0) == "10"


@pytest.mark.parametrize("screen", SCREENS)
def test_the_committed_metrics_come_back_to_the_byte(screen: str, tmp_path: Path) -> None:
    committed = ROOT / "metrics" / screen
    results = read_metrics(committed)
    write_metrics(results, tmp_path)
    (tmp_path / "doses.csv").write_text(dose_curves(results))
    (tmp_path / "counts.csv").write_text(threshold_counts(results))
    (tmp_path / HEADLINE).write_text(json.dumps(headline(results), indent=2) + "\n")
    expected, found = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (committed, tmp_path)
    )
    del expected[Path("targets.csv")]  # of scores, which metrics/ does not hold
    assert found == expected
    # What the provenance says is there is what the results hold.
    assert results.completed() == results


def small(**more: Any) -> ScreenResults:
    row = {"scorer": "auc", "n_targets": 1, "n_compounds": 2, "means": {}, "thresholds": []}
    return ScreenResults(
        provenance=KNOWN,
        parts={"classification/up": {"first": RowResult.model_validate(row | more)}},
        labels={"n_up": 3},
        top={"regression": []},
    )


def test_variants_and_activity_come_back(tmp_path: Path) -> None:
    plain = small()
    row = plain.parts["classification/up"]["first"]
    more = {
        "few": VariantRecord(of="first", train_share=0.25),
        "hard": VariantRecord(splits="plate"),
    }
    methods = {name: MethodRecord(features=["a"], model="linear", shuffled=False) for name in more}
    known = KNOWN.model_copy(update={"variants": more, "methods": KNOWN.methods | methods})
    activity = ActivityCounts(
        doses=[DoseActivity(concentration=2.5, n=9, n_active=4, n_first=3)],
        n_compounds=9,
        n_active=3,
    )
    full = replace(
        plain,
        provenance=known,
        variants={"classification/up": {"few": row, "hard": row}},
        activity=activity,
        parts={name: {} for name in table_parts()} | plain.parts,
    ).completed()
    write_metrics(full, tmp_path)
    assert (tmp_path / "classification/up/variants/few.json").is_file()
    assert read_metrics(tmp_path) == full


def test_the_provenance_names_concentrations_and_groups() -> None:
    doses = [{"concentration": 2.5, "n_compounds": 1, "n_targets_scored": 0, "means": {}}]
    planted = [{"group": {"kind": "null"}, "n": 1, "means": {}}]
    found = small(doses=doses, planted=planted).completed().provenance
    assert (found.concentrations, found.planted) == ([2.5], [Group(kind="null")])
    bare = small().completed().provenance
    assert (bare.concentrations, bare.planted) == ([], [])


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("classification/up/first.json", '{"n_targets": 1}', "'n_compounds': Field required"),
        ("classification/up/first.json", '{"n_targets": "x"}', "are no numbers: n_targets"),
        ("labels/counts.json", '{"n_up": true}', "are no numbers: n_up"),
        ("labels/counts.json", '{"n_up": {"a": 1}}', "are no numbers: n_up"),
        ("labels/truth.json", "{}", "'n_wrong_direction': Field required"),
        ("comparisons/targets.json", '{"first": {"second": {}}}', "'n_compounds': Field required"),
        ("comparisons/targets.json", '{"first": 3}', "are no numbers: first"),
        ("doses/classification/up/first.json", '{"10": {}}', "'n_compounds': Field required"),
        ("doses/classification/up/first.json", "[]", "holds a list, expected an object"),
        ("provenance.json", "{}", "'package_version': Field required"),
    ],
)
def test_a_damaged_file_of_metrics_is_named(
    tmp_path: Path, name: str, text: str, fault: str
) -> None:
    write_metrics(small(), tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as error:
        read_metrics(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / name}: is damaged: ")
    assert fault in str(error.value)
    assert "git checkout" in str(error.value)


def test_a_row_without_a_method_is_a_fault_of_the_provenance(tmp_path: Path) -> None:
    write_metrics(small(), tmp_path)
    path = tmp_path / "provenance.json"
    content = json.loads(path.read_text())
    del content["methods"]["second"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"is damaged: no method of row second\."):
        read_metrics(tmp_path)
