"""The page of a large screen: its size, and how soon a browser shows it.

``python -m benchmarks.page.full measure`` makes up the tables of a screen of 2,000 compounds at 5
concentrations, 7,000 proteins and 500 targets, writes its page, and opens it in Chromium. Rows,
means, intervals and comparisons are those of the committed phantom; scores, q, ceilings,
contributions of all proteins and the predictions, labels and curves behind them are random. What no
page shows is not made up: predictions of proteins without an interval, labels and curves of
proteins without a detail. There are no images ("tables only").
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import typer  # noqa: E402
from tests.page.chromium import chromium  # noqa: E402

from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.page.build import write_page  # noqa: E402
from phenoprot.page.details import MOST_TARGETS  # noqa: E402
from phenoprot.page.targets import MOST_PREDICTIONS  # noqa: E402
from phenoprot.report.choose_rows import shown_parts  # noqa: E402
from phenoprot.report.findings import first_row  # noqa: E402
from phenoprot.report.parts import TablePart  # noqa: E402
from phenoprot.report.store import read_metrics  # noqa: E402
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN  # noqa: E402
from phenoprot.tasks.columns import FOLD, LABELS_OF, REPEAT, ROWS  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
RESULTS = Path(__file__).with_name("full.json")
SCREEN = "phantom"
FOLDER = ROOT / "data/screens/cpjump1"
"""A screen folder that git has: the page names its sources."""
N_TARGETS = 500
"""Annotated targets."""
GROUPS = [f"{place} {stain}" for place in ("Nuclei", "Cells", "Cytoplasm")
          for stain in ("shape", "DNA", "ER", "RNA", "AGP", "Mito")]  # fmt: skip
N_CURVES = 20
"""Compounds of a protein with a curve: the strongest."""
SEED = 0


@app.callback()
def main() -> None:
    """The page of a large screen."""


@app.command()
def measure(
    compounds: Annotated[int, typer.Option(min=20)] = 2000,
    proteins: Annotated[int, typer.Option(min=10)] = 7000,
    doses: Annotated[int, typer.Option(min=2)] = 5,
    keep: Annotated[bool, typer.Option(help="Keep the figures in full.json.")] = True,
) -> None:
    """Make up the screen, write its page, open it; print and keep the figures."""
    found: dict[str, Any] = {"compounds": compounds, "doses": doses, "proteins": proteins}
    start = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            MadeUp(compounds, proteins, doses).write()
            begun = time.process_time()
            write_page(Paths(SCREEN), FOLDER)
            found["build_cpu_seconds"] = round(time.process_time() - begun, 1)
            page = Paths(SCREEN).page.resolve()
            found["page_mib"] = round(page.stat().st_size / 2**20, 1)
            found |= opened(page)
        finally:
            os.chdir(start)
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    typer.echo(text, nl=False)
    if keep:
        RESULTS.write_text(text, encoding="utf-8")


class MadeUp:
    """Tables of a screen, written below the working folder."""

    def __init__(self, compounds: int, proteins: int, doses: int) -> None:
        shutil.copytree(ROOT / "metrics" / SCREEN, Path("metrics") / SCREEN)
        known = Path("metrics") / SCREEN / "provenance.json"
        provenance = json.loads(known.read_text())
        known.write_text(json.dumps(provenance | {"missing": ["images"]}))
        self.paths = Paths(SCREEN)
        self.results = read_metrics(self.paths.metrics)
        self.first = first_row(self.results)
        self.random = np.random.default_rng(SEED)
        self.proteins = np.array([f"P{i:05}" for i in range(proteins)])
        self.targets = np.array([f"T{i:03}" for i in range(N_TARGETS)])
        self.compounds = np.array([f"compound {i:04}" for i in range(compounds)])
        self.doses = 10.0 ** (np.arange(doses) - doses + 2.0)

    def write(self) -> None:
        """All that the page reads."""
        with_details: set[str] = set()
        for part in shown_parts(self.results):
            best = self.scores(part)
            self.predictions(part, best)
            if part.task != "targets":
                with_details |= set(best[:MOST_TARGETS])
            if part.task == "classification":
                self.contributions(part)
        self.labels(np.array(sorted(with_details)))

    def scores(self, part: TablePart) -> list[str]:
        """Scores of every row; the proteins of the first row, the best first."""
        names = self.targets if part.task == "targets" else self.proteins
        n = len(names)
        own = pd.DataFrame({"Target": names})
        if part.scorer == "auc":
            own["n_positives"] = self.random.integers(20, 900, n)
            own["n_negatives"] = self.random.integers(1000, 9000, n)
            own["ceiling"] = self.random.uniform(0.9, 1.0, n)
        best: list[str] = []
        for row in self.results.parts[part.name]:
            middle = part.scores.chance + 0.1
            score = np.clip(self.random.normal(middle, 0.1, n), -1, 1)
            table = own.assign(**{part.scores.main: score, "q": self.random.uniform(0, 1, n)})
            save(table, self.paths.scores / part.name / f"{row}.parquet")
            if row == self.first:
                best = list(names[np.argsort(-score, kind="stable")])
        return best

    def predictions(self, part: TablePart, best: list[str]) -> None:
        """One repeat of the first row, of the proteins that the page reads."""
        n_compounds, n_doses = len(self.compounds), len(self.doses)
        key = pd.DataFrame(
            {COMPOUND: np.repeat(self.compounds, n_doses),
             CONCENTRATION: np.tile(self.doses, n_compounds)}
        )  # fmt: skip
        n = len(key)
        fold = np.repeat(np.arange(n_compounds) % 5, n_doses)
        facts = {FOLD: fold, LABELS_OF: key[COMPOUND], REPEAT: 0}
        read = sorted(best[: max(MOST_PREDICTIONS // n, MOST_TARGETS)])
        values = self.random.normal(size=(n, len(read))).astype(np.float32)
        predicted = pd.DataFrame(values, columns=read)
        folder = self.paths.predictions(part.name)
        table = pd.concat([key.assign(**facts), predicted], axis=1)
        save(table, folder / ROWS / f"{self.first}.parquet")
        if part.scorer == "levels":
            known = pd.concat([key, predicted[sorted(best[:MOST_TARGETS])]], axis=1)
        else:
            states = self.random.random((n_compounds, len(read))) < 0.1
            state = pd.DataFrame(states.astype(float), columns=read)
            known = pd.concat([pd.Series(self.compounds, name=COMPOUND), state], axis=1)
        save(known, folder / "labels.parquet")

    def contributions(self, part: TablePart) -> None:
        """Of every protein, by place."""
        n = len(self.proteins) * len(GROUPS)
        table = pd.DataFrame(
            {"Target": np.repeat(self.proteins, len(GROUPS)), "Grouping": "place",
             "Group": np.tile(GROUPS, len(self.proteins)), "n_features": 40, "auc": 0.7,
             "drop": self.random.normal(0.02, 0.02, n), "drop_se": 0.01}
        )  # fmt: skip
        save(table, self.paths.contributions / part.name / f"{self.first}.parquet")

    def labels(self, proteins: np.ndarray) -> None:
        """States and effects of all compounds, curves of the strongest."""
        n_compounds, n_doses = len(self.compounds), len(self.doses)
        effect = self.random.normal(0, 0.5, (len(proteins), n_compounds))
        call = np.select([effect > 1, effect < -1], ["up", "down"], "not")
        table = pd.DataFrame(
            {COMPOUND: np.tile(self.compounds, len(proteins)),
             PROTEIN: np.repeat(proteins, n_compounds), "Label": call.ravel(),
             "Effect": effect.ravel(), "P": self.random.uniform(size=effect.size),
             "pEC50": self.random.uniform(5, 9, effect.size)}
        )  # fmt: skip
        save(table, self.paths.labels / "labels.parquet")
        strong = np.argsort(-np.abs(effect), axis=1, kind="stable")[:, :N_CURVES]
        pairs = pd.DataFrame(
            {PROTEIN: np.repeat(proteins, N_CURVES), COMPOUND: self.compounds[strong].ravel()}
        )
        front = np.exp2(np.take_along_axis(effect, strong, axis=1).ravel())
        fits = pairs.assign(pEC50=self.random.uniform(5, 9, len(pairs)), Slope=1.0, Front=front)
        save(fits.assign(Back=1.0), self.paths.curves / "curves.parquet")
        points = pairs.loc[pairs.index.repeat(n_doses)].assign(
            **{CONCENTRATION: np.tile(self.doses, len(pairs)),
               "Ratio": self.random.lognormal(0, 0.3, len(pairs) * n_doses)}
        )  # fmt: skip
        save(points, self.paths.curves / "ratios.parquet")


def save(table: pd.DataFrame, path: Path) -> None:
    """Write a parquet table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path, index=False)


def opened(page: Path) -> dict[str, float]:
    """Seconds until the page can be read, and until every figure is drawn."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        view = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        begun = time.perf_counter()
        view.goto(page.as_uri())
        read = view.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        view.wait_for_selector("html[data-drawn=all]", timeout=120_000)
        drawn = time.perf_counter() - begun
        browser.close()
    return {"readable_seconds": round(read / 1000, 2), "drawn_seconds": round(drawn, 2)}


if __name__ == "__main__":
    app()
