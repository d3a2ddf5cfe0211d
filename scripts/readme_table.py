"""Put Table 1 of the committed metrics between the markers of README.md (part of `make docs`)."""

from pathlib import Path

from phenoprot.report.store import read_metrics
from phenoprot.report.table import to_markdown
from phenoprot.report.tables import build_tables

BEGIN, END = "<!-- table-1 -->\n", "<!-- /table-1 -->"


def with_table(readme: str, metrics: Path) -> str:
    """`readme` with Table 1 between its markers."""
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    tables = [t for t in build_tables(read_metrics(metrics)) if t.title.startswith("Table 1.")]
    return head + BEGIN + "\n".join(map(to_markdown, tables)) + END + tail


def main() -> None:
    """Rewrite README.md."""
    readme = Path("README.md")
    text = with_table(readme.read_text("utf-8"), Path("metrics/cpjump1"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
