"""The outcome of a validation: one result per rule and table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phenoprot.core.errors import LONGEST_MESSAGE, UserError, listed, shortened
from phenoprot.core.files import write_json
from phenoprot.validation.rule import Severity


@dataclass(frozen=True)
class CheckResult:
    """One rule on one table. `what` and `remedy` are empty where it holds."""

    check: str
    """Id of the rule."""
    table: str
    """File within the screen folder."""
    ok: bool
    where: str
    """File, and the column to look at."""
    n: int
    """Failed items: wells, plates, features, ..."""
    total: int
    """Judged items."""
    what: str
    remedy: str
    severity: Severity

    @property
    def line(self) -> str:
        """What, where, how many, what to do."""
        return shortened(f"[{self.check}] {self.where}: {self.what}. {self.remedy}".rstrip())


@dataclass(frozen=True)
class ValidationReport:
    """All results, in the order of the rules."""

    subject: str
    """What was validated."""
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> list[CheckResult]:
        """Results that stop the pipeline."""
        return [r for r in self.results if not r.ok and r.severity == "critical"]

    @property
    def warnings(self) -> list[CheckResult]:
        """Results to know of."""
        return [r for r in self.results if not r.ok and r.severity == "warning"]

    @property
    def ok(self) -> bool:
        """Whether the pipeline may go on."""
        return not self.failures

    def lines(self) -> list[str]:
        """One line per failure."""
        return [result.line for result in self.failures]

    def warning_lines(self) -> list[str]:
        """One line per warning."""
        return [result.line for result in self.warnings]

    def to_json(self) -> dict[str, Any]:
        """Plain data; equal inputs give equal data (no times, no absolute paths)."""
        return {
            "subject": self.subject,
            "ok": self.ok,
            "n_checks": len(self.results),
            "n_failures": len(self.failures),
            "n_warnings": len(self.warnings),
            "results": [asdict(result) for result in self.results],
        }


def write_report(report: ValidationReport, path: Path) -> None:
    """Write the report as JSON, whether it passed or not."""
    write_json(path, report.to_json())


def require_valid(report: ValidationReport) -> None:
    """Stop at a failed validation.

    Raises
    ------
    UserError
        At least one check failed; the message names each, as far as there is room.
    """
    if report.ok:
        return
    lines, room = [], LONGEST_MESSAGE - 300
    for number, line in enumerate(report.lines()):
        if number and room < len(line):
            rest = [f"[{result.check}]" for result in report.failures[number:]]
            lines.append(f"and {len(rest)} more: {listed(list(dict.fromkeys(rest)), 9)}")
            break
        lines.append(line)
        room -= len(line)
    raise UserError(
        f"{len(report.failures)} of {len(report.results)} checks failed: {' '.join(lines)}",
        where=report.subject,
    )
