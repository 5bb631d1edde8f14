"""The page of each task: its question, split and classes, example recordings, and its results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.leaderboard.site.dataset_pages import task_datasets
from bench.leaderboard.site.describe import task_facts
from bench.leaderboard.site.interval_plot import panels
from bench.leaderboard.site.pictures import SitePictures, placed
from bench.leaderboard.site.render_html import page, write_page
from bench.leaderboard.site.transferred_tasks import transferred_facts
from bench.registry import Entry


def write_task_pages(
    tasks: Mapping[str, Entry],
    transfers: Container[str],
    methods: Container[str],
    datasets: Mapping[str, Any],
    rows: Sequence[dict[str, Any]],
    folder: Path,
    pictures: SitePictures,
) -> None:
    """Write the page of each task, and its pictures.

    Args:
        transfers: names of the tasks that are tested on another dataset than that of training.
        methods: names of methods with a page; datasets: those of datasets.
        rows: all results (:func:`bench.leaderboard.site.result_rows.result_rows`).
        folder: where the pages are written.
    """
    rows_of = defaultdict(list)
    for row in rows:
        rows_of[row["task"]].append(row)
    for name, entry in tasks.items():
        shown = [
            row
            | {"name": row["method"], "link": f"../methods/{row['method']}.html", "linked": row["method"] in methods}
            for row in rows_of[name]
        ]
        text = page(
            "task.html",
            root="../",
            section="tasks",
            tables=True,
            results=shown,
            panels=panels(shown),
            datasets=task_datasets(entry, datasets),
            **placed(pictures.tasks.get(name), folder, name),
            **(transferred_facts(entry) if name in transfers else task_facts(entry)),
        )
        write_page(folder / f"{name}.html", text)
