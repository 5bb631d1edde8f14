"""Content-addressed artifacts: keys that mean what they should, folders that appear whole."""

import errno
import importlib
import multiprocessing
import os

import numpy as np
import pandas as pd
import pytest
from filelock import Timeout

from bench.errors import DataError
from bench.splitting.released_partitions import write_imported
from bench.storage import code_digest
from bench.storage.artifacts import digest, locked, once, writing
from methods.text.embedding_cache import EmbeddingCache
from tasks.datasets.challenge_files import new_root


def test_digest_depends_on_content_alone():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": (2, 3), "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    with pytest.raises(TypeError, match="cannot be part of a key"):
        digest(object())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules: main imports near, far is not imported."""
    folder = tmp_path / "keyed_package"
    folder.mkdir()
    files = {
        "__init__": "",
        "main": "from keyed_package import near\nx = near.y\n",
        "near": "y = 1\n",
        "far": "z = 1\n",
    }
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))

    def key(**changes: str) -> str:
        for name, text in {**files, **changes}.items():
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        code_digest.forget()
        return code_digest.source_digest("keyed_package.main")

    return key


def test_a_change_in_the_code_a_method_uses_changes_its_key_and_no_other_does(package):
    key = package()
    assert package(near="y = 2\n") != key
    assert package(far="z = 2\n") == key
    assert package(near='"""Words."""\n\n# a comment\ny = (1)\n') == key


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "artifact") as folder:
        (folder / "half").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("umask", "folder_mode", "file_mode"), [(0o002, 0o775, 0o664), (0o077, 0o700, 0o600)])
def test_permissions_follow_the_umask(tmp_path, request, store_result, umask, folder_mode, file_mode):
    before = os.umask(umask)
    request.addfinalizer(lambda: os.umask(before))

    def make(folder):
        (folder / "data.bin").write_bytes(b"data")
        (folder / "model.safetensors").touch(mode=0o600)  # as that library does

    once(tmp_path / "cache" / "artifact", make, "kind", {})
    store_result(tmp_path / "results")
    store_result(tmp_path / "results")  # takes the place of the first
    EmbeddingCache(tmp_path / "cache" / "text").store("encoder", {"sinus rhythm": np.zeros(4, np.float32)})
    write_imported(tmp_path / "splits", "ptbxl", pd.DataFrame({"part": ["test"]}, index=["1"]))
    with new_root(tmp_path / "simulated") as folder:
        (folder / "1.hea").write_text("1 12 500 5000")
    found = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert len(found) > 12
    assert {p: m for p, m in found.items() if m != (folder_mode if (tmp_path / p).is_dir() else file_mode)} == {}


def test_the_first_to_finish_stands(tmp_path):
    final = tmp_path / "artifact"
    with writing(final) as first:
        (first / "value").write_text("first")
        with writing(final) as second:
            (second / "value").write_text("second")
    assert (final / "value").read_text() == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["artifact"]


def _make(path):
    def make(folder):
        with open(path.parent / "made", "a") as log:
            log.write("x")
        (folder / "value").write_text(str(os.getpid()))

    once(path, make)


def test_processes_that_want_the_same_artifact_make_it_once(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_make, args=(tmp_path / "artifact",)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "made").read_text() == "x"


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_refused_in_one_sentence(tmp_path, monkeypatch, code):
    def flock(handle, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(
        DataError, match=r"stores: its file system has no locks .* on NFS 4 with --workspace"
    ) as stopped:
        once(tmp_path / "stores" / "artifact", lambda folder: None)
    assert "\n" not in str(stopped.value)


def test_a_lock_is_held_by_one_at_a_time_and_free_afterwards(tmp_path):
    with locked(tmp_path / "new" / "lock"), pytest.raises(Timeout), locked(tmp_path / "new" / "lock", timeout=0):
        pass
    with locked(tmp_path / "new" / "lock", timeout=0):
        pass
