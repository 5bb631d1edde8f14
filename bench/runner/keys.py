"""Keys of cells: the digest of everything that determines a result.

A key is made of a few parts, each computed once a session, so that a plan of a hundred thousand cells is keyed in seconds.
A result keeps the digest of each part, so that a replay can say which of them is no longer what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import registry
from bench.cells.result import SCHEMA
from bench.signals.input_code import input_digest
from bench.storage.artifacts import digest
from bench.storage.code_digest import method_digest, mode_digest, module_digest, source_digest

if TYPE_CHECKING:
    from bench.kinds.kind import Kind
    from bench.method import Method, MethodConfig
    from bench.modes.mode import Mode
    from bench.runner.resolved_cell import ResolvedCell
    from bench.signals.input_spec import InputSpec
    from bench.task import Task

IMAGES = "bench.signals.images"

PARTS = {
    "code": "the method's code",
    "config": "the method's config",
    "mode": "the code or settings of the mode",
    "data": "the prepared data, the task or its split",
    "transforms": "the filters, resampling, scaling or windows that its input passes",
    "checkpoint": "the checkpoint",
    "members": "the results that it combines",
    "sweep": "the sweep that chose its settings",
}
"""Names of the parts of a key; the key also covers the cell's coordinates, the profile and the kind of data."""


def method_parts(method: type[Method], config: MethodConfig) -> dict[str, Any]:
    """Digests of the code and config of a method."""
    return {"code": method_digest(method, config), "config": digest([config, method.input_for(config).to_dict()])}


def mode_part(mode: Mode, kind: Kind, config: Any) -> str:
    """Digest of the code and settings of a mode for a kind of task."""
    return digest([mode_digest(mode, kind.objective), config])


def data_part(task: Task, split_digest: str, store_digest: str) -> str:
    """Digest of a task, its labelled partition and the prepared recordings."""
    names = [(name.code, name, name.original) for name in task.class_names]
    return digest([task.version, names, split_digest, store_digest])


def transforms_part(spec: InputSpec, fs: float, dataset: str) -> str:
    """Digest of the code that recordings stored at ``fs`` Hz pass on their way into a method."""
    image_code = None
    if "image" in spec.downstream:
        module = registry.load(registry.DATASETS, dataset).__module__
        image_code = [module_digest(IMAGES), source_digest(module)]
    return digest([input_digest(spec, fs), image_code])


def cell_inputs(resolved: ResolvedCell) -> dict[str, Any]:
    """The digest of each part of what determines a cell's predictions; a part that plays no role is None."""
    cell, session = resolved.cell, resolved.session
    remembered = session.remembered

    def of_data() -> str:
        data = resolved.data
        return data_part(data.task, data.split_digest(cell.fold), data.store.digest)

    return {
        **remembered(
            ("method", cell.method, resolved.mode.uses_checkpoint),
            lambda: method_parts(resolved.method, resolved.config),
        ),
        "mode": remembered(
            ("mode", cell.mode, cell.method, resolved.data.task.kind),
            lambda: mode_part(resolved.mode, resolved.kind, resolved.mode_config),
        ),
        "data": remembered(("data", cell.task, cell.fold), of_data),
        "transforms": resolved.transforms,
        "checkpoint": resolved.spec.key if resolved.spec else None,
        "members": [member.key for member in resolved.members] or None,
        **({"sweep": digest(session.sweep)} if session.sweep else {}),
    }


def key_of(resolved: ResolvedCell) -> str:
    """Digest of everything that determines a cell's predictions."""
    session = resolved.session
    coordinates = list(resolved.cell.to_dict().values())
    return digest([SCHEMA, coordinates, session.profile, session.source.kind, list(resolved.inputs.values())])
