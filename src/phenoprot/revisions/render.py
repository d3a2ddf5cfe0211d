"""A comparison for a terminal, and as Markdown for a comment of a forge."""

from __future__ import annotations

import html
import io
import textwrap
from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table as RichTable

from phenoprot.core.errors import listed
from phenoprot.report.parts import table_parts
from phenoprot.report.table import NOTHING
from phenoprot.revisions.causes import Causes, StageChange
from phenoprot.revisions.compare import Comparison, ScreenChange
from phenoprot.revisions.headline import RowChange
from phenoprot.revisions.state import Leaf

LIMIT = 64_000
"""Characters of a comment: GitHub takes 65,536, and who posts it adds a line."""
SHOWN, NAMED = 12, 3
"""Rows of the short table, and names of a list, unless all are asked for."""
UNKNOWN = 10**9
COLUMNS = ("part", "row", "score", "old", "new", "change", "noise", "")
NOTE = (
    "noise: what new draws of the folds alone exceed in 5 % of cases; over the common targets of "
    "unlike data, what the 95 % intervals leave open. "
    "*: beyond noise, q <= 0.05 over all rows of the screen; ?: noise is unknown."
)


def as_text(found: Comparison, width: int, everything: bool = False) -> str:
    """The comparison for a terminal.

    Parameters
    ----------
    found
        The comparison.
    width
        Columns of the terminal; longer lines are wrapped.
    everything
        All rows, all names and every value that differs.
    """
    lines = [f"{found.old} -> {found.new}"]
    for screen in found.screens:
        lines += ["", f"{screen.screen}: {verdict(screen)}"]
        for fact in facts(screen, UNKNOWN if everything else NAMED):
            lines += textwrap.wrap(
                f"- {fact}", width, subsequent_indent="  ", break_on_hyphens=False
            )
        shown = chosen(screen, everything)
        if shown:
            lines += ["", _table(COLUMNS, [cells(row) for row in shown], width), ""]
        left = len(screen.changed) - len(shown)
        if left > 0:
            more = "more " if shown else ""
            lines += [f"{left} {more}row(s) differ{_within(screen, shown)}: --all"]
        if everything and screen.values:
            values = [(v.file, v.key, _leaf(v.old), _leaf(v.new)) for v in screen.values]
            lines += ["", _table(("file", "value", "old", "new"), values, width)]
        elif screen.values:
            lines += wrapped(f"{_values_sentence(screen)}: --all", width)
    lines += [""] + [f"{name}" for name in _lonely(found)]
    if any(chosen(screen, everything) for screen in found.screens):
        lines += wrapped(NOTE, width)
    return "\n".join(lines).rstrip() + "\n"


def wrapped(line: str, width: int) -> list[str]:
    """The line on as many as it takes; paths and dates are not cut at their hyphens."""
    indent = "  " if line.startswith("- ") else ""
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def as_markdown(found: Comparison, limit: int = LIMIT) -> str:
    """The comparison for a comment: headline first, details folded, never above `limit`.

    Parameters
    ----------
    found
        The comparison.
    limit
        Characters. Details are left out from their end, and said so.
    """
    head = [f"### Metrics: {_code(found.old)} -> {_code(found.new)}", ""]
    for screen in found.screens:
        head += [f"**{screen.screen}**: {_md(verdict(screen))}", ""]
        shown = chosen(screen, False)
        if shown:
            head += [*_md_table(COLUMNS, [cells(row) for row in shown]), ""]
    head += [f"{_md(line)}\n" for line in _lonely(found)]
    if any(chosen(screen, False) for screen in found.screens):
        head += [_md(NOTE), "", ""]
    text = "\n".join(head)
    if len(text) > limit - 200:  # a screen of very many screens
        return text[: limit - 200] + "\n\nMore is left out: `phenoprot compare`.\n"
    for title, lines in _details(found):
        text += _folded(title, lines, limit - len(text))
    return text


