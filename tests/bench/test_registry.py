"""Names to classes through entry points; light, and safe from broken plugins."""

import subprocess
import sys
import textwrap

import pytest

from bench import registry
from bench.errors import BenchError, UnknownName

METHOD = """
    from bench.method import Method
    class Mine(Method):
        '''A method of a stranger.'''
        name = "{name}"
        def encode(self, batch):
            return batch.ecg.mean(-1)
"""


def test_the_light_listing_says_what_the_classes_say():
    from bench.cli.listing import modes_of

    listed = registry.entries(registry.METHODS)
    assert {"kmerl", "merl", "random-resnet", "random-vit"} <= set(listed)
    for name, entry in listed.items():
        cls = registry.load(registry.METHODS, name)
        assert cls.name == name
        assert tuple(modes_of(entry)) == cls.modes()
        assert ("pretraining_loss" in entry.defines) == cls.implements("pretraining_loss")
        assert entry.summary
    for name, entry in registry.entries(registry.TASKS).items():
        task = registry.load(registry.TASKS, name)
        assert entry.attributes["dataset"] == task.dataset
        assert entry.attributes["split"] == task.split


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; from bench.cli.main import app; from bench import registry; registry.entries('bench.methods'); "
        "heavy = {'torch', 'mlflow', 'optuna', 'pandas', 'sklearn', 'numpy'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_plugin_registers_through_the_same_door(plugin):
    plugin("strangers", METHOD.format(name="strange"))
    cls = registry.load(registry.METHODS, "strange")
    assert cls.modes() == ("linear", "knn", "finetune", "scratch")
    assert registry.entries(registry.METHODS)["strange"].distribution == "strangers"


def test_a_broken_plugin_warns_and_costs_nothing_else(plugin):
    plugin("broken", "def (")
    with pytest.warns(UserWarning, match=r"plugin broken .* was left out"):
        known = registry.entries(registry.METHODS)
    assert "kmerl" in known


def test_a_package_that_fails_when_it_is_looked_for_costs_nothing_else(plugin, tmp_path):
    (tmp_path / "failing").mkdir()
    (tmp_path / "failing" / "__init__.py").write_text("raise RuntimeError('no licence')")
    plugin("failing_method", "", value="failing.method:Mine")
    plugin("failing_splits", "", group="bench.splits", value="failing.splits")
    with pytest.warns(
        UserWarning, match=r"failing_method .* was left out: RuntimeError: no licence. Mend or uninstall"
    ):
        assert "kmerl" in registry.entries(registry.METHODS)
    with pytest.warns(UserWarning, match=r"failing_splits .* was left out"):
        assert registry.resource_folders("bench.splits")


def test_a_plugin_that_fails_on_import_is_told_without_a_traceback(plugin):
    plugin("careless", "undefined_name\n" + textwrap.dedent(METHOD.format(name="careless-method")))
    with pytest.raises(
        BenchError, match="'careless-method' .*careless.* cannot be imported: NameError.*undefined_name"
    ):
        registry.load(registry.METHODS, "careless-method")


def test_a_plugin_that_cannot_be_imported_says_so(plugin):
    plugin("needy", "import a_package_that_is_not_there\n" + textwrap.dedent(METHOD.format(name="needy-method")))
    with pytest.raises(BenchError, match="'needy-method'.*cannot be imported.*a_package_that_is_not_there"):
        registry.load(registry.METHODS, "needy-method")


def test_two_with_one_name_are_refused(plugin):
    plugin("rival", METHOD.format(name="kmerl"))
    with pytest.raises(BenchError, match="two methods are named 'kmerl'.*rival"):
        registry.entries(registry.METHODS)


def test_wrong_names_suggest_and_wildcards_match():
    with pytest.raises(UnknownName, match="Did you mean 'kmerl'"):
        registry.load(registry.METHODS, "kmrel")
    assert {"ptbxl-super", "ptbxl-sub"} <= set(registry.match(registry.TASKS, ["ptbxl-*"]))
    assert registry.match(registry.TASKS, ["ptbxl-sub", "ptbxl-su*"])[0] == "ptbxl-sub"
    with pytest.raises(UnknownName):
        registry.match(registry.TASKS, ["nothing-*"])
