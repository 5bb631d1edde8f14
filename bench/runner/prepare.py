"""Prepare a run: plan its cells and check its options, before anything is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import modes, registry
from bench.cells.cell import Cell, Profile
from bench.data.source import DataSource
from bench.errors import BenchError, ConfigError, folded, shortened
from bench.reading.paths import written_path
from bench.runner.config_source import refuse_unknown_fields
from bench.runner.overrides import Override, check_offer, check_overrides, parse_overrides
from bench.runner.plan import Plan, RunOptions, plan

if TYPE_CHECKING:
    from bench.method import Method
    from bench.runner.session import Session


class Errors:
    """Errors of several checks, raised together."""

    def __init__(self) -> None:
        self.found: list[BenchError] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Keep a :class:`BenchError` of the block and go on after it."""
        try:
            yield
        except BenchError as error:
            if str(error) not in map(str, self.found):
                self.found.append(error)

    def raise_if_any(self) -> None:
        """Raise the only error as it is, several as one.

        Raises:
            BenchError: an error was collected.
        """
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            listed = "".join(f"\n  {number}. {error}" for number, error in enumerate(self.found, 1))
            raise ConfigError(f"{len(self.found)} errors:{listed}")


def prepare_session(options: RunOptions, source: DataSource) -> tuple[Plan, Session]:
    """Plan the cells and open their session; nothing is written.

    Raises:
        BenchError: everything that is wrong with the options, in one message.
    """
    overrides = parse_overrides(options.overrides, list(registry.entries(registry.METHODS)))
    if not options.of_board:
        methods = registry.match(registry.METHODS, options.methods)
        refuse_unknown_fields(overrides, methods, registry.match(registry.MODES, options.modes))
    planned = plan(options)
    from bench.runner.session import Session

    named = named_checkpoints(options.checkpoints, source.workspace.checkpoints, planned)
    session = Session(
        source,
        profile_of(options, source),
        overrides,
        options.corpus,
        options.allow_pretraining,
        named,
        board=options.board,
    )
    _leave_out(planned, session, options)
    planned.cells = list(dict.fromkeys(c for cell in planned.cells for c in (*_members(cell, session), cell)))
    names = list(dict.fromkeys(cell.method for cell in planned.cells))
    in_modes = None if options.of_board else {cell.mode for cell in planned.cells}
    checked = [
        o for o in overrides if not options.of_board or o.scope in (None, *registry.entries(registry.MODES), *names)
    ]
    errors = Errors()
    with errors.collected():
        check_overrides(checked, [registry.load(registry.METHODS, name) for name in names], in_modes)
    if options.jobs > 1 or options.executor != "local" or options.time_limit is not None:
        for name in names:
            if registry.entries(registry.METHODS)[name].loaded is not None:
                raise ConfigError(
                    f"encoder {name} is a module of this process, which workers cannot load: run it with jobs=1, without "
                    f"time_limit, or export it to a file (method encoder)."
                )
    for name in names:
        with errors.collected():
            registry.load(registry.METHODS, name).input_for(session.method_config(name))
    for method, mode in dict.fromkeys((cell.method, cell.mode) for cell in planned.cells):
        with errors.collected():
            session.mode_config(mode, registry.load(registry.METHODS, method))
    learning = {name for name in names if registry.load(registry.METHODS, name).implements("pretraining_loss")}
    pretrained = {
        (c.method, c.task) for c in planned.cells if modes.facts(c.mode).uses_checkpoint and c.method in learning
    }
    for method, dataset in sorted({(m, registry.load(registry.TASKS, task).dataset) for m, task in pretrained}):
        with errors.collected():
            _check_corpus(session, registry.load(registry.METHODS, method), dataset)
    if not options.of_board:
        with errors.collected():
            _refuse_unused_pretraining(overrides, options.corpus, {method for method, _ in pretrained})
    for name in dict.fromkeys(cell.task for cell in planned.cells):
        dataset = registry.load(registry.TASKS, name).dataset
        if not source.has(dataset):
            with errors.collected():
                source.dataset(dataset)  # says what is missing
    errors.raise_if_any()
    return planned, session


