"""A key goes to the host that it is meant for, and to no other that this host names."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from pydantic import BaseModel

from bench.data.download.one_file import Remote, fetch
from bench.errors import ConfigError
from methods.text.endpoint import ChatEndpoint, EndpointConfig, Question


class Server(ThreadingHTTPServer):
    """Answers, or sends elsewhere; ``given`` is the authorization of each request."""

    def __init__(self, elsewhere=None):
        given = self.given = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                given.append(self.headers.get("Authorization"))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(302 if elsewhere else 200)
                if elsewhere:
                    self.send_header("Location", elsewhere)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Findings(BaseModel):
    names: list[str]


@pytest.fixture
def servers(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    other = Server()
    own = Server(other.url)
    yield own, other
    for server in (own, other):
        server.shutdown()
        server.server_close()


def test_a_language_models_key_and_question_stay_with_its_host(servers, monkeypatch):
    own, other = servers
    monkeypatch.setenv("BENCH_LLM_KEY", "key")
    with pytest.raises(ConfigError, match=r"HTTP 302.*Redirects are not followed"):
        ChatEndpoint(EndpointConfig(url=own.url, model="any")).ask(Question("", "a report", Findings))
    assert own.given == ["Bearer key"] and other.given == []


def test_a_password_of_a_download_stays_with_its_host(servers, tmp_path):
    own, other = servers
    url = own.url.replace("://", "://me:pw@")
    fetch(Remote(url, None, tmp_path / "f.part", tmp_path / "f"), requests.Session())
    assert own.given[0].startswith("Basic ") and other.given == [None]
