"""Post what `phenoprot compare --format md` says as one comment on a pull request.

The comment carries a hidden marker; the next run finds it by that and rewrites it. Reads the text
from standard input and posts it through the forge's HTTP interface::

    phenoprot compare origin/main --format md | python scripts/metrics_comment.py OWNER/NAME NUMBER

The token comes from GH_TOKEN, the address from GITHUB_API_URL (default: GitHub's).
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

MARKER = "<!-- phenoprot: compare -->"
LONGEST = 65_536  # characters that GitHub takes
PAGE = 100
TIMEOUT = 30  # seconds


class Forge:
    """Comments of one pull request.

    Parameters
    ----------
    address
        Of the HTTP interface.
    token
        May read and write comments.
    repo
        ``owner/name``.
    number
        Of the pull request.
    """

    def __init__(self, address: str, token: str, repo: str, number: str):
        self.repo = f"{address.rstrip('/')}/repos/{repo}"
        self.thread = f"{self.repo}/issues/{number}/comments"
        self.token = token

    def comments(self) -> Iterator[dict[str, Any]]:
        """All comments, page by page."""
        page = 1
        while True:
            found = self._call("GET", f"{self.thread}?per_page={PAGE}&page={page}")
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def post(self, body: str) -> str:
        """Rewrite the marked comment, or write the first; return what was done."""
        mine = (each["id"] for each in self.comments() if each["body"].startswith(MARKER))
        found = next(mine, None)
        if found is None:
            self._call("POST", self.thread, body)
            return "written"
        self._call("PATCH", f"{self.repo}/issues/comments/{found}", body)
        return "rewritten"

    def _call(self, method: str, address: str, body: str | None = None) -> Any:
        request = urllib.request.Request(
            address,
            method=method,
            data=None if body is None else json.dumps({"body": body}).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)


def main() -> int:
    """Post standard input; return the exit status."""
    if len(sys.argv) != 3 or not os.environ.get("GH_TOKEN"):
        print("usage: GH_TOKEN=... metrics_comment.py OWNER/NAME NUMBER < text", file=sys.stderr)
        return 2
    body = f"{MARKER}\n{sys.stdin.read()}"
    if len(body) > LONGEST:
        print(f"the comment has {len(body)} characters, {LONGEST} are taken", file=sys.stderr)
        return 1
    address = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    forge = Forge(address, os.environ["GH_TOKEN"], *sys.argv[1:])
    try:
        done = forge.post(body)
    except urllib.error.HTTPError as error:
        print(f"{error.url}: {error.code} {error.reason}", file=sys.stderr)
        return 1
    except OSError as error:  # no connection, no answer in time
        print(f"{address}: {error}", file=sys.stderr)
        return 1
    print(f"comment {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
