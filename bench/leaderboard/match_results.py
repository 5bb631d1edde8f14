"""Assign results to the rows of a board, and select the results that may be averaged."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench import modes, registry
from bench.cells.changed_settings import is_of_pretraining
from bench.cells.result import Result
from bench.leaderboard.board import Board, Column, Row, boards
from bench.leaderboard.statistics.inflation import changed_mode
from bench.progress import counted
from bench.signals.leads import LEADS
from bench.storage.artifacts import digest
from bench.tracking.run_fields import flatten

CellCoordinates = tuple[str, str, float, tuple[str, ...]]
"""Task, mode, fraction, leads."""


def wanted_coordinates(row: Row, column: Column) -> list[CellCoordinates]:
    """Coordinates of the cells behind a row and column: several for a mean over tasks, none for a number only published."""
    tasks = [row.task] if row.task else row.tasks or ([column.task] if column.task else column.tasks)
    mode = row.mode or column.mode
    if not mode or not row.method:
        return []
    fraction = (row.fraction or column.fraction or 1.0) if modes.facts(mode).uses_labels else 1.0
    mode = changed_mode(mode, column.change) if column.change else mode
    return [(task, mode, fraction, row.leads or column.leads or LEADS) for task in tasks]


def coordinates_of(result: Result) -> CellCoordinates:
    cell = result.cell
    return (cell.task, cell.mode, cell.fraction, cell.leads)


def assign_results(board: Board, results: Iterable[Result]) -> list[tuple[int, Result]]:
    """Results with the index of their row; of several rows of a method, the one with the most config fields that fit.

    Rows that differ in something other than config (their mode, their class) share results.
    """

    @functools.cache
    def wanted(index: int) -> set[CellCoordinates]:
        return {c for column in board.columns for c in wanted_coordinates(board.rows[index], column)}

    rows: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for index, row in enumerate(board.rows):
        if row.method:
            rows[row.method].append((index, flatten(row.config)))
    assigned = []
    for result in results:
        of_method = rows.get(result.cell.method, [])
        if not of_method:
            continue
        coordinates = coordinates_of(result)
        if not any(coordinates in wanted(index) for index, _ in of_method):
            continue
        config = flatten(result.config.get("method", {}))
        fitting = [
            (len(config_of_row), index)
            for index, config_of_row in of_method
            if config_of_row.items() <= _items(config, config_of_row)
        ]
        most = max((size for size, _ in fitting), default=0)
        assigned += [(index, result) for size, index in fitting if size == most and coordinates in wanted(index)]
    return assigned


def best_board(results: Sequence[Result]) -> str | None:
    """The board that shows the most of these results; None if none of them is on a board.

    Of several, one by a metric of theirs (and not by what they cost); a paper's where they may appear next to published
    numbers and one across papers where not; of these the one of which they fill the largest part.
    """
    from bench.leaderboard.third_party_rows import BUILT_IN, with_third_party_rows

    metrics = {metric for result in results for metric in result.score["metrics"]}
    known = registry.entries(registry.METHODS)
    built_in = {name for name, entry in known.items() if entry.distribution == BUILT_IN}
    added = any(result.own_name or result.cell.method not in built_in for result in results)
    comparable = all(r.data == "real" and r.profile == "paper" and r.split.get("complete") for r in results)

    def fit(board: Board) -> tuple[int, bool, bool, float]:
        board = with_third_party_rows(board, results) if added else board
        shown = {result.key for _, result in assign_results(board, results)}
        if not shown:
            return 0, False, False, 0.0
        columns = [column for column in board.columns if not column.mean_of]
        rows = board.rows if board.has_published else board.rows[:1]  # boards across papers have a row for every method
        places = sum(len(wanted_coordinates(row, column)) for row in rows for column in columns)
        return len(shown), board.metric in metrics, board.has_published == comparable, len(shown) / max(places, 1)

    best = max(boards().values(), key=fit, default=None)
    return best.name if best is not None and fit(best)[0] else None


def _items(config: dict[str, Any], fields: dict[str, Any]) -> Any:
    return {name: config[name] for name in fields if name in config}.items()


OWN_RECORDS = "the task's own training records"
"""The corpus of a method that was pretrained on the training records of its task."""


class Variant(str):
    """What sets some results of a row apart, written out; ``settings`` has it field by field."""

    settings: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Variant:
        variant = cls(", ".join(f"{name} {value}" for name, value in settings.items()))
        variant.settings = settings
        return variant


def short_names(variants: Sequence[str], room: int) -> list[str]:
    """The variants of one row in at most ``room`` characters each, all different; those that fit stay as they are."""
    if all(len(variant) <= room for variant in variants):
        return list(variants)
    short = [_short(variant, room) for variant in variants]
    return short if len(set(short)) == len(short) else [f"variant {number}" for number in range(1, len(short) + 1)]


def _short(variant: str, room: int) -> str:
    settings = dict(getattr(variant, "settings", {}))
    if "pretrained on" in settings:
        settings.pop("corpus digest", None)
    parts = [
        f"{name.rpartition('.')[2]} {'its own records' if value == OWN_RECORDS else value}"
        for name, value in settings.items()
    ]
    for number in range(len(parts), 0, -1):
        name = ", ".join(parts[:number]) + (", …" if number < len(parts) else "")
        if len(name) <= room:
            return name
    return f"{', '.join(parts)[: room - 1]}…"


def split_by_config(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results of one row, by the settings in which they differ: the method's config, its corpus, a mode's protocol.

    Nothing that was computed in two ways is averaged. The name of a group, a :class:`Variant`, states what differs; a single
    group has none. A mode in which a group has no result, or a setting that its results do not read, is no difference.
    """
    groups: list[tuple[Result, dict[str, Any], list[Result]]] = []
    for fullest, same_config in _by_config(results):
        # an untrained encoder has no corpus and goes with each
        corpora = _distinct(corpus_of(r) for r in same_config if corpus_of(r)) or [{}]
        for corpus in corpora:
            same_corpus = [r for r in same_config if corpus_of(r) in ({}, corpus)]
            groups += [
                (fullest, _method_settings(fullest) | corpus | protocol, chosen)
                for protocol, chosen in _by_protocol(same_corpus)
            ]
    if len(groups) < 2:
        return {"": list(results)} if results else {}
    names = sorted({name for _, settings, _ in groups for name in settings})
    run_modes = {result.cell.mode for result in results}

    def states(fullest: Result, settings: dict[str, Any], name: str) -> bool:
        """Whether a group has results that read a field: one of a mode, in that mode; a corpus, if pretrained."""
        mode = name.partition(".")[0]
        if mode in run_modes:
            return any(other.startswith(f"{mode}.") for other in settings)
        return "pretrained on" in settings if name in _OF_CORPUS else reads_setting(name, fullest)

    differing = [
        name
        for name in names
        if len(_distinct(settings.get(name) for fullest, settings, _ in groups if states(fullest, settings, name))) > 1
    ]
    named = {
        Variant.of({name: settings.get(name, "—") for name in differing if states(fullest, settings, name)}): chosen
        for fullest, settings, chosen in groups
    }
    return dict(sorted(named.items()))


