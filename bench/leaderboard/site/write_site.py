"""The site: an index of boards, one page per board, method, task and dataset, and one on protocols. Static, no network."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import kinds, registry
from bench.cells.ledger import Counts
from bench.cells.result import Result
from bench.leaderboard.board import Board, board_files
from bench.leaderboard.class_notes import FEW
from bench.leaderboard.collect import Table, collect, collect_all, compared
from bench.leaderboard.formats import latex, markdown, table_csv
from bench.leaderboard.formats.markdown import heading
from bench.leaderboard.scored_splits import with_scored
from bench.leaderboard.site.cell_pages import cell_facts, is_written, same_address, write_card
from bench.leaderboard.site.compare_page import FOLDER, ComparePage
from bench.leaderboard.site.dataset_pages import write_dataset_pages
from bench.leaderboard.site.describe import mode_facts, own_methods
from bench.leaderboard.site.feed import feed
from bench.leaderboard.site.first_page import first_page
from bench.leaderboard.site.matrices import matrix_pages
from bench.leaderboard.site.method_pages import cite, write_method_pages
from bench.leaderboard.site.pictures import SitePictures
from bench.leaderboard.site.render_html import assets, board_content, page, write_page
from bench.leaderboard.site.result_rows import result_rows as result_rows_of
from bench.leaderboard.site.task_pages import write_task_pages
from bench.leaderboard.site.transferred_tasks import transferred_tasks
from bench.leaderboard.statistics.ranking import ranked
from bench.progress import track

OURS = "Across papers"


def write_site(
    boards: Mapping[str, Board],
    results: Iterable[Result],
    destination: Path,
    cache: Path | None = None,
    compare: bool = True,
    counts: Counts | None = None,
    pictures: SitePictures | None = None,
) -> Path:
    """Write all pages below ``destination``; what is there of the same name is replaced.

    Args:
        results: all that there are; every board takes what belongs to it.
        cache: a folder for what the comparisons found (:func:`bench.leaderboard.collect.compared`).
        compare: whether rows are tested against each other and pages have subgroups and corruptions, which reads stored
            predictions.
        counts: how often the test splits were scored.
        pictures: for the pages of methods and tasks, drawn before (:mod:`bench.explain.site_pictures`).

    Returns:
        the index.
    """  # fmt: skip
    results = list(results)
    frozen = gc.get_freeze_count()  # by the caller, whose objects would be thawed with ours
    if not frozen:  # every collection would look through all results: a tenth of the time with ten thousand of them
        gc.freeze()
    try:
        _write_pages(boards, results, destination, cache, compare, counts or {}, pictures or SitePictures())
    finally:
        if not frozen:
            gc.unfreeze()
    return destination / "index.html"


def _write_pages(
    boards: Mapping[str, Board],
    results: Sequence[Result],
    destination: Path,
    cache: Path | None,
    compare: bool,
    counts: Counts,
    pictures: SitePictures,
) -> None:
    by_key = {result.key: result for result in results}
    methods, tasks = registry.entries(registry.METHODS), registry.entries(registry.TASKS)
    datasets = registry.entries(registry.DATASETS)
    known = board_files()
    own = own_methods(results, methods)
    pages = {**methods, **own}  # names with a page
    result_rows = result_rows_of(results)
    transfers = transferred_tasks(row["task"] for row in result_rows)
    tasks = {**tasks, **transfers}
    for name, text in assets().items():
        write_page(destination / "assets" / name, text)
    overview = []
    with track("boards") as progress:
        for number, board in enumerate(boards.values(), 1):
            tables = collect(board, results)
            if compare:
                tables = ranked(compared(tables, results, cache), results)
            tables = with_scored(tables, counts)
            folder = destination / "boards"
            content = board_content(board, tables, by_key, cache)
            write_page(
                folder / f"{board.name}.html",
                page(
                    "board.html",
                    root="../",
                    section="boards",
                    linked=pages,
                    cite=cite(board.name) if board.name in known else "",
                    **content,
                ),
            )
            for suffix, module in ((".md", markdown), (".tex", latex), (".csv", table_csv)):
                write_page(folder / f"{board.name}{suffix}", module.write(board, tables))
            overview.append(_overview(board, tables))
            progress(number, len(boards), board.name)
    matrices = matrix_pages(results, cache, compare)
    for matrix in matrices:
        text = page("matrix.html", root="", section="boards", **matrix.content())
        write_page(destination / f"{matrix.name}.html", text)
    everything = collect_all(results)
    if compare:
        everything = compared(everything, results, cache)
    comparison = ComparePage(everything, by_key, matrices, pages, tasks)
    for name, text in comparison.scripts():
        write_page(destination / FOLDER / name, text)
    content = comparison.content() | {"matrices": [(matrix.name, matrix.heading) for matrix in matrices]}
    write_page(destination / "compare.html", page("compare.html", root="", section="compare", **content))
    write_page(destination / "feed.xml", feed(results))
    names = [(f"method {n}", f"methods/{n}.html") for n in pages] + [(f"task {n}", f"tasks/{n}.html") for n in tasks]
    names += [(f"dataset {n}", f"datasets/{n}.html") for n in datasets]
    names += [(board.title, f"boards/{board.name}.html") for board in boards.values()]
    index = {
        "names": names,
        "linked": pages,
        "matrices": [(matrix.name, matrix.heading, matrix.summary) for matrix in matrices],
        "filled": _grouped([entry for entry in overview if entry["filled"]]),
        "empty": _grouped([entry for entry in overview if not entry["filled"]]),
        **first_page(results if compare else []),
    }
    write_page(destination / "index.html", page("index.html", root="", section="boards", **index))
    _write_listings(destination, methods, own, tasks, result_rows)
    write_method_pages(methods, own, boards, tasks, datasets, result_rows, results, destination / "methods", pictures)
    write_task_pages(tasks, transfers, pages, datasets, result_rows, destination / "tasks", pictures)
    write_dataset_pages(datasets, tasks, methods, result_rows, results, destination / "datasets")
    for result in same_address(results):
        if is_written(result, destination / "cells"):
            continue
        with_card = write_card(result, destination / "cells")
        facts = cell_facts(result) | {"linked": pages, "tasks": tasks, "with_card": with_card}
        write_page(
            destination / "cells" / f"{result.key}.html",
            page("cell.html", root="../", section="", tables=bool(facts["classes"]), **facts),
        )
    write_page(
        destination / "protocols.html",
        page("protocols.html", root="", section="protocols", modes=mode_facts(), few=FEW),
    )


def _overview(board: Board, tables: Sequence[Table]) -> dict[str, Any]:
    def filled(table: Table) -> int:
        return sum(summary.value is not None for line in table.lines for summary in line.summaries)

    best = max(tables, key=filled, default=None)
    places = sum(row.method is not None for row in board.rows) * len(board.columns)
    return {
        "name": board.name,
        "title": board.title,
        "source": board.source,
        "places": max(places, filled(best) if best else 0),
        "filled": filled(best) if best else 0,
        "tables": [{"stamp": heading(table), "filled": filled(table)} for table in tables if table.stamp is not None],
    }


def _grouped(overview: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Boards by paper; those of no paper first."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in overview:
        paper, colon, title = entry["title"].partition(": ")
        of_paper = bool(colon) and (" Table " in paper or " Figure " in paper)
        name = paper.split(" Table ")[0].split(" Figure ")[0] if of_paper else OURS
        groups[name].append(
            entry | {"title": f"{paper.removeprefix(name).strip()}: {title}" if of_paper else entry["title"]}
        )
    return sorted(groups.items(), key=lambda item: (item[0] != OURS, item[0]))


def _write_listings(
    destination: Path,
    methods: Mapping[str, Any],
    own: Mapping[str, Any],
    tasks: Mapping[str, Any],
    result_rows: Sequence[dict[str, Any]],
) -> None:
    def count(field: str, name: str) -> int:
        return sum(len(row["cells"]) for row in result_rows if row[field] == name)

    rows = [(n, [_first(e.summary), ", ".join(registry.modes_of(e)), count("method", n)]) for n, e in methods.items()]
    rows += [(n, [facts["about"][0][1], ", ".join(facts["modes"]), count("method", n)]) for n, facts in own.items()]
    heads = ["Method", "What it is", "Modes", "Results"]
    write_page(
        destination / "methods" / "index.html",
        page("listing.html", root="../", section="methods", heading="Methods", heads=heads, rows=rows, tables=True),
    )
    rows = [
        (n, [_first(e.summary), e.attributes.get("dataset"), kinds.of_entry(e), count("task", n)])
        for n, e in tasks.items()
    ]
    heads = ["Task", "What it asks", "Dataset", "Kind", "Results"]
    write_page(
        destination / "tasks" / "index.html",
        page("listing.html", root="../", section="tasks", heading="Tasks", heads=heads, rows=rows, tables=True),
    )


def _first(text: str) -> str:
    return text.split(". ")[0].rstrip(".").replace("`", "")
