"""Released weights: fetched from a server, taken from a person, refused where they changed, and run without pretraining."""

import functools
import hashlib
import http.server
import json
import threading

import pytest
import torch

from bench.errors import ConfigError, DataError
from bench.method.released import Released
from bench.storage.workspace import Workspace
from bench.weights.files import checked, fetch, keep, present


def publish(path, **change):
    tensors = {"fc.weight": torch.full((3, 100), 0.5), "fc.bias": torch.arange(3.0)} | change
    torch.save({"state_dict": {name: value for name, value in tensors.items() if value is not None}, "epoch": 1}, path)
    return path


def released(**facts) -> Released:
    return Released(**{"file": "a.pth", "page": "https://example.org/a", "licence": "MIT", "corpora": ()} | facts)


@pytest.fixture
def server(tmp_path):
    """A folder that is served on the loopback; yields the folder and its address."""
    folder = tmp_path / "published"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_file_is_fetched_once_and_recorded(server, tmp_path):
    folder, address = server
    digest = hashlib.sha256(publish(folder / "a.pth").read_bytes()).hexdigest()
    own = Workspace(tmp_path / "workspace")
    facts = released(url=f"{address}/a.pth")
    assert present("mine", facts, own) is None
    got = fetch("mine", facts, own)
    (folder / "a.pth").unlink()
    assert fetch("mine", facts, own) == got == present("mine", facts, own)
    assert got.sha256 == digest
    record = json.loads((got.path.parent / "weights.json").read_text())
    assert (record["origin"], record["licence"], record["bytes"]) == (facts.url, "MIT", got.path.stat().st_size)
    assert checked(got) == got
    got.path.write_bytes(b"other")
    with pytest.raises(DataError, match=r"a\.pth: the file has changed since it came here"):
        checked(got)


def test_another_file_than_the_pinned_one_is_refused_and_leaves_nothing(server, tmp_path):
    folder, address = server
    publish(folder / "a.pth")
    own = Workspace(tmp_path / "workspace")
    with pytest.raises(DataError, match="SHA-256"):
        fetch("mine", released(url=f"{address}/a.pth", sha256="0" * 64), own)
    with pytest.raises(DataError, match=r"expected 0+\. It is damaged, or the authors have replaced it"):
        keep("mine", released(sha256="0" * 64), own, folder / "a.pth")
    assert present("mine", released(), own) is None


def test_what_cannot_be_fetched_says_how_a_person_gets_it(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.data.download.one_file.FIRST_PAUSE", 0.0)
    own = Workspace(tmp_path)
    by_hand = r"Fetch a\.pth from https://example\.org/a in a browser .*bench weights import mine a\.pth"
    with pytest.raises(DataError, match=f"only a person can fetch them. {by_hand}"):
        fetch("mine", released(), own)
    with pytest.raises(DataError, match=by_hand):
        fetch("mine", released(url="http://127.0.0.1:9/a.pth"), own)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(DataError, match=f"repository lab/net could not be fetched .OSError: no route.*{by_hand}"):
        fetch("mine", released(hub="lab/net"), own)


def test_a_file_of_the_hub_gets_its_place(tmp_path, monkeypatch):
    def download(repository, name, revision, local_dir):
        assert (repository, name, revision) == ("lab/net", "deep/a.pth", "v1")
        (local_dir / "deep").mkdir(parents=True)
        return str(publish(local_dir / "deep" / "a.pth"))

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    got = fetch("mine", released(file="deep/a.pth", hub="lab/net", revision="v1"), Workspace(tmp_path))
    assert sorted(path.name for path in got.path.parent.iterdir()) == ["a.pth", "weights.json"]


def test_a_licence_that_restricts_use_is_accepted_once(server, tmp_path):
    folder, address = server
    publish(folder / "a.pth")
    own, facts = Workspace(tmp_path / "workspace"), released(url=f"{address}/a.pth", licence="CC-BY-NC-4.0")
    with pytest.raises(ConfigError, match=r"CC-BY-NC-4\.0 .*bench weights fetch mine --accept-licence"):
        fetch("mine", facts, own)
    assert fetch("mine", facts, own, accept=True) == fetch("mine", facts, own)


def test_other_weights_do_not_replace_those_that_are_there(tmp_path):
    own = Workspace(tmp_path)
    first = keep("mine", released(), own, publish(tmp_path / "a.pth"))
    assert keep("mine", released(), own, tmp_path / "a.pth") == first
    with pytest.raises(ConfigError, match="other weights of mine lie in .* already"):
        keep("mine", released(), own, publish(tmp_path / "b.pth", **{"fc.bias": torch.ones(3)}))
    assert checked(first) == first


class Interrupted(http.server.BaseHTTPRequestHandler):
    """Sends half of a file and hangs up; the rest to those who ask for it, unless the file has changed since."""

    content, etag, asked = bytes(range(256)) * 2000, '"v1"', []

    def do_GET(self):
        begun = self.headers.get("Range")
        self.asked.append((begun, self.headers.get("If-Range")))
        start = int(begun[6:-1]) if begun and self.headers["If-Range"] == self.etag else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", self.etag)
        self.send_header("Content-Length", str(len(self.content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.end_headers()
        end = len(self.content) if len(self.asked) > 1 else len(self.content) // 2
        self.wfile.write(self.content[start:end])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("changed", [False, True])
def test_a_download_that_was_cut_continues_unless_the_file_has_changed(changed, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.data.download.one_file.PATIENCE", 1)
    handler = type("Handler", (Interrupted,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        facts, own = released(url=f"http://127.0.0.1:{served.server_port}/a.pth"), Workspace(tmp_path)
        with pytest.raises(DataError, match="cannot be fetched"):
            fetch("mine", facts, own)
        if changed:
            handler.content, handler.etag = handler.content[::-1], '"v2"'
        got = fetch("mine", facts, own)
        served.shutdown()
    (first, (rest, version)) = handler.asked
    assert (first, version) == ((None, None), '"v1"')
    assert 0 < int(rest.removeprefix("bytes=").removesuffix("-")) <= len(handler.content) // 2
    assert got.path.read_bytes() == handler.content
    assert sorted(path.name for path in got.path.parent.iterdir()) == ["a.pth", "weights.json"]
