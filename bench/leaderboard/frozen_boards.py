"""Boards in a folder together with the cards they were made from, so that no number can be edited by hand.

A kept folder holds

| file | |
|---|---|
| ``cards.jsonl.xz`` | the result card of every finished cell on its boards, a line each |
| ``comparisons.json`` | p values of the paired tests, which need predictions and are kept in their place |
| ``croissant.json``, ``ro-crate-metadata.json`` | metadata for catalogues |
| ``predictions/KEY/`` | the predictions of each card, where they were asked for |
| ``records.json`` | the ids of the recordings of each task, and the way to obtain them |
| ``BOARD.md``, ``.csv``, ``.tex``, ``.svg`` | the boards, written from cards and comparisons alone |

:func:`judge_frozen` holds the cards to what cards are held to, writes the boards again in memory and compares, and computes
the tests again where it has the predictions.
"""

from __future__ import annotations

import difflib
import itertools
import json
import lzma
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells import ledger
from bench.cells.result import Result
from bench.errors import BenchError, ConfigError, DataError
from bench.leaderboard.board import boards, load_board
from bench.leaderboard.cards import (
    COMPARISONS,
    CROISSANT,
    PACK,
    PREDICTIONS,
    RO_CRATE,
    card_of,
    judge_cards,
    keep_predictions,
    read_cards,
    refuse_private_ids,
)
from bench.leaderboard.formats.markdown import LABELS_USED
from bench.leaderboard.frozen_comparisons import DIGITS, stored_names, tests_of, unpack_comparisons, write_comparisons
from bench.leaderboard.frozen_metadata import write_metadata
from bench.leaderboard.frozen_records import RECORDS, kept_counts, write_records, wrong_records
from bench.leaderboard.match_results import assign_results
from bench.leaderboard.render import render
from bench.leaderboard.stale_results import with_stale
from bench.leaderboard.statistics.inflation import shows_differences
from bench.leaderboard.third_party_rows import with_third_party_rows
from bench.reading.json_file import read_json
from bench.reading.text_file import read_bytes, read_text, said

if TYPE_CHECKING:
    from bench.data.source import DataSource
    from bench.leaderboard.validation.validate import Judged
    from bench.storage.workspace import Workspace

FORMATS = ("markdown", "csv", "latex", "picture")
SUFFIXES = (".md", ".csv", ".tex")
ADDED = (".svg", CROISSANT, RO_CRATE)  # folders of earlier versions have none


def freeze(
    names: Sequence[str],
    results: Iterable[Result],
    folder: Path,
    cache: Path | None = None,
    with_predictions: bool = False,
    workspace: Workspace | None = None,
) -> list[Path]:
    """Write cards, comparisons, the list of recordings and boards into ``folder``. Results whose code has changed since are
    marked as stale.

    Args:
        names: the boards. Each must have a finished cell.
        results: finished cells with their predictions on disk, also in ``folder`` itself; those on none of the boards are
            left out.
        cache: a folder with p values that are known already (:func:`bench.leaderboard.statistics.comparisons.ranks_of`).
        with_predictions: also keep the predictions of each card, with record ids and labels.
        workspace: that of the results: its stores name the recordings of a part of a publication, and its ledger counts
            how often test splits were scored.

    Raises:
        UnknownName: there is no such board. DataError: one of them has no finished cell. ConfigError: the folder keeps
            boards that are not named, which would lose their cards; or a board cannot be kept, or not with
            its predictions.
    """
    results = list(results)
    if others := sorted(set(kept_boards(folder)) - set(names)):
        raise ConfigError(
            f"{folder} also holds {', '.join(others)}; their cards would be lost. Name them too (--board "
            f"{','.join([*names, *others])}), delete their tables, or choose another folder."
        )
    chosen: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            board = load_board(name)
            if shows_differences(board):
                raise ConfigError(
                    f"{name} shows differences between protocols, whose intervals need predictions; it cannot be "
                    f"frozen. bench leaderboard render {name} writes it from the workspace."
                )
            on_it = {result.key: result for _, result in assign_results(with_third_party_rows(board, results), results)}
            if not on_it:
                raise DataError(f"no finished cell is on the board {name}. bench run --board {name} runs them.")
            chosen |= on_it
        if with_predictions:
            refuse_private_ids(chosen.values())
        tests = tests_of(names, results, cache or Path(temporary))
    folder.mkdir(parents=True, exist_ok=True)
    write_comparisons(folder / COMPARISONS, tests)
    ordered = with_stale(sorted(chosen.values(), key=lambda r: (r.cell, r.key)))
    counts = None if workspace is None else ledger.scored(workspace)
    write_records(folder, ordered, None if workspace is None else workspace.stores, counts)
    lines = [json.dumps(card_of(result), separators=(",", ":"), ensure_ascii=False) for result in ordered]
    (folder / PACK).write_bytes(lzma.compress("\n".join([*lines, ""]).encode()))
    _keep_predictions(ordered if with_predictions else (), folder / PREDICTIONS)
    return write_again(folder, names)


