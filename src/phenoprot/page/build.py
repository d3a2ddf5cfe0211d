"""``reports/<screen>.html`` and the data of its figures, ``reports/<screen>/*.csv``."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from phenoprot.core.files import read_text, write_text
from phenoprot.core.folders import replaced_folder
from phenoprot.core.paths import Paths
from phenoprot.page.blocks import MOST_LINES, Block, Explorer, Figure, Section
from phenoprot.page.charts import COLOURS, DASHES, SHAPES
from phenoprot.page.headlines import headlines
from phenoprot.page.sections import all_sections, asked, missing_sections
from phenoprot.page.source import Source
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

if TYPE_CHECKING:
    from markupsafe import Markup

MADE_BY = "report page"
"""The one that may replace the folder of data."""
WORDS = (
    *("row", "against", "features", "model", "folds", "of", "what", "value", "task"),
    *("content", "where from", "licence", "citation", "groups by", "group", "folds of"),
)
"""Columns of tables that hold words."""
HERE = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = "page.html", "page.css", "page.js"


def write_page(paths: Paths, folder: Path) -> None:
    """Write the page of a screen and the data of its figures. Equal inputs give equal bytes.

    Parameters
    ----------
    paths
        Of the screen: its metrics, scores, predictions, labels, curves, masks, checks are read,
        those that it has.
    folder
        The screen folder; its images are read.

    Raises
    ------
    UserError
        A file of the earlier stages is missing or damaged.
    """
    results = read_metrics(paths.metrics)
    sections = all_sections(Source(results, paths, folder))
    with replaced_folder(paths.page_data, MADE_BY) as new:
        for name, table in files_of(sections).items():
            write_text(new / f"{name}.csv", to_csv(table))
    write_text(paths.page, html(results, sections))


def to_csv(table: pd.DataFrame) -> str:
    """Six significant digits, as the metrics have."""
    return table.to_csv(index=False, lineterminator="\n", float_format="%.6g")


def files_of(sections: list[Section]) -> dict[str, pd.DataFrame]:
    """Data of all figures by the names of their files."""
    found: dict[str, pd.DataFrame] = {}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                found[block.name] = block.data
            elif isinstance(block, Explorer):
                found |= block.files
    return found


def html(results: ScreenResults, sections: list[Section]) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    markdown = MarkdownIt("commonmark", {"html": False})
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["runs"] = runs
    environment.filters["breakable"] = breakable
    environment.filters["markdown"] = lambda text: Markup(markdown.render(text))
    environment.filters["inline"] = lambda text: Markup(markdown.renderInline(text))
    source = results.provenance
    return environment.get_template(TEMPLATE).render(
        title=source.title,
        screen=source.screen,
        asked=asked(results),
        caveats=source.caveats,
        headlines=headlines(results),
        sections=sections,
        missing=missing_sections(results, sections),
        version=source.package_version,
        words=WORDS,
        style=Markup(read_text(HERE / STYLE)),
        script=Markup(read_text(HERE / SCRIPT)),
        vega=Markup(vega()),
        data=Markup(as_json(_data(source.screen, sections))),
    )


def breakable(name: str) -> Markup:
    """A name that a narrow column may break behind its underscores and pluses."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[_+])(?=.)", "<wbr>", str(escape(name))))


def runs(blocks: list[Block]) -> list[dict[str, Any]]:
    """Blocks in a row: figures that follow one another stand side by side."""
    return [
        {"grid": grid, "blocks": list(own)}
        for grid, own in groupby(blocks, key=lambda block: isinstance(block, Figure))
    ]


def _data(screen: str, sections: list[Section]) -> dict[str, Any]:
    """What the script of the page draws from."""
    blocks = [block for section in sections for block in section.blocks]
    figures = {
        one.name: {"spec": one.spec, "columns": one.columns, "pick": one.pick, "picked": one.picked}
        for one in blocks
        if isinstance(one, Figure)
    }
    explorer = next((one for one in blocks if isinstance(one, Explorer)), None)
    return {
        "screen": screen,
        "figures": figures,
        "explorer": explorer
        and {"tables": explorer.tables, "details": explorer.details, "specs": explorer.specs},
        "palette": {"colours": COLOURS, "dashes": DASHES, "shapes": SHAPES},
        "most": MOST_LINES,
    }


def as_json(value: Any) -> str:
    """JSON that no browser takes for the end of its script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the package that carries them."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;"))
