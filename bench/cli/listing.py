"""``bench methods`` and ``bench tasks``: list what is registered, read from source without importing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.errors import ConfigError
from bench.progress import without_markup
from bench.registry import modes_of

_LISTED = {
    "name": 0,
    "family": 1,
    "dataset": 1,
    "kind": 2,
    "classes": 3,
    "year": 2,
    "pretrains": 4,
    "modes": 5,
    "split": 6,
    "paper": 7,
    "description": 0,
}
"""Columns of the listing -> rank: on a narrow terminal those with the highest are left out."""
_SHORTEST = 28
"""Characters of the description, at least."""

YearOption = Annotated[
    list[str] | None,
    typer.Option("--year", metavar="YEARS", help="Only those with a paper of these years: 2024 or 2020-2022."),
]
SearchOption = Annotated[
    str | None,
    typer.Option("--search", metavar="TEXT", help="Only those whose name, description or source contains this text."),
]


def methods_command(
    pattern: Annotated[str | None, typer.Argument(help="A name, a wildcard, or a word to search for.")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="NAMES",
            help="Only methods of these families: contrastive, masked, report, multimodal, supervised, tabular, "
            "features, untrained, ...",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            "--mode",
            metavar="NAMES",
            help="Only methods that offer one of these modes.",
            autocompletion=o.complete_modes,
        ),
    ] = None,
    year: YearOption = None,
    search: SearchOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Full descriptions with their sources.")] = False,
    json_output: o.Json = False,
) -> None:
    """List the methods, one line each; with a name, or --verbose, all facts: family, paper, year, modes, pretraining. bench explain METHOD describes one."""
    from bench import registry

    matching, named = _matching(registry.METHODS, pattern)
    matching = _only(matching, "family", o.split_commas(family), lambda entry: [entry.attributes.get("family")])
    matching = _only(matching, "mode", o.split_commas(mode), modes_of)
    matching = _of_paper(matching, year, search)
    rows = [
        {
            "name": entry.name,
            "family": entry.attributes.get("family") or None,
            "paper": entry.paper or None,
            "year": entry.year,
            "modes": modes_of(entry),
            "pretrains": "pretraining_loss" in entry.defines,
            "description": entry.summary,
            "source": entry.source,
            "module": entry.module,
            "distribution": entry.distribution,
        }
        for entry in matching
    ]
    if not rows:
        typer.echo("no method matches; bench methods lists all", err=True)
    _print(rows, "bench methods", named, verbose, json_output)


def tasks_command(
    pattern: Annotated[
        str | None, typer.Argument(help="A name, a wildcard, a dataset, or a word to search for.")
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset", metavar="NAMES", help="Only these datasets.", autocompletion=o.complete("bench.datasets")
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="NAMES", help="Only these kinds: multilabel, survival, regression, ..."),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            "--mode",
            metavar="NAMES",
            help="Only tasks that one of these modes can score; zeroshot needs classes in words.",
            autocompletion=o.complete_modes,
        ),
    ] = None,
    year: YearOption = None,
    search: SearchOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Full descriptions with their sources.")] = False,
    json_output: o.Json = False,
) -> None:
    """List the tasks, one line each; with a name, or --verbose, all facts: dataset, kind, classes, modes, split, paper, year."""
    from bench import kinds, registry

    of_dataset = pattern if pattern in registry.entries(registry.DATASETS) else None
    if of_dataset and pattern not in registry.entries(registry.TASKS):
        pattern, dataset = None, [*(dataset or ()), of_dataset]
    matching, named = _matching(registry.TASKS, pattern)
    matching = _only(matching, "dataset", o.split_commas(dataset), lambda entry: [entry.attributes.get("dataset")])
    matching = _only(matching, "kind", o.split_commas(kind), lambda entry: [kinds.of_entry(entry)])
    matching = _only(matching, "mode", o.split_commas(mode), _modes_for)
    rows = []
    for entry in _of_paper(matching, year, search):
        classes = entry.attributes.get("classes", {})
        row = {
            "name": entry.name,
            "dataset": entry.attributes.get("dataset"),
            "kind": kinds.of_entry(entry),
            "classes": len(classes) or None,
            "split": entry.attributes.get("split"),
            "paper": entry.paper or None,
            "year": entry.year,
            "description": entry.summary,
            "source": entry.source,
        }
        if verbose or json_output or named:
            row |= {
                "modes": _modes_for(entry),
                "prompts": classes,
                "module": entry.module,
                "distribution": entry.distribution,
            }
        rows.append(row)
    if not rows:
        typer.echo("no task matches; bench tasks lists all", err=True)
    _print(rows, "bench tasks", named, verbose, json_output)


def _modes_for(entry: Any) -> list[str]:
    """The modes that can score a task, as far as its source says."""
    from bench import kinds, modes

    kind = kinds.load(kinds.of_entry(entry))
    classes = "classes" in entry.attributes and entry.attributes.get("in_words", True)
    return [name for name in modes.names() if not modes.facts(name).cannot_score(entry.name, kind, classes)]


def _matching(group: str, pattern: str | None) -> tuple[list[Any], bool]:
    """The entries of a name or wildcard, or else those whose text has the word; and whether it was a name.

    Raises:
        ConfigError: neither a name nor a word of any entry.
    """
    from bench import registry

    known = registry.entries(group)
    if pattern is None:
        return list(known.values()), False
    try:
        return [known[name] for name in registry.single(registry.match(group, [pattern]))], True
    except ConfigError:
        if hits := [entry for entry in known.values() if _has_text(entry, pattern)]:
            return hits, False
        raise


def _has_text(entry: Any, text: str) -> bool:
    words = (entry.name, entry.summary, entry.source, str(entry.attributes.get("family", "")))
    return text.casefold() in "\n".join(words).casefold()


def _only(
    matching: list[Any], word: str, wanted: Sequence[str], values_of: Callable[[Any], Sequence[str | None]]
) -> list[Any]:
    """Those of which one of the values is wanted; all without a wish.

    Raises:
        UnknownName: a value that none of them has.
    """
    from bench.errors import UnknownName

    values = {value for entry in matching for value in values_of(entry) if value}
    wanted = [name.lower() for name in wanted]
    for name in wanted:
        if name not in values:
            raise UnknownName(word, name, values)
    return [entry for entry in matching if not wanted or set(wanted) & set(values_of(entry))]


def _of_paper(matching: list[Any], year: Sequence[str] | None, search: str | None) -> list[Any]:
    """Those of a paper of these years, in whose name, description or source the text appears."""
    years = o.numbers(year, "--year", int)
    return [
        entry
        for entry in matching
        if (not years or entry.year in years) and (search is None or _has_text(entry, search))
    ]


def _print(rows: list[dict[str, Any]], command: str, details: bool, verbose: bool, json_output: bool) -> None:
    """Print a listing: one line per row, cut at the terminal's edge; or all facts of each row beneath its name.

    Args:
        details: a name was asked for, so that its facts are shown; ``verbose`` shows those of all rows, and their sources.
    """
    if json_output:
        o.print_json(rows)
        return
    from rich.text import Text

    from bench.cli.terminal import console, wrapped

    out = console()
    if details or verbose:
        for row in rows:
            out.print(Text(row["name"], style="bold"))
            for column in list(row)[1:]:
                if row[column] not in (None, []) and (verbose or column not in ("source", "module", "distribution")):
                    fact = f"{column}: {_text(row[column], column, True)}"
                    out.print(Text(wrapped(f"  {fact}", out.width)))
        return
    lines = _one_line_each(rows, out.width)
    for line, style in zip(lines, ["bold", *[""] * len(rows)], strict=False):
        out.print(Text(line, style=style), highlight=False)
    if out.is_terminal and rows:
        out.print(Text(f"Details: {command} NAME; of all: {command} --verbose", style="dim"))


def _one_line_each(rows: Sequence[dict[str, Any]], width: int) -> list[str]:
    """A header and a line per row, with as many columns as leave room for the beginning of the description."""
    shown = {c: [c, *(_text(row[c], c, False) for row in rows)] for c in _LISTED if rows and c in rows[0]}
    widths = {column: max(map(len, texts)) for column, texts in shown.items()}
    room, fitting = width - _SHORTEST, []
    for column in sorted(shown, key=_LISTED.__getitem__):
        if column != "description":
            room -= widths[column] + 2
            fitting += [column] if room >= 0 or column == "name" else []
    lines = []
    for i in range(len(rows) + 1 if rows else 0):
        line = "".join(f"{shown[c][i]:{widths[c]}}  " for c in shown if c in fitting) + shown["description"][i]
        lines.append(line if len(line) <= width else f"{line[: width - 1]}…")
    return lines


def _text(value: Any, column: str, verbose: bool) -> str:
    if column == "description" and not verbose:
        return without_markup(str(value).split(". ")[0].rstrip("."))
    if isinstance(value, dict):
        return "; ".join(f"{k}: {v}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return (
        {True: "yes", False: "no", None: "-"}.get(value, str(value))
        if value is None or isinstance(value, bool)
        else without_markup(str(value))
    )
