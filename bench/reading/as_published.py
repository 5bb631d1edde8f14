"""Statements of a method's paper and of its release, from ``published/NAME.yaml`` next to the method's module.

A file names the paper and the release, and for each aspect the settings that either states::

    paper: "K-MERL (arXiv 2502.17900)"
    release: ""                              # none is published
    epochs:
      paper: {pretrain.epochs: 50}
    losses and weights:
      paper: {says: contrast and entity queries, temperature: 0.07}
      fields: [contrastive]                  # settings shown although neither states them
      why: {contrastive: "..."}              # one line for a difference that no mark states
    marked:
      text.pooling: [mean, "..."]            # a default that is not the paper's: rows that have it get a mark (§)

A setting is a field of the method's Config (``pretrain.lr``), of a mode's (``linear.epochs``), of its input
(``input.seconds``), ``corpus``, or ``parameters.MODULE`` in millions. What a paper does not state is left out, and read as
silence, unless the file has ``read: false``: the paper's full text was not read, and what is given comes from its abstract,
its code, other papers or memory. ``release: unknown`` is a release that was not read. ``like: NAME`` takes what is not given
from another method's file, aspect by aspect. ``corrected`` maps a date to what was wrong before it. ``encode`` lists what the
method's ``encode`` does with its input before the network (``bench explain NAME --input``).
"""

from __future__ import annotations

import datetime
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.errors import DataError
from bench.reading.text_file import said
from bench.reading.yaml_file import read_yaml

if TYPE_CHECKING:
    from bench.registry import Entry

ASPECTS = (
    "architecture",
    "parameters",
    "text encoder",
    "input",
    "augmentation",
    "losses and weights",
    "optimiser",
    "schedule",
    "batch",
    "epochs",
    "corpus",
    "prompts",
    "probe protocol",
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Side(_Strict):
    """What one of paper, release and this project has: settings, and what no setting holds."""

    says: str = ""
    settings: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _settings_without_their_own_level(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            raise ValueError(f"expected settings, found {values!r}; leave out what is not stated")
        return {"says": values.get("says", ""), "settings": {k: v for k, v in values.items() if k != "says"}}


class Aspect(_Strict):
    paper: Side = Side()
    release: Side = Side()
    ours: str = Field(default="", description="where this project differs in what no setting holds")
    fields: list[str] = []
    why: dict[str, str] = Field(default={}, description="setting, or ours -> the reason of a difference, in one line")


UNKNOWN_RELEASE = "unknown"
_OWN = ("marked", "corrected", "encode")


class AsPublished(_Strict):
    """The content of one file."""

    paper: str
    read: bool = Field(default=True, description="whether the paper's full text was read, so that absence is silence")
    release: str = Field(default="", description="repository and commit; empty where none is published; or unknown")
    aspects: dict[str, Aspect] = {}
    marked: dict[str, tuple[Any, str]] = Field(
        default={}, description="a default that is not the paper's: field -> its value, and the footnote of a row"
    )
    corrected: dict[datetime.date, str] = {}
    encode: list[str] = Field(
        default=[],
        description="what encode does with its input before the network, in order; for bench explain --input",
    )

    @model_validator(mode="before")
    @classmethod
    def _aspects_without_their_own_level(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            raise ValueError("expected paper, release and aspects")
        aspects = {name: value for name, value in values.items() if name in ASPECTS}
        return {name: value for name, value in values.items() if name not in ASPECTS} | {"aspects": aspects}


def as_published(entry: Entry) -> AsPublished | None:
    """What paper and release of a method state; None where its package has no file on it.

    Raises:
        DataError: the file cannot be read; the message names it and the field.
    """
    path = entry.path.parent / "published" / f"{entry.name}.yaml"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


def deviations(entry: Entry) -> dict[str, tuple[Any, str]]:
    """Defaults that are not the paper's: those that the class declares, and those of its file.

    Raises:
        DataError: the file cannot be read.
    """
    stated = as_published(entry)
    return entry.attributes.get("deviations", {}) | (stated.marked if stated else {})


@functools.lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> AsPublished:
    """The content of a file; ``changed`` forgets one that was edited since."""
    import yaml

    try:
        return AsPublished.model_validate(_completed(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not readable: {said(error)}.") from error


def _completed(path: Path) -> Any:
    """The file with what it takes from another one, which takes nothing from a third.

    Marks and corrections are of one method and not taken.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or "like" not in content:
        return content
    other = read_yaml(path.with_name(f"{content['like']}.yaml"))
    taken = {k: v for k, v in other.items() if k not in _OWN} if isinstance(other, dict) else {}
    return taken | {k: v for k, v in content.items() if k != "like"}
