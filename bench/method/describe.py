"""Describe a method: for ``bench explain METHOD``, the pages of a board's site and those of the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bench import registry
from bench.method.contract import Method
from bench.reading.method_files import typed
from bench.signals.input_spec import InputSpec


def describe_method(entry: registry.Entry) -> Iterator[str]:
    """Lines: description, facts, and every config field with its default and where that comes from."""
    cls: type[Method] = entry.load()
    yield entry.name
    yield f"  {entry.summary}"
    for label, words in method_facts(entry, cls).items():
        yield f"  {label}: {words}"
    for mode, fields in cls.protocols.items():
        yield f"  {mode} in its paper: {', '.join(f'{mode}.{name}={written(value)}' for name, value in fields.items())}"
    yield f"config fields (--set {entry.name}.FIELD=VALUE):"
    for path, default, info in config_fields(cls.Config):
        if path.startswith("pretrain.") and not cls.implements("pretraining_loss"):
            continue
        yield f"  {path} = {written(default)}  {' '.join((info.description or '').split())}".rstrip()
    if cls.implements("encode"):
        yield f"Pictures for a prediction: bench explain {typed(entry.name)} TASK"


def method_facts(entry: registry.Entry, cls: type[Method] | None = None) -> dict[str, str]:
    """Facts by their labels; without the class, those that its source shows."""
    facts = {
        "source": entry.source,
        "family": entry.attributes.get("family"),
        "modes": ", ".join(registry.modes_of(entry)) or "none",
        "kinds of task": ", ".join(entry.attributes.get("only_kinds") or ()),
        "code": f"{entry.module}, class {entry.qualname} ({entry.distribution})",
    }
    if cls is not None:
        pretraining = f"yes{f'; corpus of the paper: {cls.corpus}' if cls.corpus else ''}"
        without = "by the authors, whose weights are read" if cls.weight_files() else "no"
        facts["pretraining"] = pretraining if cls.implements("pretraining_loss") else without
        facts["input"] = input_words(cls.input)
        facts["released weights"] = "; ".join(
            f"{weights.file}, licence {weights.licence}, pretrained on {', '.join(weights.corpora)}; {weights.page}"
            + f" (assumed: {weights.assumed})" * bool(weights.assumed)
            for weights in cls.weight_files().values()
        )
    return {label: words for label, words in facts.items() if words}


def input_words(spec: InputSpec) -> str:
    """The input of a method, written out."""
    parts = [f"the median beat at {spec.fs} Hz" if spec.median_beat else f"{spec.seconds:g} s at {spec.fs} Hz"]
    parts.append("in mV" if spec.normalise == "none" else f"scaled by {spec.normalise}")
    if spec.filters:
        parts.append("after " + ", ".join(spec.filters))
    parts.append("any subset of leads" if spec.partial_leads else "absent leads as zeros")
    if spec.modalities:
        parts.append("in pretraining also " + ", ".join(spec.modalities))
    if spec.downstream:
        parts.append("downstream also " + ", ".join(spec.downstream))
    return "; ".join(parts)


def config_fields(model: type[BaseModel], prefix: str = "", values: Any = None) -> Iterator[tuple[str, Any, FieldInfo]]:
    """Dotted path, default and declaration of each field of a config; those of a nested config in its place.

    Args:
        values: a config whose values are shown instead of the defaults.
    """
    for name, info in model.model_fields.items():
        value = info.get_default(call_default_factory=True) if values is None else getattr(values, name)
        if isinstance(value, BaseModel):
            yield from config_fields(type(value), f"{prefix}{name}.", value)
        else:
            yield prefix + name, value, info


def written(value: Any) -> str:
    """A value as ``--set`` takes it."""
    if value is PydanticUndefined:
        return "(must be given)"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value)
