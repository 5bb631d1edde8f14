"""Time in a browser of a board of 60 methods x 60 columns, and the size of the page that compares two of its methods.

    pip install 'ecg-bench[browser]'            # and a Chromium
    python benchmarks/wide_board.py             # asked: interactive in under 2 s
    python benchmarks/wide_board.py --methods 100 --columns 30 --keep FOLDER

The results are made up and have no predictions: intervals, p values and classes are drawn, so that everything is tested.
Times are medians of three visits: until the document was read, until the table can be sorted, of a click that sorts, and of a
key in the search field (the table waits for further keys before it searches, which counts). "processor" is the time of the
processor until the table can be sorted: on a busy machine the clock says how busy it is.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells.cell import Cell
from bench.cells.result import Result
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.collect import Table, collect_all
from bench.leaderboard.site.compare_page import ComparePage
from bench.leaderboard.site.write_site import write_site
from bench.leaderboard.statistics.comparisons import Ranks
from bench.scoring.bootstrap import Spread
from bench.scoring.comparison import Difference
from bench.storage.artifacts import digest

CLASSES = 20
READY = """new MutationObserver((_, observer) => {
  if (document.documentElement?.dataset.tables !== "ready") return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.ready = performance.now(); }));
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-tables"] });"""
VISIT = """async () => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const until = async (ready) => { while (!ready()) await new Promise((done) => setTimeout(done, 5)); };
  const times = { read: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd, interactive: window.ready };
  const rows = () => document.querySelectorAll("table.board tbody tr").length, all = rows();
  const heads = document.querySelector("table.board thead").rows;
  let began = performance.now();
  heads[heads.length - 1].cells[2].click();
  await painted();
  times.sort = performance.now() - began;
  const search = document.querySelector("input[type=search]");
  search.value = "m7";
  began = performance.now();
  search.dispatchEvent(new Event("input", { bubbles: true }));
  await until(() => rows() < all);
  await painted();
  times.search = performance.now() - began;
  return times;
}"""


def made_up(methods: int, columns: int) -> list[Result]:
    """A result of each method in each column, with separate values of each class."""
    rng = np.random.default_rng(0)
    results = []
    for m, t in itertools.product(range(methods), range(columns)):
        value = 0.5 + 0.45 * float(rng.random())
        per_class = {f"class {k}": {"auroc": float(rng.random())} for k in range(CLASSES)}
        cell = Cell(f"m{m}", f"t{t}", "linear")
        score = {
            "kind": "multilabel", "n_records": 2000, "per_class": per_class, "support": {},
            "metrics": {"macro_auroc": {"value": value, "low": value - 0.02, "high": value + 0.02}},
        }  # fmt: skip
        results.append(
            Result(
                key=digest([m, t]), cell=cell, profile="paper", data="real", score=score,
                counts={"train": 1000, "validation": 0, "test": 2000, "expected": None},
                split={"name": f"t{t}", "digest": digest(t), "complete": True, "fold": 0},
                dataset={"name": f"d{t}", "version": "1", "digest": digest(t)}, checkpoint={},
                config={"method": {}, "linear": {}}, selection={}, contamination="none",
                provenance={"started": "2026-01-01T00:00:00+00:00", "parameters": 10**7, "gflops": 1.5},
            )
        )  # fmt: skip
    return results


def tested(table: Table) -> Table:
    """The table with a drawn test of every two lines in every column."""
    rng = np.random.default_rng(1)

    def ranks(index: int) -> Ranks:
        tests = {}
        for i, j in itertools.combinations(range(len(table.lines)), 2):
            value, error, p = rng.normal() / 20, rng.random() / 50, rng.random()
            tests[i, j] = (
                Difference(value, value - 2 * error, value + 2 * error, p, Spread(error, np.inf)),
                min(1.0, 2 * p),
            )
        return Ranks(test="bootstrap of the paired difference", tests=tests)

    return replace(table, ranks={index: ranks(index) for index in range(len(table.board.columns))})


def sizes(results: list[Result]) -> tuple[int, int]:
    """Bytes of all scripts of the page of comparisons, and of the largest."""
    (table,) = collect_all(results)
    page = ComparePage([tested(table)], {result.key: result for result in results}, [], (), ())
    each = [len(text.encode()) for _, text in page.scripts()]
    return sum(each), max(each)


def times(page: Path) -> dict[str, float]:
    """Milliseconds, medians of three visits."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    visits: list[dict[str, Any]] = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(3):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            metrics = tab.context.new_cdp_session(tab)
            metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
            tab.add_init_script(READY)
            tab.goto(page.as_uri())
            tab.wait_for_function("window.ready")
            used = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
            visits.append(tab.evaluate(VISIT) | {"processor": 1000 * used["TaskDuration"]})
            tab.close()
        browser.close()
    return {name: statistics.median(visit[name] for visit in visits) for name in visits[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", type=int, default=60)
    parser.add_argument("--columns", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="leave the site in this folder")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp())
    results = made_up(options.methods, options.columns)
    columns = [Column(group=f"g{t // 4}", label=str(t), task=f"t{t}", mode="linear") for t in range(options.columns)]
    rows = [Row(label=f"method m{m}", method=f"m{m}", group="ab"[m % 2]) for m in range(options.methods)]
    board = Board(name="wide", title="Wide", metric="macro_auroc", columns=columns, rows=rows)
    try:
        write_site({"wide": board}, results, folder / "site", compare=False)
        page = folder / "site" / "boards" / "wide.html"
        measured = times(page)
        size = page.stat().st_size
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    total, largest = sizes(results)
    print(f"{options.methods} methods x {options.columns} columns: page of {size / 1e6:.1f} MB")
    print(", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in measured.items()))
    print(f"comparisons: {total / 1e6:.1f} MB in all, at most {largest / 1e3:.0f} kB per method")
    return 0 if measured["processor"] < 2000 else 1


if __name__ == "__main__":
    sys.exit(main())
