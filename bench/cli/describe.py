"""Describe a method: ``bench explain METHOD`` without a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.registry import Entry


def describe_method(entry: Entry) -> Iterator[str]:
    """Lines: description, source, modes, input, and every config field with its default and where that comes from."""
    from bench.method import Method

    cls: type[Method] = entry.load()
    yield f"{entry.name} ({entry.distribution}, {entry.module}:{entry.qualname})"
    yield f"  {entry.summary}"
    if entry.source:
        yield f"  source: {entry.source}"
    if cls.family:
        yield f"  family: {cls.family}"
    yield f"  modes: {', '.join(cls.modes()) or 'none'}"
    if cls.only_kinds:
        yield f"  kinds of task: {', '.join(cls.only_kinds)}"
    corpus = f"yes{f'; corpus of the paper: {cls.corpus}' if cls.corpus else ''}"
    yield f"  pretraining: {corpus if cls.implements('pretraining_loss') else 'no'}"
    spec = cls.input.to_dict()
    yield f"  input: {', '.join(f'{name} {_value(value)}' for name, value in spec.items() if _told(name, value, spec))}"
    for mode, fields in cls.protocols.items():
        yield f"  {mode} in its paper: {', '.join(f'{mode}.{name}={_value(value)}' for name, value in fields.items())}"
    yield f"config fields (--set {entry.name}.FIELD=VALUE):"
    for path, default, description in config_fields(cls.Config):
        if path.startswith("pretrain.") and not cls.implements("pretraining_loss"):
            continue
        yield f"  {path} = {_value(default)}{f'  {description}' if description else ''}"
    if cls.implements("encode"):
        yield f"Pictures of what it looked at: bench explain {entry.name} TASK"


def config_fields(model: Any, prefix: str = "", defaults: Any = None) -> Iterator[tuple[str, Any, str]]:
    """Dotted path, default and description of each field of a config; those of a nested config in its place."""
    from pydantic import BaseModel

    for name, info in model.model_fields.items():
        default = getattr(defaults, name) if defaults is not None else info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from config_fields(type(default), f"{prefix}{name}.", default)
        else:
            yield prefix + name, default, " ".join((info.description or "").split())


def _told(name: str, value: Any, spec: dict[str, Any]) -> bool:
    if name == "image_size":
        return "image" in (*spec["modalities"], *spec["downstream"])
    return value not in ((), False)


def _value(value: Any) -> str:
    from pydantic_core import PydanticUndefined

    if value is PydanticUndefined:
        return "(to be given)"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
