"""Remembered keys: used while everything that they depend on is the same, and by no process that has imported methods."""

import contextlib
import importlib
import json
import os
import sys

import pytest

from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.runner import execute, key_memory
from bench.runner.key_memory import FILE, KeyMemory
from bench.runner.plan import RunOptions

TINY = '''
    from torch import nn
    from bench.method import Method, MethodConfig
    from bench.signals.input_spec import InputSpec
    from pydantic import Field

    class Tiny(Method):
        """A linear encoder."""
        name = "tiny"
        input = InputSpec(fs=100, seconds=1)

        class Config(MethodConfig):
            file: str = Field("", description="a file that it reads")

        @classmethod
        def extra_code(cls, config):
            return ("tiny_extra:size",)

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def encode(self, batch):
            return self.net(batch.ecg.mean(1))
'''
OPTIONS = RunOptions(
    ["tiny"], ["ptbxl-super"], ["linear"], overrides=["linear.epochs=1", "tiny.file=named.txt"], track=False
)


@pytest.fixture
def source(workspace, plugin, tmp_path, monkeypatch):
    """A workspace with a plugin, in a process that looks as if it had imported no method."""
    monkeypatch.delitem(sys.modules, "tiny_plugin", raising=False)
    plugin("tiny_plugin", TINY)
    (tmp_path / "tiny_extra.py").write_text("size = 4\n")
    for name in ("sklearn.preprocessing", "bench.runner.schedule"):  # their imports set environment variables
        importlib.import_module(name)
    monkeypatch.setattr(key_memory, "_methods_are_imported", lambda: False)
    for name, module in list(sys.modules.items()):  # left by other tests; nothing is remembered where a file is gone
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and not os.path.exists(file):
            monkeypatch.delitem(sys.modules, name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return DataSource(workspace, simulated_records=120)


def remembered(source, options=OPTIONS):
    """Plan the options and remember the keys."""
    memory = KeyMemory(source)
    planned, session = execute.prepare_session(options, source)
    keys, unkeyed = execute.keyed(planned.cells, session)
    assert not unkeyed
    memory.remember(options, session, planned, keys)
    return keys


def test_keys_are_remembered_with_what_was_left_out_and_which_stores_were_read(source):
    keys = remembered(source)
    known = KeyMemory(source).recall(OPTIONS)
    assert list(known.keys.items()) == list(keys.items())
    assert known.left_out == []
    assert known.stores == {"ptbxl": source.store("ptbxl").digest}


def appended(path, text="\n"):
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)


CHANGES = {
    "the method's source": lambda root, patch: appended(root / "tiny_plugin.py"),
    "code that the config chooses": lambda root, patch: appended(root / "tiny_extra.py"),
    "a data file of the method": lambda root, patch: appended(root / "tiny_plugin.yaml"),
    "a file that the config names": lambda root, patch: appended(root / "here" / "named.txt"),
    "imported partitions": lambda root, patch: appended(root / "workspace" / "splits" / "ptbxl.csv"),
    "an installed version": lambda root, patch: (root / "other-2.dist-info").mkdir(),
    "a registered name": lambda root, patch: appended(
        root / "tiny_plugin-1.dist-info" / "entry_points.txt", "[bench.tasks]\nmore = tiny_plugin\n"
    ),
    "a module that hides another": lambda root, patch: appended(root / "numpy.py"),
    "the environment": lambda root, patch: patch.setenv("TINY_OPTION", "1"),
    "the project's file": lambda root, patch: appended(root / "here" / "bench.toml", "jobs = 1\n"),
    "the folder of the process": lambda root, patch: patch.chdir(root),
    "a byte of the remembered keys": lambda root, patch: appended(
        next((root / "workspace" / "cache" / "keys").rglob(FILE))
    ),
    "methods were imported": lambda root, patch: patch.setattr(key_memory, "_methods_are_imported", lambda: True),
}


