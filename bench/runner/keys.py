"""Keys of cells: the digest of everything that determines a result.

A key is made of a few parts, each computed once a session, so that a plan of a hundred thousand cells is keyed in seconds.
A result keeps the digest of each part, so that a replay can say which of them is no longer what it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench import kinds, registry
from bench.cells.cell import Cell
from bench.cells.result import SCHEMA
from bench.errors import ConfigError
from bench.modes import mode_module
from bench.runner.session import Session
from bench.storage.artifacts import digest
from bench.storage.code_digest import method_digest, mode_digest

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


def cell_inputs(cell: Cell, session: Session) -> dict[str, Any]:
    """The digest of each part of what determines a cell's predictions; a part that plays no role is None."""
    remembered = session.remembered
    method = registry.load(registry.METHODS, cell.method)
    data = session.task_data(cell.task)

    def method_parts() -> dict[str, Any]:
        config = session.method_config(cell.method)
        return {
            "code": method_digest(method, config),
            "config": digest([config, method.input_for(config).to_dict()]),
        }

    def mode_part() -> str:
        code = mode_digest(mode_module(cell.mode).__name__, kinds.load(data.task.kind).objective)
        return digest([code, session.mode_config(cell.mode, method)])

    def data_part() -> str:
        task = data.task
        return digest([task.version, list(task.classes.items()), data.split_digest(cell.fold), data.store.digest])

    def checkpoint_part() -> str | None:
        spec = session.checkpoint_spec(method, data.task.dataset)
        return spec.key if spec else None

    return {
        **remembered(("method", cell.method), method_parts),
        "mode": remembered(("mode", cell.mode, cell.method, data.task.kind), mode_part),
        "data": remembered(("data", cell.task, cell.fold), data_part),
        "transforms": session.transforms(method, data.task.dataset),
        "checkpoint": None
        if cell.mode == "scratch"
        else remembered(("checkpoint", cell.method, data.task.dataset), checkpoint_part),
        "members": [cell_key(member, session) for member in member_cells(cell, session)] or None,
        **({"sweep": digest(session.sweep)} if session.sweep else {}),
    }


def cell_key(cell: Cell, session: Session) -> str:
    """Digest of everything that determines a cell's predictions."""
    return key_of(cell, session, cell_inputs(cell, session))


def key_of(cell: Cell, session: Session, inputs: dict[str, Any]) -> str:
    """The key of a cell whose :func:`cell_inputs` are known."""
    return digest([SCHEMA, list(cell.to_dict().values()), session.profile, session.source.kind, list(inputs.values())])


def member_cells(cell: Cell, session: Session) -> list[Cell]:
    """The cells whose results a method that combines others reads.

    Raises:
        ConfigError: a member cannot answer in this mode, or combines others itself. UnknownName: nobody registered it.
    """

    def names() -> list[str]:
        return list(registry.load(registry.METHODS, cell.method).members(session.method_config(cell.method)))

    members = []
    for name in session.remembered(("members", cell.method), names):
        member = registry.load(registry.METHODS, name)
        if member.implements("combine") or cell.mode not in member.modes():
            raise ConfigError(f"{cell.method}: {name} cannot be one of its members, as it has no separate {cell.mode}.")
        members.append(replace(cell, method=name))
    return members
