"""The comment on a pull request, against a stand-in of the forge's HTTP interface."""

import io
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse

import metrics_comment as mc
import pytest

TOKEN = "secret"
THREAD = "/repos/me/phenoprot/issues/7/comments"
ONE = re.compile(r"/repos/me/phenoprot/issues/comments/(\d+)")


class Forge(BaseHTTPRequestHandler):
    """One pull request: lists comments by pages, takes new ones and new texts, checks tokens."""

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_call(self):
        comments, at = self.server.comments, urlparse(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        text = json.loads(self.rfile.read(size))["body"] if size else None
        self.server.calls.append(self.command)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401, {"message": "Bad credentials"})
        if text is not None and len(text) > 65_536:
            return self.answer(422, {"message": "body is too long"})
        one = ONE.fullmatch(at.path)
        if self.command == "GET" and at.path == THREAD:
            asked = {key: int(value[0]) for key, value in parse_qs(at.query).items()}
            start = (asked["page"] - 1) * asked["per_page"]
            return self.answer(200, comments[start : start + asked["per_page"]])
        if self.command == "POST" and at.path == THREAD:
            comments.append({"id": 1000 + len(comments), "body": text})
            return self.answer(201, comments[-1])
        if self.command == "PATCH" and one:
            found = next(each for each in comments if each["id"] == int(one[1]))
            found["body"] = text
            return self.answer(200, found)
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = handle_call

    def log_message(self, *_):
        pass


@pytest.fixture
def forge(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Forge)
    server.comments, server.calls = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(monkeypatch, text, *arguments):
    monkeypatch.setattr("sys.argv", ["metrics_comment.py", *(arguments or ("me/phenoprot", "7"))])
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return mc.main()


def test_first_run_writes_a_comment(forge, monkeypatch):
    forge.comments += [{"id": 1, "body": "looks good"}, {"id": 2, "body": f"as in\n> {mc.MARKER}"}]
    assert run(monkeypatch, "### Metrics\n") == 0
    assert forge.calls == ["GET", "POST"]
    assert forge.comments[2]["body"] == f"{mc.MARKER}\n### Metrics\n"


def test_later_runs_rewrite_that_comment_wherever_it_stands(forge, monkeypatch):
    forge.comments += [{"id": i, "body": f"comment {i}"} for i in range(230)]
    forge.comments[220]["body"] = f"{mc.MARKER}\nold"
    assert run(monkeypatch, "new") == 0
    assert forge.calls == ["GET", "GET", "GET", "PATCH"]
    assert forge.comments[220]["body"] == f"{mc.MARKER}\nnew"
    assert len(forge.comments) == 230


def test_a_full_last_page_is_followed_by_an_empty_one(forge, monkeypatch):
    forge.comments += [{"id": i, "body": "x"} for i in range(mc.PAGE)]
    assert run(monkeypatch, "new") == 0
    assert forge.calls == ["GET", "GET", "POST"]


def test_a_refused_token_fails_and_says_so(forge, monkeypatch, capsys):
    monkeypatch.setenv("GH_TOKEN", "wrong")
    assert run(monkeypatch, "new") == 1
    said = capsys.readouterr().err
    assert "401" in said
    assert THREAD in said
    assert "wrong" not in said
    assert forge.comments == []


def test_no_forge_fails_and_names_it(monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert run(monkeypatch, "new") == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_what_the_forge_would_refuse_is_not_sent(forge, monkeypatch, capsys):
    assert run(monkeypatch, "x" * mc.LONGEST) == 1
    assert "65536" in capsys.readouterr().err
    assert forge.calls == []


@pytest.mark.parametrize("arguments", [("me/phenoprot",), ("me/phenoprot", "7", "8")])
def test_other_arguments_are_refused(monkeypatch, capsys, arguments):
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert run(monkeypatch, "new", *arguments) == 2
    assert "usage" in capsys.readouterr().err
