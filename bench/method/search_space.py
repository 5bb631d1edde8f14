"""Search spaces of a sweep: one space per config field, declared with a method, a mode, in a YAML or on the command line.

A field is named as for ``--set``: ``linear.lr`` (of a mode), ``kmerl.depth`` (of one method), ``drop_path`` (of any).
On the command line and in a YAML a space is written ``log:1e-5..1e-1``, ``uniform:0..0.5``, ``int:3..8`` or
``8,16,32``; a range may say how many points a grid takes of it, ``log:1e-5..1e-1/5``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from bench.errors import ConfigError
from bench.reading.text_file import said
from bench.reading.yaml_file import parse_yaml, read_yaml

if TYPE_CHECKING:
    from optuna import Trial

Value = bool | int | float | str | None
MOST = 10_000
"""Settings of a grid: more are a slip of the pen, which would fill the memory."""


class _Space(BaseModel, ABC):
    """``str`` gives it in the words of the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def grid(self) -> list[Any]:
        """The values a grid takes.

        Raises:
            ConfigError: a range that does not say how many.
        """

    def ends(self) -> list[Any]:
        """Values that must be valid for the field if all others between them are."""
        return self.grid()

    @abstractmethod
    def suggest(self, trial: Trial, field: str) -> Any:
        """The value that the trial's sampler chooses."""


class _Range(_Space):
    low: float
    high: float
    points: int | None = Field(None, ge=2, le=MOST, description="how many values a grid takes, both ends among them")

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"the low end must lie below the high one; they are {self.low:g} and {self.high:g}")
        return self

    def ends(self) -> list[Any]:
        return [self.low, self.high]

    def _written(self, word: str) -> str:
        return f"{word}:{self.low:g}..{self.high:g}{'' if self.points is None else f'/{self.points}'}"

    def _between(self, value: Callable[[float], float]) -> list[float]:
        if self.points is None:
            raise ConfigError(
                f"a grid needs values, and {self.low:g}..{self.high:g} is a range: list them, or say how many points "
                f"(log:{self.low:g}..{self.high:g}/5)."
            )
        # twelve digits, so that a thousandth reads 0.001
        inner = [float(f"{value(i / (self.points - 1)):.12g}") for i in range(1, self.points - 1)]
        return [self.low, *inner, self.high]


class Uniform(_Range):
    """Any number between two ends, evenly."""

    kind: Literal["uniform"] = "uniform"

    def __str__(self) -> str:
        return self._written("uniform")

    def grid(self) -> list[Any]:
        return self._between(lambda f: self.low + f * (self.high - self.low))

    def suggest(self, trial: Trial, field: str) -> Any:
        return trial.suggest_float(field, self.low, self.high)


class LogUniform(_Range):
    """Any number between two positive ends, evenly by order of magnitude: rates, penalties."""

    kind: Literal["log-uniform"] = "log-uniform"
    low: float = Field(gt=0)

    def __str__(self) -> str:
        return self._written("log")

    def grid(self) -> list[Any]:
        return self._between(lambda f: self.low * (self.high / self.low) ** f)

    def suggest(self, trial: Trial, field: str) -> Any:
        return trial.suggest_float(field, self.low, self.high, log=True)


class Integer(_Space):
    """Whole numbers from low to high, both included."""

    kind: Literal["int"] = "int"
    low: int = Field(gt=-(2**53), lt=2**53)
    high: int = Field(gt=-(2**53), lt=2**53)
    step: int = Field(1, ge=1)

    def __str__(self) -> str:
        return f"int:{self.low}..{self.high}{'' if self.step == 1 else f'/{self.step}'}"

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if self.low >= self.high:
            raise ValueError(f"the low end must lie below the high one; they are {self.low} and {self.high}")
        return self

    def ends(self) -> list[Any]:
        return [self.low, self._values()[-1]]

    def grid(self) -> list[Any]:
        if len(self._values()) > MOST:
            raise ConfigError(
                f"{self}: a grid of {len(self._values()):,} values; expected at most {MOST:,}. Give a step."
            )
        return list(self._values())

    def suggest(self, trial: Trial, field: str) -> Any:
        return trial.suggest_int(field, self.low, self._values()[-1], step=self.step)

    def _values(self) -> range:
        return range(self.low, self.high + 1, self.step)


