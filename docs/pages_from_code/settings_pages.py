"""Configs of pretraining and of the modes, from the descriptions of their fields."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from words import cell, code_cell, markdown, table

from bench import modes, registry
from bench.method.describe import config_fields, written
from bench.method.pretrain_config import PretrainConfig
from bench.modes import Mode

SETTINGS = """# Settings

Written from the code. `--set FIELD=VALUE` overrides any field; the value is YAML. A description says where the default comes
from. A wrong name or value is answered with the right ones. The fields of a method stand on [its page](methods/index.md).
"""
PRETRAINING = """`--set pretrain.FIELD=VALUE` for every method, `--set METHOD.pretrain.FIELD=VALUE` for one. These are the
harness's own defaults; most methods have defaults of their paper.
"""


def pages() -> dict[str, str]:
    return {"reference/config.md": _page()}


def _page() -> str:
    parts = [SETTINGS, "## Pretraining\n", PRETRAINING, fields_table(PretrainConfig, "pretrain."), "## Modes\n"]
    by_config: dict[type[BaseModel], list[Mode]] = {}
    for mode in map(modes.load, registry.entries(registry.MODES)):
        by_config.setdefault(mode.Config, []).append(mode)
    for config, sharing in by_config.items():
        parts += [f"### {' and '.join(mode.name for mode in sharing)}\n", markdown(config.__doc__) + "\n"]
        if sharing[0].released_protocol:
            parts.append("Repeats a released protocol that looks at the test set; asked for by `--protocol`.\n")
        parts.append(fields_table(config, f"{sharing[0].name}."))
        smoke = getattr(config, "smoke", {})
        if smoke:
            parts.append(
                "In the `smoke` profile: " + ", ".join(f"`{k}={written(v)}`" for k, v in smoke.items()) + ".\n"
            )
    return "\n".join(parts)


def fields_table(config: type[BaseModel], prefix: str = "", base: type[BaseModel] | None = None) -> str:
    """A row for each field, nested configs included. ``next to``: leave out what is the same there."""
    rows = _rows(config(), prefix)
    if base is not None:
        same = set(_rows(base(), prefix))
        rows = [row for row in rows if row not in same]
    rows.sort(key=lambda row: row[0].startswith("`pretrain.") and prefix == "")  # the method's own first
    return table(("field", "default", "what it is, and where the default comes from"), rows) if rows else ""


def groups(config: type[BaseModel], shown: str) -> str:
    """What a config says of each of its nested configs of which ``shown`` has fields: the source of all of them."""
    lines = [
        f"- `{name}.*`: {_description(info.description, None)}"
        for name, info in config.model_fields.items()
        if info.description and f"`{name}." in shown
    ]
    return "\n".join([*lines, ""]) if lines else ""


def _rows(config: BaseModel, prefix: str) -> list[tuple[str, ...]]:
    return [
        (code_cell(path), code_cell(written(value)), cell(_description(info.description, info.annotation)))
        for path, value, info in config_fields(type(config), prefix, config)
    ]


def _description(description: str | None, annotation: Any) -> str:
    choices = [repr(c).strip("'") for c in _literals(annotation)]
    text = markdown(description).replace("<", "&lt;").replace("[", "\\[")
    listed = "One of " + ", ".join(f"`{c}`" for c in choices) + "." if choices else ""
    return " ".join(part for part in (text and text.rstrip(".") + ".", listed) if part)


def _literals(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    return [c for part in typing.get_args(annotation) for c in _literals(part) if part is not type(None)]


def required_fields(config: type[BaseModel]) -> list[str]:
    return [
        name for name, info in config.model_fields.items() if info.is_required() or info.default is PydanticUndefined
    ]
