"""Prepare a run: plan its cells and check its options, before anything is written."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import modes, registry
from bench.cells.cell import Cell, Profile
from bench.data.source import DataSource
from bench.errors import BenchError, ConfigError, shortened
from bench.runner.config_source import refuse_unknown_fields
from bench.runner.named_checkpoints import named_checkpoints, refuse_unused_checkpoints
from bench.runner.overrides import Override, check_offer, check_overrides, method_config, parse_overrides
from bench.runner.plan import Plan, RunOptions, checkpoint_method, plan

if TYPE_CHECKING:
    from bench.method import Method
    from bench.runner.session import Session


class Errors:
    """Errors of several checks, raised together."""

    def __init__(self) -> None:
        self.collection: list[BenchError] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Keep a :class:`BenchError` of the block and go on after it."""
        try:
            yield
        except BenchError as error:
            if str(error) not in map(str, self.collection):
                self.collection.append(error)

    def raise_if_any(self) -> None:
        """Raise the only error as it is, several as one.

        Raises:
            BenchError: an error was collected.
        """
        if len(self.collection) == 1:
            raise self.collection[0]
        if self.collection:
            listed = "".join(f"\n  {number}. {error}" for number, error in enumerate(self.collection, 1))
            raise ConfigError(f"{len(self.collection)} errors:{listed}")


def prepare_session(options: RunOptions, source: DataSource, may_fetch: bool = True) -> tuple[Plan, Session]:
    """Plan the cells and open their session; nothing is written but the checkpoints of published weights.

    Args:
        may_fetch: whether released weights may be fetched.

    Raises:
        BenchError: everything that is wrong with the options, in one message.
    """
    overrides = parse_overrides(options.overrides, list(registry.entries(registry.METHODS)))
    if not options.of_board:
        methods = registry.match(registry.METHODS, options.methods)
        refuse_unknown_fields(overrides, methods, registry.match(registry.MODES, options.modes))
    planned = plan(options)
    from bench.runner.session import Session
    from bench.runner.trial import refuse_unusable_encoder

    named = named_checkpoints(options.checkpoints, source.workspace.checkpoints, planned, options.of_board, overrides)
    named |= _released_checkpoints(planned, named, overrides, options, source, may_fetch)
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
    for name in names:
        with errors.collected():
            _refuse_in_workers(name, options)
        with errors.collected():
            cls, config = registry.load(registry.METHODS, name), session.method_config(name)
            cls.input_for(config)
            trains = {c.mode for c in planned.cells if c.method == name and modes.facts(c.mode).trains}
            refuse_unusable_encoder(cls, config, bool(trains))
    for method, mode in dict.fromkeys((cell.method, cell.mode) for cell in planned.cells):
        with errors.collected():
            session.mode_config(mode, registry.load(registry.METHODS, method))
    learning = {name for name in names if registry.load(registry.METHODS, name).starts_from_checkpoint()}
    starting = {
        (c.method, c.task) for c in planned.cells if modes.facts(c.mode).uses_checkpoint and c.method in learning
    }
    for method, dataset in sorted({(m, registry.load(registry.TASKS, task).dataset) for m, task in starting}):
        with errors.collected():
            _check_corpus(session, registry.load(registry.METHODS, method), dataset)
    if not options.of_board:
        methods_starting = {method for method, _ in starting}
        with errors.collected():
            refuse_unused_checkpoints(named, planned, methods_starting)
        with errors.collected():
            _refuse_unused_pretraining(overrides, options.corpus, methods_starting, named)
    tasks = dict.fromkeys(cell.task for cell in planned.cells)
    for name in dict.fromkeys(name for task in tasks for name in registry.load(registry.TASKS, task).datasets()):
        with errors.collected():
            _check_files(source, name)
    errors.raise_if_any()
    return planned, session


def _released_checkpoints(
    planned: Plan,
    named: Collection[str],
    overrides: Sequence[Override],
    options: RunOptions,
    source: DataSource,
    may_fetch: bool,
) -> dict[str, Path]:
    """The checkpoints of methods that start from released weights, where none was named. What only a wildcard chose is not
    fetched: it is left out where its weights are not here.

    Raises:
        BenchError: weights of methods that were asked for by name, in one message.
    """
    errors, checkpoints, absent = Errors(), {}, []
    by_name = registry.spelled_out(registry.METHODS, options.methods)
    starting = {cell.method for cell in planned.cells if modes.facts(cell.mode).uses_checkpoint}
    for name in sorted(starting - set(named)):
        method = registry.load(registry.METHODS, name)
        if not method.published_weights:
            continue
        from bench.weights.checkpoint import NotHere, released_checkpoint

        with errors.collected():
            config = method_config(method, profile_of(options, source), overrides)
            try:
                checkpoints[name] = released_checkpoint(method, config, source.workspace, may_fetch and name in by_name)
            except NotHere:
                if name in by_name:
                    raise
                absent.append(name)
    errors.raise_if_any()
    if absent:
        planned.left_out.append(f"the weights of {', '.join(absent)} are not here (bench weights fetch NAME)")
    planned.cells = [c for c in planned.cells if c.method not in absent or not modes.facts(c.mode).uses_checkpoint]
    if not planned.cells:
        raise ConfigError("nothing to run: " + "; ".join(planned.left_out) + ".")
    return checkpoints


