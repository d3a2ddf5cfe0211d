"""Account, details and findings say what the metrics say, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from phenoprot.report.account import account
from phenoprot.report.details import details
from phenoprot.report.findings import findings
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

from .toy import FILES, PROVENANCE, auc, cells, write

ROOT = Path(__file__).parents[2]


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w])", text))


def test_the_account_says_what_the_metrics_say(metrics: ScreenResults) -> None:
    page, long = account(metrics), details(metrics)
    assert page.startswith("# A [made-up] screen\n")
    for caveat in PROVENANCE["caveats"]:
        assert f"- {caveat}\n" in page
    assert "191 proteins x 301 compounds, 410 pairs with a label: 11 up, 22 down" in page
    assert "The rule as it is. Terms of the position's effect that were removed: 6." in page
    assert (
        "Negative controls treated as compounds: 5.0 % of called pairs expected to be false "
        "(2 of 33, if no compound did anything; from 64 controls, each tested against the others)."
    ) in page
    assert (
        "**UP vs NOT**: cellprofiler reaches a mean ROC AUC of 0.714 (95 % CI 0.69-0.74, sd over "
        "repeats 0.008)"
    ) in long
    assert (
        "7 of them at or above 0.8, where 0.1 (sd 1.2, p 0.023) would be expected by chance" in long
    )
    # (0.6284 - 0.5) / (0.7138 - 0.5) = 60 %
    assert "(`cell_count`) reaches 0.628, 60 % of cellprofiler's distance from 0.5" in long
    assert "cellprofiler adds +0.085." in long
    assert (
        "UP: MLP minus linear model on the same features: +0.006 (95 % CI -0.025 to +0.034), "
        "p 0.037, q 0.069; 3 proteins better and 1 worse of 39."
    ) in long
    assert "every compound was given at one, so there are no scores by dose" in long
    assert "![Scores with 95 % intervals](results-toy.svg)" in page
    assert "with shuffled labels the same procedure scores 0.496" in long
    assert "13 of 190 proteins reach 0.2 (1.2 by chance)" in long
    assert "chance alone lifts 5.5 (sd 6.6, p 0.023) targets to 0.7 (cellprofiler: 9)" in long
    assert "phenoprot 0.9.9, data `abababababababab`, parameters `cdcdcdcdcdcdcdcd`" in page


def test_the_account_says_how_well_replicates_agree(tmp_path: Path) -> None:
    known = {"reliability_low": 0.121, "reliability_median": 0.304, "reliability_high": 0.532,
             "unreliable_percent": 71.7}  # fmt: skip
    files = FILES | {"labels/counts": FILES["labels/counts"] | known}
    page = account(read_metrics(write(tmp_path / "toy", files)))
    assert "median 0.30, quartiles 0.12 and 0.53, below 0.5 for 72 % of the proteins" in page
    assert "Reliability of" not in account(read_metrics(write(tmp_path / "without", FILES)))


def test_the_account_has_no_placeholder(metrics: ScreenResults) -> None:
    page = account(metrics) + details(metrics)
    assert not re.search(r"\bnan\b|None|\{|\}|TODO|XXX|<(?!!--)", page)


def test_every_number_of_the_findings_follows_from_the_metrics(tmp_path: Path) -> None:
    """Other metrics give other numbers: what stays is fixed wording (0.5, 95 %, thresholds)."""
    other = json.loads(json.dumps(FILES))
    for name, content in other.items():
        row = content["cellprofiler"]["linear"] if name.startswith("comparisons") else content
        if name.startswith(("classification", "regression", "targets", "comparisons")):
            for key, value in row.items():
                row[key] = value + 1000 if isinstance(value, int) else value * 1.3 + 0.017
    one = findings(read_metrics(write(tmp_path / "one", FILES)))
    two = findings(read_metrics(write(tmp_path / "two", other)))
    assert len(one) == len(two) == 9
    stay = {"0.5", "95", "0.8", "0.2", "0.7", "1", "0"}
    for first, second in zip(one, two, strict=True):
        assert numbers(first) & numbers(second) <= stay


def test_below_one_half_there_is_no_share_of_the_distance(metrics: ScreenResults) -> None:
    lines = [line for line in findings(metrics) if line.startswith("DOWN: the number of cells")]
    assert lines == [
        "DOWN: the number of cells alone (`cell_count`) reaches 0.547. cellprofiler adds -0.061."
    ]


def test_other_thresholds_are_no_fault(tmp_path: Path) -> None:
    renamed = json.loads(json.dumps(FILES).replace("auc_ge_0.8", "auc_ge_0.75"))
    renamed = json.loads(json.dumps(renamed).replace("r2_ge_0.2", "r2_ge_0.35"))
    renamed["provenance"]["thresholds"] = {"auc": [0.6, 0.75], "r2": [0.35]}
    page = details(read_metrics(write(tmp_path / "toy", renamed)))
    assert "7 of them at or above 0.75" in page
    assert "proteins reach 0.35" in page


def test_the_planted_truth_of_a_simulated_screen(tmp_path: Path) -> None:
    truth = {"recall_0_0.5": 0.031, "n_0_0.5": 120, "recall_2_inf": 0.987, "n_2_inf": 45,
             "n_wrong_direction": 6, "n_null": 7890, "false_call_share": 0.00123}  # fmt: skip
    page = details(read_metrics(write(tmp_path / "toy", FILES | {"labels/truth": truth})))
    assert cells(page)[:4] == [
        ["planted abs. log2 fold change", "pairs", "called in the planted direction"],
        ["---"] * 3,
        ["0 to 0.5", "120", "3.1 %"],
        ["2 and more", "45", "98.7 %"],
    ]
    assert "6 called in the wrong direction. Of 7890 pairs" in page
    assert "0.123 % are called" in page


def test_every_row_is_explained(metrics: ScreenResults) -> None:
    section = details(metrics).split("## Rows")[1].split("## ")[0]
    lines = [line for line in section.splitlines() if line]
    assert lines == [
        "- `cellprofiler`: cellprofiler in the MLP.",
        "- `linear`: cellprofiler in principal components and ridge. Where it is as good, the MLP "
        "adds nothing.",
        "- `cell_count`: cell_count in principal components and ridge. What the number of cells "
        "reaches needs no image analysis.",
        "- `shuffled`: cellprofiler in the MLP. The labels permuted among the compounds, the whole "
        "nested cross-validation repeated. A score far from chance would indicate leakage.",
        "- `proteome`: proteome in the MLP. The protein readout itself.",
    ]


def test_rows_are_known_by_what_they_are_not_by_their_names(tmp_path: Path) -> None:
    """The same page whatever the rows are called."""
    new = {"linear": "ridge", "cell_count": "how_many", "shuffled": "permuted", "proteome": "ms"}
    renamed = json.loads(json.dumps(FILES))
    for old, name in new.items():
        methods = renamed["provenance"]["methods"]
        methods[name] = methods.pop(old)
        for key in [key for key in renamed if key.endswith(f"/{old}")]:
            renamed[key.removesuffix(old) + name] = renamed.pop(key)
        for others in renamed["comparisons/classification/up"].values():
            if old in others:
                others[name] = others.pop(old)
    rows = renamed["provenance"]["rows"]
    renamed["provenance"]["rows"] = [new.get(row, row) for row in rows]
    lines = findings(read_metrics(write(tmp_path / "one", FILES)))
    expected = [
        line.replace("`cell_count`", "`how_many`")
        .replace("proteome 0", "ms 0")
        .replace("`shuffled`", "`permuted`")
        for line in lines
    ]
    assert findings(read_metrics(write(tmp_path / "two", renamed))) == expected


def both_models(scores: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Rows of each feature set in the MLP and in the linear model, under names of no meaning."""
    files = json.loads(json.dumps(FILES))
    known = files["provenance"]
    for features, pair in scores.items():
        for model, mean in zip(("mlp", "linear"), pair, strict=True):
            row = f"{features}-{model[0]}"
            known["rows"].append(row)
            known["methods"][row] = {"features": [features], "model": model, "shuffled": False}
            files[f"classification/up/{row}"] = auc(mean)
    return files


