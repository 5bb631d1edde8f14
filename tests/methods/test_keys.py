"""A key covers the code that a method runs and no other code; checked on everything registered, none named here."""

import contextlib

import pytest
import torch

from bench import registry
from bench.runner.overrides import method_config
from bench.seeding import seeded
from bench.storage import code_digest

METHODS = tuple(registry.entries(registry.METHODS))


@pytest.fixture(scope="module", params=METHODS)
def keyed(request, tmp_path_factory):
    """A method class, its smoke config, what its key covers, and where the classes that it is built of are defined."""
    cls = registry.load(registry.METHODS, request.param)
    config = method_config(cls, "smoke")
    example = cls.example_config(tmp_path_factory.mktemp("example")) if hasattr(cls, "example_config") else {}
    if example:
        config = type(config).model_validate(config.model_dump() | example)
    shapes_alone = torch.device("meta") if cls.published_weights else contextlib.nullcontext()  # up to 296 M weights
    with seeded(0), shapes_alone:
        built = cls(config)
    root = cls.__module__.split(".")[0]
    parts = {(type(m).__module__, type(m).__qualname__.split(".")[0]) for m in built.modules()}
    own = {(module, name) for module, name in parts if module.split(".")[0] == root}
    return cls, config, code_digest.covered(cls.__module__, cls.__qualname__, cls.extra_code(config)), own


def test_every_module_that_a_method_is_built_of_is_in_its_key(keyed):
    _, _, covered, own = keyed
    assert [f"{module}:{name}" for module, name in sorted(own) if not code_digest.covers(covered, module, name)] == []


def test_a_change_in_what_it_is_built_of_changes_its_key(keyed, changed):
    cls, config, _, own = keyed
    before = code_digest.method_digest(cls, config)
    module, name = max(own - {(cls.__module__, cls.__qualname__)}, default=(cls.__module__, cls.__qualname__))
    changed(module, name)
    assert code_digest.method_digest(cls, config) != before


def test_a_change_in_what_others_are_built_of_leaves_its_key(keyed, changed):
    cls, config, covered, _ = keyed
    before = code_digest.method_digest(cls, config)
    root = cls.__module__.split(".")[0]
    others = {
        module
        for entry in registry.entries(registry.METHODS).values()
        if entry.module.split(".")[0] == root
        for module, statements in code_digest.covered(entry.module, entry.qualname).items()
        if statements and not covered.get(module)
    }
    for module in others:
        changed(module)
    assert code_digest.method_digest(cls, config) == before, f"it changed with one of {sorted(others)}"
