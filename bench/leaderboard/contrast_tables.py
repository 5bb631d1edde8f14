"""The contrasts of a table as small tables of text, the same for every output format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.leaderboard import number_format
from bench.leaderboard.statistics.contrasts import Contrast, Kind

if TYPE_CHECKING:
    from bench.leaderboard.collect import Table

TITLES: dict[Kind, str] = {
    "untrained": "Difference to the same network untrained",
    "supervised": "Difference to the best supervised result",
}
KEY = (
    "[95 % interval]; * differs significantly; = is shown to be equal up to {margin} (two one-sided tests); both corrected "
    "over the contrasts of the column (Holm, 5 %)"
)


@dataclass(frozen=True)
class ContrastTable:
    """One kind of contrast: a row per method, a column per column of the board that has such contrasts.

    Attributes:
        key: the meaning of the marks.
        columns: numbers of the board's columns.
        rows: label of the line, and its text in each column; empty where there is no contrast.
        references: of each column the reference; empty where each row has another.
    """

    kind: Kind
    title: str
    key: str
    columns: tuple[int, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    references: tuple[str, ...] = ()


def contrast_tables(table: Table) -> list[ContrastTable]:
    """The contrasts with the untrained network, then those with the best supervised result; without empty ones."""
    return [made for kind in TITLES if (made := _of_kind(table, kind)) is not None]


def contrast_sentences(table: Table) -> Iterator[str]:
    """The same as a sentence for each kind and column; the last of a kind explains the marks."""
    for contrasts in contrast_tables(table):
        for k, index in enumerate(contrasts.columns):
            reference = f" ({contrasts.references[k]})" if contrasts.references else ""
            each = "; ".join(f"{label} {texts[k]}" for label, texts in contrasts.rows if texts[k])
            key = f" {contrasts.key}." if index == contrasts.columns[-1] else ""
            yield f"{contrasts.title}{reference}, {table.board.columns[index].name}: {each}.{key}"


def _of_kind(table: Table, kind: Kind) -> ContrastTable | None:
    columns = tuple(i for i, ranks in table.ranks.items() if any(c.kind == kind for c in ranks.contrasts.each))
    if not columns:
        return None
    rows = []
    for number, line in enumerate(table.lines):
        cells = tuple(_text(table, i, table.ranks[i].contrasts.of(kind, number)) for i in columns)
        if any(cells):
            rows.append((line.marked_label, cells))
    references = tuple(_supervised(table, i) for i in columns) if kind == "supervised" else ()
    scale, decimals = (f(table.board, table.board.columns[columns[0]]) for f in _FORM)
    key = KEY.format(margin=f"{table.board.margin * scale:.{int(decimals)}f}")
    return ContrastTable(kind, TITLES[kind], key, columns, tuple(rows), references)


_FORM = (number_format.scale_of, number_format.shown_decimals)


def _text(table: Table, index: int, contrast: Contrast | None) -> str:
    """``+3.2 [1.0, 5.4] *``."""
    if contrast is None:
        return ""
    column = table.board.columns[index]
    scale, decimals = number_format.scale_of(table.board, column), number_format.shown_decimals(table.board, column)
    value, low, high = (f"{number * scale:+.{decimals}f}" for number in (contrast.value, contrast.low, contrast.high))
    marks = "".join([" *" * contrast.significant, " =" * contrast.equal])
    return f"{value} [{low}, {high}]{marks}"


def _supervised(table: Table, index: int) -> str:
    place = table.ranks[index].contrasts.supervised
    if place is None:
        return ""
    line, column = place
    where = "" if column == index else f", {table.board.columns[column].name}"
    return f"{table.name(table.lines[line])}{where}"
