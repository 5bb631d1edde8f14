"""Plans: options combined into cells."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from typing import Literal

from bench import kinds, modes, registry
from bench.cells.cell import Cell, Profile
from bench.errors import BenchError, ConfigError
from bench.renamed import warn_renamed
from bench.signals.leads import LEADS
from bench.splitting.label_fractions import Rule, is_seeded
from bench.splitting.split import declared_split

LARGEST_SEED = 2**32 - 1
"""Of numpy's global generator."""

RESUME = {"missing": "retry_failed", "always": "no_retry_failed", "never": "recompute", "collect": "cached_only"}
"""Word of the old option ``--resume`` -> the option that replaces it, removed in version 0.3."""
NEW_OPTIONS = "--retry-failed / --no-retry-failed, --recompute or --cached-only"


@dataclass(frozen=True)
class RunOptions:
    """One ``bench run``. Names may hold wildcards; everything is crossed."""

    methods: Sequence[str]
    tasks: Sequence[str]
    modes: Sequence[str]
    fractions: Sequence[float] = (1.0,)
    fraction_rule: Rule = "stratified"
    leads: Sequence[tuple[str, ...]] = (LEADS,)
    seeds: Sequence[int] = ()  # of what is trained downstream; none: those of the board, else seed 0
    replicates: int | None = None  # instead of seeds: that many joint draws of pretraining, labels and seed
    split_variance: bool = False  # with replicates: also vary pretraining, labelled draw and seed one at a time
    untrained: bool = False  # also each pretrained method without its pretraining (bench.runner.untrained)
    profile: Profile | None = None
    overrides: Sequence[str] = ()
    corpus: str | None = None
    checkpoints: Sequence[str] = ()  # METHOD=FOLDER, or METHOD=FILE
    allow_pretraining: bool = True
    retry_failed: bool = True  # compute again the cells that failed and have not changed since
    recompute: bool = False  # compute finished cells again
    cached_only: bool = False  # compute nothing
    limit: int | None = None  # cells to compute at most
    executor: Literal["local", "ray"] = "local"
    jobs: int = 1
    address: str | None = None  # of a Ray cluster
    time_limit: float | None = None  # seconds for each job
    track: bool = True
    log_models: bool = False  # send the weights of checkpoints to MLflow, too
    of_board: bool = False  # overrides may be of other rows
    board: str = ""  # recorded with the results
    resume: InitVar[str | None] = None  # old words of retry_failed, recompute and cached_only

    @property
    def row(self) -> tuple[str, ...]:
        """The settings that distinguish a row of a board from others of the same method."""
        scopes = tuple(f"{name}." for name in self.methods)
        return tuple(text for text in self.overrides if self.of_board and text.startswith(scopes))

    def __post_init__(self, resume: str | None) -> None:
        if resume is not None:
            field, value = renamed_resume(resume)
            object.__setattr__(self, field, value)
        if self.recompute and self.cached_only:
            raise ConfigError("--recompute computes every cell and --cached-only computes none; give one of them.")


MOST_REPLICATES = 1000
REPLICATES: Mapping[Profile, int] = {"small": 3, "smoke": 3}
"""Of a run that names neither seeds nor replicates; one where a profile is not listed, because a pretraining with a paper's
settings takes days."""


def with_default_replicates(options: RunOptions, profile: Profile) -> RunOptions:
    """The run with the replicates of its profile, unless it names seeds or replicates."""
    if options.seeds or options.replicates is not None or profile not in REPLICATES:
        return options
    return replace(options, replicates=REPLICATES[profile])


def renamed_resume(word: str) -> tuple[str, bool]:
    """The field of :class:`RunOptions` that replaces a word of ``resume``, and its value.

    Raises:
        ConfigError: ``resume`` never had that word.
    """
    if word not in RESUME:
        raise ConfigError(f"--resume {word!r}: expected one of {', '.join(RESUME)}; the option is now {NEW_OPTIONS}.")
    option = f"--{RESUME[word].replace('_', '-')}"
    field = RESUME[word].removeprefix("no_")
    value = field == RESUME[word]
    warn_renamed(f"--resume {word}", f"{option} (in Python {field}={value})", stacklevel=4)
    return field, value


def checkpoint_method(text: str) -> tuple[str, str]:
    """The method of ``METHOD=FOLDER``, as it is registered, and the folder or file as written.

    Raises:
        ConfigError: not of that form. UnknownName: a method nobody registered.
    """
    method, equals, folder = text.partition("=")
    if not equals:
        raise ConfigError(
            f"--checkpoint {text}: expected METHOD=FOLDER, with the folder of a checkpoint or its name, or "
            "METHOD=FILE, with a published file."
        )
    return registry.named(registry.METHODS, method), folder


@dataclass
class Plan:
    """The cells, in the order in which they run, and what was left out of the cross product with the reason."""

    cells: list[Cell]
    left_out: list[str] = field(default_factory=list)


