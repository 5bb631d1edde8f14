"""1,000 clustered bootstrap replicates of macro AUROC at the size of PTB-XL "all" (2,203 records, 71 classes).

    python benchmarks/bootstrap.py [--replicates 1000] [--loop-replicates 10]

Side by side in one process: scikit-learn's roc_auc_score once a replicate (a few replicates are timed and the time is
scaled up), and ours, in processor seconds. Also printed: the first call in a process, which imports numba and loads or makes
the compiled loop; the largest relative difference from scikit-learn with sample_weight; what bounds ours.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from bench.scoring import bootstrap, weighted

RECORDS, CLASSES = 2203, 71


def simulated(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels with the long tail of PTB-XL's 71 statements (2.7 a record) and scores with an AUROC of 0.76."""
    prevalence = np.clip(rng.gamma(0.5, 0.08, CLASSES), 0.002, 0.45)
    targets = (rng.random((RECORDS, CLASSES)) < prevalence).astype(int)
    return targets, rng.normal(size=(RECORDS, CLASSES)) + targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--loop-replicates", type=int, default=10, help="replicates of the loop that are timed")
    options = parser.parse_args()
    targets, scores = simulated(np.random.default_rng(0))
    clusters = np.arange(RECORDS)

    start = time.process_time()
    weighted.Ranking(targets[:50, :1], scores[:50, :1]).auroc(np.ones((50, 1)))
    first = time.process_time() - start
    times = []
    for _ in range(5):
        bootstrap._kept_draws.cache_clear()
        start = time.process_time()
        ranking = weighted.Ranking(targets, scores)
        fast = np.concatenate([ranking.auroc(drawn) for drawn in bootstrap.draws(clusters, options.replicates, seed=0)])
        times.append(time.process_time() - start)
    ours = min(times)

    weights = next(bootstrap.draws(clusters, options.replicates, seed=0))[:, : options.loop_replicates]
    largest, loop, loop_count = 0.0, 0.0, weights.shape[1]
    for b, weight in enumerate(weights.T):
        drawn = np.repeat(np.arange(RECORDS), weight.astype(int))
        start = time.process_time()
        defined = targets[drawn].any(axis=0)
        roc_auc_score(targets[drawn][:, defined], scores[drawn][:, defined], average=None)
        loop += time.process_time() - start
        expected = roc_auc_score(targets[:, defined], scores[:, defined], average=None, sample_weight=weight)
        largest = max(largest, float(np.abs(fast[b, defined] / expected - 1).max()))
    loop *= options.replicates / loop_count

    block = next(bootstrap.draws(clusters, options.replicates, seed=0))
    start = time.process_time()
    for _ in range(20):
        np.add.reduce(block, axis=0)
    bound = (time.process_time() - start) / 20 * CLASSES * options.replicates / block.shape[1]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {options.replicates} replicates of")
    print(f"{RECORDS} records x {CLASSES} classes, {int(targets.sum())} positives")
    print(f"scikit-learn, one call a replicate   {loop:9.2f} s   ({loop_count} timed, scaled)")
    print(f"bench.scoring, one sort per class    {ours:9.3f} s   (first call of a process: {first:.2f} s more)")
    print(f"ratio                                {loop / ours:9.0f} x")
    print(f"largest relative difference from sample_weight {largest:.1e}")
    print(f"bound: adding every weight once a class takes {bound:.3f} s; ours takes {ours / bound:.1f} times that")


if __name__ == "__main__":
    main()
