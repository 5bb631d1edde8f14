"""The page that shows two methods side by side: one page, and one file per method, which the page loads as a script.

A page that is opened as a file may load scripts and nothing else. The file of a method has its values and its tests against
the methods after it, so that two files hold whatever two methods have in common.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from bench import kinds
from bench.cells.result import Result
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.contamination import MARKS
from bench.leaderboard.formats.markdown import heading
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.number_format import marks_of
from bench.leaderboard.paired_cells import UNTESTED, labels_of, leads_of, paired_test
from bench.leaderboard.site.matrix import Matrix, MatrixPage
from bench.leaderboard.statistics.comparisons import LEVEL, lower_is_better
from bench.leaderboard.summary import summarise
from bench.storage.artifacts import digest

FOLDER = "compare"


class ComparePage:
    """What ``compare.html`` and its scripts hold.

    Args:
        tables: of all results, without boards (:func:`bench.leaderboard.collect.collect_all`), with their tests.
        matrices: the pages whose tables have a row per method.
        methods, tasks: names with a page.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        results: Mapping[str, Result],
        matrices: Sequence[MatrixPage],
        methods: Container[str],
        tasks: Container[str],
    ) -> None:
        self._tables = [table for table in tables if table.stamp is not None]
        self._results = results
        self._methods, self._tasks = methods, tasks
        self._cells: list[dict[str, Any]] = []
        self._reasons: dict[str, int] = {}
        self._lines: dict[str, dict[str, Any]] = {}
        for table in self._tables:
            for line in table.lines:
                if line.found:
                    self._lines.setdefault(table.name(line), self._new_line(table.name(line), line))
        for table in self._tables:
            for index in range(len(table.board.columns)):
                self._add_cell(table, index)
        self._parts: list[dict[str, Any]] = []
        owners = self._owners()
        for page in matrices:
            for matrix in page.matrices:
                if matrix.cell:
                    self._add_part(page, matrix, owners)

    def content(self) -> dict[str, Any]:
        """What the template shows: methods, cells and parts without the numbers of methods."""
        methods = sorted(self._lines.values(), key=lambda line: line["name"].casefold())
        shared = {
            "folder": FOLDER,
            "methods": [{name: line[name] for name in ("name", "file", "page")} for line in methods],
            "cells": self._cells,
            "reasons": list(self._reasons),
            "parts": self._parts,
        }
        return {"names": [line["name"] for line in methods], "shared": shared}

    def scripts(self) -> Iterator[tuple[str, str]]:
        """The name of each file and its text."""
        for line in self._lines.values():
            data = {name: line[name] for name in ("cells", "tests", "untested", "parts")}
            text = json.dumps([line["file"], data], separators=(",", ":"), ensure_ascii=False)
            yield f"{line['file']}.js", f"benchCompare(...{text});\n"

    def _new_line(self, name: str, line: Line) -> dict[str, Any]:
        page = line.row.label if line.row.config.get("name") else str(line.row.method)
        return {
            "name": name,
            "file": digest(name)[:16],
            "page": page if page in self._methods else "",
            "cells": {},
            "tests": defaultdict(dict),
            "untested": defaultdict(dict),
            "parts": {},
        }

    def _add_cell(self, table: Table, index: int) -> None:
        column, number = table.board.columns[index], len(self._cells)
        metric = column.metric or table.board.metric
        filled = [k for k, line in enumerate(table.lines) if line.summaries[index].value is not None]
        classes = self._classes(table, index, filled)
        ranks = table.ranks.get(index)
        why = UNTESTED if ranks is None else ranks.why
        self._cells.append(
            {
                "kind": heading(table),
                "task": column.task,
                "linked": column.task in self._tasks,
                "mode": column.mode,
                "labels": labels_of(column),
                "leads": leads_of(column),
                "metric": metric_name(metric),
                "lower": lower_is_better(metric),
                "test": ranks.test if ranks else "",
                "why": self._reason(why) if why else None,
                "classes": classes,
            }
        )
        names = [table.name(line) for line in table.lines]
        for k in filled:
            own, summary = self._lines[names[k]], table.lines[k].summaries[index]
            shown = [_shown(v) for v in (summary.value, summary.low, summary.high)]
            exact = round(float(summary.value or 0.0), 6)  # for differences that are not tested
            per_class = self._per_class(table, k, index, classes)
            own["cells"][number] = [*shown, marks_of(table, index, summary), per_class, exact]
            for j in filled[filled.index(k) + 1 :]:
                other, test = self._lines[names[j]]["file"], paired_test(table, index, k, j)
                if isinstance(test, str) and test != why:
                    own["untested"][other][number] = self._reason(test)
                elif not isinstance(test, str):
                    difference, corrected = test
                    bounds = [_shown(v) for v in (difference.value, difference.low, difference.high)]
                    significant = int(corrected < LEVEL)
                    own["tests"][other][number] = [*bounds, _p(difference.p_value), _p(corrected), significant]

    def _reason(self, text: str) -> int:
        return self._reasons.setdefault(text, len(self._reasons))

    def _classes(self, table: Table, index: int, filled: Sequence[int]) -> list[str]:
        """The classes of a column, where its metric is a mean over them."""
        metric = table.board.columns[index].metric or ""
        first = next((self._results.get(k) for line in filled for k in table.lines[line].summaries[index].keys), None)
        definition = kinds.known(first.score.get("kind")) if first is not None else None
        if first is None or definition is None or not definition.has_classes or not metric.startswith("macro_"):
            return []
        per_class = first.score.get("per_class") or {}
        return [name for name, values in per_class.items() if metric.removeprefix("macro_") in values]

    def _per_class(self, table: Table, line: int, index: int, classes: Sequence[str]) -> list[float | None]:
        metric = str(table.board.columns[index].metric).removeprefix("macro_")
        keys = table.lines[line].summaries[index].keys
        behind = [self._results[key] for key in keys if key in self._results] if classes else []
        return [_shown(summarise(behind, metric, name).value) for name in classes]

    def _owners(self) -> dict[tuple[str, str], tuple[int, str]]:
        """Title of cells and method, as matrices name them -> number of the cell and name of the line."""
        of_key: dict[str, tuple[int, str]] = {}
        start = 0
        for table in self._tables:
            for line in table.lines:
                for index, summary in enumerate(line.summaries):
                    of_key |= dict.fromkeys(summary.keys, (start + index, table.name(line)))
            start += len(table.board.columns)
        groups = cell_groups(self._results.values())
        return {
            (group.title, group.method): owner
            for group in groups
            for r in group.results
            if (owner := of_key.get(r.key))
        }

    def _add_part(self, page: MatrixPage, matrix: Matrix, owners: Mapping[tuple[str, str], tuple[int, str]]) -> None:
        every_mark = "".join(MARKS.values())
        rows = [(owners.get((matrix.cell, name.rstrip(every_mark))), cells) for name, cells in matrix.rows]
        known = [(owner, cells) for owner, cells in rows if owner is not None]
        if not known:
            return
        title = matrix.title.removeprefix(matrix.cell).lstrip(": ")
        part = {
            "cell": known[0][0][0],
            "page": page.name,
            "of": page.heading,
            "title": title,
            "heads": matrix.heads[1:],
        }
        for (_, name), cells in known:
            self._lines[name]["parts"][len(self._parts)] = ["\n".join(lines) for lines in cells]
        self._parts.append(part)


def _shown(value: float | None) -> float | None:
    """With the digits that are shown: a number that is rounded twice may differ from the same number elsewhere."""
    return None if value is None or not math.isfinite(value) else round(value, 3)


def _p(value: float) -> float | None:
    """The same; 0 means below 0.001."""
    return _shown(0.0 if value < 0.001 else value)
