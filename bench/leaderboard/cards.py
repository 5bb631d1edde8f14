"""Result cards: finished cells as small JSON files that can be sent to others and checked against what they state.

A card is a result without its predictions, which it names by their digest. :mod:`bench.leaderboard.validation` is what a CI
needs to accept one by pull request. What it cannot tell is whether the predictions came from the method; ``bench replay``
can.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench import registry
from bench.cells.result import Result
from bench.errors import ConfigError, DataError
from bench.leaderboard.board import Board
from bench.leaderboard.card_form import LEFT_OUT, Card, unfit
from bench.leaderboard.match_results import assign_results
from bench.leaderboard.statistics.inflation import shows_differences
from bench.leaderboard.third_party_rows import with_third_party_rows
from bench.leaderboard.validation.validate import (
    LONGEST,
    SHOWN,
    Judged,
    compared_with_each_other,
    unreadable,
    validate,
)
from bench.reading.json_file import parse_json, read_json
from bench.reading.packed_file import read_packed
from bench.reading.path_part import path_part
from bench.reading.text_file import said
from bench.redaction import redact
from bench.storage.artifacts import digest, write_json

if TYPE_CHECKING:
    from bench.data.source import DataSource

CARD = 1
PACK = "cards.jsonl.xz"
"""The cards of a folder in one file, a line each: a board has hundreds, and they differ little."""
COMPARISONS = "comparisons.json"
"""A file next to cards that is not a card: p values of paired tests (:mod:`bench.leaderboard.frozen_comparisons`)."""
RECORDS = "records.json"
"""A further file that is not a card: the recordings behind them (:mod:`bench.leaderboard.frozen_records`)."""
CROISSANT, RO_CRATE = "croissant.json", "ro-crate-metadata.json"
PREDICTIONS = "predictions"
"""The folder of predictions next to cards: ``KEY/predictions.parquet`` for those of a packed file, and
``SHA256/predictions.parquet`` for those of loose cards in a results repository, where equal files are stored once."""

# -- writing -----------------------------------------------------------------------------------------------------------


def card_of(result: Result) -> dict[str, Any]:
    """A result as a card. Passwords and tokens in its texts become ``***``."""
    value = {field.name: getattr(result, field.name) for field in fields(Result) if field.name not in LEFT_OUT}
    value |= {"cell": result.cell.to_dict(), "predictions": {"sha256": result.predictions_digest}}
    plain = _redacted(json.loads(json.dumps({"card": CARD, "result_schema": result.schema} | value, default=str)))
    plain = Card.model_validate(plain | {"digest": "0" * 32}).model_dump(mode="json", exclude={"digest"})
    return plain | {"digest": digest(plain)}


def card_name(result: Result) -> str:
    """The file name of a result's card: method, task, mode and the first characters of the key."""
    cell = result.cell
    name = f"{cell.method}.{cell.task}.{cell.mode}.{result.key[:12]}.json"
    return path_part(name, f"{result.folder}: its card's name")


def stored_predictions(folder: Path, sha256: str) -> Path:
    """Where a folder of loose cards holds predictions by their digest."""
    return folder / PREDICTIONS / sha256 / "predictions.parquet"


def keep_predictions(result: Result, path: Path) -> None:
    """Copy the predictions of a result, unchanged; they hold record ids and labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(result.prediction_bytes())


def ids_are_public(result: Result) -> bool:
    """Whether ids and labels of a result's recordings may be published: not those of real data with credentialed access."""
    known = registry.entries(registry.DATASETS)
    read = {str(result.dataset.get("name")), result.tested_dataset}
    private = [n for n in read if n in known and registry.load(registry.DATASETS, n).access == "credentialed"]
    return result.data != "real" or not private


