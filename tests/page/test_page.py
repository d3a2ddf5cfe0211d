"""The page of a tiny phantom as a file: whole, offline, the same again, its data beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.wild.stages import inside
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.evaluation.uncertainty import BESIDE_REPEATS
from phenoprot.page.blocks import DIGITS, MOST_LINES, values_of
from phenoprot.page.build import as_json, write_page
from phenoprot.page.charts import COLOURS
from phenoprot.page.details import MOST_POINTS, _thinned
from phenoprot.page.targets import above_chance, intervals
from phenoprot.report.parts import table_parts
from phenoprot.report.store import read_metrics
from phenoprot.report.tables import build_tables
from phenoprot.screens.contract import COMPOUND, CONCENTRATION
from phenoprot.tasks.columns import FOLD, LABELS_OF, REPEAT

PATHS = Paths("phantom")
LARGEST = 10 * 2**20
"""Bytes of a page."""


def embedded(page: Path) -> dict:
    """The data in a page."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])


def test_it_is_one_small_file_that_asks_for_nothing(tiny: Path) -> None:
    page = tiny / PATHS.page
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < LARGEST
    markup = re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL)
    links = re.findall(r'(?:href|src)="([^"]*)"', markup)
    assert [link for link in links if not link.startswith(("#", "data:"))] == []
    assert "url(" not in markup


def test_every_figure_has_its_data_in_a_file_beside_the_page(tiny: Path) -> None:
    found = embedded(tiny / PATHS.page)
    for name, figure in found["figures"].items():
        table = pd.read_csv(tiny / PATHS.page_data / f"{name}.csv", keep_default_na=False)
        assert list(table.columns) == list(figure["columns"])
        assert all(len(column) == len(table) for column in figure["columns"].values())
    details = found["explorer"]["details"]
    there = {
        "targets": found["explorer"]["tables"],
        "predicted": details["predicted"],
        "carriers": details["carriers"],
    }
    names = [f"{kind}-{part.replace('/', '-')}" for kind, parts in there.items() for part in parts]
    assert details["predicted"]
    for name in [*names, "curves", "strongest"]:
        assert (tiny / PATHS.page_data / f"{name}.csv").is_file(), name


def test_the_same_inputs_give_the_same_bytes(copied: Path) -> None:
    def everything() -> dict[str, bytes]:
        files = [PATHS.page, *sorted(PATHS.page_data.iterdir())]
        return {str(path): path.read_bytes() for path in files}

    write_page(PATHS, Path("data/screens/phantom"))
    before = everything()
    write_page(PATHS, Path("data/screens/phantom"))
    assert everything() == before


