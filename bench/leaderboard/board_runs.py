"""The cells of a leaderboard, as options of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import modes, registry
from bench.cells.cell import Profile
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.leaderboard.board import Board
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.statistics.inflation import both_modes, shows_differences
from bench.runner.overrides import parse_overrides
from bench.runner.plan import RunOptions, checkpoint_method
from bench.runner.prepare import profile_of
from bench.signals.leads import LEADS

REPLICATES: Mapping[Profile, int] = {"paper": 5, "small": 5, "smoke": 3}


def default_replicates(board: Board, profile: Profile) -> int | None:
    """The replicates of a board whose rows are compared with each other; None where it runs seeds.

    A board of a paper repeats what the paper states. Costs are no sample, and differences between protocols are not tested.
    """
    if board.has_published or board.seeds > 1 or is_cost(board.metric) or shows_differences(board):
        return None
    return REPLICATES[profile]


def board_options(board: Board, options: RunOptions, source: DataSource) -> tuple[list[RunOptions], list[str]]:
    """One run for each row and each kind of column, and what is left out with the reason.

    A row's config becomes overrides of its method, a column's settings those of its mode; the user's overrides, seeds,
    replicates and profile hold for all. The board's seeds or :func:`default_replicates`, its corpus (where its real data are
    available) and its draw of labelled fractions hold unless the user chose others. Rows of methods, and columns of tasks,
    that nobody registered are left out, as are tasks whose data are not available.

    Raises:
        ConfigError: an override or a checkpoint of a method that has no row.
    """
    methods, tasks = registry.entries(registry.METHODS), registry.entries(registry.TASKS)
    rows = sorted({row.method for row in board.rows if row.method in methods})
    combined = any("combine" in methods[name].defines for name in rows)  # whose members need not be rows
    for override in parse_overrides(options.overrides, list(methods)):
        if override.scope in methods and override.scope not in rows and not combined:
            raise ConfigError(
                f"--set {override.text}: board {board.name} has no row of {override.scope}, so the setting has no effect "
                f"(methods: {', '.join(rows)}). Leave it out."
            )
    for text in options.checkpoints:
        method, _ = checkpoint_method(text)
        if method not in rows and not combined:
            raise ConfigError(
                f"--checkpoint {text}: board {board.name} has no row of {method} (methods: {', '.join(rows)}). Leave it out."
            )
    if options.corpus is None and board.corpus and source.kind == "real" and source.has(board.corpus):
        options = replace(options, corpus=board.corpus)
    if not options.seeds and options.replicates is None:
        number = default_replicates(board, profile_of(options, source))
        options = replace(options, replicates=number) if number else replace(options, seeds=list(range(board.seeds)))
    if options.fraction_rule == "stratified":
        options = replace(options, fraction_rule=board.fraction_rule)
    runs: dict[tuple, list[str]] = {}
    left_out: dict[str, None] = {}
    for row in board.rows:
        if row.method not in methods:
            left_out[f"row {row.name}: {f'no method {row.method}' if row.method else 'only the paper has it'}"] = None
            continue
        for column in board.columns:
            mode = row.mode or column.mode
            if column.mean_of or mode is None:
                continue
            answered = registry.modes_of(methods[row.method])
            if missing := [name for name in both_modes(mode) if modes.facts(name).honest not in answered]:
                left_out[f"row {row.name}: {row.method} cannot answer {', '.join(missing)}"] = None
                continue
            of_mode = tuple(f"{k}={json.dumps(v)}" for k, v in column.settings.items() if k.startswith(f"{mode}."))
            named = [name for name in (row.task, column.task) if name][:1] or row.tasks or column.tasks
            coordinates = (
                row.method,
                of_mode,
                mode,
                row.leads or column.leads or LEADS,
                row.fraction or column.fraction,
            )
            configs = [row.config, row.config | column.change] if column.change else [row.config]
            of_rows = [tuple(f"{row.method}.{k}={json.dumps(v)}" for k, v in config.items()) for config in configs]
            for name in named:
                both = name.split(registry.TO)  # of a transferred task, two
                unknown = [part for part in both if part not in tasks]
                lacking = [d for d in _datasets(both, tasks) if not source.has(d)]
                if unknown:
                    left_out[f"column {column.name}: no task {name}"] = None
                elif lacking:
                    left_out[f"column {column.name}: {lacking[0]} is not available"] = None
                else:
                    for of_row in of_rows:
                        wanted = runs.setdefault((*coordinates, of_row), [])
                        wanted += [name] * (name not in wanted)
    return [
        replace(
            options,
            methods=[method],
            tasks=names,
            modes=list(both_modes(mode)),
            leads=[leads],
            fractions=[fraction or 1.0],
            overrides=[*of_mode, *options.overrides, *of_row],
            of_board=True,
            board=board.name,
        )
        for (method, of_mode, mode, leads, fraction, of_row), names in runs.items()
        if names
    ], list(left_out)


def _datasets(names: Sequence[str], tasks: Mapping[str, registry.Entry]) -> list[str]:
    """The datasets of the registered ones among some tasks."""
    return [str(tasks[name].attributes["dataset"]) for name in names if name in tasks]
