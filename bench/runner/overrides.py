"""Make validated configs from a profile and ``--set`` values."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from bench import modes, registry
from bench.cells.cell import profile_for
from bench.cells.changed_settings import is_of_pretraining, scope_and_field
from bench.errors import ConfigError, UnknownName, short_repr, shortened
from bench.reading.finite import not_finite
from bench.reading.yaml_file import parse_yaml
from bench.redaction import holds_password

if TYPE_CHECKING:
    from bench.dataset import Dataset
    from bench.method import Method, MethodConfig


@dataclass(frozen=True)
class Override:
    """One ``--set path=value``. ``scope`` is the mode or method named first in the path, or None: any method."""

    text: str
    scope: str | None
    path: tuple[str, ...]
    value: Any

    @property
    def of_pretraining(self) -> bool:
        """Whether only pretraining reads the setting."""
        return is_of_pretraining(self.scope, self.path)


def parse_overrides(texts: Iterable[str], methods: Sequence[str]) -> list[Override]:
    """Read ``--set`` values; the value is YAML, so that numbers, booleans, lists and null come out as such.

    ``linear.epochs=20`` sets a field of a mode; ``kmerl.depth=4`` of one method; ``pretrain.epochs=5`` of every method
    that has it.

    Raises:
        ConfigError: no ``=``, a value that is not YAML, or one with a password, which results and checkpoints would keep.
    """
    parsed = []
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"--set {shortened(text)}: expected FIELD=VALUE, such as --set pretrain.epochs=5.")
        if holds_password(value):
            raise ConfigError(
                f"--set {path}=...: the URL holds a password, which every result and checkpoint would keep and show. Leave "
                f"it out; keys come from environment variables."
            )
        try:
            read = parse_yaml(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {shortened(text)}: the value is not readable as YAML: {error}.") from error
        if isinstance(read, str):
            read = _number(read)
        parsed.append(Override(text, *scope_and_field(path, methods), read))
    return parsed


def _number(text: str) -> Any:
    try:
        return float(text)  # YAML 1.1 reads 1e-3, without a dot, as text
    except ValueError:
        return text


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted paths of every field of a config, nested ones included."""
    for name, info in model.model_fields.items():
        yield prefix + name
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields_of(info.annotation, f"{prefix}{name}.")


def _with(config: BaseModel, values: dict[str, Any], what: str) -> Any:
    data = config.model_dump()
    for path, value in values.items():
        *parents, last = path.split(".")
        inner = data
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    try:
        validated = type(config).model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        field = f"field {where} = {short_repr(first.get('input'))}: " if where else ""
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{what}: {field}{message[:1].lower()}{message[1:]}.") from error
    for where, value in not_finite(validated):
        raise ConfigError(f"{what}: field {where} = {value}: expected a finite number.")
    for path, value in values.items():
        taken = functools.reduce(getattr, path.split("."), validated)
        if isinstance(value, bool) and isinstance(taken, int | float) and not isinstance(taken, bool):
            raise ConfigError(f"{what}: field {path} = {str(value).lower()}: expected a number.")
    return validated


def profile_settings(method: type[Method], profile: str) -> dict[str, Any]:
    """What a profile sets of a method's config, dotted paths; nothing under ``paper``."""
    settings = {"paper": {}, "small": method.small or method.smoke, "smoke": method.smoke}
    return dict(settings[profile])


def profile_note(method: type[Method], config: MethodConfig, profile: str, records: int) -> str:
    """What to know of a profile before a method is pretrained on so many recordings; empty if there is nothing.

    A paper's settings are made for a larger corpus where the corpus cannot give its batch.
    """
    if profile == "paper" and config.pretrain.batch_for(records) < config.pretrain.batch_size:
        return (
            f"note: the settings of profile paper were made for far more than these {records:,} recordings; they take long "
            f"and may learn little here. --profile {profile_for(records)} is made for this size."
        )
    if profile == "small" and not method.small:
        return f"note: {method.name} has no settings for profile small; those of smoke are used."
    return ""


def method_config(
    method: type[Method],
    profile: str,
    overrides: Sequence[Override] = (),
    base: MethodConfig | None = None,
    pretrained: bool = True,
) -> MethodConfig:
    """The method's config: published settings, those of another profile on top, the user's on top of both.

    Settings of pretraining are ignored where nothing is pretrained, so that they change no key there.

    Args:
        base: the config of a checkpoint that exists already; it takes the place of the first two.
        pretrained: whether the method starts from a pretrained checkpoint.
    """
    known = set(fields_of(method.Config))
    pretrained = pretrained and base is None and method.implements("pretraining_loss")
    values = profile_settings(method, profile) if base is None else {}
    for override in overrides:
        path = ".".join(override.path)
        if override.scope == method.name and path not in known:
            raise UnknownName(f"config field of {method.name}", path, known)
        if override.scope in (None, method.name) and path in known and (pretrained or not override.of_pretraining):
            values[path] = override.value
    return _with(base or method.Config(), values, f"config of {method.name}")


