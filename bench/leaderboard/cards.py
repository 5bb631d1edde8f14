"""Result cards: finished cells as small JSON files that can be sent to others and checked against what they state.

A card is a result without its predictions, which it names by their digest. :func:`check` is what a CI needs to accept one by
pull request: it recomputes whatever can be recomputed from the card, the registered task and its split file, and with the
predictions every metric. What it cannot tell is whether the predictions came from the method; ``bench replay`` can.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench import kinds, registry
from bench.cells.cell import Cell
from bench.cells.result import SCHEMA, Result
from bench.errors import BenchError, ConfigError, DataError
from bench.leaderboard.board import Board
from bench.leaderboard.card_form import LEFT_OUT, Card, unfit
from bench.leaderboard.match_results import assign_results
from bench.leaderboard.statistics.inflation import shows_differences
from bench.leaderboard.third_party_rows import with_third_party_rows
from bench.reading.json_file import parse_json, read_json
from bench.reading.packed_file import read_packed
from bench.reading.path_part import path_part
from bench.reading.text_file import said
from bench.redaction import redact
from bench.storage.artifacts import digest, write_json

if TYPE_CHECKING:
    from bench.splitting.split import Split

CARD = 1
SHOWN, LONGEST = 20, 300
"""Reasons that are named, and characters of each: a card chooses both."""
PACK = "cards.jsonl.xz"
"""The cards of a folder in one file, a line each: a board has hundreds, and they differ little."""
COMPARISONS = "comparisons.json"
"""A file next to cards that is not a card: p values of paired tests (:mod:`bench.leaderboard.frozen_boards`)."""
# -- writing -----------------------------------------------------------------------------------------------------------


def card_of(result: Result) -> dict[str, Any]:
    """A result as a card. Passwords and tokens in its texts become ``***``."""
    value = {field.name: getattr(result, field.name) for field in fields(Result) if field.name not in LEFT_OUT}
    value |= {"cell": result.cell.to_dict(), "predictions": {"sha256": result.predictions_digest}}
    plain = _redacted(json.loads(json.dumps({"card": CARD, "result_schema": result.schema} | value, default=str)))
    plain = Card.model_validate(plain | {"digest": "0" * 32}).model_dump(mode="json", exclude={"digest"})
    return plain | {"digest": digest(plain)}


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {redact(name): _redacted(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part) for part in value]
    return redact(value) if isinstance(value, str) else value


def export(board: Board, results: Iterable[Result], destination: Path) -> list[Path]:
    """Write a card for each result on a board, those of other packages' methods included.

    Raises:
        DataError: none of the results is on it. ConfigError: it shows differences between cells, which have no card.
    """
    if shows_differences(board):
        raise ConfigError(
            f"{board.name} shows differences between protocols: its values are not cells and have no cards. bench "
            f"leaderboard render {board.name} writes it from the workspace."
        )
    results = list(results)
    chosen = {result.key: result for _, result in assign_results(with_third_party_rows(board, results), results)}
    if not chosen:
        raise DataError(f"no finished cell is on the board {board.name}. bench run --board {board.name} runs them.")
    destination.mkdir(parents=True, exist_ok=True)
    written = []
    for result in sorted(chosen.values(), key=lambda r: (r.cell, r.key)):
        cell = result.cell
        name = path_part(
            f"{cell.method}.{cell.task}.{cell.mode}.{result.key[:12]}.json", f"{result.folder}: its card's name"
        )
        path = destination / name
        write_json(path, card_of(result))
        written.append(path)
    return written


# -- reading and checking ----------------------------------------------------------------------------------------------


AGAIN = "Ask its author to export it again (bench leaderboard export)."


def read_card(path: Path) -> Card:
    """An unchanged card; only its form is checked.

    Raises:
        DataError: it is no card, with the fields that are wrong.
    """
    try:
        return _card(read_json(path), path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {said(error)}. {AGAIN}") from error


def _card(content: Any, path: Path) -> Card:
    wrong = list(itertools.islice(unfit(content), SHOWN))
    if not wrong:
        try:
            return Card.model_validate(content)
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    raise DataError(
        f"{path} is not a result card: {'; '.join(line[:LONGEST] for line in wrong[:SHOWN])}{more}. {AGAIN}"
    )


def read_cards(folder: Path) -> Iterator[Result]:
    """The results of all cards in a folder, packed ones among them.

    Raises:
        DataError: one of them does not hold what :func:`check` asks.
    """
    cards = itertools.chain(
        ((path, read_card(path)) for path in sorted(folder.glob("*.json")) if path.name != COMPARISONS),
        ((folder / PACK, card) for card in _packed(folder / PACK)),
    )
    for path, card in cards:
        if wrong := check(card):
            raise DataError(f"{path}: {card.key}: {'; '.join(wrong)}. bench leaderboard validate reports the same.")
        yield card.result()


def _packed(path: Path) -> Iterator[Card]:
    """The cards of a compressed file, one a line; none where there is no such file."""
    if not path.exists():
        return
    try:
        for line in read_packed(path).splitlines():
            yield _card(parse_json(line), path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {said(error)}. Ask its author to write it again (bench leaderboard freeze)."
        ) from error


def check(card: Card, predictions: Path | None = None) -> list[str]:
    """What does not hold of a card, in words; empty if everything that can be recomputed agrees.

    Args:
        predictions: the file that the card names, of whose metrics each is then recomputed.
    """
    wrong = [*_digests(card), *_counts(card), *_scores(card)]
    entry = registry.entries(registry.TASKS).get(str(card.cell.get("task")))
    if entry is None:
        wrong.append(f"cell.task: {card.cell.get('task')!r} is not registered, so that its split cannot be checked")
    else:
        wrong += _task(card, entry)
    if predictions is not None and not wrong:
        wrong += _predictions(card, predictions)
    return [line[:LONGEST] for line in wrong[:SHOWN]] + (
        [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    )


def _digests(card: Card) -> Iterator[str]:
    plain = card.model_dump(mode="json")
    stated = plain.pop("digest")
    if digest(plain) != stated:
        yield f"digest: {stated} is not that of the card ({digest(plain)}): it was edited after it was exported"
    if card.result_schema != SCHEMA:
        yield f"result_schema: {card.result_schema}, expected {SCHEMA}; run the cell again and export it"
    try:
        cell = Cell.from_dict(card.cell)
    except (TypeError, KeyError) as error:
        yield f"cell: not a cell ({error})"
        return
    key = digest([SCHEMA, list(cell.to_dict().values()), card.profile, card.data, list(card.inputs.values())])
    if not card.inputs:
        yield "inputs: empty, so that the key cannot be checked; run the cell again with this version"
    elif key != card.key:
        yield f"key: {card.key} is not the digest of cell, profile, data and inputs ({key})"
    if cell.fold != card.split.fold:
        yield f"split.fold: {card.split.fold}, but the cell's is {cell.fold}"


def _counts(card: Card) -> Iterator[str]:
    score, counts = card.score, card.counts
    if score.n_records != counts.test:
        yield f"score.n_records: {score.n_records:,}, but counts.test is {counts.test:,}"
    if score.n_clusters > score.n_records:
        yield f"score.n_clusters: {score.n_clusters:,} patients in {score.n_records:,} records"
    for name, n in score.support.items():
        if not 0 <= n <= score.n_records:
            yield f"score.support: {n:,} positives of {name} in {score.n_records:,} records"
    kind = kinds.load(score.kind)
    if kind.one_class_each and sum(score.support.values()) != score.n_records:
        yield f"score.support: {sum(score.support.values()):,} in all, but {score.n_records:,} records"
    absent = {name for name, n in score.support.items() if n == 0}
    if kind.has_classes and not absent <= set(score.left_out):
        yield f"score.left_out: lacks {', '.join(sorted(absent - set(score.left_out)))}, which have no positive"
    if card.split.complete and card.data == "real" and counts.expected:
        for part in ("validation", "test"):
            if part in counts.expected and getattr(counts, part) != counts.expected[part]:
                yield f"counts.{part}: {getattr(counts, part):,} of a complete split that has {counts.expected[part]:,}"


RANGES = {"pearson_r": (-1.0, 1.0), "r2": (-math.inf, 1.0), "rmse": (0.0, math.inf), "mae": (0.0, math.inf)}
"""Of the metrics that are not shares of one."""
MEANS = {"macro_auroc": "auroc", "macro_auprc": "auprc", "pearson_r": "pearson_r", "r2": "r2"}
"""Metrics that are means of per-class values."""


def _scores(card: Card) -> Iterator[str]:
    for name, estimate in card.score.metrics.items():
        low, high = next((span for m, span in RANGES.items() if name.startswith(m)), (0.0, 1.0))
        for part in ("value", "low", "high"):
            value = getattr(estimate, part)
            bounded = part == "value" or name in MEANS or name == "c_index"
            if value is not None and bounded and not low - 1e-9 <= value <= high + 1e-9:
                yield f"score.metrics.{name}.{part}: {value:g} is not within {low:g} and {high:g}"
        if None not in (estimate.value, estimate.low, estimate.high) and not (
            estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9  # type: ignore[operator]
        ):
            yield f"score.metrics.{name}: {estimate.value:g} is outside its interval [{estimate.low:g}, {estimate.high:g}]"
        if name not in MEANS or estimate.value is None:
            continue
        each = [v.get(MEANS[name]) for label, v in card.score.per_class.items() if label not in card.score.left_out]
        known = [v for v in each if v is not None]
        if known and len(known) == len(each) and abs(math.fsum(known) / len(known) - estimate.value) > 1e-6:
            mean = math.fsum(known) / len(known)
            yield f"score.metrics.{name}.value: {estimate.value:.6g}, but the classes' values average {mean:.6g}"


def _task(card: Card, entry: Any) -> Iterator[str]:
    from bench.splitting.split import load_split

    known = entry.attributes
    if card.score.kind != kinds.of_entry(entry):
        yield f"score.kind: {card.score.kind}, but {entry.name} is {kinds.of_entry(entry)}"
    if card.dataset.get("name") != known.get("dataset"):
        yield f"dataset.name: {card.dataset.get('name')}, but {entry.name} is on {known.get('dataset')}"
    if card.split.name not in (known.get("split"), known.get("released_split")):
        yield f"split.name: {card.split.name}, but {entry.name} is split by {known.get('split')}"
        return
    try:
        split = load_split(card.split.name)
    except BenchError as error:
        yield f"split.name: {error}"
        return
    if card.data == "real" and card.split.complete:
        yield from _complete(card, split)


def _complete(card: Card, split: Split) -> Iterator[str]:
    """What a complete copy of the data must hold, from the split's file."""
    from bench.splitting.rules import PARTITIONS

    complete = split.content.complete
    if card.split.fold not in split.folds:
        yield f"split.fold: {card.split.fold}, but {split.name} has folds 0 to {split.folds[-1]}"
    if complete is None:
        return
    parts = complete.partitions
    for name, facts in parts.items():
        count = getattr(card.counts, name)
        # fewer may train: a labelled fraction
        if (count != facts.records and name != "train") or count > facts.records:
            yield f"counts.{name}: {count:,}, but {split.name} has {facts.records:,}"
    test = parts.get("test")
    for label, n in (test.classes or {}).items() if test else ():
        if card.score.support.get(label, n) != n:
            yield f"score.support: {card.score.support[label]:,} positives of {label}, but {split.name} has {n:,} in test"
    if test and test.patients is not None and card.score.n_clusters != test.patients:
        yield f"score.n_clusters: {card.score.n_clusters:,} patients, but {split.name} has {test.patients:,} in test"
    stated = [[name, parts[name].digest] for name in PARTITIONS if name in parts]
    if complete.binding and len(stated) == len(PARTITIONS) and all(part_digest for _, part_digest in stated):
        expected = digest([split.name, stated])
        if card.split.digest != expected:
            yield f"split.digest: {card.split.digest}, but that of {split.name} is {expected}"


def _predictions(card: Card, path: Path) -> Iterator[str]:
    """Every metric again, from the predictions."""
    from bench.reading.parquet_file import read_parquet
    from bench.runner.rescore import differences, rescored
    from bench.storage.artifacts import file_digest

    digest = file_digest(path)
    if digest != card.predictions.sha256:
        yield f"predictions: SHA-256 {digest} of {path.name} is not the card's ({card.predictions.sha256})"
        return
    try:
        table = read_parquet(path)
        test = int((table.partition == "test").sum())
        if test != card.counts.test:
            yield f"predictions: {test:,} test records, but counts.test is {card.counts.test:,}"
            return
        now = rescored(card.result(), table)
    except Exception as error:  # of a stranger's file: whatever pandas, pyarrow and numpy make of it
        yield f"predictions: {path.name} cannot be scored ({said(error)}); expected the predictions.parquet of the result"
        return
    stored = card.score.model_dump(mode="json")
    for name in [name for name in now if name != "notes"]:
        for line in differences(_rounded(stored[name]), _rounded(now[name]), f"score.{name}"):
            yield f"{line} when it is computed from the predictions"


def _rounded(value: Any) -> Any:
    """Another machine's sums end in other digits."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value