def verdict(screen: ScreenChange) -> str:
    """One sentence on the rows of a screen."""
    if screen.same:
        return "no metric differs"
    refused = sum(len(refusal.rows) for refusal in screen.refused)
    if refused and not screen.rows:
        return f"no row is compared: {refused} are of unlike data"
    said = [f"{len(screen.changed)} of {len(screen.rows)} rows differ"]
    said += [f"{len(screen.beyond)} beyond noise"] if screen.changed else []
    said += [f"{refused} not compared: unlike data"] if refused else []
    return ", ".join(said)


def facts(screen: ScreenChange, limit: int) -> list[str]:
    """What changed and why it may, one line each; lists are cut to `limit` names."""
    causes, found = screen.causes, []
    unlike = [*screen.data_changes, *screen.label_changes]
    if unlike:
        found.append(f"the data are unlike: {'; '.join(unlike)}")
    for refusal in screen.refused:
        rows = f"{len(refusal.rows)} ({listed(refusal.rows, limit)})"
        found.append(f"not compared: {refusal.part}, rows {rows}: {'; '.join(refusal.why)}")
    common = [row.row for row in screen.rows if row.common_targets is not None]
    if common:
        found.append(f"rows over the targets that both have: {_counted(common, limit)}")
    stages = {
        age: [each.stage for each in causes.stages if each.only_in == age] for age in ("old", "new")
    }
    for what, names in (
        *(("row(s) gone", screen.only_old), ("row(s) new", screen.only_new)),
        *(("stage(s) gone", stages["old"]), ("stage(s) new", stages["new"])),
    ):
        found += [f"{len(names)} {what}: {listed(names, limit)}"] if names else []
    for kind in ("data", "parameters", "code"):
        names = causes.of(kind, effective=True)
        guess = " (some of them)" if kind == "code" and causes.code_is_guessed else ""
        if names:
            where = listed([each.stage for each in causes.effective if getattr(each, kind)], limit)
            found.append(f"{kind}{guess}: {_counted(names, limit)}; in {where}")
    if causes.versions:
        found.append(f"versions: {_counted(causes.versions, limit)}")
    found += _idle(causes, limit)
    if screen.provenance:
        found.append(f"provenance.json: {listed(screen.provenance, limit)}")
    return found


def _idle(causes: Causes, limit: int) -> list[str]:
    """Changes of stages that make what they made."""
    idle = causes.idle
    if not idle:
        return []
    kinds = [
        f"{kind} {_counted(causes.of(kind, effective=False), limit)}"
        for kind in ("data", "parameters", "code")
        if causes.of(kind, effective=False)
    ]
    stages = listed([each.stage for each in idle], limit)
    return [f"without effect on what these stages make ({stages}): {'; '.join(kinds)}"]


def chosen(screen: ScreenChange, everything: bool) -> list[RowChange]:
    """Rows of the table: those that differ; unless all, the first ones beyond or without noise."""
    if everything:
        return screen.changed
    marked = [row for row in screen.changed if row.beyond_noise is not False]
    return sorted(marked, key=lambda row: -abs(row.change))[:SHOWN]


def _within(screen: ScreenChange, shown: list[RowChange]) -> str:
    """What the rows that differ and are not shown are."""
    hidden = [row.beyond_noise for row in screen.changed if row not in shown]
    beyond = sum(each is True for each in hidden)
    if beyond:
        return f", {beyond} of them beyond noise"
    return "" if None in hidden else ", within noise"


def cells(row: RowChange) -> list[str]:
    """A row of the table of scores."""
    over = "" if row.common_targets is None else f", {row.common_targets} common"
    mark = {None: "?", True: "*", False: ""}[row.beyond_noise]
    noise = NOTHING if row.noise is None else f"{row.noise:.3f}"
    scores = (f"{row.old:.3f}", f"{row.new:.3f}", f"{row.change:+.3f}")
    return [short_part(row.part), row.row, f"{row.score}{over}", *scores, noise, mark]


