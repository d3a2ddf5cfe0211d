"""The tables of docs/validation.md, made from the rules and settings themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from phenoprot.core.files import write_text
from phenoprot.validation.checks import SCREEN_RULES
from phenoprot.validation.rule import Rule
from phenoprot.validation.rules_labels import LABEL_RULES
from phenoprot.validation.settings import ValidationSettings

START, END = "<!-- {name}: generated -->", "<!-- {name}: end -->"


def rule_table(rules: Iterable[Rule]) -> str:
    """Markdown table of rules: id, severity, what must hold, why, remedy."""
    lines = ["| check | must hold | why | remedy |", "|---|---|---|---|"]
    for rule in rules:
        name = f"`{rule.id}`" + (" (warning)" if rule.severity == "warning" else "")
        remedy = "as the message says" if rule.remedy == "{remedy}" else rule.remedy
        lines.append(f"| {name} | {rule.demand} | {rule.why} | {remedy} |")
    return "\n".join(lines)


def settings_table() -> str:
    """Markdown table of the thresholds: name, default, meaning."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in ValidationSettings.model_fields.items():
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {field.default:g} | {meaning} |")
    return "\n".join(lines)


def generated() -> dict[str, str]:
    """Generated parts of the page by name."""
    return {
        "screen": rule_table(SCREEN_RULES),
        "labels": rule_table(LABEL_RULES),
        "settings": settings_table(),
    }


def fill(page: str) -> str:
    """Put the generated parts between their marks in the page."""
    for name, text in generated().items():
        start, end = START.format(name=name), END.format(name=name)
        before, rest = page.split(start)
        page = f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}"
    return page


def main(path: Path = Path("docs/validation.md")) -> None:
    """Rewrite the generated parts of the page."""
    write_text(path, fill(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