def one_at_a_time(cell: Cell) -> list[Cell]:
    """The cells in which one of seed, labelled draw and pretraining is that of this cell, and the others are the first ones.

    None where the cell differs from the first replicate in one of them only, since it is that cell itself.
    """
    drawn = {name: getattr(cell, name) for name in ("seed", "draw", "training") if getattr(cell, name)}
    if len(drawn) < 2:
        return []
    first = dict.fromkeys(drawn, 0)
    return [replace(cell, **(first | {name: number})) for name, number in drawn.items()]


def plan(options: RunOptions) -> Plan:
    """Cross the options into cells. Combinations that a method cannot answer are left out and named, unless nothing
    remains of a method that was asked for by name.

    Raises:
        UnknownName: a method, task, mode or corpus nobody registered. ConfigError: a fraction or seed out of range; a
            method, asked for by name, that can answer none of the modes.
    """
    wanted_modes = [modes.facts(name) for name in registry.match(registry.MODES, options.modes)]
    for fraction in options.fractions:
        if not 0 < fraction <= 1:
            raise ConfigError(
                f"--fraction {fraction:g}: expected a number above 0, at most 1, for example 0.01 (or 1%)."
            )
    if options.replicates is not None and options.seeds:
        raise ConfigError("--replicates draws pretraining, labels and seeds jointly; give it without --seed.")
    if options.replicates is not None and not 1 <= options.replicates <= MOST_REPLICATES:
        raise ConfigError(f"--replicates {options.replicates}: expected a whole number from 1 to {MOST_REPLICATES:,}.")
    if options.split_variance and (options.replicates or 0) < 2:
        raise ConfigError(
            "--split-variance compares replicates in which one of pretraining, labelled draw and seed differs; it needs "
            "--replicates 2 or more."
        )
    replicates = options.replicates is not None
    with_checkpoint = {checkpoint_method(text)[0] for text in options.checkpoints}
    asked_seeds = options.seeds or range(options.replicates or 1)
    for seed in asked_seeds:
        if not 0 <= seed <= LARGEST_SEED:
            raise ConfigError(f"--seed {seed}: expected a whole number from 0 to {LARGEST_SEED:,}.")
    if options.executor == "ray" and options.time_limit is not None:
        raise ConfigError(
            "--time-limit stops worker processes of this machine: it needs --executor local. Leave it out with ray."
        )
    datasets = registry.entries(registry.DATASETS)
    if options.corpus is not None and options.corpus not in datasets:
        raise registry.unknown("dataset", options.corpus, datasets)
    planned = Plan([])
    tasks = [registry.load(registry.TASKS, name)() for name in registry.match(registry.TASKS, options.tasks)]
    folds = {task.name: declared_split(task).folds for task in tasks}
    by_name = registry.spelled_out(registry.METHODS, options.methods)
    for name in registry.match(registry.METHODS, options.methods):
        try:
            method = registry.load(registry.METHODS, name)
        except BenchError as error:
            if name in by_name:
                raise
            planned.left_out.append(str(error).removesuffix("."))
            continue
        offered = method.modes()
        answers = [
            mode
            for mode in wanted_modes
            if mode.honest in offered and (mode.replaces is None or any(map(method.implements, mode.needs_one_of)))
        ]
        missing = [mode.name for mode in wanted_modes if mode not in answers]
        if not answers and name in by_name:
            raise ConfigError(
                f"method {name} cannot answer {', '.join(missing)}; it offers {', '.join(offered) or 'nothing'}."
            )
        planned.left_out += [f"{name} cannot answer {mode}" for mode in missing]
        only = method.only_kinds
        answered = [task for task in tasks if only is None or task.kind in only]
        for task in tasks:
            if task not in answered:
                planned.left_out.append(
                    f"{name} answers {' and '.join(only or ())} tasks, and {task.name} is a {task.kind} task"
                )
        for task, leads, mode in itertools.product(answered, options.leads, answers):
            if reason := mode.cannot_score(task.name, kinds.load(task.kind), bool(task.classes) and task.in_words):
                planned.left_out.append(reason)
                continue
            # Where nothing is trained neither fraction nor, with a checkpoint, the seed can matter.
            fixed = not mode.uses_labels
            pretrained = method.starts_from_checkpoint()
            learns = method.implements("pretraining_loss") or method.implements("combine")
            trained = mode.uses_checkpoint and learns and name not in with_checkpoint
            for fraction, number, fold in itertools.product(
                (1.0,) if fixed else options.fractions, asked_seeds, folds[task.name]
            ):
                rule = options.fraction_rule if fraction < 1 else "stratified"
                seed = 0 if fixed and pretrained else number
                draw = number if replicates and fraction < 1 and is_seeded(rule) else 0
                training = number if replicates and trained else 0
                cell = Cell(name, task.name, mode.name, leads, fraction, seed, fold, rule, draw, training)
                planned.cells.append(cell)
                if options.split_variance:
                    planned.cells += one_at_a_time(cell)
    planned.cells = list(dict.fromkeys(planned.cells))
    planned.left_out = list(dict.fromkeys(planned.left_out))
    if not planned.cells:
        raise ConfigError("nothing to run: " + "; ".join(planned.left_out) + ".")
    return planned
