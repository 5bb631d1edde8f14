"""The arguments of ``bench.run`` in Python, checked before anything else: the command line has checked its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.cells.cell import Profile
from bench.dataset import OnBadRecord
from bench.errors import ConfigError, short_repr
from bench.project_file import MAX_SIMULATED, MIN_SIMULATED
from bench.runner.executors import Name
from bench.runner.plan import MOST_REPLICATES
from bench.splitting.label_fractions import Rule

Seed = Annotated[int, Field(ge=0)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    methods: str | list[str]
    tasks: str | list[str]
    modes: str | list[str]
    protocols: str | list[str]
    leads: str | Annotated[list[str], Field(min_length=1)]
    fractions: float | str | Annotated[list[float | str], Field(min_length=1)]
    seeds: Seed | Annotated[list[Seed], Field(min_length=1)] | None
    replicates: Annotated[int, Field(ge=1, le=MOST_REPLICATES)] | None
    profile: Profile | None
    settings: dict[str, Any] | None
    checkpoints: dict[str, str | Path] | None
    fraction_rule: Rule
    limit: Annotated[int, Field(ge=1)] | None
    executor: Name
    jobs: Annotated[int, Field(ge=1)] | None
    simulated_records: Annotated[int, Field(ge=MIN_SIMULATED, le=MAX_SIMULATED)] | None
    on_bad_record: OnBadRecord


def check_arguments(**arguments: Any) -> None:
    """Check them.

    Raises:
        ConfigError: one has a wrong type or a value that cannot be; the message names it and what is expected.
    """
    for name, value in arguments.items():
        if hasattr(value, "__next__"):
            raise ConfigError(f"{name} is a {type(value).__name__}, which can be read once; give a list.")
    plain = {name: _plain(value) for name, value in arguments.items()}
    try:
        _Arguments.model_validate(plain)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        # Of several types that an argument may have, each says what it expected.
        expected = dict.fromkeys(e["msg"].removeprefix("Input ") for e in error.errors() if e["loc"][0] == name)
        raise ConfigError(f"{name} = {short_repr(plain[name])}: {', or '.join(expected)}.") from error


def written(field: str, value: Any) -> str:
    """A setting as ``--set`` takes it.

    Raises:
        ConfigError: no setting can have such a value.
    """
    try:
        return f"{field}={json.dumps(_plain(value))}"
    except (TypeError, ValueError):
        raise ConfigError(
            f"settings: {field} = {short_repr(value)}: expected a number, a text, true or false, or a list of these."
        ) from None


def _plain(value: Any) -> Any:
    """Numbers of NumPy as those of Python, and what can be gone through once as a list."""
    if isinstance(value, str | bytes | Path | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(item) for item in value] if hasattr(value, "__iter__") else value