def _keep_predictions(results: Sequence[Result], folder: Path) -> None:
    """Leave the predictions of these results, and nothing else, in a folder. Some may be there already, and nowhere else."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for result in results:
        keep_predictions(result, fresh / result.key / "predictions.parquet")
    shutil.rmtree(folder, ignore_errors=True)
    if results:
        fresh.rename(folder)


def write_again(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Write boards and metadata of a kept folder again from its cards and comparisons, without those that no board reads.

    Args:
        names: the boards. Without: those whose tables the folder holds.
    """
    names = sorted(names or kept_boards(folder))  # in one order, whatever the order in which they were named
    if not names:
        raise ConfigError(f"{folder} holds no board. Name the boards to freeze: --board BOARD.")
    results = list(read_cards(folder))
    with tempfile.TemporaryDirectory() as cache:
        unpack_comparisons(folder, Path(cache))
        write_comparisons(folder / COMPARISONS, tests_of(names, results, Path(cache)))
    with tempfile.TemporaryDirectory() as cache:
        unpack_comparisons(folder, Path(cache))
        counts = kept_counts(folder)
        paths = [
            render(name, results, folder, FORMATS, compare=True, cache=Path(cache), counts=counts) for name in names
        ]
    return [*itertools.chain(*paths), *write_metadata(folder, names, results)]


def kept_boards(folder: Path) -> Iterator[str]:
    """The names of the boards that a folder keeps: whichever of a board's tables is left tells."""
    known = boards()
    for name in sorted({path.stem for path in folder.glob("*") if path.suffix in SUFFIXES}):
        if name in known or (folder / f"{name}.csv").exists():
            yield name


@dataclass(frozen=True)
class FrozenVerdict:
    """What was found of a kept folder: a verdict on each card, what does not hold, and what could not be checked."""

    cards: list[Judged] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check_frozen(folder: Path) -> list[str]:
    """What does not hold of a kept folder, in words; empty if its boards are what its cards give."""
    return judge_frozen(folder).problems


def judge_frozen(folder: Path, source: DataSource | None = None) -> FrozenVerdict:
    """Judge every card of a kept folder, generate its boards again, and, from predictions, its comparisons."""
    verdict = FrozenVerdict()
    if folder.is_dir() and not os.path.lexists(folder / PACK):
        wanted = "a folder that bench leaderboard freeze wrote, or one of result cards"
        verdict.problems.append(f"{folder} holds no result card and no {PACK}; expected {wanted}.")
        return verdict
    try:
        read_bytes(_own(folder / PACK))  # there, and no link
        verdict.cards.extend(judge_cards(folder, source))
        for entry in verdict.cards:
            if problems := entry.verdict.problems:
                verdict.problems.append(f"{entry.name}: {'; '.join(problems)}")
        if not verdict.problems:
            verdict.problems.extend(_boards_differ(folder))
            _compare_tests(folder, verdict)
    except (OSError, ValueError) as error:
        verdict.problems[:] = [
            (
                f"{folder} is not a folder of frozen boards ({said(error)}). Name a folder that bench leaderboard "
                "freeze wrote."
            )
        ]
    except BenchError as error:
        verdict.problems.append(str(error))
    return verdict


