"""ECG encoders by name: the values of a method's ``backbone`` or ``encoder`` field.

Every backbone maps [batch, lead, time] to [batch, dim] and has the attribute ``dim``. All but the ``-cnn`` and
``mmcl-vit`` ones also have ``features``, [batch, channels, position].
"""

from __future__ import annotations

import importlib
from typing import Any

from bench.errors import ConfigError, UnknownName

_FAMILIES = "methods.nets.families"
"""Looked up by name and not imported: the key of a method then covers the one family that its config chooses
(:func:`code_of`), and neither the table, which grows, nor the other nets."""


def names() -> tuple[str, ...]:
    """The backbones there are."""
    return tuple(importlib.import_module(_FAMILIES).FAMILIES)


def code_of(name: str) -> tuple[str, ...]:
    """What a method that builds this backbone returns from ``extra_code``.

    Raises:
        UnknownName: there is no such backbone.
    """
    return (f"{_FAMILIES}:{_family(name)}",)


def _family(name: str) -> str:
    families = importlib.import_module(_FAMILIES).FAMILIES
    if name not in families:
        raise UnknownName("backbone", name, families)
    return families[name]


def serves_one_length(name: str) -> bool:
    """Whether the weights of this backbone belong to one input length, as learned or fixed positions do."""
    return name.startswith("vit-") or name in ("mmcl-vit", "clocs-cnn")


def backbone(
    name: str, samples: int = 5000, leads: int = 12, width: int | None = None, depth: int | None = None
) -> Any:
    """A backbone with fresh weights.

    Args:
        name: one of :func:`names`.
        samples: input length.
        leads: input channels.
        width: channels of the first stage, which later stages multiply as published; width of a ViT's tokens, units
            of an LSTM, filters of an inception path.
        depth: blocks of a ViT.

    Raises:
        UnknownName: there is no such backbone. ConfigError: it has no width or depth to set.
    """
    families = importlib.import_module(_FAMILIES)
    build = getattr(families, _family(name))
    if depth is not None and name in families.OWN_DEPTH_ONLY:
        raise ConfigError(f"depth = {depth}: backbone {name} has a fixed depth; leave depth out.")
    if width is not None and name in families.OWN_WIDTH_ONLY:
        raise ConfigError(f"width = {width}: backbone {name} has a fixed width; leave width out.")
    return build(name, samples, leads, width, depth)