def _by_config(results: Sequence[Result]) -> list[tuple[Result, list[Result]]]:
    """Results by the settings of the method that they read, each group with the result that reads the most of them.

    One that reads fewer, such as training from scratch next to ``linear``, goes with each group that agrees on those.
    """
    alike: dict[Any, list[Result]] = defaultdict(list)
    for result in results:
        asks = modes.facts(result.cell.mode).names_classes
        alike[digest(stated_config(result).get("method", {})), asks, bool(result.checkpoint)].append(result)
    read: dict[str, tuple[Result, dict[str, Any], list[Result]]] = {}
    for same in alike.values():
        settings = _settings_read(same[0], same[0])
        read.setdefault(digest(settings), (same[0], settings, []))[2].extend(same)
    groups: list[tuple[Result, list[Result]]] = []
    for result, settings, same in sorted(read.values(), key=lambda group: -len(group[1])):
        agreeing = [group for group in groups if settings == _settings_read(group[0], result)]
        for _, group in agreeing:
            group += same
        if not agreeing:
            groups.append((result, list(same)))
    order = {id(result): number for number, result in enumerate(results)}
    return [(result, sorted(group, key=lambda r: order[id(r)])) for result, group in groups]


def _settings_read(result: Result, reader: Result) -> dict[str, Any]:
    """The settings of a result's method that another result reads."""
    return {name: value for name, value in _method_settings(result).items() if reads_setting(name, reader)}


def _method_settings(result: Result) -> dict[str, Any]:
    return flatten(stated_config(result).get("method", {}))


_OF_CORPUS = ("pretrained on", "corpus digest", "imported weights")
_OF_PRETRAINING = ("text", "cqa", "entities")


