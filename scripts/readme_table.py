"""Put what `phenoprot tables` prints between the markers of README.md (part of `make docs`)."""

from pathlib import Path

from phenoprot.core.paths import Paths
from phenoprot.report.screenful import screenful
from phenoprot.report.store import read_metrics

WIDTH, HEIGHT = 100, 40
"""Characters and lines of the terminal that README.md shows."""


BEGIN, END = "<!-- screenful -->\n", "<!-- /screenful -->"


def with_table(readme: str, metrics: Path) -> str:
    """`readme` with what `phenoprot tables` prints between the markers."""
    results = read_metrics(metrics)
    page = str(Paths(results.provenance.screen).report)
    lines = "".join(f"{line.text}\n" for line in screenful(results, page, WIDTH, HEIGHT))
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}```text\n{lines}```\n{END}{tail}"


def main() -> None:
    """Rewrite README.md."""
    readme = Path("README.md")
    text = with_table(readme.read_text("utf-8"), Path("metrics/cpjump1"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
