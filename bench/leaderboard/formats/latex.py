"""A board as LaTeX: one booktabs table per table of the board."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from bench.leaderboard import number_format
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.comparison_notes import comparison_notes
from bench.leaderboard.contrast_tables import contrast_tables

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "—": "--", "–": "--", "±": r"$\pm$", "×": r"$\times$",
    "§": r"\S{}", "¶": r"\P{}", "≡": r"$\equiv$", "°": r"$^\circ$", "Δ": r"$\Delta$", "∅": r"$\emptyset$",
    "†": r"$\dagger$", "‡": r"$\ddagger$", "·": r"$\cdot$", "²": r"$^2$", "−": "$-$", "λ": r"$\lambda$", "τ": r"$\tau$",
}  # fmt: skip


def write(board: Board, tables: Sequence[Table]) -> str:
    """The whole file; the preamble needs ``booktabs``."""
    head = f"% {board.title}. Needs \\usepackage{{booktabs}}.\n"
    return head + "\n".join("\n".join(_table(board, table)) + "\n" for table in tables)


def _table(board: Board, table: Table) -> Iterator[str]:
    lines, columns, _, _ = number_format.visible(table)
    yield r"\begin{table}"
    yield r"\centering"
    caption = f"{board.title}. " + (str(table.stamp) if table.stamp else f"Published numbers ({board.source})") + "."
    if table.shows_published and table.stamp:
        caption += f" Ours [95 % interval] (published: {board.source})."
    keys = [f"Differences: {contrasts.key}." for contrasts in contrast_tables(table)[:1]]
    yield rf"\caption{{{_text(' '.join([caption, *keys, *comparison_notes(table), *table.footnotes]))}}}"
    yield rf"\begin{{tabular}}{{l{'r' * len(columns)}}}"
    yield r"\toprule"
    groups = [(g, len(list(i))) for g, i in itertools.groupby(columns, key=lambda i: board.columns[i].group)]
    if any(group for group, _ in groups):
        yield " & ".join(["", *[rf"\multicolumn{{{n}}}{{c}}{{{_text(g)}}}" for g, n in groups]]) + r" \\"
        first = 2
        rules = []
        for _, width in groups:
            rules.append(rf"\cmidrule(lr){{{first}-{first + width - 1}}}")
            first += width
        yield " ".join(rules)
    yield " & ".join(["", *[_text(board.columns[i].label) for i in columns]]) + r" \\"
    yield r"\midrule"
    group = None
    for line in lines:
        if line.row.group and line.row.group != group:
            yield rf"\multicolumn{{{len(columns) + 1}}}{{l}}{{\emph{{{_text(line.row.group)}}}}} \\"
        group = line.row.group
        yield " & ".join([_text(line.marked_label), *[_place(table, line, i) for i in columns]]) + r" \\"
    if table.stamp is not None:
        yield r"\midrule"
        yield " & ".join(["records scored", *[_text(number_format.records(table, i)) for i in columns]]) + r" \\"
    for contrasts in contrast_tables(table):
        yield r"\midrule"
        yield rf"\multicolumn{{{len(columns) + 1}}}{{l}}{{\emph{{{_text(contrasts.title)}}}}} \\"
        if contrasts.references:
            shown = dict(zip(contrasts.columns, contrasts.references, strict=True))
            yield " & ".join(["reference", *[_text(shown.get(i, "")) for i in columns]]) + r" \\"
        for label, texts in contrasts.rows:
            shown = dict(zip(contrasts.columns, texts, strict=True))
            yield " & ".join([_text(label), *[_text(shown.get(i) or number_format.MISSING) for i in columns]]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _place(table: Table, line: Line, index: int) -> str:
    letters = "" if number_format.same_as(table, line, index) else number_format.superscript(table, line, index)
    return _text(number_format.format_cell(table, line, index)) + (f"$^{{{letters}}}$" if letters else "")


def _text(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)
