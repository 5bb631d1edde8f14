"""A method next to its paper and release, aspect by aspect, for ``bench explain METHOD --paper`` and the method's page."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench import registry
from bench.errors import DataError
from bench.method import Method, MethodConfig
from bench.method.describe import config_fields, written
from bench.reading.as_published import ASPECTS, UNKNOWN_RELEASE, Aspect, AsPublished, as_published
from bench.reading.method_files import typed
from bench.runner.overrides import mode_config

SHOWN: dict[str, tuple[str, ...]] = {
    "text encoder": ("text.model", "text.trainable_layers"),
    "input": ("input.fs", "input.seconds", "input.normalise"),
    "optimiser": ("pretrain.optimiser", "pretrain.lr", "pretrain.weight_decay", "pretrain.betas"),
    "schedule": ("pretrain.schedule", "pretrain.warmup_epochs"),
    "batch": ("pretrain.batch_size",),
    "epochs": ("pretrain.epochs",),
    "corpus": ("corpus", "pretrain.text_source"),
    "prompts": ("prompts.kind", "prompts.wording", "prompts.lower"),
}
"""Settings that a table shows for every method that has them."""

SHOWN_SUPERVISED: dict[str, tuple[str, ...]] = {
    "optimiser": ("scratch.lr", "scratch.weight_decay", "scratch.betas"),
    "schedule": ("scratch.schedule", "scratch.warmup"),
    "batch": ("scratch.batch_size",),
    "epochs": ("scratch.epochs",),
}
"""The same for a method that learns from labels alone."""

WITHOUT_SETTINGS = {
    "parameters": "no network before it is fitted",
    "text encoder": "none",
    "augmentation": "none",
    "losses and weights": "the loss of the task alone",
    "corpus": "none: it is not pretrained",
    "prompts": "none: it has no zero-shot",
    "probe protocol": "that of all methods",
}
"""Ours in an aspect of which a method has no setting; of training, what each mode has."""

OWN_RECORDINGS = "the task's own training recordings"
SILENT, NO_RELEASE, UNKNOWN, UNREAD = "silent", "none published", "not stated here", "not read by us"
SECOND_HAND = "what is stated of it comes from other sources"
_MISSING = object()


@dataclass(frozen=True)
class Row:
    """One aspect.

    Attributes:
        paper, release, ours: settings as ``name value``, and words.
        differences: one line for each setting where ours is not what the paper states, or what the release has where the
            paper is silent.
        choices: one line for each setting that neither states, from the description of its field.
    """

    aspect: str
    paper: str
    release: str
    ours: str
    differences: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A setting under the profile ``paper``, and what paper and release have; ``_MISSING`` where they are silent."""

    setting: str
    ours: Any
    paper: Any = _MISSING
    release: Any = _MISSING
    why: str = ""
    description: str = ""

    @property
    def stated(self) -> Any:
        """What ours is compared with: the paper's value, else the release's."""
        return self.release if self.paper is _MISSING else self.paper

    @property
    def has_paper(self) -> bool:
        return self.paper is not _MISSING

    @property
    def differs(self) -> bool:
        if self.stated is _MISSING:
            return False
        if self.setting.startswith("parameters."):  # as far as it is printed
            decimals = len(str(self.stated).partition(".")[2])
            return round(self.ours, decimals) != self.stated
        return not same(self.ours, self.stated)


@dataclass
class PaperTable:
    """A method's table.

    Attributes:
        paper, release: their names.
        rows: one per aspect, in the order of :data:`bench.reading.as_published.ASPECTS`.
        read: whether the paper's full text was read.
    """

    paper: str
    release: str
    rows: list[Row] = field(default_factory=list)
    read: bool = True

    @property
    def sources(self) -> tuple[str, str]:
        """The names of paper and release, and which of them were not read."""
        release = {"": NO_RELEASE, UNKNOWN_RELEASE: UNREAD}.get(self.release, self.release)
        return self.paper if self.read else f"{self.paper}; {UNREAD}: {SECOND_HAND}", release

    def lines(self) -> Iterator[str]:
        """The table as text, aspect by aspect."""
        paper, release = self.sources
        yield f"  paper: {paper}"
        yield f"  release: {release}"
        for row in self.rows:
            yield f"{row.aspect}{' §' if row.differences else ''}"
            for label, text in (("paper", row.paper), ("release", row.release), ("ours", row.ours)):
                yield f"  {label:<8} {text}"
            yield from (f"  § {difference}" for difference in row.differences)
            yield from (f"  {choice}" for choice in row.choices)