def without_weights(options: RunOptions, source: DataSource) -> list[str]:
    """Methods of a run that start from released weights which are neither here nor named. Nothing is fetched."""
    if not any(modes.facts(mode).uses_checkpoint for mode in options.modes):
        return []
    from bench.weights.files import present

    overrides = parse_overrides(options.overrides, list(registry.entries(registry.METHODS)))
    named = {checkpoint_method(text)[0] for text in options.checkpoints}
    absent = []
    for name in registry.match(registry.METHODS, options.methods):
        if name in named or not registry.entries(registry.METHODS)[name].attributes.get("published_weights"):
            continue
        method = registry.load(registry.METHODS, name)
        released = method.weights_for(method_config(method, profile_of(options, source), overrides))
        if released is not None and present(name, released, source.workspace) is None:
            absent.append(name)
    return absent


def profile_of(options: RunOptions, source: DataSource) -> Profile:
    """The profile of a run: the one asked for, else ``paper`` on real data and ``smoke`` on simulated data."""
    return options.profile or ("paper" if source.kind == "real" else "smoke")


def _leave_out(planned: Plan, session: Session, options: RunOptions) -> None:
    """Leave out what only a wildcard chose and cannot run: a method without a required setting, a task without its data.

    Raises:
        ConfigError: nothing is left.
    """
    unable: dict[str, str] = {}
    methods = registry.spelled_out(registry.METHODS, options.methods)
    tasks = registry.spelled_out(registry.TASKS, options.tasks)
    for name in dict.fromkeys(cell.method for cell in planned.cells):
        if name not in methods:
            config = session.method_config(name)
            try:
                registry.load(registry.METHODS, name).input_for(config)
            except ConfigError as error:
                unable[name] = str(error)
    for name in dict.fromkeys(cell.task for cell in planned.cells):
        lacking = [d for d in registry.load(registry.TASKS, name).datasets() if not session.source.has(d)]
        if name not in tasks and lacking:
            dataset = lacking[0]
            unable[name] = f"task {name}: {dataset} is not available (--data-root {dataset}=FOLDER)."
    left = [cell for cell in planned.cells if cell.method not in unable and cell.task not in unable]
    if not left:
        raise ConfigError(f"nothing to run: {' '.join(unable.values())}")
    planned.cells = left
    planned.left_out += [reason.removesuffix(".") for reason in unable.values()]


def _refuse_unused_pretraining(
    overrides: Sequence[Override], corpus: str | None, starting: Collection[str], given: Collection[str]
) -> None:
    """Refuse a corpus and settings of pretraining that no cell reads.

    Args:
        starting: methods of cells that start from a checkpoint.
        given: methods whose checkpoint exists already (``--checkpoint``).

    Raises:
        ConfigError: with the option.
    """

    def refuse(option: str, methods: Collection[str], cells: str) -> None:
        if not methods:
            raise ConfigError(f"{option} has no effect: {cells} starts from a pretrained checkpoint. Leave it out.")
        if set(methods) <= set(given):
            raise ConfigError(
                f"{option} has no effect: --checkpoint gives a finished checkpoint of {', '.join(sorted(methods))}. "
                f"Leave out one of the two options."
            )

    if corpus:
        refuse(f"--corpus {corpus}", starting, "no cell")
    for override in overrides:
        if override.of_pretraining:
            scope = override.scope
            methods = starting if scope is None else {scope} & set(starting)
            refuse(f"--set {shortened(override.text)}", methods, f"no cell of {scope}" if scope else "no cell")


def _refuse_in_workers(name: str, options: RunOptions) -> None:
    """Refuse worker processes for an encoder that only this process has.

    Raises:
        ConfigError: with the fix.
    """
    in_workers = options.jobs > 1 or options.executor != "local" or options.time_limit is not None
    if in_workers and registry.entries(registry.METHODS)[name].loaded is not None:
        raise ConfigError(
            f"encoder {name} is a module of this process, which workers cannot load: run it with jobs=1, without "
            f"time_limit, or export it to a file (method encoder)."
        )


def _members(cell: Cell, session: Session) -> list[Cell]:
    return [member.cell for member in session.resolve(cell).members]


def _check_corpus(session: Session, method: type[Method], task_dataset: str) -> None:
    """Refuse a text or partition that the corpus does not offer, and a corpus whose files are not there. No recording is
    read.

    Raises:
        ConfigError: the corpus does not offer the text or partition. DataError: its files are not available.
    """
    if method.name in session.checkpoints or not method.implements("pretraining_loss"):
        return
    name, wanted = session.corpus_name(method, task_dataset), session.method_config(method.name).pretrain
    options = {".".join(override.path) for override in session.overrides}
    if session.corpus or options & {"pretrain.text_source", "pretrain.partition"}:
        check_offer(registry.load(registry.DATASETS, name), wanted.text_source, wanted.partition)
    _check_files(session.source, name)


def _check_files(source: DataSource, dataset: str) -> None:
    """Refuse a dataset whose real files are not there; a simulated one is written when it is needed.

    Raises:
        DataError: with the file that is missing and the fix.
    """
    if source.kind == "real":
        source.dataset(dataset)
