"""The untrained twins of a run: the same networks with the same inputs and pooling, without pretraining (``--untrained``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import modes, registry
from bench.runner.overrides import Override, fields_of, parse_overrides
from bench.runner.plan import RunOptions, checkpoint_method

if TYPE_CHECKING:
    from bench.method import Method

READ = ("seed", "text_source", "partition")
"""Settings of pretraining that a network without pretraining still reads: its initial weights, and which corpus is opened."""


def with_untrained(options: RunOptions) -> list[RunOptions]:
    """The run, and if ``options.untrained`` asks for it a second one of every method that it pretrains, untrained.

    The second one has the settings of the first but for those of pretraining, so that its cells are the same whatever the
    pretraining of the first one is. Methods with ``--checkpoint`` have no twin: the initial weights of it are not known.
    """
    asked, options = options.untrained, replace(options, untrained=False)
    if not asked:
        return [options]
    given = {checkpoint_method(text)[0] for text in options.checkpoints}
    names = [name for name in registry.match(registry.METHODS, options.methods) if name not in given]
    methods = [m for m in (registry.load(registry.METHODS, n) for n in names) if m.implements("pretraining_loss")]
    wanted = [m for m in registry.match(registry.MODES, options.modes) if modes.facts(m).uses_checkpoint]
    if not methods or not wanted:
        return [options]
    overrides = parse_overrides(options.overrides, list(registry.entries(registry.METHODS)))
    twin = replace(
        options,
        methods=[method.name for method in methods],
        modes=wanted,
        overrides=[
            *(override.text for override in overrides if _reads(override, methods, wanted)),
            *(f"{method.name}.pretrain.epochs=0" for method in methods),
        ],
        checkpoints=[],
        allow_pretraining=True,
        of_board=True,
    )
    return [options, twin]


def _reads(override: Override, methods: Sequence[type[Method]], wanted: Sequence[str]) -> bool:
    """Whether one of these methods, or a mode, reads the setting without pretraining."""
    if override.scope in registry.entries(registry.MODES):
        return override.scope in wanted
    if override.of_pretraining and override.path[-1] not in READ:
        return False
    path = ".".join(override.path)
    return any(override.scope in (None, method.name) and path in fields_of(method.Config) for method in methods)