def test_feature_sets_that_the_two_models_rank_differently_are_named(tmp_path: Path) -> None:
    # With cellprofiler (0.7138, 0.7077): a is best in the MLP and last in the linear model.
    files = both_models({"a": (0.8, 0.5), "b": (0.6, 0.6), "c": (0.59, 0.61)})
    lines = findings(read_metrics(write(tmp_path / "toy", files)))
    (line,) = [line for line in lines if "feature sets" in line]
    # Ranks 3 4 2 1 and 4 1 2 3: Spearman -0.4. b and c flip by less than can be seen.
    assert line == (
        "UP: the MLP and the linear model rank 4 feature sets with a Spearman correlation of "
        "-0.40; pairs in the opposite order, by more than the 0.042 that can be seen in both (MLP, "
        "linear): cellprofiler and a (-0.086 and +0.208); a and b (+0.200 and -0.100); a and c "
        "(+0.210 and -0.110)."
    )
    alike = both_models({"a": (0.8, 0.8), "b": (0.6, 0.6)})
    lines = findings(read_metrics(write(tmp_path / "alike", alike)))
    (line,) = [line for line in lines if "feature sets" in line]
    assert line.endswith("correlation of 1.00; pairs in the opposite order, by more than the 0.042 "
                         "that can be seen in both (MLP, linear): none.")  # fmt: skip


SCREENS = sorted(path.parent.name for path in (ROOT / "metrics").glob("*/provenance.json"))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_account_in_the_repository_is_in_step(screen: str) -> None:
    results = read_metrics(ROOT / "metrics" / screen)
    for text, name in ((account(results), ""), (details(results), "-details")):
        page = ROOT / "docs" / f"results-{screen}{name}.md"
        assert text == page.read_text(encoding="utf-8")
