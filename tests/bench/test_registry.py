"""Names to classes through entry points; light, and safe from broken plugins."""

import importlib.metadata
import subprocess
import sys
import textwrap
from pathlib import Path

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
    assert {"finetune", "knn", "linear", "scratch"} < set(cls.modes())
    assert registry.entries(registry.METHODS)["strange"].distribution == "strangers"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("of_a_stranger:Mime", r"of_a_stranger defines no class 'Mime'. Did you mean 'Mine'"),
        ("of_a_stranger:Absent", r"defines no class 'Absent'. Classes of of_a_stranger: Mine"),
        ("of_nobody:Mine", "No module named 'of_nobody'"),
    ],
)
def test_an_entry_point_of_a_class_that_is_not_there_says_so(plugin, monkeypatch, value, words):
    plugin("of_a_stranger", METHOD.format(name="strange"))
    point = importlib.metadata.EntryPoint("mine", value, registry.METHODS)
    known = importlib.metadata.entry_points
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [*known(group=group), point])
    registry.entries.cache_clear()
    with pytest.warns(UserWarning, match=f"plugin mine = {value} .*left out: .*{words}"):
        assert "kmerl" in registry.entries(registry.METHODS)


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
        UserWarning,
        match=r"failing_method .* left out: RuntimeError: no licence. Fix .*: pip uninstall failing_method$",
    ):
        assert "kmerl" in registry.entries(registry.METHODS)
    with pytest.warns(UserWarning, match=r"failing_splits .* was left out"):
        assert registry.resource_folders("bench.splits")


@pytest.mark.parametrize("stop", ["SystemExit(0)", "GeneratorExit", "BaseException('mine')"])
def test_a_package_that_ends_the_process_when_it_is_found_or_loaded_costs_nothing_else(plugin, tmp_path, stop):
    (tmp_path / "ending").mkdir()
    (tmp_path / "ending" / "__init__.py").write_text(f"raise {stop}")
    plugin("ending_method", "", value="ending.method:Mine")
    plugin("late", f"raise {stop}\n" + textwrap.dedent(METHOD.format(name="late-method")))
    plugin("ending_importer", "", group="bench.split_importers", value="late:Mine")
    with pytest.warns(UserWarning, match=r"of ending_method was left out: .*pip uninstall ending_method$"):
        assert "kmerl" in registry.entries(registry.METHODS)
    with pytest.raises(BenchError, match="'late-method' .*cannot be imported: .*which ends a process"):
        registry.load(registry.METHODS, "late-method")
    with pytest.raises(BenchError, match="'ending_importer' cannot be loaded: .*pip uninstall ending_importer"):
        registry.split_importer("ending_importer")


def test_ctrl_c_while_a_package_is_found_is_no_fault_of_the_package(plugin, tmp_path):
    (tmp_path / "slow_package").mkdir()
    (tmp_path / "slow_package" / "__init__.py").write_text("raise KeyboardInterrupt")
    plugin("slow_method", "", value="slow_package.method:Mine")
    with pytest.raises(KeyboardInterrupt):
        registry.entries(registry.METHODS)


HIDDEN = {
    "methods": lambda: registry.entries(registry.METHODS),
    "tasks": lambda: registry.entries(registry.DATASETS),
    "splits": lambda: registry.resource_folders("bench.splits"),
    "leaderboards": lambda: registry.resource_folders("bench.leaderboards"),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("form", ["{}.py", "{}/__init__.py"])
def test_a_users_package_that_hides_a_built_in_one_is_named_with_the_fix(tmp_path, monkeypatch, name, form):
    file = tmp_path / form.format(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('imported')")
    loaded = [module for module in sys.modules if module.partition(".")[0] == name]
    for module in loaded:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    registry.entries.cache_clear()
    hiding = file.parent if file.parent != tmp_path else file
    try:
        with pytest.raises(
            BenchError, match=f"^{hiding} hides the built-in package '{name}'.* Rename {hiding.name}, or"
        ):
            HIDDEN[name]()
    finally:
        registry.entries.cache_clear()


def test_a_folder_of_data_named_as_a_built_in_package_hides_nothing(tmp_path, monkeypatch):
    (tmp_path / "splits").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert registry.resource_folders("bench.splits")[0].parent == Path(registry.__file__).parents[1]


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
    assert "ptbxl-super@validated" not in registry.match(registry.TASKS, ["ptbxl-*", "*"])
    assert "ptbxl-super@validated" in registry.match(registry.TASKS, ["ptbxl-*@validated"])
    with pytest.raises(UnknownName):
        registry.match(registry.TASKS, ["nothing-*"])


def test_for_a_misspelled_name_no_other_group_is_read(monkeypatch, tmp_path):
    """They take as long as all the rest of the answer."""
    known = registry.entries(registry.METHODS)
    monkeypatch.setattr(registry, "entries", lambda group: pytest.fail(f"{group} was read"))
    assert "Did you mean 'simclr'" in str(registry.unknown("method", "simclrr", known))
    (tmp_path / "simclr-2").mkdir()
    (tmp_path / "simclr-2" / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert "pip install -e simclr-2" in str(registry.unknown("method", "simclr-2", known))
    with pytest.raises(pytest.fail.Exception, match="was read"):
        registry.unknown("method", "ptbxl-super", known)