def test_the_command_builds_it_and_prints_its_path(copied: Path) -> None:
    PATHS.page.unlink()
    done = CliRunner().invoke(app, ["report", "phantom"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{PATHS.page}: ")
    assert PATHS.page.is_file()
    refused = CliRunner().invoke(app, ["report", "other"])
    assert refused.exit_code == 1
    assert "no screen 'other'" in str(refused.exception)


def test_numbers_of_the_page_are_those_of_the_metrics(copied: Path) -> None:
    results = read_metrics(PATHS.metrics)
    figures = embedded(PATHS.page)["figures"]
    for name in ("classification/up", "targets", "regression"):
        part, drawn = table_parts()[name], figures[f"rows-{name.replace('/', '-')}"]["columns"]
        score = part.scores.means[0]
        means = {row: result.means.get(score) for row, result in results.parts[name].items()}
        assert drawn["row"] == list(means)
        expected = [mean and mean.value for mean in means.values()]
        assert drawn["value"] == pytest.approx(expected, rel=10.0 ** (1 - DIGITS))
    text = PATHS.page.read_text(encoding="utf-8")
    for table in build_tables(results):
        assert table.title.split(":")[0].replace("'", "&#39;") in text


def test_the_explorer_has_every_target_with_its_score(copied: Path) -> None:
    tables = embedded(PATHS.page)["explorer"]["tables"]
    for name, table in tables.items():
        part = table_parts()[name]
        for row in table["rows"]:
            scores = pd.read_parquet(PATHS.scores / name / f"{row}.parquet").set_index("Target")
            expected = scores[part.scores.main].reindex(table["columns"]["target"])
            assert table["scores"][row]["score"] == values_of(expected)
            if part.scorer == "auc":
                counts = scores["n_positives"].reindex(table["columns"]["target"])
                own = table["counts"][table["scores"][row]["counts"]]
                assert own["n_positives"] == values_of(counts.astype("Int64"))


def test_an_interval_is_delongs_widened_by_training(tmp_path: Path) -> None:
    """One fold of single treatments: DeLong's variance, times what training adds."""
    rng = np.random.default_rng(3)
    n, n_positive = 60, 20
    labels = pd.DataFrame({COMPOUND: [f"c{i:02}" for i in range(n)]})
    labels["A"] = np.r_[np.ones(n_positive), np.zeros(n - n_positive)]
    score = rng.normal(size=n) + labels["A"]
    known = pd.DataFrame(
        {COMPOUND: labels[COMPOUND], CONCENTRATION: 1.0, FOLD: 0, LABELS_OF: labels[COMPOUND],
         REPEAT: 0, "A": score}
    )  # fmt: skip
    with inside(tmp_path):
        folder = PATHS.predictions("classification/up")
        (folder / "rows").mkdir(parents=True)
        labels.to_parquet(folder / "labels.parquet")
        known.to_parquet(folder / "rows/row.parquet")
        part = table_parts()["classification/up"]
        table = pd.DataFrame({"Target": ["A"], "score": [0.7]})
        found = intervals(PATHS, part, "row", table).iloc[0]
    wins = score[:n_positive].to_numpy()[:, None] > score[n_positive:].to_numpy()
    variance = wins.mean(axis=1).var(ddof=1) / n_positive
    variance += wins.mean(axis=0).var(ddof=1) / (n - n_positive)
    reach = stats.t.ppf(0.975, n_positive - 1) * np.sqrt(BESIDE_REPEATS * variance)
    assert found["low"] == pytest.approx(wins.mean() - reach, rel=0.03)
    assert found["high"] == pytest.approx(min(wins.mean() + reach, 1), rel=0.03)


def test_features_that_carry_a_prediction_are_shown_where_they_were_computed(copied: Path) -> None:
    assert 'id="features"' not in PATHS.page.read_text(encoding="utf-8")
    name, row = "classification/up", next(iter(read_metrics(PATHS.metrics).provenance.rows))
    targets = pd.read_parquet(PATHS.scores / name / f"{row}.parquet")["Target"]
    lines = [
        {"Target": target, "Grouping": grouping, "Group": group, "n_features": 7, "auc": 0.9,
         "drop": drop, "drop_se": 0.01, "alone": 0.6, "share": np.nan}
        for target in targets
        for grouping, group, drop in [("stain", "ER", 0.3), ("place", "Cells ER", 0.1),
                                      ("place", "Nuclei DNA", 0.2)]
    ]  # fmt: skip
    path = PATHS.contributions / name / f"{row}.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame(lines).to_parquet(path)
    write_page(PATHS, Path("data/screens/phantom"))
    assert 'id="features"' in PATHS.page.read_text(encoding="utf-8")
    found = embedded(PATHS.page)
    drawn = found["figures"][f"features-classification-up-{row}"]["columns"]
    assert set(drawn["Group"]) == {"Cells ER", "Nuclei DNA"}
    beside = pd.read_csv(PATHS.page_data / "carriers-classification-up.csv")
    assert set(beside["Target"]) == set(found["explorer"]["details"]["carriers"][name])
    carriers = found["explorer"]["details"]["carriers"][name][targets[0]]
    assert carriers["group"] == ["Nuclei DNA", "Cells ER"]  # the heaviest first
    assert carriers["high"] == pytest.approx([0.22, 0.12])


def test_points_of_a_detail_are_thinned_evenly_and_keep_the_strongest() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5000))
    kept = _thinned(x, y)
    assert len(kept) <= MOST_POINTS
    assert set(np.argsort(-np.abs(y))[: MOST_POINTS // 2]) <= set(kept)
    assert {x.argmin(), x.argmax()} <= set(kept)
    assert list(_thinned(x[:10], y[:10])) == list(range(10))


def test_given_states_are_not_drawn_as_measured_effects(copied: Path) -> None:
    path = PATHS.labels / "labels.parquet"
    pd.read_parquet(path).drop(columns="Effect").to_parquet(path)
    write_page(PATHS, Path("data/screens/phantom"))
    details = embedded(PATHS.page)["explorer"]["details"]
    assert set(details["predicted"]) == {"regression", "targets"}
    assert all("Effect" not in one for one in details["strongest"].values())
    assert details["strongest"]


def test_discoveries_are_counted_by_q() -> None:
    scores = pd.DataFrame(
        {"row": ["a", "a", "b"], "Target": ["x", "y", "x"], "score": 0.7, "q": [0.01, 0.2, np.nan]}
    )
    assert above_chance(scores, 0.05) == {"a": {"x"}, "b": set()}


def test_text_of_the_data_ends_no_script() -> None:
    text = as_json({"a": "</script><b>\u2028", "b": None})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text)["a"] == "</script><b>\u2028"
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(float("nan"))


def test_numbers_in_the_page_are_short_and_gaps_are_null() -> None:
    assert values_of([0.123456789, float("nan"), 3, "a", None]) == [0.12346, None, 3, "a", None]


def test_lines_have_a_colour_a_dash_and_a_shape_each() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == MOST_LINES


def test_a_missing_table_is_named(copied: Path) -> None:
    path = PATHS.scores / "classification/up/mae.parquet"
    path.unlink()
    with pytest.raises(UserError, match=r"mae\.parquet"):
        write_page(PATHS, Path("data/screens/phantom"))


def test_a_screen_without_images_says_so(copied: Path) -> None:
    path = PATHS.metrics / "provenance.json"
    known = json.loads(path.read_text())
    known["missing"] = ["images"]
    path.write_text(json.dumps(known))
    write_page(PATHS, Path("data/screens/phantom"))
    text = PATHS.page.read_text(encoding="utf-8")
    assert 'id="images"' not in text
    assert re.search(r"lacks the data or rows:[^<]*\bimages\b", text)
