"""Put what the committed metrics print between the markers of README.md (part of `make docs`)."""

from pathlib import Path

from phenoprot.core.paths import Paths
from phenoprot.report.screenful import screenful
from phenoprot.report.store import read_metrics
from phenoprot.report.table import to_markdown
from phenoprot.report.tables import build_tables

WIDTH, HEIGHT = 100, 40
"""Characters and lines of the terminal that README.md shows."""


def with_table(readme: str, metrics: Path) -> str:
    """`readme` with Table 1, and what `phenoprot tables` prints, between their markers."""
    results = read_metrics(metrics)
    tables = [t for t in build_tables(results) if t.title.startswith("Table 1.")]
    page = str(Paths(results.provenance.screen).report)
    lines = "".join(f"{line.text}\n" for line in screenful(results, page, WIDTH, HEIGHT))
    readme = _between(readme, "table-1", "\n".join(map(to_markdown, tables)))
    return _between(readme, "screenful", f"```text\n{lines}```\n")


def _between(readme: str, name: str, text: str) -> str:
    """`readme` with `text` between the markers of this name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, rest = readme.split(begin)
    _, tail = rest.split(end)
    return head + begin + text + end + tail


def main() -> None:
    """Rewrite README.md."""
    readme = Path("README.md")
    text = with_table(readme.read_text("utf-8"), Path("metrics/cpjump1"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