def short_part(part: str) -> str:
    """The name of a part in narrow tables; one that is not known here as it is."""
    plain = part.removesuffix("/variants")
    known = table_parts().get(plain)
    return part if known is None else part.replace(plain, known.short)


def _values_sentence(screen: ScreenChange) -> str:
    files = len({value.file for value in screen.values})
    return f"{len(screen.values)} value(s) differ in {files} file(s)"


def _lonely(found: Comparison) -> list[str]:
    """Screens of one revision."""
    lines = []
    for names, revision in ((found.only_old, found.old), (found.only_new, found.new)):
        if names:
            lines.append(f"only in {revision}: {listed(names)}")
    return lines


def _counted(names: Sequence[str], limit: int) -> str:
    return f"{len(names)} ({listed(names, limit)})" if len(names) > 1 else names[0]


def _leaf(value: Leaf) -> str:
    if value is None:
        return NOTHING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """A table of at most `width` columns; cells that do not fit are folded."""
    rich = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    numbers = {"old", "new", "change", "noise"}
    for column in columns:
        side: JustifyMethod = "right" if column in numbers else "left"
        rich.add_column(column, justify=side, overflow="fold", no_wrap=column in numbers)
    for row in rows:
        rich.add_row(*map(escape, row))
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(rich)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return "\n".join(lines).strip("\n")


def _details(found: Comparison) -> list[tuple[str, list[str]]]:
    """Folded parts of the comment by their titles: all causes first, then rows, then values."""
    parts = []
    for screen in found.screens:
        lines = [f"- {_md(fact)}" for fact in facts(screen, UNKNOWN)]
        if lines:
            parts.append((f"{screen.screen}: why", lines))
        stages = [_stage_row(change) for change in screen.causes.stages]
        if stages:
            names = ("stage", "code", "parameters", "data", "upstream", "outputs")
            parts.append((f"{screen.screen}: stages", _md_table(names, stages)))
    for screen in found.screens:
        if len(screen.changed) > len(chosen(screen, False)):
            rows = [cells(row) for row in screen.changed]
            parts.append((f"{screen.screen}: all rows that differ", _md_table(COLUMNS, rows)))
    for screen in found.screens:
        if screen.values:
            values = [[v.file, v.key, _leaf(v.old), _leaf(v.new)] for v in screen.values]
            title = f"{screen.screen}: {_values_sentence(screen)}"
            parts.append((title, _md_table(("file", "value", "old", "new"), values)))
    return parts


def _stage_row(change: StageChange) -> list[str]:
    """How much of each kind changed in a stage."""
    name = f"{change.stage} (only {change.only_in})" if change.only_in else change.stage
    kinds = (change.code, change.parameters, change.data, change.upstream, change.outputs)
    return [name, *(str(len(kind)) if kind else NOTHING for kind in kinds)]


def _folded(title: str, lines: Sequence[str], room: int) -> str:
    """A folded part of at most `room` characters; empty if nothing of it fits."""
    start, end = f"<details><summary>{html.escape(title)}</summary>\n\n", "\n</details>\n\n"
    left_out = "\n{} more lines are left out: `phenoprot compare --all`.\n"
    room -= len(start) + len(end) + len(left_out) + 10
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    # A table needs its head and a line.
    if len(kept) < min(3, len(lines)):
        return ""
    rest = len(lines) - len(kept)
    return start + "\n".join(kept) + "\n" + (left_out.format(rest) if rest else "") + end


def _md_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line: Callable[[Sequence[str]], str] = lambda cells: f"| {' | '.join(map(_md, cells))} |"  # noqa: E731
    return [line(columns), "|" + "---|" * len(columns), *map(line, rows)]


def _md(text: str) -> str:
    """Text as it is in Markdown: what forges take for markup is escaped."""
    for character in "\\`*_<>|[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("@", "@\u200b").replace("\n", " ")


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"
