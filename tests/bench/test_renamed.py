"""Old names of modules and options work for one version, and the warning names the new one."""

import importlib
import sys

import pytest

from bench.errors import ConfigError
from bench.method import Method
from bench.renamed import RENAMED, RENAMED_ATTRIBUTES, RENAMED_HOOKS
from bench.runner.plan import RunOptions


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_the_new_module(old, new, monkeypatch):
    module = importlib.import_module(new)
    monkeypatch.delitem(sys.modules, old, raising=False)  # the first import warns
    with pytest.warns(FutureWarning, match=f"{old} is now {new}"):
        assert importlib.import_module(old) is module
    assert module.__spec__.name == new


def test_modules_inside_a_renamed_package_are_found_too(monkeypatch):
    monkeypatch.delitem(sys.modules, "bench.contract.suite", raising=False)
    with pytest.warns(FutureWarning, match=r"bench\.contract\.suite is now bench\.checks\.suite"):
        suite = importlib.import_module("bench.contract.suite")
    assert suite is importlib.import_module("bench.checks.suite")


def test_an_unknown_name_is_still_unknown():
    with pytest.raises(ModuleNotFoundError, match=r"bench\.nowhere"):
        importlib.import_module("bench.nowhere")


@pytest.mark.parametrize(
    ("module", "old", "new"), [(m, old, new) for m, names in RENAMED_ATTRIBUTES.items() for old, new in names.items()]
)
def test_an_old_name_in_a_module_is_the_new_object(module, old, new):
    holder = importlib.import_module(module)
    with pytest.warns(FutureWarning, match=f"{module}.{old} is now {module}.{new}"):
        assert getattr(holder, old) is getattr(holder, new)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = holder.no_such_name


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("missing", "--retry-failed", {}),
        ("always", "--no-retry-failed", {"retry_failed": False}),
        ("never", "--recompute", {"recompute": True}),
        ("collect", "--cached-only", {"cached_only": True}),
    ],
)
def test_old_words_of_resume_are_the_new_options(old, new, changed):
    with pytest.warns(FutureWarning, match=f"--resume {old} is now {new} "):
        assert RunOptions(["m"], ["t"], ["linear"], resume=old) == RunOptions(["m"], ["t"], ["linear"], **changed)


def test_unknown_words_of_resume_and_contradictions_are_refused():
    with pytest.raises(
        ConfigError, match="expected one of missing, always, never, collect; the option is now --retry-f"
    ):
        RunOptions(["m"], ["t"], ["linear"], resume="sometimes")
    with pytest.raises(ConfigError, match="give one of them"):
        RunOptions(["m"], ["t"], ["linear"], recompute=True, cached_only=True)


@pytest.mark.parametrize(("old", "new"), RENAMED_HOOKS.items())
def test_a_method_may_define_a_hook_by_its_old_name(old, new):
    with pytest.warns(FutureWarning, match=rf"Plugin\.{old} is now {new}"):
        plugin = type("Plugin", (Method,), {old: "defined"})
    assert getattr(plugin, new) == "defined"
    assert plugin.implements(new)


@pytest.mark.filterwarnings("ignore:.* is now checkpoint_metadata:FutureWarning")
def test_old_names_of_hooks_call_the_new_ones_of_a_parent():
    class Parent(Method):
        def checkpoint_metadata(self):
            return {"parent": 1}

    class Plugin(Parent):
        def notes(self):
            return super().notes() | {"plugin": 2}

    assert Plugin().checkpoint_metadata() == {"parent": 1, "plugin": 2}
    assert Parent().notes() == {"parent": 1}


def test_the_metrics_of_selection_are_still_found_in_the_module_of_tasks():
    from bench import task

    with pytest.warns(FutureWarning, match=r"SELECTION_METRIC is now bench\.kinds\.load\(kind\)\.selection_metric"):
        assert task.SELECTION_METRIC["survival"] == "c_index"


def test_the_old_type_of_kinds_may_still_be_imported():
    with pytest.warns(FutureWarning, match=r"bench\.task\.Kind is now str"):
        from bench.task import Kind
    assert Kind is str


@pytest.mark.parametrize(
    ("old", "use", "expected"),
    [
        ("MODULES", lambda value: value["linear"], "bench.modes.linear"),
        ("RELEASED_PROTOCOLS", lambda value: value["merl-released"], {"linear": "linear-merl-released"}),
        ("honest_mode", lambda value: value("linear-merl-released"), "linear"),
        ("released_protocol", lambda value: value("linear-merl-released"), "merl-released"),
        ("named_mode", lambda value: value("Zero-Shot"), "zeroshot"),
        ("mode_module", lambda value: value("knn").Config.__name__, "Config"),
    ],
)
def test_old_names_of_the_modes_give_what_they_gave(old, use, expected):
    from bench import modes

    with pytest.warns(FutureWarning, match=rf"bench\.modes\.{old} is now bench\."):
        assert use(getattr(modes, old)) == expected
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = modes.nothing


def test_an_old_part_of_a_renamed_package_has_its_new_name(monkeypatch):
    monkeypatch.delitem(sys.modules, "bench.contract.made_up", raising=False)
    with pytest.warns(FutureWarning, match=r"made_up is now bench\.checks\.synthetic_corpus"):
        importlib.import_module("bench.contract.made_up")