def _boards_differ(folder: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder_name:
        again = Path(folder_name)
        for name in (PACK, COMPARISONS, *([RECORDS] if (folder / RECORDS).exists() else [])):
            (again / name).write_bytes(read_bytes(_own(folder / name)))
        yield from wrong_records(folder, read_cards(folder))
        if (folder / PREDICTIONS).is_dir():
            shutil.copytree(folder / PREDICTIONS, again / PREDICTIONS, copy_function=shutil.copyfile)
        write_again(again, list(kept_boards(folder)))
        if unread := stored_names(folder) - stored_names(again):
            yield (
                f"{folder / COMPARISONS} holds {len(unread)} tests that none of its boards reads. bench leaderboard "
                f"freeze {folder} --again deletes them."
            )
        for path in sorted(again.iterdir()):
            if path.suffix in SUFFIXES or (path.name.endswith(ADDED) and (folder / path.name).exists()):
                yield from _differs(folder / path.name, path.read_text(encoding="utf-8"))


def _compare_tests(folder: Path, verdict: FrozenVerdict) -> None:
    """Compute the comparisons again from the predictions of the folder, and compare with those that it states."""
    results = [entry.result() for entry in verdict.cards]
    if any(result.folder is None for result in results):
        verdict.unchecked.append(
            f"{folder / COMPARISONS}: the tests need predictions, which the folder does not hold (bench leaderboard freeze "
            "--with-predictions)"
        )
        return
    stated = read_json(folder / COMPARISONS)["tests"]
    with tempfile.TemporaryDirectory() as cache:
        computed = tests_of(list(kept_boards(folder)), results, Path(cache))
    for name in stated.keys() | computed.keys():
        if name not in stated or name not in computed or not _alike(stated[name], computed[name]):
            verdict.problems.append(f"{folder / COMPARISONS}: a test is not what the predictions give ({name[:12]})")


def _alike(stated: Any, computed: Any) -> bool:
    """Whether two tests agree to the digits that are kept; another machine's sums end in other digits."""
    if isinstance(stated, dict) and isinstance(computed, dict):
        names = stated.keys() | computed.keys()
        return all(_alike(stated.get(name), computed.get(name)) for name in names if name not in ("why", "test"))
    if isinstance(stated, list) and isinstance(computed, list):
        return len(stated) == len(computed) and all(map(_alike, stated, computed))
    if isinstance(stated, int | float) and isinstance(computed, int | float):
        return math.isclose(stated, computed, rel_tol=10.0 ** (1 - DIGITS), abs_tol=1e-9)
    return bool(stated == computed)


def _own(path: Path) -> Path:
    """The path, if it is no link (DataError): what it leads to would be quoted in the answer."""
    if path.is_symlink():
        raise DataError(f"{path} is a link; expected a file. Put the file itself there.")
    return path


def _differs(path: Path, wanted: str) -> Iterator[str]:
    written = read_text(_own(path)) if path.exists() else ""
    if written == wanted:
        return
    changed = list(difflib.unified_diff(wanted.splitlines(), written.splitlines(), lineterm="", n=0))[3:5]
    yield (
        f"{path} differs from what its cards give: {' / '.join(line[:200] for line in changed) or 'line ends differ'}. "
        f"bench leaderboard freeze {path.parent} --again writes it from them."
    )


def has_place(text: str, board: str) -> bool:
    """Whether a markdown text has the line after which :func:`put_table` puts a board."""
    return f"<!-- board {board} -->\n" in text


def no_place(file: str, board: str) -> str:
    """What is missing in a file without a place for a board, in words."""
    return f"{file} has no place for the board {board}: add the lines <!-- board {board} --> and <!-- end of board --> to it."


def put_table(text: str, board: str, source: str) -> str:
    """A markdown text with a board's first table between ``<!-- board NAME -->`` and ``<!-- end of board -->``.

    Args:
        source: the board as markdown.

    Raises:
        DataError: the text has no such place.
    """
    begin, end = f"<!-- board {board} -->\n", "<!-- end of board -->"
    before, separator, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not separator or not closed:
        raise DataError(no_place("the text", board))
    return f"{before}{begin}\n{first_table(source)}\n\n{end}{after}"


def first_table(source: str) -> str:
    """The first table of a markdown text, without its lines of record and label counts."""
    lines = source.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("|")), len(lines))
    stop = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    counts = ("| *records scored*", f"| {LABELS_USED}")
    return "\n".join(line for line in lines[start:stop] if not line.startswith(counts))
