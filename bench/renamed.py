"""Old names of modules, classes and hooks of methods work for one version, with a warning that names the new one."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any


class RenamedWarning(FutureWarning):
    """An old name was used; the message gives the new one."""


RENAMED = {
    "bench.artifacts": "bench.storage.artifacts",
    "bench.cohort": "bench.task",
    "bench.code_digest": "bench.storage.code_digest",
    "bench.contract.made_up": "bench.checks.synthetic_corpus",
    "bench.contract": "bench.checks",
    "bench.data_source": "bench.data.source",
    "bench.data_status": "bench.data.status",
    "bench.download": "bench.data.download",
    "bench.flops": "bench.runner.inference_cost",
    "bench.fractions": "bench.splitting.label_fractions",
    "bench.imported_columns": "bench.splitting.released_partitions",
    "bench.inventory": "bench.cells.artifact_index",
    "bench.loading": "bench.data.batches",
    "bench.modes.cell_run": "bench.modes.mode_io",
    "bench.run_record": "bench.tracking.run_fields",
    "bench.shared_artifacts": "bench.storage.object_store",
    "bench.split_check": "bench.splitting.verify",
    "bench.strata": "bench.splitting.stratify",
    "bench.splits": "bench.splitting.split",
    "bench.stratification": "bench.splitting.stratify",
    "bench.training.config": "bench.method.pretrain_config",
    "bench.training.forward": "bench.training.method_calls",
    "bench.training.layers": "bench.training.layer_decay",
    "bench.training.published_names": "bench.method.published_names",
    "bench.sweep.space": "bench.method.search_space",
    "bench.explain.attributions": "bench.method.attributions",
    "bench.runner.cell": "bench.cells.cell",
    "bench.runner.results": "bench.cells.result",
    "bench.publication": "bench.dataset",
    "bench.signals.prepare": "bench.signals.build_store",
    "bench.signals.preparation": "bench.signals.filter_steps",
    "bench.workspace": "bench.storage.workspace",
    "methods.foreign": "methods.external_encoders",
    "methods.text.found": "methods.text.installed_encoders",
    "tasks.datasets.cpsc2018_simulation": "tasks.datasets.simulated.cpsc2018",
    "tasks.datasets.csn_simulation": "tasks.datasets.simulated.csn",
    "tasks.datasets.mimic_simulation": "tasks.datasets.simulated.mimic",
    "tasks.datasets.ptbxl_simulation": "tasks.datasets.simulated.ptbxl",
    "tasks.datasets.simulated_people": "tasks.datasets.simulated.people",
    "tasks.datasets.ukb_simulation": "tasks.datasets.simulated.ukb",
}
"""Old module -> new module, removed in version 0.3. A part of a package comes before the package."""

RENAMED_ATTRIBUTES = {
    "bench.modes.mode_io": {"CellRun": "ModeInput", "Outcome": "ModeOutput"},
    "bench.splitting.label_fractions": {"subset": "labelled_subset"},
    "bench.task": {"Flow": "CohortFlow", "Step": "Exclusion"},
}
"""Module (by its new name) -> old name in it -> new name, removed in version 0.3."""

RENAMED_HOOKS = {
    "records_meet": "loss_couples_records",
    "chosen_code": "extra_code",
    "trained_on": "declared_corpora",
    "notes": "checkpoint_metadata",
    "example": "example_config",
    "augmented": "augment_finetuning",
}
"""Attribute of a method -> its new name, removed in version 0.3."""


def warn_renamed(old: str, new: str, stacklevel: int) -> None:
    """Warn that a name is old; the levels count from the function that calls this one."""
    warnings.warn(f"{old} is now {new}; the old name works until version 0.3.", RenamedWarning, stacklevel + 1)


def accept_old_hooks(method: type) -> None:
    """Give each hook that a method class defines under one of its names the other name too.

    The old name keeps working in a plugin's class and in its calls, such as ``super().notes()``.
    """
    for old, new in RENAMED_HOOKS.items():
        own = vars(method)
        if new in own:
            setattr(method, old, own[new])
        elif old in own:
            warn_renamed(f"{method.__module__}.{method.__qualname__}.{old}", new, stacklevel=3)
            setattr(method, new, own[old])


def renamed_attribute(
    module: str, name: str, replaced: Mapping[str, tuple[str, Callable[[], Any]]] | None = None
) -> Any:
    """The object that ``module`` held under the old ``name``; for a module's ``__getattr__``.

    Args:
        replaced: old names that no object has today: the replacement to name, and a function that makes the old value.

    Raises:
        AttributeError: the module never had that name.
    """
    if name in (replaced or {}):
        replacement, value = (replaced or {})[name]
    elif (new := RENAMED_ATTRIBUTES.get(module, {}).get(name)) is not None:
        replacement, value = f"{module}.{new}", functools.partial(getattr, sys.modules[module], new)
    else:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warn_renamed(f"{module}.{name}", replacement, stacklevel=3)
    return value()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked first: inside a renamed package Python would find a second copy of each module."""

    def __init__(self) -> None:
        self.specs: dict[int, importlib.machinery.ModuleSpec | None] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if _new_name(name) else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        new = _new_name(spec.name)
        assert new is not None
        warn_renamed(spec.name, new, stacklevel=2)
        module = importlib.import_module(new)
        self.specs[id(module)] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It was executed under its new name, and keeps the specification that it has under that name."""
        module.__spec__ = self.specs.pop(id(module))


def _new_name(name: str) -> str | None:
    old = next((old for old in RENAMED if name == old or name.startswith(f"{old}.")), None)
    return None if old is None else RENAMED[old] + name.removeprefix(old)


def accept_old_names() -> None:
    """Let imports of old names find the new modules."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
