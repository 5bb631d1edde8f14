"""Content-addressed artifacts: keys that mean what they should, folders that appear whole."""

import importlib
import multiprocessing
import os

import pytest

from bench import code_digest
from bench.artifacts import digest, once, writing


def test_digest_depends_on_content_alone():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": (2, 3), "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    with pytest.raises(TypeError, match="no place in a key"):
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
