"""A checkpoint on a model hub, here one on the loopback address that answers as the public one."""

import http.server
import json
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
import yaml
from typer.testing import CliRunner

from bench import registry
from bench.cells.result import read_results
from bench.cli.main import app
from bench.data.source import DataSource
from bench.errors import ConfigError, DataError
from bench.model_registry.hub import upload, write_publication
from bench.model_registry.model_card import model_card
from bench.runner.execute import run
from bench.runner.plan import RunOptions
from bench.training.checkpoint import CheckpointSpec, seeded_method, write_checkpoint
from bench.training.checkpoint_files import load_weights


def checkpoint_of(folder, **corpus):
    cls = registry.load(registry.METHODS, "small")
    spec = CheckpointSpec(cls, cls.Config(), {"dataset": "ptbxl", "store": "ab"} | corpus)
    method = seeded_method(cls, spec.config, 0)
    facts = {"records": {"train": 8}, "steps": 1} | ({"imported": {"file": "a.pth"}} if corpus.get("imported") else {})
    write_checkpoint(spec, spec.folder(folder), method, dict(method.state_dict()), facts, [{"epoch": 1}])
    return spec.folder(folder)


class Hub(http.server.BaseHTTPRequestHandler):
    """Makes repositories and takes commits from those who have the token."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_POST(self):
        body = self.body()
        here = f"http://{self.headers['Host']}/lab/small"
        if self.path == "/api/repos/create":
            return self.answer(200, {"url": here})
        if self.path.endswith("/preupload/main"):
            modes = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": modes})
        if self.path == "/api/validate-yaml":
            return self.answer(200, {"warnings": [], "errors": []})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                self.files[line["value"]["path"]] = b64decode(line["value"]["content"])
        return self.answer(200, {"commitUrl": f"{here}/commit/1", "commitOid": "1", "success": True})

    def body(self):
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []  # Transfer-Encoding: chunked
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(chunks)

    def do_GET(self):
        self.answer(200, {"sha": "0", "id": "lab/small", "siblings": []})

    def answer(self, status, content):
        if self.headers.get("Authorization") != "Bearer right":
            status, content = 401, {"error": "Invalid credentials"}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


@contextmanager
def serving(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_a_published_folder_is_a_checkpoint_again(small, workspace, tmp_path, monkeypatch):
    folder = checkpoint_of(workspace.checkpoints)
    made, fetched = tmp_path / "made", tmp_path / "fetched"
    made.mkdir(), fetched.mkdir()
    write_publication(folder, "lab/small", "mit", workspace, made)
    monkeypatch.setenv("HF_TOKEN", "right")
    with serving(monkeypatch):
        assert upload(made, "lab/small").endswith("/lab/small/commit/1")
    for name, content in Hub.files.items():
        (fetched / name).write_bytes(content)
    assert {path.name for path in folder.iterdir()} | {"README.md"} == set(Hub.files)
    cls = registry.load(registry.METHODS, "small")
    load_weights(seeded_method(cls, cls.Config(), 1), fetched)  # every byte is compared with what was written


def test_a_hub_that_refuses_or_is_away_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("a page")
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with serving(monkeypatch), pytest.raises(DataError, match="lab/small was not published .*hf auth login"):
        upload(tmp_path, "lab/small")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9: lab/small was not published .*try again later"):
        upload(tmp_path, "lab/small")


def test_the_page_has_the_results_of_this_checkpoint_alone(small, workspace):
    options = RunOptions(["small"], ["ptbxl-super"], ["linear"], overrides=["linear.epochs=1"], track=False)
    run(options, DataSource(workspace, simulated_records=120))
    (result,) = read_results(workspace.results)
    folder = workspace.checkpoints / result.checkpoint["name"]
    real = replace(result, data="real")
    page = model_card(folder, "lab/small", "mit", [real])
    (entry,) = yaml.safe_load(page.split("---\n")[1])["model-index"][0]["results"]
    name, value = next(iter(result.score["metrics"].items()))
    assert entry["metrics"][0]["value"] == value["value"]
    assert entry["metrics"][0]["type"] == name
    assert f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]" in page
    simulated = model_card(folder, "lab/small", "mit", [result])
    assert "model-index" not in simulated
    assert f"{value['value']:.3f}" in simulated
    other = checkpoint_of(workspace.checkpoints, store="cd")
    ran = CliRunner().invoke(
        app,
        f"publish hub lab/small --checkpoint {other.name} --licence mit --dry-run --workspace {workspace.root}".split(),
    )
    assert ran.exit_code == 0, ran.output
    assert "No result of this checkpoint" in ran.output


def test_what_is_not_ours_to_publish_is_refused(small, workspace, tmp_path):
    theirs = checkpoint_of(workspace.checkpoints, imported="a.pth")
    with pytest.raises(ConfigError, match="weights that others published"):
        write_publication(theirs, "lab/small", "mit", workspace, tmp_path)
    signed = checkpoint_of(workspace.checkpoints, dataset="ukb")
    with pytest.raises(ConfigError, match="trained on ukb, .*add --terms-allow"):
        write_publication(signed, "lab/small", "mit", workspace, tmp_path)
    with pytest.raises(ConfigError, match="'small': expected OWNER/NAME"):
        write_publication(signed, "small", "mit", workspace, tmp_path, terms_allow=True)
    assert not list(tmp_path.glob("*.md"))
    assert write_publication(signed, "lab/small", "mit", workspace, tmp_path, terms_allow=True)[0].name == "README.md"
