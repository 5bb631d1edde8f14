"""Coverage of the intervals and rank ranges of a ranking, in simulated experiments with a known truth.

    python benchmarks/ranking_coverage.py [--experiments 200] [--draws 400]

Methods have a strength, differ from it on each task, and are measured with the noise of patients (half of it common to all
methods of a task) and of replicates. The values are minus the log of an error. Of each interval the share that holds the
truth is counted, over methods and experiments: the statistics of the true values on these tasks, or on 4,000 further tasks. A
rank range holds whole ranks, so that it covers more than 95 %. The truth is a linear model with normal terms, as the ranking
assumes, except in the row that says otherwise. The numbers in docs/explanation/ranking.md come from here.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from typing import Any

import numpy as np

from bench.scoring import method_ranking as ranking

SETTINGS: dict[str, dict[str, Any]] = {
    "8 methods, 6 tasks": {},
    "8 methods, 1 task": {"tasks": 1, "further": False},
    "8 methods, 3 tasks": {"tasks": 3},
    "8 methods, 15 tasks": {"tasks": 15},
    "20 methods, 6 tasks": {"methods": 20},
    "methods as close as the noise": {"strength": 0.04},
    "30 % of the cells missing": {"missing": 0.3},
    "strengths with heavy tails (t, 4 degrees of freedom)": {"tails": True},
}
STATISTICS = ("win rate", "mean rank", "Bradley-Terry", "skill", "rank range")


def statistics(values: np.ndarray, tasks: int) -> dict[str, np.ndarray]:
    """[draw, method] of each statistic, as if counted over so many tasks."""
    shares, compared = ranking.win_shares(values)
    rates = ranking.win_rates(shares)
    strengths = ranking.bradley_terry(shares, compared * (tasks / values.shape[1]))
    skill = ranking.skill_scores(values, 0)
    return dict(
        zip(STATISTICS, (rates, ranking.mean_ranks(rates), strengths, skill, ranking.positions(strengths)), strict=True)
    )


def coverage(
    experiments: int,
    draws: int,
    further: bool,
    methods: int = 8,
    tasks: int = 6,
    strength: float = 0.12,
    missing: float = 0.0,
    tails: bool = False,
    noise: float = 0.03,
    seed: int = 0,
) -> dict[str, float]:
    """The covered share of each statistic."""
    generator = np.random.default_rng(seed)
    covered = defaultdict(list)
    within = 0.05
    for experiment in range(experiments):
        own = strength * (generator.standard_t(4, size=methods) if tails else generator.normal(size=methods))
        true = own + within * generator.normal(size=(tasks, methods)) + 0.4 * generator.normal(size=(tasks, 1))
        measured = true + noise * (generator.normal(size=(tasks, methods)) + generator.normal(size=(tasks, 1)))
        holes = generator.random((tasks, methods)) < missing
        holes[:, 0] = False
        measured[holes] = np.nan
        if further:
            truth = statistics(own + within * generator.normal(size=(1, 4000, methods)), tasks)
        else:
            truth = statistics(np.where(holes, np.nan, true)[None], tasks)
        covariance = np.broadcast_to(noise**2 * (np.eye(methods) + 1), (tasks, methods, methods))
        drawn = ranking.true_values(measured, covariance, draws, seed=experiment, new_blocks=further)
        for name, values in statistics(drawn, tasks).items():
            method = "nearest" if name == "rank range" else "linear"
            low, high = np.nanquantile(values, [0.025, 0.975], axis=0, method=method)
            inside = (truth[name][0] >= low - 1e-9) & (truth[name][0] <= high + 1e-9)
            covered[name].append(inside[1 if name == "skill" else 0 :].mean())
    return {name: float(np.mean(shares)) for name, shares in covered.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--draws", type=int, default=400)
    arguments = parser.parse_args()
    for further in (False, True):
        print(f"\nintervals for {'other tasks of the kind' if further else 'these tasks'}")
        print(f"{'':55}" + "".join(f"{name:>15}" for name in STATISTICS))
        for words, setting in SETTINGS.items():
            if further and not setting.get("further", True):
                continue
            started = time.perf_counter()
            known = {name: value for name, value in setting.items() if name != "further"}
            shares = coverage(arguments.experiments, arguments.draws, further, **known)
            numbers = "".join(f"{100 * shares[name]:13.1f} %" for name in STATISTICS)
            print(f"{words:55}{numbers}   ({time.perf_counter() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