def reads_setting(field: str, result: Result) -> bool:
    """Whether a field of the method's config has a part in a result: none of pretraining where there was none, and none of
    prompts where no class is asked for in words."""
    scope = field.partition(".")[0]
    asks = modes.facts(result.cell.mode).names_classes
    if scope == "prompts":
        return asks
    return asks or bool(result.checkpoint) or not (scope in _OF_PRETRAINING or is_of_pretraining(None, (scope,)))


def _by_protocol(results: Sequence[Result]) -> list[tuple[dict[str, Any], list[Result]]]:
    """Results of one checkpoint by protocol; a mode with one protocol goes with each of another mode's."""
    protocols = {
        mode: _distinct(protocol_of(r) for r in results if r.cell.mode == mode)
        for mode in {r.cell.mode for r in results}
    }
    groups = []
    for number in range(max(len(options) for options in protocols.values())):
        taken = {
            mode: options[0] if len(options) == 1 else _nth(options, number) for mode, options in protocols.items()
        }
        chosen = [r for r in results if protocol_of(r) == taken[r.cell.mode]]
        settings = {f"{m}.{name}": value for m, p in taken.items() for name, value in flatten(p or {}).items()}
        groups.append((settings, chosen))
    return groups


def _nth(options: list[Any], number: int) -> Any:
    return options[number] if number < len(options) else None


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list({digest(value): value for value in values}.values())


def latest(results: Sequence[Result]) -> list[Result]:
    """One result per cell, in the given order: the newest of those that were finished more than once, the code having changed
    in between."""
    newest: dict[Any, Result] = {}
    for result in sorted(results, key=lambda r: (str(r.provenance.get("started", "")), r.key)):
        newest[result.cell] = result
    return [result for result in results if newest[result.cell] is result]


def protocol_of(result: Result) -> dict[str, Any]:
    """The config of the cell's mode, and by whose draw the labelled fraction came about, where it is not ours."""
    rule = result.cell.fraction_rule
    drawn = {} if rule == "stratified" else {"fraction_rule": rule}
    return stated_config(result).get(result.cell.mode, {}) | drawn


def stated_config(result: Result) -> dict[str, Any]:
    """The config; instead of fields that a sweep chose, how it chose: folds that chose differently did the same."""
    config, sweep = result.config, result.provenance.get("sweep") or {}
    for field, space in sweep.get("space", {}).items():
        scope, *rest = field.split(".")
        named = (
            [scope, *rest]
            if scope == result.cell.mode
            else ["method", *(rest if scope == result.cell.method else [scope, *rest])]
        )
        config = _replaced(
            config, named, f"chosen by {sweep['sampler']} of {space} in {counted(sweep['trials'], 'trial')}"
        )
    return config


def _replaced(config: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return config | {first: _replaced(config.get(first, {}), rest, value) if rest else value}


def is_untrained(result: Result) -> bool:
    """Whether it starts from the initial weights of a network that its method pretrains: no epoch of pretraining."""
    pretrain = (result.config.get("method") or {}).get("pretrain")
    never = isinstance(pretrain, Mapping) and pretrain.get("epochs") == 0
    return bool(never and result.checkpoint and not result.checkpoint.get("imported"))


def learned_nothing(result: Result) -> bool:
    """Whether its encoder has initial weights: of a network that its method pretrains, or of a method without pretraining."""
    return is_untrained(result) or bool(not result.checkpoint and result.provenance.get("parameters"))


def config_without_pretraining(result: Result) -> dict[str, Any]:
    """The fields of the method's config that the network and its input read; not those of pretraining alone."""
    config = flatten(stated_config(result).get("method", {}))
    return {name: value for name, value in config.items() if not is_of_pretraining(None, name.split("."))}


def corpus_of(result: Result) -> dict[str, Any]:
    """What the checkpoint was pretrained on, as a reader would put it; empty for an untrained encoder.

    The task's own training records count as one corpus whatever the task, so that a row may span tasks. Imported weights
    are named as well: two files are two trainings, of which nothing says that they are replicates.
    """
    corpus = result.checkpoint.get("corpus") or {}
    if not corpus or is_untrained(result):
        return {}
    imported = result.checkpoint.get("imported")
    weights = {"imported weights": str(result.checkpoint.get("weights_sha256"))[:12]} if imported else {}
    if corpus.get("dataset") == result.dataset.get("name"):
        return {"pretrained on": OWN_RECORDS} | weights
    return {"pretrained on": corpus.get("dataset"), "corpus digest": str(corpus.get("store"))[:12]} | weights
