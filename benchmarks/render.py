"""Time of all boards from 10,000 stored cells on disk: read, collected, and written in four formats and as a site.

    python benchmarks/render.py                 # asked: under 20 s
    python benchmarks/render.py --cells 500 --keep FOLDER

The cells are synthetic (predictions are drawn, 200 test records of five classes), in a folder that is deleted at the end.
Two times are printed: with every comparison to be made, and with comparisons kept from before, which is what a new result
costs: only its column is tested again. Seconds of the processor are printed next to those of the clock: on a busy machine
the clock says how busy it is.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cells.cell import Cell
from bench.cells.result import Result, read_results, write_result
from bench.leaderboard.board import Board, boards
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.site.write_site import write_site
from bench.registry import TASKS, entries
from bench.scoring.score import score
from bench.storage.artifacts import digest

CLASSES = ["A", "B", "C", "D", "E"]
RECORDS = 200


def cells(all_boards: dict[str, Board], wanted: int) -> Iterator[Cell]:
    """Cells that boards ask for, over and over with further seeds."""
    known = entries(TASKS)
    wanted_cells: dict[Cell, None] = {}
    for board in all_boards.values():
        for row, column in itertools.product(board.rows, board.columns):
            for task, mode, fraction, leads in [] if column.mean_of else wanted_coordinates(row, column):
                if task in known and not row.config:
                    for fold in range(column.folds):
                        wanted_cells[Cell(str(row.method), task, mode, leads, fraction, fold=fold)] = None
    for seed in itertools.count():
        for cell in wanted_cells:
            if wanted == 0:
                return
            wanted -= 1
            yield Cell(cell.method, cell.task, cell.mode, cell.leads, cell.fraction, seed, cell.fold)


def made_up(results: Path, wanted: int, all_boards: dict[str, Board]) -> int:
    """Write the cells; the truth of a task is the same for all, as it is on disk."""
    rng = np.random.default_rng(0)
    known = entries(TASKS)
    written = 0
    scored: dict[tuple, tuple] = {}
    for cell in cells(all_boards, wanted):
        kind = str(known[cell.task].attributes.get("kind", "multilabel"))
        setting = (cell.method, cell.task, cell.mode, cell.fraction, len(cell.leads), cell.fold)
        if setting not in scored:
            truth = np.random.default_rng(int(digest([cell.task, cell.fold])[:8], 16))
            skill = 0.4 + 1.4 * int(digest(cell.method)[:4], 16) / 65535 + 0.25 * np.log10(cell.fraction)
            scored[setting] = _answers(kind, truth, rng, skill)
        scored_as, table = scored[setting]
        result = Result(
            key=digest([cell.to_dict(), "made up"]), cell=cell, profile="paper", data="real", score=scored_as,
            counts={"train": 1000, "validation": 0, "test": RECORDS, "expected": None},
            split={"name": cell.task, "digest": digest([cell.task, cell.fold]), "complete": True, "fold": cell.fold},
            dataset={"name": str(known[cell.task].attributes["dataset"]), "version": "1", "digest": "0"},
            checkpoint={}, config={"method": {}, cell.mode: {}}, selection={}, contamination="none",
            provenance={"started": "2026-01-01T00:00:00+00:00", "parameters": 10**7, "gflops": 1.5,
                        "seconds": {"pretrain": 0.0, "answer": 60.0, "score": 1.0}},
        )  # fmt: skip
        write_result(results, result, table)
        written += 1
    return written


def _answers(
    kind: str, truth: np.random.Generator, rng: np.random.Generator, skill: float
) -> tuple[dict, pd.DataFrame]:
    names = CLASSES
    if kind == "survival":
        log_risk = truth.normal(size=RECORDS)
        years = truth.exponential(8 * np.exp(-log_risk))
        targets = np.stack([np.minimum(years, 10), years < 10], axis=1).astype(float)
        scores, names, columns = log_risk * skill + rng.normal(size=RECORDS), ["event"], ["years", "event"]
    elif kind == "regression":
        targets = truth.normal(size=(RECORDS, len(names)))
        scores, columns = targets * skill + rng.normal(size=targets.shape), names
    elif kind in ("multiclass", "identification"):
        targets = truth.integers(0, len(names), RECORDS)
        raw = np.eye(len(names))[targets] * 2 * skill + rng.normal(size=(RECORDS, len(names)))
        scores, columns = np.exp(raw) / np.exp(raw).sum(1, keepdims=True), [""]
    else:
        targets = (truth.random((RECORDS, len(names))) < [0.5, 0.3, 0.2, 0.1, 0.03]).astype(np.uint8)
        scores, columns = targets * 1.5 * skill + rng.normal(size=targets.shape), names
    ids = np.array([str(k) for k in range(RECORDS)])
    result = score(kind, targets, scores, names, ids, bootstrap=50).to_dict()
    matrix = targets.reshape(RECORDS, -1)
    table = {"record_id": ids, "patient_id": ids, "partition": "test"}
    table |= {f"target_{c}".rstrip("_"): matrix[:, k] for k, c in enumerate(columns)}
    table |= {"score": scores} if scores.ndim == 1 else {f"score_{c}": scores[:, k] for k, c in enumerate(names)}
    return result, pd.DataFrame(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="leave results and site in this folder")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp())
    try:
        all_boards = boards()
        count = len(list((folder / "results").glob("*"))) or made_up(folder / "results", options.cells, all_boards)
        times = []
        for compare, cache in ((False, None), (True, folder / "comparisons"), (True, folder / "comparisons")):
            began, used = time.perf_counter(), time.process_time()
            write_site(all_boards, read_results(folder / "results"), folder / "site", cache, compare)
            times.append((time.perf_counter() - began, time.process_time() - used))
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    spent = [f"{seconds:.1f} s ({used:.1f} s of the processor)" for seconds, used in times]
    print(
        f"{len(all_boards)} boards, {count:,} cells: {spent[2]} with comparisons kept, {spent[1]} with all of them to be "
        f"made, {spent[0]} without"
    )
    return 0 if times[2][1] < 20 else 1


if __name__ == "__main__":
    sys.exit(main())
