"""Compare a method with its own untrained network by a linear probe: before -> after pretraining.

    python benchmarks/learning.py METHOD [METHOD ...] --data-root ptbxl=FOLDER [--profile smoke] [--set FIELD=VALUE]
    python benchmarks/learning.py simclr --simulated-records 400

A row has the macro value of the task's metric with all labels and with a tenth of them, each before and after pretraining,
the effective rank of the representations, and the time that pretraining took. "Before" is the mean over ``--draws`` draws of
initial weights and, in brackets, the lowest and the highest of them; "after" likewise over ``--pretrainings`` seeds.

Only training records of the task are read. They are cut into five parts by patient. Three train a linear head with an L2
penalty (``linear.solver=exact``), the fourth chooses the penalty, the fifth is scored; the value is the mean over the parts.
Networks, input and pooling are the same before and after.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from bench import registry
from bench.cells.cell import Cell
from bench.cli.options import data_source
from bench.progress import say
from bench.runner.features import encode_all
from bench.runner.overrides import check_overrides, parse_overrides
from bench.runner.probe import probe_values
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.session import Session
from bench.splitting.label_fractions import labelled_subset
from bench.splitting.stratify import strata
from bench.training.checkpoint import seeded_method
from bench.training.checkpoint_files import load_weights, read_provenance
from bench.training.collapse import rank_of

PARTS = 5
FEW = 0.1
"""Share of the labels in the second column."""


@dataclass(frozen=True)
class Value:
    """What one set of weights gives."""

    all_labels: float
    few_labels: float
    rank: float


@dataclass(frozen=True)
class Learned:
    """One method before and after pretraining, one value per draw of weights."""

    method: str
    before: list[Value]
    after: list[Value]
    seconds: float


def probe(features: np.ndarray, resolved: ResolvedCell, share: float, seed: int = 0) -> float:
    """Mean over the parts of the value on each, float.

    Args:
        features: of the task's training examples, [example, dim].
        share: of the labels of the parts that train.
    """
    data = resolved.data
    rows = data.partition(0).train
    targets, patients = data.examples.targets[rows], data.examples.patient_ids[rows]
    folds = StratifiedGroupKFold(PARTS, shuffle=True, random_state=seed).split(rows, strata(targets), patients)
    parts = [part for _, part in folds]
    n_outputs = targets.shape[1] if targets.ndim > 1 else len(data.task.classes)
    values = []
    for k in range(PARTS):
        test, choose = parts[k], parts[(k + 1) % PARTS]
        train = np.sort(np.concatenate([parts[(k + i) % PARTS] for i in range(2, PARTS)]))
        train = labelled_subset(train, share, seed, targets)
        values.append(max(probe_values(features, targets, data.task.kind, n_outputs, train, choose, test))[1])
    return float(np.mean(values))


def value_of(features: np.ndarray, resolved: ResolvedCell) -> Value:
    return Value(probe(features, resolved, 1.0), probe(features, resolved, FEW), rank_of(features.astype(float)))


def compare(session: Session, method: str, task: str, draws: int = 5, pretrainings: int = 1) -> Learned:
    """Before and after pretraining; checkpoints of the session's workspace are used where they exist."""
    after, before, seconds = [], [], []
    cell = Cell(method, task, "linear")
    resolved = session.resolve(cell)
    rows = resolved.data.rows[resolved.data.partition(0).train]
    source = resolved.batches_of(rows)

    def value(network) -> Value:
        return value_of(encode_all(network, source, len(rows)), resolved)

    for draw in range(draws):
        before.append(value(seeded_method(resolved.method, resolved.config, draw)))
    for training in range(pretrainings):
        spec = session.checkpoint_spec(resolved.method, resolved.dataset, training)
        assert spec is not None
        folder = session.checkpoint(spec)
        network = seeded_method(spec.method, spec.config, 0)
        load_weights(network, folder)
        after.append(value(network))
        seconds.append(float(read_provenance(folder)["seconds"]))
    return Learned(method, before, after, float(np.mean(seconds)))


def shown(values: Sequence[float]) -> str:
    """The mean; of several, with the lowest and the highest."""
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} [{min(values):.3f}, {max(values):.3f}]"


def row(learned: Learned) -> str:
    """A row of the table, in Markdown."""
    columns = []
    for name in ("all_labels", "few_labels"):
        was, now = ([getattr(value, name) for value in values] for values in (learned.before, learned.after))
        columns.append(f"{shown(was)} -> {shown(now)}")
    ranks = [np.mean([value.rank for value in values]) for values in (learned.before, learned.after)]
    columns += [f"{ranks[0]:.1f} -> {ranks[1]:.1f}", f"{learned.seconds / 60:.1f}"]
    return f"| {learned.method} | " + " | ".join(columns) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="+", metavar="METHOD")
    parser.add_argument("--task", default="ptbxl-super")
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="FIELD=VALUE")
    parser.add_argument("--draws", type=int, default=5, help="draws of initial weights")
    parser.add_argument("--pretrainings", type=int, default=1, help="seeds of pretraining")
    parser.add_argument("--data-root", action="append", metavar="FOLDER")
    parser.add_argument("--simulated-records", type=int)
    parser.add_argument("--workspace")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append every value, one line per method")
    arguments = parser.parse_args()
    source = data_source(arguments.data_root, arguments.workspace, arguments.simulated_records)
    overrides = parse_overrides(arguments.overrides, list(registry.entries(registry.METHODS)))
    check_overrides(overrides, [registry.load(registry.METHODS, name) for name in arguments.methods])
    session = Session(source, arguments.profile, overrides)
    few = f"{FEW:.0%} of the labels"
    print(
        f"| method, `{arguments.profile}` | all labels | {few} | effective rank | minutes |\n|---|---|---|---|---|",
        flush=True,
    )
    for method in arguments.methods:
        try:
            learned = compare(session, method, arguments.task, arguments.draws, arguments.pretrainings)
        except Exception as error:  # the others of a long list are still measured
            say(f"{method}: {type(error).__name__}: {error}")
            continue
        print(row(learned), flush=True)
        if arguments.json:
            with open(arguments.json, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(learned) | {"settings": arguments.overrides}) + "\n")


if __name__ == "__main__":
    main()
