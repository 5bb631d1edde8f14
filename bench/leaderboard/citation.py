"""Cite methods, tasks, datasets and boards: BibTeX, licence and link."""

from __future__ import annotations

from collections.abc import Iterator

from bench import registry
from bench.errors import UnknownName
from bench.leaderboard.board import boards, load_board
from bench.reading.entry import title_of
from bench.registry import Entry


def citation(name: str) -> Iterator[str]:
    """Lines of BibTeX; what BibTeX has no field for are comments (%).

    Raises:
        UnknownName: no method, task, dataset or board has this name.
    """
    methods, tasks = registry.entries(registry.METHODS), registry.entries(registry.TASKS)
    datasets = registry.entries(registry.DATASETS)
    if name in methods:
        yield _paper(name, methods[name].source, methods[name])
    elif name in tasks:
        yield from _dataset(str(tasks[name].attributes["dataset"]))
    elif registry.TO in name and (both := registry.transfer_of(name)):
        for part in both:
            yield from _dataset(str(tasks[part].attributes["dataset"]))
    elif name in datasets:
        yield from _dataset(name)
    elif name in boards():
        board = load_board(name)
        yield _paper(name, board.source, None)
        names = registry.single(column.task for column in board.columns if column.task)
        shown = [tasks[part] for part in names if part in tasks]
        for dataset in dict.fromkeys(str(task.attributes["dataset"]) for task in shown):
            yield from _dataset(dataset)
    else:
        raise UnknownName("method, task or board", name, dict.fromkeys([*methods, *tasks, *datasets, *boards()]))


def _paper(name: str, source: str, entry: Entry | None) -> str:
    """A source as BibTeX. Its text is the note, since only titles and years can be read from it for certain."""
    if not source:
        return f"% {name}: no paper is stated; it comes with {entry.distribution if entry else 'this project'}."
    fields = {"note": " ".join(source.split())}
    if title := title_of(source):
        fields = {"title": f"{{{title}}}"} | fields
    if entry is not None and entry.year:
        fields["year"] = str(entry.year)
    lines = ",\n".join(f"  {field:5} = {{{value}}}" for field, value in fields.items())
    return f"@misc{{{name},\n{lines}\n}}"


def _dataset(name: str) -> Iterator[str]:
    dataset = registry.load(registry.DATASETS, name)
    yield dataset.citation or f"% {dataset.title}: its class states no citation."
    yield f"% {dataset.title}: {dataset.url}, licence: {dataset.license or 'not stated'}"
