"""The pages in Chromium: no request, no error, and what a reader clicks on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.page.chromium import chromium, required

from phenoprot.page.blocks import MOST_LINES

playwright = pytest.importorskip("playwright.sync_api") if not required() else None
pytestmark = pytest.mark.skipif(
    chromium() is None and not required(), reason="no Chromium on this machine"
)
SCREENS = ("tiny", "phantom", "cpjump1", "comas")
SLOWEST = 3.0
"""Seconds until the page can be read."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = chromium()
    assert path is not None, "PHENOPROT_CHROMIUM is required, and no Chromium was found"
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """An open page, and what it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, width: int = 1280) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900})
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.resolve().as_uri())

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def all_drawn(self) -> None:
        self.page.wait_for_selector("html[data-drawn=all]", timeout=60_000)


@pytest.fixture(params=SCREENS)
def path(request: pytest.FixtureRequest, pages: dict[str, Path]) -> Path:
    if request.param not in pages:
        pytest.skip(f"no results of {request.param} here")
    return pages[request.param]


def test_it_opens_without_requests_and_errors_and_draws_every_figure(
    browser: Any, path: Path
) -> None:
    visit = Visit(browser, path)
    ready = visit.page.evaluate(
        "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    )
    visit.all_drawn()
    outside = [url for url in visit.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [path.resolve().as_uri()]
    assert visit.complaints == []
    assert ready < 1000 * SLOWEST
    figures = visit.page.locator("figure[data-figure]")
    assert figures.count() > 0
    for i in range(figures.count()):
        marks = figures.nth(i).locator("svg .mark-symbol path, svg .mark-line path, "
                                       "svg .mark-rect path, svg .mark-rule line")  # fmt: skip
        assert marks.count() > 0, figures.nth(i).get_attribute("data-figure")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_never_scrolls_sideways(browser: Any, path: Path, width: int) -> None:
    visit = Visit(browser, path, width)
    visit.all_drawn()
    button = visit.page.locator("#targets-table tbody button").first
    if button.count():
        button.click()
        visit.page.wait_for_selector("#detail svg, #detail p")
    reach = visit.page.evaluate("document.documentElement.scrollWidth")
    assert reach <= width


def rows(visit: Visit) -> list[str]:
    return visit.page.locator("#targets-table tbody tr td:first-child").all_inner_texts()


def test_a_reader_searches_sorts_and_opens_a_protein(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    page = visit.page
    everything = rows(visit)
    assert everything
    wanted = everything[-1]
    page.fill("#search", wanted.lower())
    assert wanted in rows(visit)
    assert all(wanted.lower() in name.lower() for name in rows(visit))
    page.fill("#search", "no such name")
    assert rows(visit) == []
    assert page.inner_text("#where") == "none"
    page.fill("#search", "")

    def scores() -> list[float]:
        cells = page.locator("#targets-table tbody tr td:nth-child(2)").all_inner_texts()
        return [
            float(re.match(r"-?[\d.]+", cell)[0])
            for cell in cells
            if cell[0].isdigit() or len(cell) > 1
        ]

    assert scores() == sorted(scores(), reverse=True)
    page.click("#targets-table [data-sort=score]")
    assert scores() == sorted(scores())
    page.click("#targets-table [data-sort=name]")
    names = rows(visit)
    assert page.locator("th[aria-sort=ascending]").inner_text().rstrip(" ▴") == page.evaluate(
        "document.getElementById('part').selectedOptions[0].text"
    )
    page.locator("#targets-table tbody button").first.click()
    assert page.inner_text("#detail h3").startswith(names[0])
    page.wait_for_selector("#detail figure svg")
    page.click("#detail h3 button")
    assert page.locator("#detail").is_hidden()
    assert visit.complaints == []


def test_every_part_and_row_can_be_chosen(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    page = visit.page
    parts = page.locator("#part option").all_inner_texts()
    seen = {}
    for part in parts:
        page.select_option("#part", label=part)
        page.select_option("#row", index=1)
        seen[part] = rows(visit)
        assert seen[part], part
    assert visit.complaints == []


def test_the_theme_switches_and_figures_follow(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    visit.all_drawn()

    def colours() -> tuple[str, str, str]:
        return tuple(
            visit.page.evaluate(
                "[getComputedStyle(document.body).backgroundColor,"
                "getComputedStyle(document.body).color,"
                "getComputedStyle(document.querySelector('.role-axis-label text')).fill]"
            )
        )

    paper, ink, label = colours()
    assert label == ink
    visit.page.click("#theme")
    other_paper, other_ink, other_label = colours()
    assert other_paper != paper
    assert other_label == other_ink != ink


def test_at_most_six_lines_are_drawn_and_more_on_demand(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    visit.all_drawn()
    picked = visit.page.locator("figure:has(.pick)")
    assert picked.count() > 0
    for i in range(picked.count()):
        ticked = picked.nth(i).locator(".pick input:checked")
        assert 1 <= ticked.count() <= MOST_LINES
        drawn = picked.nth(i).locator(".role-legend-symbol path")
        assert drawn.count() == ticked.count()
    figure = picked.first
    figure.locator(".pick summary").click()
    before = figure.locator(".pick input:checked").count()
    figure.locator(".pick input:checked").first.uncheck()
    visit.page.wait_for_function(
        "([n]) => document.querySelector('figure:has(.pick)')"
        ".querySelectorAll('.role-legend-symbol path').length === n",
        arg=[before - 1],
    )


def test_paper_has_every_figure_and_no_controls(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    visit.all_drawn()
    visit.page.emulate_media(media="print")
    assert visit.page.locator("#theme").is_hidden()
    assert visit.page.locator("nav").is_hidden()
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_data_of_a_figure_are_saved(browser: Any, path: Path, tmp_path: Path) -> None:
    visit = Visit(browser, path)
    with visit.page.expect_download() as waiting:
        visit.page.locator("button[data-file]").first.click()
    target = tmp_path / "figure.csv"
    waiting.value.save_as(target)
    name = waiting.value.suggested_filename.removeprefix("phantom-")
    beside = path.with_suffix("") / name.removeprefix(f"{path.stem}-")
    lines = target.read_text().splitlines()
    expected = beside.read_text().splitlines()
    assert lines[0] == expected[0]
    assert len(lines) == len(expected)


def test_a_row_keeps_its_colour_from_figure_to_figure(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    visit.all_drawn()
    figures = visit.page.evaluate(
        """[...document.querySelectorAll('figure:has(.pick)')].map((figure) => {
             const symbols = [...figure.querySelectorAll('.role-legend-symbol path')];
             const names = [...figure.querySelectorAll('.role-legend-label text')];
             return names.map((name, i) => {
               const { fill, stroke } = getComputedStyle(symbols[i]);
               return [name.textContent, fill.startsWith('rgb(') ? fill : stroke];
             });
           })"""
    )
    first = figures[0][0][0]
    assert len({colour for figure in figures for name, colour in figure if name == first}) == 1
    seen: dict[str, set[str]] = {}
    for figure in figures:
        assert len({colour for _, colour in figure}) == len(figure)
        for name, colour in figure:
            seen.setdefault(name, set()).add(colour)
    if "shuffled" in seen:
        assert len(seen["shuffled"]) == 1
