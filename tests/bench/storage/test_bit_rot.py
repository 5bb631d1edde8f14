"""One flipped bit in any file of a finished workspace is found, and a rerun gives the same numbers or says what is wrong."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cells import artifact_index
from bench.data.source import DataSource
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.storage.workspace import Workspace

OPTIONS = RunOptions(["small"], ["ptbxl-super"], ["linear"], overrides=["linear.epochs=2"], track=False)

RECORDS = 60

FILES = (
    [("stores", f"{name}.npy") for name in ("signals", "gains", "digests", "values")]
    + [("cache/signals", f"{name}.npy") for name in ("signals", "gains", "digests")]
    + [("stores", "records.parquet"), ("stores", "manifest.json"), ("stores", "artifact.json")]
    + [("cache/copies", "pairs.npy")]
    + [("cache/signals", name) for name in ("manifest.json", "artifact.json")]
    + [
        ("simulated", name)
        for name in ("files/ptbxl_database.csv", "files/records500/00000/00001_hr.dat", "artifact.json")
    ]
    + [("checkpoints", name) for name in ("model.safetensors", "config.yaml", "provenance.json", "history.csv")]
    + [("checkpoints", "artifact.json"), ("features", "features.npy"), ("features", "artifact.json")]
    + [("results", name) for name in ("result.json", "predictions.parquet", "artifact.json")]
)

built: list[tuple[Workspace, Path, dict]] = []
untouched: list[Path] = []
"""The workspace, as long as its last test has left it as it was."""


@pytest.fixture
def finished(small, tmp_path_factory):
    """A small finished workspace as it was after its run, and its numbers. Stores are bound to the place of their data."""
    if not built:
        workspace = Workspace(tmp_path_factory.mktemp("workspace") / "finished")
        undisturbed = numbers(run(workspace))
        copy = workspace.root.with_name("copy")
        shutil.copytree(workspace.root, copy)
        built.append((workspace, copy, undisturbed))
        untouched.append(workspace.root)
    workspace, copy, undisturbed = built[0]
    if not untouched:
        shutil.rmtree(workspace.root)
        shutil.copytree(copy, workspace.root)
    untouched.clear()
    return workspace, undisturbed


def run(workspace, **changes):
    return execute.run(replace(OPTIONS, **changes), DataSource(workspace, simulated_records=RECORDS))


def numbers(report):
    assert report.failures == {}
    return {result.key: (result.score, result.predictions_digest) for result in report.results}


def flip(path: Path, position: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= 1
    path.write_bytes(bytes(content))


def the_file(workspace: Workspace, kind: str, name: str) -> Path:
    (path, *_) = sorted((workspace.root / kind).glob(f"[!.]*/{name}"))
    return path


def damaged(workspace: Workspace) -> list[Path]:
    found = []
    for artifact in artifact_index.artifacts(workspace):
        try:
            if artifact_index.verify(artifact):
                found.append(artifact.path)
        except artifact_index.NoDigest:
            pass
    return found


def test_an_undisturbed_workspace_is_whole(finished):
    workspace, _ = finished
    assert damaged(workspace) == []
    kinds = {artifact.kind for artifact in artifact_index.artifacts(workspace)}
    assert kinds == {"simulated", "store", "fingerprints", "signals", "other cache", "checkpoint", "features", "result"}


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_flipped_bit_is_found(finished, kind, name):
    workspace, _ = finished
    path = the_file(workspace, kind, name)
    folder = next(parent for parent in path.parents if parent.parent == workspace.root / kind)
    whole = path.read_bytes()
    flip(path, whole.index(b'"files"') + 2 if name == "artifact.json" else None)  # in the name of a field
    (artifact,) = (one for one in artifact_index.artifacts(workspace) if one.path == folder)
    assert artifact_index.verify(artifact)
    path.write_bytes(whole)
    assert artifact_index.verify(artifact) is None
    untouched.append(workspace.root)


@pytest.mark.filterwarnings("ignore:.*made again")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("stores", "signals.npy"),
        ("stores", "gains.npy"),
        ("stores", "values.npy"),
        ("cache/signals", "signals.npy"),
        ("cache/copies", "pairs.npy"),
        ("simulated", "files/records500/00000/00001_hr.dat"),
        ("checkpoints", "config.yaml"),
        ("features", "features.npy"),
    ],
)
def test_a_flipped_bit_changes_no_number(finished, kind, name):
    workspace, undisturbed = finished
    flip(the_file(workspace, kind, name))
    read_again(workspace, kind, name)
    assert numbers(run(workspace)) == undisturbed
    assert damaged(workspace) == []


@pytest.mark.filterwarnings("ignore:.*made again")
def test_flipped_bits_in_every_file_change_no_number(finished):
    workspace, undisturbed = finished
    for kind, name in FILES:
        flip(the_file(workspace, kind, name))
    assert len(damaged(workspace)) == len(artifact_index.artifacts(workspace))
    assert numbers(run(workspace)) == undisturbed
    assert damaged(workspace) == []


def read_again(workspace: Workspace, kind: str, name: str) -> None:
    """Remove what was made from the damaged artifact, so that it is needed."""
    if name == "values.npy":
        shutil.rmtree(workspace.cache / "copies")
    made_from = ["stores", "cache", "checkpoints", "features", "results"]
    if name.endswith(".dat"):
        shutil.rmtree(workspace.stores)
    start = {"simulated": 1, "stores": 1, "cache/signals": 2, "cache/copies": 4, "checkpoints": 3, "features": 4}.get(
        kind, 5
    )
    for later in made_from[start:]:
        shutil.rmtree(workspace.root / later)