def paper_table(entry: registry.Entry) -> PaperTable:
    """The table of a method, under the defaults of the profile ``paper``.

    Raises:
        DataError: its file of statements cannot be read, or names a setting that the method does not have.
    """
    cls: type[Method] = entry.load()
    stated = as_published(entry)
    table = PaperTable(stated.paper if stated else entry.paper or UNKNOWN, stated.release if stated else UNKNOWN)
    table.read = stated is None or stated.read
    ours = OurSettings(cls)
    for aspect in ASPECTS:
        compared = list(comparisons(cls, aspect, stated, ours))
        declared = _aspect(stated, aspect)
        if compared or declared != Aspect():
            table.rows.append(_row(aspect, declared, compared, stated))
        elif stated is None:
            table.rows.append(Row(aspect, UNKNOWN, UNKNOWN, UNKNOWN))
        else:
            table.rows.append(Row(aspect, "—", "—", WITHOUT_SETTINGS.get(aspect, "that of each mode")))
    return table


def comparisons(
    cls: type[Method], aspect: str, stated: AsPublished | None, ours: OurSettings | None = None
) -> Iterator[Comparison]:
    """The settings of one aspect, those that are stated first."""
    ours = ours or OurSettings(cls)
    declared = _aspect(stated, aspect)
    shown = (SHOWN | SHOWN_SUPERVISED if cls.family == "supervised" else SHOWN).get(aspect, ())
    marked = cls.deviations | (stated.marked if stated else {})
    names = [*declared.paper.settings, *declared.release.settings, *declared.fields, *shown]
    if aspect == "probe protocol" and not (declared.paper.settings or declared.release.settings):
        names += [f"{mode}.{name}" for mode, fields in cls.protocols.items() for name in fields]
    for name in dict.fromkeys(names):
        is_stated = name in declared.paper.settings or name in declared.release.settings or name in declared.fields
        if not is_stated and not ours.has(name):
            continue
        reason = declared.why.get(name, "")
        if not reason and name in marked and same(marked[name][0], ours.value(name)):
            reason = marked[name][1]
        yield Comparison(
            name,
            ours.value(name),
            declared.paper.settings.get(name, _MISSING),
            declared.release.settings.get(name, _MISSING),
            reason,
            ours.description(name),
        )


class OurSettings:
    """Settings of a method under its defaults, by the names that a file of statements uses."""

    def __init__(self, cls: type[Method], config: MethodConfig | None = None):
        self.cls, self.config = cls, config or cls.Config()
        self._fields = {path: (value, info) for path, value, info in config_fields(cls.Config, values=self.config)}

    def has(self, name: str) -> bool:
        """Whether the method has a setting that every table shows."""
        if name.startswith("input."):
            return True
        if name == "corpus":
            return self.cls.implements("pretraining_loss")
        if name == "pretrain.text_source":
            return self._fields[name][0] is not None
        if name.startswith("pretrain."):
            return self.cls.implements("pretraining_loss")
        if name.startswith("scratch."):
            return self.cls.implements("encode")
        return name in self._fields and self._fields[name][0] is not None

    def value(self, name: str) -> Any:
        """The default of the profile ``paper``.

        Raises:
            DataError: the method has no such setting.
        """
        try:
            return self._value(name)
        except (KeyError, AttributeError):
            raise DataError(
                f"the file published/{self.cls.name}.yaml of {self.cls.__module__} states {name!r}, and {self.cls.name} has "
                f"no such setting. Correct the name (bench explain {typed(self.cls.name)} lists them)."
            ) from None

    def _value(self, name: str) -> Any:
        scope, _, rest = name.partition(".")
        if name == "corpus":
            return self.cls.corpus or OWN_RECORDINGS
        if scope == "input" and rest:
            return getattr(self.cls.input_for(self.config), rest)
        if scope == "parameters" and rest:
            return self._parameters(rest)
        if rest and scope in registry.entries(registry.MODES):
            return getattr(mode_config(scope, "paper", (), self.cls), rest)
        value = self._fields[name][0]
        if name == "pretrain.text_source" and value is None and self.cls.corpus in registry.entries(registry.DATASETS):
            return next(iter(registry.load(registry.DATASETS, self.cls.corpus).text_sources), None)
        return value

    def description(self, name: str) -> str:
        """The description of its field; of a nested one, that of the whole where it has one: the source of its numbers."""
        if name not in self._fields:
            return ""
        of_section = self.cls.Config.model_fields[name.split(".")[0]].description
        return " ".join((of_section or self._fields[name][1].description or "").split())

    def _parameters(self, path: str) -> float:
        """Millions in a module of the method; ``whole``: in all of it."""
        module = self._built if path == "whole" else self._built.get_submodule(path)
        return sum(p.numel() for p in module.parameters()) / 1e6

    @functools.cached_property
    def _built(self) -> Method:
        import torch

        try:
            with torch.device("meta"):
                return self.cls(self.config)
        except Exception:  # weights that are loaded, or numbers that are read, while it is built
            return self.cls(self.config)


