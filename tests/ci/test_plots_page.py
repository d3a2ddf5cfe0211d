"""`dvc plots show` writes a page that a browser draws without a network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import plots_page
import pytest
from dvc.cli import main as dvc
from dvc.config import Config
from dvc.repo import Repo
from tests.page.chromium import chromium, required

ROOT = Path(__file__).parents[2]
DVC_YAML = """\
plots:
- targets.csv: {template: sorted, x: rank, y: auc}
- counts.csv: {template: counts, x: threshold, y: percent}
- doses.csv: {template: by_dose, x: concentration, y: mean_auc}
- loss: {x: step, y: {training.csv: [loss, pixel]}}
"""
TABLES = {
    "targets.csv": "task,row,rank,target,auc\nUP,a,1,p1,0.9\nUP,a,2,p2,0.6\nUP,b,1,p1,0.7\n",
    "counts.csv": "task,row,threshold,percent,percent_by_chance\nUP,a,0.6,50,3\nUP,a,0.7,20,1\n",
    "doses.csv": "task,row,concentration,mean_auc\nUP,a,0.1,0.5\nUP,a,10,0.9\n",
    "training.csv": "step,loss,pixel\n50,2.1,2.0\n100,1.7,1.6\n",
}
CHROMIUM = chromium()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page of a repository with a chart of each template."""
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots", dirs_exist_ok=True)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    plots_page.main()
    assert dvc(["plots", "show", "-q"]) == 0
    return tmp_path / "dvc_plots/index.html"


def test_nothing_is_loaded(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", text)
    assert "cdn.jsdelivr.net/npm/vega@" not in text
    assert len(re.findall(r"vegaEmbed\('#", text)) == 4
    assert len(text) < 1_500_000


def test_settings_of_a_user_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    with Config(".dvc").edit("local") as settings:
        settings["core"] = {"remote": "mine"}
        settings["plots"] = {"auto_open": True}
    plots_page.main()
    plots_page.main()
    found = Config(".dvc").load_one("local")
    assert found["core"] == {"remote": "mine"}
    assert found["plots"] == {"auto_open": "True", "html_template": "tmp/plots.html"}


@pytest.mark.skipif(CHROMIUM is None and not required(), reason="no Chromium on this machine")
def test_a_browser_draws_every_chart(written: Path) -> None:
    from playwright.sync_api import sync_playwright

    asked, said = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append((message.type, message.text)))
        page.on("pageerror", lambda error: said.append(("error", str(error))))
        page.goto(written.as_uri())
        page.wait_for_selector(".vega-embed svg.marks", timeout=10_000)
        page.wait_for_timeout(500)
        drawn = page.locator(".vega-embed svg.marks").count()
        browser.close()
    assert asked == [written.as_uri()]
    assert [text for kind, text in said if kind == "error"] == []
    assert drawn == 4
