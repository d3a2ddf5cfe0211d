"""Post what `dvc metrics diff --json` says as one comment on a pull request.

The comment carries a hidden marker; the next run finds it by that and rewrites it. Reads the
diff from standard input, prints the Markdown, and posts it where a pull request is named::

    dvc metrics diff --json origin/main | python scripts/metrics_comment.py [OWNER/NAME NUMBER]
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

MARKER = "<!-- phenoprot: dvc metrics diff -->"
MAX_ROWS = 400  # GitHub takes at most 65,536 characters


def render(
    diff: Mapping[str, Mapping[str, Mapping[str, Any]]], base: str = "the base branch"
) -> str:
    """Render a metrics diff as Markdown, sorted by path and metric."""
    rows = [
        f"| {path} | {metric} | {_cell(change.get('old'))} | {_cell(change.get('new'))}"
        f" | {_cell(change.get('diff'), '+')} |"
        for path, metrics in sorted(diff.items())
        for metric, change in sorted(metrics.items())
    ]
    if not rows:
        return f"{MARKER}\n### Metrics\n\nNo metric differs from {base}.\n"
    rest = len(rows) - MAX_ROWS
    lines = [
        f"{MARKER}\n### Metrics that differ from {base}\n",
        "| path | metric | old | new | change |",
        "|---|---|--:|--:|--:|",
        *rows[:MAX_ROWS],
    ]
    if rest > 0:
        lines.append(f"\n{rest} more rows are left out.")
    return "\n".join(lines) + "\n"


def _cell(value: Any, sign: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:{sign}.5g}"
    return f"{value:{sign}d}" if isinstance(value, int) else str(value)


def marked(comments: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the id of the comment that an earlier run left, if there is one."""
    return next((c["id"] for c in comments if c["body"].startswith(MARKER)), None)


def gh(*args: str, body: str | None = None) -> str:
    """Call the forge's client; the token comes from the environment."""
    done = subprocess.run(
        ["gh", "api", *args],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        input=None if body is None else json.dumps({"body": body}),
    )
    return done.stdout


def post(repo: str, number: str, body: str, api: Callable[..., str] = gh) -> None:
    """Rewrite the marked comment of a pull request, or write the first."""
    thread = f"repos/{repo}/issues/{number}/comments"
    # --jq prints one comment a line, over all pages
    pages = api(f"{thread}?per_page=100", "--paginate", "--jq", ".[] | {id, body}")
    found = marked(json.loads(line) for line in pages.splitlines())
    if found is None:
        api(thread, "--method", "POST", "--input", "-", body=body)
    else:
        path = f"repos/{repo}/issues/comments/{found}"
        api(path, "--method", "PATCH", "--input", "-", body=body)


def main() -> None:
    """Render standard input; post it if a repository and a number are given."""
    body = render(json.load(sys.stdin))
    print(body)
    if len(sys.argv) == 3:
        post(*sys.argv[1:], body)


if __name__ == "__main__":
    main()
