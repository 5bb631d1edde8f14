"""Every method of a board against the best of its column: 40 methods, 24 columns, 1,000 replicates, patients drawn.

    python benchmarks/comparison.py                  # asked: under 30 s
    python benchmarks/comparison.py --columns 2      # a part of it

A column is a test set of the size of PTB-XL's superclasses (2,158 recordings, 5 classes); predictions are made up. Timed are
the replicates of macro AUROC, which a board keeps once made, the 39 paired differences of each column and Holm's correction,
and then all 780 pairs. What bounds it: arithmetic, one pass over ranked records a replicate and class; ``bound`` is adding up
the weights of all records once for each of them, and ``processor`` the time that counts on a busy machine.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bench.scoring.bootstrap import draws
from bench.scoring.comparison import friedman, holm, paired_difference
from bench.scoring.replication import differences_of_all_pairs
from bench.scoring.score import score_replicates

RECORDS, CLASSES = 2158, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=40)
    parser.add_argument("--columns", type=int, default=24)
    parser.add_argument("--replicates", type=int, default=1000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    names = [str(k) for k in range(CLASSES)]
    patients = rng.integers(RECORDS * 9 // 10, size=RECORDS)
    began = time.process_time()
    sums = {"replicates": 0.0, "against the best": 0.0, "all pairs": 0.0}
    values = np.empty((arguments.columns, arguments.methods))
    for column in range(arguments.columns):
        targets = (rng.random((RECORDS, CLASSES)) < 0.25).astype(np.uint8)
        scores = [
            1 / (1 + np.exp(-rng.normal(size=targets.shape) - targets * rng.uniform(1, 2)))
            for _ in range(arguments.methods)
        ]
        started = time.perf_counter()
        known = [
            score_replicates(
                "multilabel", targets, s, names, patients, bootstrap=arguments.replicates, metrics=["macro_auroc"]
            )["macro_auroc"]
            for s in scores
        ]
        marks = [started, time.perf_counter()]
        values[column] = [k.value for k in known]
        best = int(values[column].argmax())
        holm(np.array([paired_difference(known[best], k).p_value for i, k in enumerate(known) if i != best]))
        marks.append(time.perf_counter())
        holm(np.array([d.p_value for d in differences_of_all_pairs([[k] for k in known])]))
        marks.append(time.perf_counter())
        for name, seconds in zip(sums, np.diff(marks), strict=True):
            sums[name] += seconds
    started = time.perf_counter()
    if arguments.columns > 1:
        friedman(values)
    sums["ranks over columns"] = time.perf_counter() - started
    print(
        f"{arguments.methods} methods, {arguments.columns} columns: "
        + ", ".join(f"{k} {v:.1f} s" for k, v in sums.items())
    )
    board = sums["replicates"] + sums["against the best"] + sums["ranks over columns"]
    processor = time.process_time() - began
    print(
        f"the whole board {board:.1f} s; with all pairs {board + sums['all pairs']:.1f} s; processor {processor:.1f} s"
    )
    block = next(draws(np.arange(RECORDS), arguments.replicates, seed=0))
    began = time.process_time()
    for _ in range(20):
        np.add.reduce(block, axis=0)
    passes = arguments.columns * arguments.methods * CLASSES * arguments.replicates / block.shape[1]
    bound = (time.process_time() - began) / 20 * passes
    print(
        f"bound {bound:.1f} s; ours takes {processor / bound:.1f} times that in processor time, made-up predictions included"
    )


if __name__ == "__main__":
    main()