def same(ours: Any, stated: Any) -> bool:
    """Whether a setting is what is stated: the value, or one of the values that a paper searched."""
    if isinstance(stated, tuple | list):
        if not isinstance(ours, tuple | list):
            return any(same(ours, value) for value in stated)
        return len(ours) == len(stated) and all(map(same, ours, stated))
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (ours, stated)]
    return abs(ours - stated) <= 1e-9 * abs(stated) if all(numbers) else ours == stated


def _aspect(stated: AsPublished | None, name: str) -> Aspect:
    return stated.aspects.get(name, Aspect()) if stated else Aspect()


def _row(aspect: str, declared: Aspect, compared: list[Comparison], stated: AsPublished | None) -> Row:
    silent = [_short(c.setting) for c in compared if c.paper is _MISSING]
    paper = [declared.paper.says, *(_said(c.setting, c.paper) for c in compared if c.paper is not _MISSING)]
    if stated is None:
        paper = [UNKNOWN]
    elif not any(paper):
        paper = [SILENT if stated.read else UNREAD]
    elif silent:
        paper.append(f"{SILENT} on {', '.join(silent)}" if stated.read else f"{UNREAD}: {', '.join(silent)}")
    release = [declared.release.says, *(_said(c.setting, c.release) for c in compared if c.release is not _MISSING)]
    if not any(release):
        release = [_no_release(stated)]
    words = declared.ours or declared.paper.says or ("" if declared.paper.settings else declared.release.says)
    ours = [words, *(_said(c.setting, c.ours) for c in compared)]
    differences = [
        f"{_short(c.setting)} {_value(c.ours)}, not {_value(c.stated)}: {c.why or '?'}" for c in compared if c.differs
    ]
    if "ours" in declared.why:
        differences.append(f"{declared.ours}: {declared.why['ours']}")
    choices: dict[str, list[str]] = {}
    for c in compared:
        if stated is not None and c.stated is _MISSING and c.description:
            choices.setdefault(c.description, []).append(_said(c.setting, c.ours))
    lines = tuple(f"{', '.join(settings)}: {description}" for description, settings in choices.items())
    return Row(aspect, _joined(paper), _joined(release), _joined(ours), tuple(differences), lines)


def _no_release(stated: AsPublished | None) -> str:
    """What a row says of a release that states nothing about its aspect."""
    if stated is None:
        return UNKNOWN
    return {"": NO_RELEASE, UNKNOWN_RELEASE: UNREAD}.get(stated.release, UNKNOWN)


def _joined(parts: list[str]) -> str:
    return "; ".join(filter(None, parts))


def _said(name: str, value: Any) -> str:
    return f"{_short(name)} {_value(value)}"


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    return f"{value:.4g}" if isinstance(value, float) else written(value)


def _short(name: str) -> str:
    """The name without what its aspect says."""
    for scope in ("pretrain.", "text.", "prompts.", "input.", "parameters."):
        name = name.removeprefix(scope)
    return name
