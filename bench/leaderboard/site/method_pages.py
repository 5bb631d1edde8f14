"""The page of each method: its paper, released weights, input, what results measured, and its numbers."""

from __future__ import annotations

import statistics
import warnings
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.cells.result import Result
from bench.errors import foreign_code
from bench.leaderboard.board import Board
from bench.leaderboard.citation import citation
from bench.leaderboard.cost_metrics import cost
from bench.leaderboard.site.describe import method_facts
from bench.leaderboard.site.links import links_in, repositories_in
from bench.leaderboard.site.pictures import SitePictures, placed
from bench.leaderboard.site.render_html import page, write_page
from bench.method.input_words import steps_of_input
from bench.method.released import Released
from bench.progress import counted
from bench.reading.as_published import as_published
from bench.registry import Entry

MANY = 6
"""Boards from which on their list is behind a disclosure."""
_OWN = {"title": "", "paper": "", "links": [], "code_links": [], "weights": [], "input_steps": []}


def write_method_pages(
    methods: Mapping[str, Entry],
    own: Mapping[str, dict[str, Any]],
    boards: Mapping[str, Board],
    tasks: Mapping[str, Any],
    datasets: Container[str],
    rows: Sequence[dict[str, Any]],
    results: Sequence[Result],
    folder: Path,
    pictures: SitePictures,
) -> None:
    """Write the page of each method, and its pictures.

    Args:
        own: facts of the methods that only results know (:func:`bench.leaderboard.site.describe.own_methods`).
        tasks: names of tasks with a page; datasets: those of datasets.
        rows: all results (:func:`bench.leaderboard.site.result_rows.result_rows`).
        folder: where the pages are written.
    """
    results_of, rows_of = defaultdict(list), defaultdict(list)
    for result in results:
        results_of[result.method_name].append(result)
    for row in rows:
        rows_of[row["method"]].append(row)
    for name in {**methods, **own}:
        facts = _OWN | own[name] if name in own else known_facts(methods[name])
        on = [(b.name, b.title) for b in boards.values() if any(row.method == name for row in b.rows)]
        shown = [
            row | {"name": row["task"], "link": f"../tasks/{row['task']}.html", "linked": row["task"] in tasks}
            for row in rows_of[name]
        ]
        text = page(
            "method.html",
            root="../",
            section="methods",
            tables=bool(shown),
            results=shown,
            boards=on,
            datasets=datasets,
            many_boards=len(on) >= MANY,
            measured=measured(results_of[name]),
            cite=cite(name) if name in methods else "",
            **placed(pictures.methods.get(name), folder, name),
            **facts,
        )
        write_page(folder / f"{name}.html", text)


def known_facts(entry: Entry) -> dict[str, Any]:
    """What ``method.html`` shows of a registered method, results left out."""
    facts = method_facts(entry) | _OWN | {"title": entry.title, "paper": entry.paper}
    try:
        with foreign_code():
            stated = as_published(entry)
            cls = entry.load()
            facts["weights"] = weights_facts(cls.weight_files())
            if cls.starts_from_checkpoint() or stated is not None:
                facts["input_steps"] = steps_of_input(entry, cls, cls.Config())
        facts["links"] = links_in(f"{entry.source} {stated.paper if stated else ''}")
        facts["code_links"] = repositories_in(stated.release) if stated else []
    except Exception as error:  # whatever a plugin's module does when it is imported, and settings without a default
        warnings.warn(f"the page of {entry.name} lacks its weights and input: {error}", stacklevel=2)
    return facts


def weights_facts(files: Mapping[str, Released]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Label -> (file, what holds for it); one entry without a file where the same holds for all."""
    labels = {
        "Published at": lambda w: w.page or w.url,
        "File": lambda w: w.file + (f" ({w.megabytes:,} MB)" if w.megabytes else ""),
        "Licence": lambda w: w.licence,
        "Pretrained on": lambda w: w.corpora,
        "Described in": lambda w: w.reference,
        "Assumed": lambda w: w.assumed,
    }
    facts = []
    for label, read in labels.items():
        values = {name: read(weights) for name, weights in files.items() if read(weights)}
        if values:
            same = len(values) == len(files) and len(set(values.values())) == 1
            facts.append((label, [("", next(iter(values.values())))] if same else list(values.items())))
    return facts


def measured(results: Sequence[Result]) -> str:
    """Parameters, GFLOPs and speed as results state them; the speed is of the machine with the most results."""
    parts = []
    for metric, unit in (("cost_parameters_m", "million parameters"), ("cost_gflops", "GFLOPs per recording")):
        values = sorted({v for result in results if (v := cost(result, metric)) is not None})
        if values:
            low, high = f"{values[0]:.3g}", f"{values[-1]:.3g}"
            parts.append(f"{low if low == high else f'{low} to {high}'} {unit}")
    speeds = defaultdict(list)
    for result in results:
        if (speed := cost(result, "cost_recordings_per_second")) is not None:
            speeds[_machine(result)].append(speed)
    if speeds:
        machine, values = max(speeds.items(), key=lambda item: len(item[1]))
        number = counted(len(values), "result")
        parts.append(f"{statistics.median(values):,.0f} recordings per second ({machine}; {number})")
    return "; ".join(parts)


def _machine(result: Result) -> str:
    machine = result.provenance.get("machine") or {}
    if (gpu := machine.get("gpu") or "none") != "none":
        return str(gpu)
    threads = machine.get("threads")
    return f"{machine.get('processor', 'CPU')} CPU" + (f", {counted(threads, 'thread')}" if threads else "")


def cite(name: str) -> str:
    """BibTeX of a method or board; empty where nothing is known, and for a user's own board."""
    try:
        return "\n".join(citation(name))
    except Exception as error:  # an unknown name, or whatever a plugin's module does when it is imported
        warnings.warn(f"the page of {name} lacks its citation: {error}", stacklevel=2)
        return ""