def mode_config(mode: str, profile: str, overrides: Sequence[Override] = (), method: type[Method] | None = None) -> Any:
    """The mode's config: its defaults; on top of each other the settings of its ``protocol``, where one is named, those
    of the method's paper, those of the profile, and the user's."""
    config: Any = modes.load(mode).Config
    known = set(fields_of(config))
    published = method.protocols.get(mode, {}) if method is not None else {}
    overridden = {}
    for override in overrides:
        if override.scope == mode:
            path = ".".join(override.path)
            if path not in known:
                raise UnknownName(f"config field of mode {mode}", path, known)
            overridden[path] = override.value
    of_profile = getattr(config, profile, {})
    if of_profile.get("protocol") != overridden.get("protocol", of_profile.get("protocol")):
        of_profile = {}  # what it sets belongs to its own protocol
    protocol = ({**published, **of_profile, **overridden}).get("protocol")
    values = dict(getattr(config, "presets", {}).get(protocol, {})) if protocol is not None else {}
    values |= published | of_profile | overridden
    validated = _with(config(), values, f"config of mode {mode}")
    for (chooser, choice), unread in getattr(config, "unread", {}).items():
        if getattr(validated, chooser) == choice and (ignored := [name for name in overridden if name in unread]):
            raise ConfigError(
                f"--set {mode}.{ignored[0]}={overridden[ignored[0]]}: {mode} does not read {ignored[0]} with "
                f"{chooser}={choice}, so the setting has no effect. Leave it out, or choose another {chooser}."
            )
    return validated


def check_overrides(
    overrides: Sequence[Override], methods: Sequence[type[Method]], in_modes: Iterable[str] | None = None
) -> None:
    """Refuse an override that no method of the run has, and one without effect.

    Args:
        in_modes: of the run; None where that is not known.

    Raises:
        UnknownName: the field, with the nearest ones. ConfigError: a field of a method or mode that is not run.
    """
    names = sorted({method.name for method in methods})
    known = {field for method in methods for field in fields_of(method.Config)}
    all_modes = registry.entries(registry.MODES)
    for override in overrides:
        if override.scope is None and ".".join(override.path) not in known:
            of_modes = {f"{mode}.{field}" for mode in all_modes for field in fields_of(modes.load(mode).Config)}
            raise UnknownName("config field", ".".join(override.path), known | of_modes)
        if override.scope in all_modes and in_modes is not None and override.scope not in in_modes:
            raise ConfigError(_mode_not_run(override, in_modes))
        if override.scope is not None and override.scope not in (*all_modes, *names):
            raise ConfigError(not_run(override, names))


def _mode_not_run(override: Override, in_modes: Iterable[str]) -> str:
    """The message for a setting of a mode that is not run; it names the same setting of a mode that is."""
    path = ".".join(override.path)
    value = override.text.partition("=")[2]
    instead = [
        f"--set {mode}.{path}={shortened(value)}"
        for mode in sorted(in_modes)
        if path in fields_of(modes.load(mode).Config)
    ]
    fix = f"Leave it out, or write {' or '.join(instead)}." if instead else "Leave it out."
    return (
        f"--set {shortened(override.text)}: nothing runs in mode {override.scope}, so the setting has no effect. {fix}"
    )


def not_run(override: Override, methods: Iterable[str]) -> str:
    """The message for a setting of a method that is not run."""
    return (
        f"--set {shortened(override.text)}: {override.scope} is not run, so the setting has no effect (methods: "
        f"{', '.join(methods)}). Add {override.scope} to the methods, or leave the setting out."
    )


def check_offer(corpus: type[Dataset], text_source: str | None, rule: str | None) -> None:
    """Refuse a text or a way to cut the corpus that it does not offer.

    Raises:
        ConfigError: with the names that it offers.
    """
    if text_source is not None and text_source not in corpus.text_sources:
        raise ConfigError(
            f"pretrain.text_source = {text_source!r}: {corpus.name} offers "
            f"{', '.join(corpus.text_sources) or 'no text'}. Choose with --text, or another corpus with --corpus."
        )
    if rule is not None and rule not in corpus.partition_rules:
        raise ConfigError(
            f"pretrain.partition = {rule!r}: {corpus.name} offers "
            f"{', '.join(corpus.partition_rules) or 'one way only'}. Choose with --set pretrain.partition=NAME."
        )
