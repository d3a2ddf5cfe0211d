"""The table of CONTRIBUTING.md that says which stages an edit reruns, made from the closures."""

from __future__ import annotations

from pathlib import Path

from phenoprot.core.closure import PACKAGE, import_closure
from phenoprot.core.files import write_text
from phenoprot.pipeline.stages import SIMULATE, all_stages

START, END = "<!-- reruns: generated -->", "<!-- reruns: end -->"


def stages_of_modules() -> dict[str, list[str]]:
    """Stages whose function depends on each module, in their order, by the module's dotted name."""
    stages: dict[str, list[str]] = {}
    for stage in (SIMULATE, *all_stages()):
        for module in import_closure(stage.path).modules:
            if module.split(".")[0] == PACKAGE:
                stages.setdefault(module, []).append(stage.name)
    return stages


def reruns_table(source: Path = Path("src") / PACKAGE) -> str:
    """Markdown table: modules of each package that the same stages depend on, and these stages.

    Parameters
    ----------
    source
        Folder of the package.
    """
    stages = stages_of_modules()
    names = [stage.name for stage in (SIMULATE, *all_stages())]
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for path in sorted(source.rglob("*.py")):
        if path.name == "__init__.py":
            continue
        parts = (PACKAGE, *path.relative_to(source).with_suffix("").parts)
        found = tuple(stages.get(".".join(parts), ()))
        groups.setdefault((".".join(parts[1:-1]) or "-", found), []).append(parts[-1])
    lines = ["| package | modules | stages that run again |", "|---|---|---|"]
    for (package, found), modules in sorted(groups.items()):
        again = "all" if len(found) == len(names) else ", ".join(found) or "none"
        lines.append(f"| `{package}` | {', '.join(modules)} | {again} |")
    return "\n".join(lines)


def fill(page: str) -> str:
    """Put the table between its marks in the page."""
    before, rest = page.split(START)
    return f"{before}{START}\n{reruns_table()}\n{END}{rest.split(END)[1]}"


def main(path: Path = Path("CONTRIBUTING.md")) -> None:
    """Rewrite the generated part of the page."""
    write_text(path, fill(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