class Categorical(_Space):
    """One of the values listed."""

    kind: Literal["categorical"] = "categorical"
    choices: tuple[Value, ...] = Field(min_length=1)

    def __str__(self) -> str:
        return ",".join("null" if choice is None else str(choice) for choice in self.choices)

    @model_validator(mode="after")
    def _distinct(self) -> Any:
        if len(set(map(repr, self.choices))) < len(self.choices):
            raise ValueError("a value is listed twice")
        return self

    def grid(self) -> list[Any]:
        return list(self.choices)

    def suggest(self, trial: Trial, field: str) -> Any:
        return trial.suggest_categorical(field, self.choices)


Space = Annotated[Uniform | LogUniform | Integer | Categorical, Field(discriminator="kind")]
Spaces = dict[str, Uniform | LogUniform | Integer | Categorical]
"""Field -> space; all of them are crossed."""

_SPACE: TypeAdapter[Any] = TypeAdapter(Space)
_RANGES = {"log": "log-uniform", "uniform": "uniform", "int": "int"}


def grid_size(spaces: Spaces) -> int:
    """How many settings a grid over all fields has.

    Raises:
        ConfigError: so many that nobody waits for them.
    """
    size = math.prod(len(space.grid()) for space in spaces.values())
    if size > MOST:
        raise ConfigError(
            f"the grid has {size:,} settings; expected at most {MOST:,}. Vary fewer fields, or fewer values."
        )
    return size


def parse_vary(texts: Sequence[str]) -> Spaces:
    """Spaces from ``--vary FIELD=SPACE``.

    Raises:
        ConfigError: not of that form.
    """
    spaces: Spaces = {}
    for text in texts:
        field, equals, written = text.partition("=")
        if not equals or not field.strip() or not written.strip():
            raise ConfigError(
                f"--vary {text}: expected FIELD=SPACE, such as --vary linear.lr=log:1e-5..1e-1 or --vary depth=2,4,8."
            )
        spaces[field.strip()] = _read(written.strip(), f"--vary {text}")
    return spaces


def read_spaces(path: Path) -> Spaces:
    """Spaces from a YAML: field -> a list of values, a space in the command line's words, or a mapping with a ``kind``.

    Raises:
        ConfigError: no such file, not YAML, not a mapping of fields, or a space that cannot be.
    """
    import yaml

    try:
        content = read_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"--space {path}: cannot be read as YAML: {said(error)}.") from error
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            f"--space {path}: expected a mapping of fields to spaces, such as `linear.lr: log:1e-5..1e-1`."
        )
    return {str(field): _read(value, f"{path}: {field}") for field, value in content.items()}


def _read(value: Any, where: str) -> Any:
    if isinstance(value, str):
        value = _written(value, where)
    elif isinstance(value, list):
        value = {"kind": "categorical", "choices": [_value(item) for item in value]}
    try:
        return _SPACE.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{where}: {path + ': ' if path else ''}{first['msg'].removeprefix('Value error, ')}. Expected a list of values, "
            f"or a range such as log:1e-5..1e-1, uniform:0..1 or int:2..8."
        ) from error


def _written(text: str, where: str) -> dict[str, Any]:
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _RANGES:
        if ".." in text:
            raise ConfigError(f"{where}: say how to draw from the range: log:{text}, uniform:{text} or int:{text}.")
        return {"kind": "categorical", "choices": [_value(part.strip()) for part in text.split(",")]}
    ends, slash, count = rest.partition("/")
    low, dots, high = ends.partition("..")
    if not dots or (slash and not count):
        raise ConfigError(
            f"{where}: expected {kind}:LOW..HIGH or {kind}:LOW..HIGH/{'STEP' if kind == 'int' else 'POINTS'}."
        )
    space: dict[str, Any] = {"kind": _RANGES[kind], "low": _value(low), "high": _value(high)}
    if slash:
        space["step" if kind == "int" else "points"] = _value(count)
    return space


def _value(item: Any) -> Any:
    """A value as ``--set`` reads it: YAML, and 1e-3 a number."""
    import yaml

    if not isinstance(item, str):
        return item
    try:
        read = parse_yaml(item)
    except yaml.YAMLError:
        return item
    if isinstance(read, str):
        try:
            return float(read)
        except ValueError:
            return read
    return read
