"""Finished cells sent to MLflow: ``bench tracking push`` to a new SQLite store, next to one run and call after the other.

    python benchmarks/tracking.py                       # asked: at most 0.05 s a run
    python benchmarks/tracking.py --cells 100 --uri http://HOST:PORT

The cells are made up, with K-MERL's settings and the metrics of 23 classes. The plain way is MLflow's fluent one: start a
run, log params, tags and metrics in one call each, then its two files. A second push, which finds everything there, is
timed too. Seconds of the processor are printed next to those of the clock: on a busy machine the clock says how busy it is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cells.cell import Cell
from bench.cells.result import Result, read_results, write_result
from bench.storage.artifacts import digest
from bench.tracking.mirror import push
from bench.tracking.run_fields import metrics_of, params_of, tags_of
from methods.kmerl import KMERL

CLASSES = [f"class {k}" for k in range(23)]


def made_up(results: Path, wanted: int) -> None:
    rng = np.random.default_rng(0)
    ids = [str(k) for k in range(200)]
    table = pd.DataFrame({"record_id": ids, "patient_id": ids, "partition": "test"})
    table = table.join(pd.DataFrame(rng.random((200, 23)), columns=[f"score_{c}" for c in CLASSES]))
    config = KMERL.Config().model_dump(mode="json")
    for seed in range(wanted):
        cell = Cell("kmerl", "ptbxl-sub", "zeroshot", seed=seed)
        score = {
            "kind": "multilabel", "n_records": 200, "n_clusters": 200, "left_out": [], "thresholds": None, "notes": [],
            "metrics": {f"macro_{m}": {"value": 0.8, "low": 0.7, "high": 0.9} for m in ("auroc", "auprc", "f1")},
            "per_class": {c: {"auroc": 0.8, "auprc": 0.5, "f1": 0.4, "accuracy": 0.9} for c in CLASSES},
            "support": dict.fromkeys(CLASSES, 9), "bootstrap": 1000, "seed": 0,
        }  # fmt: skip
        result = Result(
            key=digest([cell.to_dict(), "made up"]), cell=cell, profile="paper", data="real", score=score,
            counts={"train": 1000, "validation": 0, "test": 200, "expected": None},
            split={"name": "ptbxl-sub", "digest": digest("split"), "complete": True, "fold": 0},
            dataset={"name": "ptbxl", "version": "1.0.3", "digest": "0"},
            checkpoint={"name": "kmerl", "key": "0" * 64, "corpus": {"dataset": "mimic-iv-ecg", "store": "0" * 64}},
            config={"method": config, "zeroshot": {"batch_size": 64}}, selection={}, contamination="none",
            provenance={"started": "2026-01-01T00:00:00+00:00", "parameters": 10**7, "gflops": 1.5,
                        "versions": {f"package {k}": "1.0" for k in range(20)}, "prompts": CLASSES,
                        "seconds": {"pretrain": 0.0, "answer": 60.0, "score": 1.0}},
        )  # fmt: skip
        write_result(results, result, table)


def plain(results: Sequence[Result], uri: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("plain")
    for result in results:
        with mlflow.start_run(run_name=str(result.cell)):
            mlflow.log_params(params_of(result))
            mlflow.set_tags(tags_of(result))
            mlflow.log_metrics(metrics_of(result))
            for name in ("result.json", "predictions.parquet"):
                mlflow.log_artifact(str(result.folder / name))


def timed(function: Callable[[], object]) -> tuple[float, float]:
    start, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--plain-cells", type=int, default=40, help="cells of the plain way that are timed")
    parser.add_argument("--uri", help="a tracking server; default: a new SQLite store")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        folder = Path(temporary) / "results"
        made_up(folder, options.cells)
        uri = options.uri or f"sqlite:///{temporary}/mlflow.db"
        first = next(iter(read_results(folder)))
        sizes = ", ".join(str(len(fields(first))) for fields in (params_of, tags_of, metrics_of))
        push_one = Path(temporary) / "one"
        write_result(push_one, first, first.predictions())
        push(push_one, uri, "first")  # imports and tables
        wall, processor = timed(lambda: push(folder, uri, "cells"))
        again, _ = timed(lambda: push(folder, uri, "cells"))
        some = [result for result, _ in zip(read_results(folder), range(options.plain_cells), strict=False)]
        plain_wall, plain_processor = timed(lambda: plain(some, uri))
    print(f"{options.cells} cells; {sizes} params, tags and metrics; load {os.getloadavg()[0]:.1f}")
    print(f"push {1e3 * wall / options.cells:.1f} ms a run, processor {1e3 * processor / options.cells:.1f} ms")
    print(f"push of what is there {1e3 * again / options.cells:.1f} ms a run")
    print(
        f"one call after the other {1e3 * plain_wall / len(some):.1f} ms a run, processor "
        f"{1e3 * plain_processor / len(some):.1f} ms: ratio {plain_processor / len(some) / processor * options.cells:.1f}"
    )


if __name__ == "__main__":
    main()
