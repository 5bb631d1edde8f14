"""A publisher on the loopback interface, with PhysioNet's layout, who also misbehaves on request."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from bench.data.download import one_file


@dataclass
class Publisher:
    """Files by path, and what goes wrong. Counters say how often each path was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    sums: str | None = None  # instead of the right ones
    cut: dict[str, list[int]] = field(default_factory=dict)  # path -> after how many bytes, answer by answer
    status: dict[str, list[int]] = field(default_factory=dict)  # path -> codes, answer by answer
    asked: Counter = field(default_factory=Counter)
    heads: int = 0
    etag: str = ""  # parts of files are sent where there is one
    sent: Counter = field(default_factory=Counter)  # bytes of the body by path
    at_once: int = 0
    most_at_once: int = 0
    gate: threading.Event | None = None  # every answer waits for it
    together: int = 0  # opens the gate as soon as so many are being answered
    lock: threading.Lock = field(default_factory=threading.Lock)

    def listed(self) -> bytes:
        if self.sums is not None:
            return self.sums.encode()
        return "".join(f"{hashlib.sha256(c).hexdigest()}  {p}\n" for p, c in self.files.items()).encode()


@pytest.fixture
def publisher(monkeypatch):
    monkeypatch.setattr(one_file, "FIRST_PAUSE", 0.01)
    facts = Publisher()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def content(self, path):
            return facts.listed() if path == "SHA256SUMS.txt" else facts.files.get(path)

        def do_HEAD(self):
            facts.heads += 1
            content = self.content(unquote(self.path[1:]))
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()

        def do_GET(self):
            path = unquote(self.path[1:])
            with facts.lock:
                facts.asked[path] += 1
                facts.at_once += 1
                facts.most_at_once = max(facts.most_at_once, facts.at_once)
            try:
                if facts.gate and path != "SHA256SUMS.txt":
                    if facts.at_once == facts.together:
                        facts.gate.set()
                    facts.gate.wait(5)
                self.answer(path)
            finally:
                with facts.lock:
                    facts.at_once -= 1

        def answer(self, path):
            content = self.content(path)
            code = facts.status[path].pop(0) if facts.status.get(path) else 200 if content is not None else 404
            if code != 200:
                self.send_response(code)
                self.send_header("Content-Length", "0")
                if code == 503:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                return
            body, asked = content, self.headers.get("Range", "")
            begins = int(asked[len("bytes=") : -1]) if asked and self.headers.get("If-Range") == facts.etag else 0
            body = body[begins:]
            self.send_response(206 if begins else 200)
            if begins:
                self.send_header("Content-Range", f"bytes {begins}-{len(content) - 1}/{len(content)}")
            if facts.etag:
                self.send_header("ETag", facts.etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if facts.cut.get(path):
                body = body[: facts.cut[path].pop(0)]
                self.close_connection = True
            facts.sent[path] += len(body)
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    facts.url = f"http://127.0.0.1:{server.server_port}/"
    yield facts
    server.shutdown()
    server.server_close()
