"""The pages in Chromium: no request, no error, and what a reader clicks on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.page.chromium import chromium, required
from tests.page.handmade import COMPOUNDS, COUNTS, DOSES, MARKUP, SCORES, handmade

from phenoprot.page.blocks import MOST_LINES

playwright = pytest.importorskip("playwright.sync_api") if not required() else None
pytestmark = pytest.mark.skipif(
    chromium() is None and not required(), reason="no Chromium on this machine"
)
SCREENS = ("tiny", "phantom", "cpjump1", "comas")
MARKS = ", ".join(f"svg .mark-{kind} path" for kind in ("symbol", "line", "rect"))
"""What data are drawn as; the line of chance is a rule."""
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
        marks = figures.nth(i).locator(MARKS)
        assert marks.count() > 0, figures.nth(i).get_attribute("data-figure")


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_it_never_scrolls_sideways(browser: Any, path: Path, width: int) -> None:
    visit = Visit(browser, path, width)
    visit.all_drawn()
    button = visit.page.locator("#targets-table tbody button").first
    if button.count():
        button.click()
        visit.page.wait_for_selector("#detail svg, #detail p")
    reach = visit.page.evaluate("document.documentElement.scrollWidth")
    assert reach <= width
    if width == 1920:
        assert (
            visit.page.evaluate(
                "[...document.querySelectorAll('.wide')].filter((one) =>"
                " one.scrollWidth > one.clientWidth).map((one) => one.ariaLabel)"
            )
            == []
        )


def test_all_that_a_figure_says_can_be_read_on_a_phone(browser: Any, path: Path) -> None:
    """Nothing is cut at the right, and no text is small."""
    visit = Visit(browser, path, 390)
    visit.all_drawn()
    cut, small = visit.page.evaluate(
        """() => {
             const texts = [...document.querySelectorAll('.drawing text')];
             const cut = texts.filter((text) => {
               const { right } = text.getBoundingClientRect();
               return right > text.closest('svg').getBoundingClientRect().right + 1;
             });
             const small = [...document.querySelectorAll('body *')].filter((one) =>
               [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())
               && !['SCRIPT', 'STYLE'].includes(one.tagName)
               && parseFloat(getComputedStyle(one).fontSize) < 11);
             return [cut, small].map((all) => all.map((one) => one.textContent));
           }"""
    )
    assert cut == []
    assert small == []


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
    heading = page.locator("th[aria-sort=ascending]").inner_text().rstrip(" ▴")
    assert heading in ("protein", "mRNA", "target")
    page.locator("#targets-table tbody button").first.click()
    assert page.inner_text("#detail h3").startswith(names[0])
    page.wait_for_selector("#detail figure svg")
    page.click("#detail h3 button")
    assert page.locator("#detail").is_hidden()
    assert page.evaluate("document.activeElement.textContent") == names[0]
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
    pd.testing.assert_frame_equal(
        pd.read_csv(target), pd.read_csv(beside), rtol=1e-4, check_dtype=False
    )


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


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Visit:
    """A page by hand, its first target open."""
    page = tmp_path / "toy.html"
    page.write_text(handmade(tmp_path), encoding="utf-8")
    visit = Visit(browser, page)
    visit.all_drawn()
    visit.page.locator("#targets-table tbody button", has_text=MARKUP).click()
    visit.page.wait_for_selector("#detail figure:nth-of-type(3) svg")
    return visit


def detail(visit: Visit, title: str) -> Any:
    return visit.page.locator("#detail figure").filter(has_text=title)


def test_names_that_look_like_markup_are_shown_as_they_are(opened: Visit) -> None:
    assert opened.complaints == []
    assert opened.page.inner_text("#detail h3").startswith(MARKUP)
    assert opened.page.locator("b").count() == 0
    cells = detail(opened, "Label").locator("tbody td:first-child").all_inner_texts()
    assert cells == COMPOUNDS
    curves = detail(opened, "fitted curves").locator(".role-legend-label text")
    assert curves.all_text_contents() == COMPOUNDS


def test_every_one_of_eight_doses_has_a_colour(opened: Visit) -> None:
    points = detail(opened, "Predicted").locator(".mark-symbol.role-mark path")
    colours = points.evaluate_all("all => all.map((one) => getComputedStyle(one).stroke)")
    assert len(set(colours)) == len(DOSES)
    assert "none" not in colours
    boxes = points.evaluate_all("all => all.map((one) => one.getBoundingClientRect().width)")
    assert min(boxes) > 0


def test_an_unknown_error_has_no_whiskers(opened: Visit) -> None:
    figure = detail(opened, "Features that carry")
    assert figure.locator(".mark-rect.role-mark path").count() == 2
    lines = figure.locator(".mark-rule.role-mark line")
    widths = lines.evaluate_all("all => all.map((one) => one.getBBox().width)")
    assert len([width for width in widths if width > 0]) == 1  # the other, and no loss: none
    assert "2 standard errors" in figure.inner_text()


def test_counts_are_those_of_the_chosen_row(opened: Visit) -> None:
    page = opened.page
    for row, counts in COUNTS.items():
        page.select_option("#row", label=f"{row}{MARKUP}")
        line = page.locator("#targets-table tbody tr", has_text=MARKUP)
        assert line.locator("td").all_inner_texts()[2:4] == [str(count) for count in counts]


def test_the_table_of_targets_is_saved_under_the_names_of_its_rows(
    opened: Visit, tmp_path: Path
) -> None:
    with opened.page.expect_download() as waiting:
        opened.page.click("#targets-csv")
    waiting.value.save_as(tmp_path / "targets.csv")
    assert waiting.value.suggested_filename.startswith("toy-targets-regression-first")
    table = pd.read_csv(tmp_path / "targets.csv").set_index("target")
    first, second = (f"{row}{MARKUP}" for row in COUNTS)
    assert table.loc[MARKUP, f"{first}: positives"] == COUNTS["first"][0]
    assert list(table[f"{second}: R2"]) == [SCORES["second"], 0.4]
    assert list(table[f"{first} minus {second}"]) == pytest.approx([-0.0002, 0])


def test_concentrations_stand_in_order(opened: Visit) -> None:
    labels = opened.page.locator("figure[data-figure=activity] .role-axis-label text")
    assert labels.all_text_contents()[:3] == ["0.5", "2", "10"]


def test_a_difference_of_nothing_has_no_sign(opened: Visit) -> None:
    line = opened.page.locator("#targets-table tbody tr", has_text=MARKUP)
    assert line.locator("td").last.inner_text() == "0.000"


def test_a_scale_of_colours_is_that_of_its_legend_in_either_theme(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    visit.page.emulate_media(color_scheme="dark")
    visit.all_drawn()
    filters = visit.page.evaluate(
        """[...document.querySelectorAll('figure[data-figure] .drawing')].map((place) =>
             [place.closest('figure').dataset.figure.split('-')[0],
              getComputedStyle(place.querySelector('svg')).filter])"""
    )
    heat = {value for name, value in filters if name in ("overlap", "features")}
    assert heat <= {"none"}
    assert {value for name, value in filters if name == "rows"} == {"brightness(1.35)"}


def test_every_row_of_an_overlap_is_named_on_both_sides(browser: Any, path: Path) -> None:
    visit = Visit(browser, path)
    visit.all_drawn()
    for figure in visit.page.locator("figure[data-figure^=overlap]").all():
        cells = figure.locator(".mark-rect.role-mark path").count()
        names = figure.locator(".role-axis-label text").evaluate_all(
            "all => all.filter((one) => getComputedStyle(one).opacity > 0).length"
        )
        assert names == 2 * round(cells**0.5)


def test_data_of_a_detail_are_saved(opened: Visit, tmp_path: Path) -> None:
    for title, columns in {
        "fitted curves": ["row", "dose", "ratio", "what"],
        "Predicted": ["x", "y", "group", "compound"],
        "Features that carry": ["group", "n_features", "drop", "low", "high"],
        "Label": ["Compound", "Label"],
    }.items():
        with opened.page.expect_download() as waiting:
            detail(opened, title).locator("button.csv").click()
        waiting.value.save_as(tmp_path / "detail.csv")
        assert list(pd.read_csv(tmp_path / "detail.csv").columns) == columns
