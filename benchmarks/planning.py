"""Time and memory of ``bench run`` to plan and key 100,000 cells.

    python benchmarks/planning.py            # asked: under 10 s and under 1 GiB
    python benchmarks/planning.py --cells 20000

The simulated cohort is prepared before the clock starts, in a folder that is deleted at the end.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.data.source import DataSource
from bench.runner.execute import keyed, prepare_session
from bench.runner.job_estimates import Costs
from bench.runner.plan import RunOptions
from bench.runner.schedule import Schedule, jobs_of
from bench.signals.leads import parse_leads
from bench.storage.workspace import Workspace

METHODS = ("random-resnet", "random-vit", "kmerl", "merl", "simclr", "byol", "cpc", "mae", "crt", "st-mem")
TASKS = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm")
MODES = ("linear", "finetune", "scratch")
FRACTIONS = (0.01, 0.1, 1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=100_000)
    wanted = parser.parse_args().cells
    leads = parse_leads("1..12")
    one_seed = len(METHODS) * len(TASKS) * len(MODES) * len(FRACTIONS) * len(leads)
    seeds = range(-(-wanted // one_seed))
    with tempfile.TemporaryDirectory() as folder:
        source = DataSource(Workspace(Path(folder)), simulated_records=400)
        source.store("ptbxl")
        options = RunOptions(METHODS, TASKS, MODES, FRACTIONS, leads=leads, seeds=tuple(seeds), overrides=["depth=1"])
        import bench.runner.run_cell  # noqa: F401  (torch and the methods: the start of every run, distinguished)

        began = time.perf_counter()
        planned, session = prepare_session(options, source)
        crossed = time.perf_counter()
        keys, unkeyed = keyed(planned.cells, session)
        known = time.perf_counter()
        jobs = jobs_of(list(keys.items()), session, Costs.of(Path(folder), session.profile), shared=True)
        schedule = Schedule.of(jobs)
        ended = time.perf_counter()
    assert not unkeyed, next(iter(unkeyed.values()))
    assert len(set(keys.values())) == len(planned.cells)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    print(
        f"{len(planned.cells):,} cells, {len(schedule.jobs):,} jobs: crossed {crossed - began:.1f} s, keyed "
        f"{known - crossed:.1f} s, scheduled {ended - known:.1f} s, {ended - began:.1f} s in all; {peak:.2f} GiB at most"
    )
    return 0 if ended - began < 10 and peak < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
