"""Let `dvc plots` write pages that need no network: for bootstrap.sh.

DVC's own page loads Vega from a CDN. Here Vega comes with vl-convert-python, so a page with it is
written where git does not look, and this clone's `.dvc/config.local` names it.
"""

from pathlib import Path

import vl_convert
from dvc.config import Config

PAGE = Path(".dvc/tmp/plots.html")
VEGA_LITE = "5.21"
"""Templates of DVC and of .dvc/plots are of its fifth version."""
HTML = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
{refresh_tag}
<title>DVC plots</title>
<style>body {{ font-family: sans-serif; }} table {{ border-spacing: 15px; }}</style>
<script>{vega}</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def page() -> str:
    """DVC's template of a page, with Vega in it."""
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    # DVC fills in these two.
    return HTML.format(
        vega=vega.replace("</script", "<\\/script"),
        refresh_tag="{refresh_tag}",
        plot_divs="{plot_divs}",
    )


def main() -> None:
    """Write the page, and its place into .dvc/config.local."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    with Config(str(PAGE.parents[1])).edit("local") as settings:
        settings.setdefault("plots", {})["html_template"] = str(PAGE.relative_to(".dvc"))


if __name__ == "__main__":
    main()
