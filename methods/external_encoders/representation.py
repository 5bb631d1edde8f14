"""Make one vector per recording from any output of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor

from bench.errors import ConfigError

Pool = Literal["mean", "max", "first", "last", "flatten"]
USUAL = ("embedding", "embeddings", "features", "pooler_output", "last_hidden_state")


def chosen_output(answer: Any, name: str | None) -> Tensor:
    """The tensor meant: the only one, the one ``name`` names (or counts, from 0), or one of the usual names.

    Raises:
        ConfigError: several and none named, or no such name.
    """
    if isinstance(answer, Tensor) and name is None:
        return answer
    named: dict[str, Any] = dict(answer) if isinstance(answer, Mapping) else {}
    if not named:
        several = answer if isinstance(answer, Sequence) else [answer]
        named = {str(i): value for i, value in enumerate(several)}
    named = {key: value for key, value in named.items() if isinstance(value, Tensor)}
    shown = ", ".join(f"{key} {list(value.shape)}" for key, value in named.items())
    if name is not None:
        if name not in named:
            raise ConfigError(f"output = {name!r}: the model returns {shown or 'no tensor'}.")
        return named[name]
    if len(named) == 1:
        return next(iter(named.values()))
    usual = next((key for key in USUAL if key in named), None)
    if usual is None:
        raise ConfigError(f"the model returns {shown or 'no tensor'}; name the representation: --set output=NAME")
    return named[usual]


def pooled(answer: Tensor, records: int, pool: Pool, channels: Literal["last", "first"]) -> Tensor:
    """[record, dim] from [record, dim], [record, time, dim] (channels last) or [record, dim, time] (channels first).

    Raises:
        ConfigError: another number of recordings, or no axis but that of the recordings.
    """
    if answer.ndim < 2 or len(answer) != records:
        raise ConfigError(
            f"the model returns shape {list(answer.shape)} for {records} recordings; expected [{records}, dim], "
            f"[{records}, time, dim] or [{records}, dim, time]. If it is another output, name it with --set "
            "output=NAME; --set layout=... sets the order of the input's axes."
        )
    if answer.ndim == 2:
        return answer
    if pool == "flatten":
        return answer.flatten(1)
    steps = answer.flatten(1, -2) if channels == "last" else answer.flatten(2).transpose(1, 2)  # [record, time, dim]
    if pool == "mean":
        return steps.mean(1)
    if pool == "max":
        return steps.amax(1)
    return steps[:, 0 if pool == "first" else -1]
