"""A web server for downloads, on this machine, with faults to order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """What it serves and what it was asked."""

    content: bytes
    ranges: bool = True
    """Whether it knows ranges."""
    break_after: int | None = None
    """Bytes after which it closes the connection, once."""
    status: int = 200
    location: str | None = None
    """Address that it sends on to."""
    length: str | None = None
    """What it says of the length, in place of the truth."""
    kind: str = "application/octet-stream"
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""
    url: str = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append(wanted)
            if server.location is not None:
                self.send_response(302)
                self.send_header("Location", server.location)
                self.end_headers()
                return
            if server.status != 200:
                self.send_error(server.status)
                return
            begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if not server.ranges:
                begin = 0
            if begin >= len(server.content):
                self.send_error(416)
                return
            body = server.content[begin:]
            self.send_response(206 if wanted and server.ranges else 200)
            self.send_header("Content-Type", server.kind)
            self.send_header("Content-Length", server.length or str(len(body)))
            self.end_headers()
            if server.break_after is not None:
                body, server.break_after = body[: server.break_after], None
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    host = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{host.server_port}/weights"
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        host.shutdown()
        thread.join()
        host.server_close()
