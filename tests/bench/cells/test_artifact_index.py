"""Artifacts of a workspace: listed, verified, and removed while others work."""

import os
import subprocess
import sys

import numpy as np
import pytest
from filelock import FileLock

from bench.cells import artifact_index
from bench.storage.artifacts import once, seal, write_json, writer
from bench.storage.workspace import Workspace


@pytest.fixture
def filled(tmp_path):
    """A workspace with one checkpoint that features and a result come from, and one that nothing comes from."""
    place = Workspace(tmp_path)
    for name, key in (("kept-1", "a1"), ("spare-2", "b2")):
        folder = place.checkpoints / name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")
        sha = "9a129038e0e6f6d2f5c1a6d3b4bff7a4b5a0f8be6ee8ce6d5c9fbb8a3b3c8f00"
        write_json(
            folder / "provenance.json", {"key": key, "method": "m", "corpus": {"store": "s"}, "weights_sha256": sha}
        )
    once(place.features / "m-3", lambda f: np.save(f / "features.npy", np.ones(3)), "features", {"checkpoint": "a1"})
    result = place.results / "c4"
    result.mkdir(parents=True)
    write_json(result / "result.json", {"checkpoint": {"key": "a1"}, "dataset": {"digest": "s"}})
    seal(result, "result", {"key": "c4"})
    return place


def keys(found):
    return [one.key for one in found]


def test_every_artifact_is_listed_with_what_uses_it(filled):
    found = {one.key: one for one in artifact_index.artifacts(filled)}
    assert set(found) == {"kept-1", "spare-2", "m-3", "c4"}
    assert sorted(found["kept-1"].used_by) == ["c4", "m-3"]
    assert found["m-3"].inputs["checkpoint"] == "a1"
    assert found["m-3"].bytes > 100
    assert keys(artifact_index.artifacts(filled, ["features"])) == ["m-3"]


def test_altered_bytes_are_named(filled):
    found = {one.key: one for one in artifact_index.artifacts(filled)}
    assert artifact_index.verify(found["m-3"]) is None
    assert "SHA-256" in artifact_index.verify(found["kept-1"])  # whose recorded digest is of other bytes
    (filled.features / "m-3" / "features.npy").write_bytes(b"")
    assert "has 0 bytes" in artifact_index.verify(found["m-3"])
    (filled.results / "c4" / "result.json").write_text("{}")
    assert "result.json" in artifact_index.verify(found["c4"])


def test_what_something_came_from_is_not_unreferenced(filled):
    assert keys(artifact_index.removable(filled, unreferenced=True)) == ["spare-2"]
    assert artifact_index.removable(filled, older_than_days=1) == []
    old = os.stat(filled.features / "m-3").st_mtime - 2 * 86400
    os.utime(filled.features / "m-3", (old, old))
    assert keys(artifact_index.removable(filled, older_than_days=1)) == ["m-3"]


def test_what_a_process_is_writing_stays(filled):
    mine = filled.results / f".c5.{writer()}.abc"
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    gone = filled.results / f".c6.{writer().rpartition('-')[0]}-{dead.stdout.strip()}.abc"
    for folder in (mine, gone):
        folder.mkdir()
    removed: list[str] = []
    with FileLock(filled.checkpoints / ".spare-2.lock"):
        chosen = artifact_index.removable(filled, unreferenced=True)
        left = artifact_index.remove(filled, chosen, lambda one: removed.append(one.key))
    assert sorted(keys(left)) == sorted([mine.name, "spare-2"])
    assert removed == [gone.name]
    assert mine.is_dir()
    assert not gone.exists()
    assert artifact_index.remove(filled, artifact_index.removable(filled, ["checkpoint"]), lambda one: None) == []
    assert not (filled.checkpoints / "spare-2").exists()