@pytest.fixture
def undone(tmp_path, monkeypatch):
    """``with undone() as patch``: what is patched or written in this test's folder meanwhile is taken back."""

    def content():
        return {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}

    @contextlib.contextmanager
    def undone():
        before = content()
        with monkeypatch.context() as patch:
            yield patch
        for path in sorted(content().keys() - before.keys(), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        for path, value in before.items():
            if value is not None and path.read_bytes() != value:
                path.write_bytes(value)

    return undone


def test_keys_are_not_used_after_a_change(source, tmp_path, monkeypatch, undone):
    """One plan for all changes, each of which is taken back."""
    paths_of = key_memory._paths_of
    monkeypatch.setattr(  # the packages here have hundreds of files, and none of them changes
        key_memory, "_paths_of", lambda package: paths_of(package) if package.startswith("tiny") else []
    )
    remembered(source)
    used_after = []
    for change, make in CHANGES.items():
        assert KeyMemory(source).recall(OPTIONS) is not None, f"before {change}"
        with undone() as patch:
            make(tmp_path, patch)
            used_after += [change] if KeyMemory(source).recall(OPTIONS) is not None else []
    assert used_after == []


def test_other_options_and_other_data_have_other_keys(source, workspace, tmp_path):
    memory = KeyMemory(source)
    keys = remembered(source)
    assert memory.recall(OPTIONS).keys == keys
    for other in (
        {"overrides": ["linear.epochs=2"]},
        {"seeds": [1]},
        {"profile": "paper"},
        {"modes": ["knn"]},
        {"checkpoints": ["tiny=/elsewhere"]},
    ):
        assert memory.recall(RunOptions(**(vars(OPTIONS) | other))) is None, other
    (tmp_path / "data").mkdir()
    for data in (DataSource(workspace, simulated_records=60), DataSource(workspace, base=tmp_path / "data")):
        assert KeyMemory(data).recall(OPTIONS) is None


def test_what_changes_while_keys_are_computed_is_not_remembered(source, tmp_path):
    memory = KeyMemory(source)
    planned, session = execute.prepare_session(OPTIONS, source)
    keys, _ = execute.keyed(planned.cells, session)
    appended(tmp_path / "tiny_plugin.py")
    memory.remember(OPTIONS, session, planned, keys)
    assert KeyMemory(source).recall(OPTIONS) is None


def test_keys_are_not_used_after_a_published_file_has_changed(source, tmp_path_factory):
    file = tmp_path_factory.mktemp("published") / "weights.pth"  # not next to the plugin, whose folder counts
    file.write_bytes(b"one")
    memory = KeyMemory(source)
    planned, session = execute.prepare_session(OPTIONS, source)
    keys, _ = execute.keyed(planned.cells, session)
    options = RunOptions(**(vars(OPTIONS) | {"checkpoints": [f"tiny={file}"]}))
    memory.remember(options, session, planned, keys)
    assert KeyMemory(source).recall(options) is not None
    file.write_bytes(b"two")
    assert KeyMemory(source).recall(options) is None


def test_a_folder_counts_with_all_that_is_in_it(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    before = key_memory.states([str(folder)])
    (folder / "weights.bin").write_bytes(b"1")
    assert key_memory.states([str(folder)]) != before


def test_of_a_large_file_size_and_time_count(tmp_path, monkeypatch):
    monkeypatch.setattr(key_memory, "LARGE", 3)
    path = tmp_path / "weights.bin"
    path.write_bytes(b"1234")
    before = key_memory.states([str(path)])
    os.utime(path, ns=(0, 0))
    assert key_memory.states([str(path)]) != before


def test_a_run_with_nothing_to_compute_plans_nothing(source, monkeypatch):
    first = execute.run(OPTIONS, source, memory=KeyMemory(source))
    assert first.computed == 1

    def planned(*_):
        raise AssertionError("planned")

    heard = []
    with monkeypatch.context() as patch:
        patch.setattr(execute, "prepare_session", planned)
        again = execute.run(OPTIONS, source, lambda *found: heard.append(found), memory=KeyMemory(source))
        assert (again.computed, again.missing, again.failures) == (0, 0, {})
        assert [result.key for result in again.results] == [result.key for result in first.results]
        assert [(result.cell, computed) for result, computed in heard] == [(first.results[0].cell, False)]
        for unknown in ({"recompute": True}, {"seeds": [0, 1]}):
            with pytest.raises(AssertionError, match="planned"):
                execute.run(RunOptions(**(vars(OPTIONS) | unknown)), source, memory=KeyMemory(source))
    folder = first.results[0].folder
    value = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(value | {"counts": {}}))
    assert execute.run(OPTIONS, source, memory=KeyMemory(source)).computed == 1  # it was altered


def test_another_store_of_the_same_data_is_not_taken_for_the_remembered_one(source, monkeypatch):
    execute.run(OPTIONS, source, memory=KeyMemory(source))
    known = KeyMemory(source).recall(OPTIONS)
    other = key_memory.RememberedPlan(known.keys, [], {"ptbxl": "0" * 32})
    assert execute._all_found(other, OPTIONS, source, None) is None
    assert execute._all_found(known, OPTIONS, source, None).results


def test_only_cached_cells_are_shown_without_a_plan(source, monkeypatch):
    remembered(source)
    monkeypatch.setattr(execute, "prepare_session", None)
    report = execute.run(RunOptions(**(vars(OPTIONS) | {"cached_only": True})), source, memory=KeyMemory(source))
    assert (len(report.results), report.missing) == (0, 1)
    assert Cell("tiny", "ptbxl-super", "linear") in KeyMemory(source).recall(OPTIONS).keys