def refuse_private_ids(results: Iterable[Result]) -> None:
    """Raise ConfigError where predictions, which hold ids and labels, would be published against a licence."""
    hidden = [result for result in results if not ids_are_public(result)]
    private = sorted({name for result in hidden for name in (str(result.dataset.get("name")), result.tested_dataset)})
    if private:
        raise ConfigError(
            f"--with-predictions would publish ids and labels of {', '.join(private)}, whose licence forbids it (access is "
            f"credentialed). Leave the option out; bench leaderboard validate then reports the level schema."
        )


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {redact(name): _redacted(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part) for part in value]
    return redact(value) if isinstance(value, str) else value


def export(board: Board, results: Iterable[Result], destination: Path, with_predictions: bool = False) -> list[Path]:
    """Write a card for each result on a board, those of other packages' methods included.

    Args:
        with_predictions: also write the predictions of each card, under its name with ``.parquet``.

    Raises:
        DataError: none of the results is on it. ConfigError: it shows differences between cells, which have no card; or
            predictions of credentialed data are asked for.
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
    if with_predictions:
        refuse_private_ids(chosen.values())
    destination.mkdir(parents=True, exist_ok=True)
    written = []
    for result in sorted(chosen.values(), key=lambda r: (r.cell, r.key)):
        path = destination / card_name(result)
        write_json(path, card_of(result))
        if with_predictions:
            keep_predictions(result, path.with_suffix(".parquet"))
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


def judge_cards(folder: Path, source: DataSource | None = None) -> list[Judged]:
    """A verdict on each card of a folder, packed ones among them; the predictions of ``NAME.json`` are ``NAME.parquet``.

    A card that cannot be read has a verdict too, so that it does not end the check of the others.

    Args:
        source: data that may be prepared in the workspace (:func:`bench.leaderboard.validation.validate.validate`).
    """
    judged = []
    for path in sorted(folder.glob("*.json")):
        if path.name not in (COMPARISONS, RECORDS, CROISSANT, RO_CRATE):
            judged.append(judge_card(path, source=source))
    for position, line in enumerate(_packed(folder / PACK), 1):
        name = Path(f"{folder / PACK}")
        try:
            card = _card(parse_json(line), name)
            predictions = folder / PREDICTIONS / card.key / "predictions.parquet"
            verdict = validate(card, predictions if predictions.is_file() else None, source)
        except Exception as error:  # a stranger's file
            judged.append(unreadable(Path(f"{name} line {position}"), error))
        else:
            judged.append(Judged(name, card, verdict, predictions if predictions.is_file() else None))
    return compared_with_each_other(judged)


def judge_card(path: Path, predictions: Path | None = None, source: DataSource | None = None) -> Judged:
    """A verdict on one card.

    Args:
        predictions: of the card; by default the ``.parquet`` of its name, or the file that the folder ``predictions``
            next to it has under their digest.
    """
    try:
        card = read_card(path)
        usual = (path.with_suffix(".parquet"), stored_predictions(path.parent, card.predictions.sha256))
        table = predictions or next((file for file in usual if file.is_file() and not _leads_away(file, path)), None)
        return Judged(path, card, validate(card, table, source), table)
    except Exception as error:  # a stranger's file, which must not end the check of the others
        return unreadable(path, error)


def _leads_away(file: Path, card: Path) -> bool:
    """Whether a file, or a folder between it and its card's folder, is a link."""
    return file.resolve() != card.parent.resolve() / file.relative_to(card.parent)


def read_cards(folder: Path, source: DataSource | None = None) -> Iterator[Result]:
    """The results of all cards in a folder, packed ones among them, each with its level of proof.

    Raises:
        DataError: one of them does not hold what :func:`judge_cards` asks.
    """
    judged = judge_cards(folder, source)
    for entry in judged:
        if problems := entry.verdict.problems:
            raise DataError(f"{entry.name}: {'; '.join(problems)}. bench leaderboard validate reports the same.")
    for entry in judged:
        yield entry.result()


def _packed(path: Path) -> list[str]:
    """The lines of a compressed file of cards; none where there is no such file."""
    if not path.exists():
        return []
    try:
        return read_packed(path).splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {said(error)}. Ask its author to write it again (bench leaderboard freeze)."
        ) from error
