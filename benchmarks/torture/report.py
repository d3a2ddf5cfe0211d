"""The results as tables, and their place in docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.torture.campaign import COUNTED
from benchmarks.torture.shortages import SHORTAGES

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
KILLED = (
    "kills",
    "repeats",
    "processes left",
    "repeats that failed",
    "other bytes",
    "temporary files left",
)
FAULTS_OF_KILLS = KILLED[2:]


@dataclass
class Results:
    """Counts of everything that was tried."""

    campaign: dict[str, Counter[str]] = field(default_factory=dict)
    """By reader."""
    kills: dict[str, Counter[str]] = field(default_factory=dict)
    """By command."""
    shortages: dict[str, Counter[str]] = field(default_factory=dict)
    """By shortage, over all commands."""
    broken: int = 0
    """Jobs that could not be done."""

    def add(self, kind: str, name: str, counts: dict[str, Counter[str]] | Counter[str]) -> None:
        """Take in the result of a job."""
        if isinstance(counts, Counter):
            self.kills[name] = counts
        elif kind == "campaign":
            self.campaign |= counts
        else:
            for shortage, ends in counts.items():
                self.shortages.setdefault(shortage, Counter()).update(ends)

    @property
    def faults(self) -> int:
        """Everything that was not right."""
        return (
            self.broken
            + sum(counts["faults"] for counts in self.campaign.values())
            + sum(counts[name] for counts in self.kills.values() for name in FAULTS_OF_KILLS)
            + sum(counts["faults"] for counts in self.shortages.values())
        )

    def text(self) -> str:
        """Three tables, in Markdown; neither times nor names of machines."""
        return "\n\n".join(
            [
                "### Damaged inputs",
                table("reader", COUNTED, self.campaign),
                "### Kills",
                table("command", KILLED, dict(sorted(self.kills.items()))),
                "### Shortages",
                table(
                    "shortage",
                    ("one line", "finished", "faults"),
                    {name: self.shortages[name] for name in SHORTAGES if name in self.shortages},
                ),
            ]
        )


def table(first: str, columns: tuple[str, ...], rows: dict[str, Counter[str]]) -> str:
    """Counts by row, and their sums."""
    total: Counter[str] = Counter()
    for counts in rows.values():
        total.update(counts)
    lines = [f"| {first} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    shown = {**dict(sorted(rows.items())), "**all**": total}
    for name, counts in shown.items():
        lines.append(f"| {name} | {' | '.join(str(counts[column]) for column in columns)} |")
    return "\n".join(lines)


def write(page: Path, found: Results) -> None:
    """Put the tables between the page's marks."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    page.write_text(f"{head}{BEGIN}\n\n{found.text()}\n\n{END}{tail}", encoding="utf-8")