def profile_of(options: RunOptions, source: DataSource) -> Profile:
    """The profile of a run: the one asked for, else ``paper`` on real data and ``smoke`` on simulated data."""
    return options.profile or ("paper" if source.kind == "real" else "smoke")


def _leave_out(planned: Plan, session: Session, options: RunOptions) -> None:
    """Leave out what only a wildcard chose and cannot run: a method without a required setting, a task without its data.

    Raises:
        ConfigError: nothing is left.
    """
    unable: dict[str, str] = {}
    for name in dict.fromkeys(cell.method for cell in planned.cells):
        if name not in registry.spelled_out(registry.METHODS, options.methods):
            config = session.method_config(name)
            try:
                registry.load(registry.METHODS, name).input_for(config)
            except ConfigError as error:
                unable[name] = str(error)
    for name in dict.fromkeys(cell.task for cell in planned.cells):
        dataset = registry.load(registry.TASKS, name).dataset
        if name not in registry.spelled_out(registry.TASKS, options.tasks) and not session.source.has(dataset):
            unable[name] = f"task {name}: {dataset} is not available (--data-root {dataset}=FOLDER)."
    left = [cell for cell in planned.cells if cell.method not in unable and cell.task not in unable]
    if not left:
        raise ConfigError(f"nothing to run: {' '.join(unable.values())}")
    planned.cells = left
    planned.left_out += [reason.removesuffix(".") for reason in unable.values()]


def _refuse_unused_pretraining(overrides: Sequence[Override], corpus: str | None, pretrained: Iterable[str]) -> None:
    """Refuse a corpus and settings of pretraining that no cell reads.

    Raises:
        ConfigError: with the option.
    """
    pretrained = set(pretrained)
    if corpus and not pretrained:
        raise ConfigError(
            f"--corpus {corpus} has no effect: no cell starts from a pretrained checkpoint. Leave it out."
        )
    for one in overrides:
        if one.of_pretraining and not (pretrained if one.scope is None else {one.scope} & pretrained):
            who = f"no cell of {one.scope}" if one.scope else "no cell"
            raise ConfigError(
                f"--set {shortened(one.text)} has no effect: {who} starts from a pretrained checkpoint. Leave it out."
            )


def _members(cell: Cell, session: Session) -> list[Cell]:
    return [member.cell for member in session.resolve(cell).members]


def _check_corpus(session: Session, method: type[Method], task_dataset: str) -> None:
    """Refuse a corpus, text or partition that the user asked for and that is not there. No data are read.

    Raises:
        ConfigError: the corpus does not offer the text or partition. DataError: its files are not available.
    """
    asked = {".".join(one.path) for one in session.overrides} & {"pretrain.text_source", "pretrain.partition"}
    if method.name in session.checkpoints or not (session.corpus or asked):
        return
    name, wanted = session.corpus_name(method, task_dataset), session.method_config(method.name).pretrain
    check_offer(registry.load(registry.DATASETS, name), wanted.text_source, wanted.partition)
    if not session.source.has(name):
        session.source.dataset(name)  # says what is missing


def named_checkpoints(texts: Sequence[str], checkpoints: Path, planned: Plan) -> dict[str, Path]:
    """Method -> folder of each ``METHOD=FOLDER``; a folder of the workspace goes by its name alone.

    Raises:
        ConfigError: not of that form, no such folder, or a method that is not run.
    """
    from bench.training.checkpoint import check_readable

    named: dict[str, Path] = {}
    run = {cell.method for cell in planned.cells}
    for text in texts:
        method, equals, place = text.partition("=")
        method = next((name for name in run if folded(name) == folded(method)), method)
        if method in named:
            raise ConfigError(f"--checkpoint {text}: the checkpoint of {method} is given twice; give it once.")
        if not equals or method not in run:
            raise ConfigError(f"--checkpoint {text}: expected METHOD=FOLDER with one of {', '.join(sorted(run))}.")
        folders = (written_path(place, f"--checkpoint {method}="), checkpoints / place)
        folder = next((f for f in folders if (f / "provenance.json").is_file()), None)
        if folder is None:
            raise ConfigError(
                f"--checkpoint {text}: no checkpoint at {folders[0]} or {folders[1]}. Expected a folder with "
                f"model.safetensors, config.yaml and provenance.json."
            )
        check_readable(folder)
        named[method] = folder
    return named
