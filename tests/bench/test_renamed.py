"""Old names of modules work for one version, and the warning names the new one."""

import importlib

import pytest

from bench.renamed import RENAMED, RENAMED_ATTRIBUTES


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_the_new_module(old, new):
    module = importlib.import_module(new)
    with pytest.warns(FutureWarning, match=f"{old} is now {new}"):
        assert importlib.import_module(old) is module
    assert module.__spec__.name == new


def test_modules_inside_a_renamed_package_are_found_too():
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
