"""Keys of cells: the digest of everything that determines a result.

A key is made of a few parts, each computed once a session, so that a plan of a hundred thousand cells is keyed in seconds.
A result keeps the digest of each part, so that a replay can say which of them is no longer what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.cells.result import SCHEMA
from bench.storage.artifacts import digest
from bench.storage.code_digest import method_digest, mode_digest

if TYPE_CHECKING:
    from bench.runner.resolved_cell import ResolvedCell

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


def cell_inputs(resolved: ResolvedCell) -> dict[str, Any]:
    """The digest of each part of what determines a cell's predictions; a part that plays no role is None."""
    cell, session = resolved.cell, resolved.session
    remembered = session.remembered

    def method_parts() -> dict[str, Any]:
        return {
            "code": method_digest(resolved.method, resolved.config),
            "config": digest([resolved.config, resolved.input.to_dict()]),
        }

    def mode_part() -> str:
        return digest([mode_digest(resolved.mode, resolved.kind.objective), resolved.mode_config])

    def data_part() -> str:
        data, task = resolved.data, resolved.data.task
        names = [(name.code, name, name.original) for name in task.class_names]
        return digest([task.version, names, data.split_digest(cell.fold), data.store.digest])

    return {
        **remembered(("method", cell.method, resolved.mode.uses_checkpoint), method_parts),
        "mode": remembered(("mode", cell.mode, cell.method, resolved.data.task.kind), mode_part),
        "data": remembered(("data", cell.task, cell.fold), data_part),
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
