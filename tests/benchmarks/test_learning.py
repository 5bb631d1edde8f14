"""``benchmarks/learning.py``: before and after pretraining by a probe that reads training records alone."""

import numpy as np
import pytest

from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.runner.overrides import parse_overrides
from bench.runner.session import Session

TINY = ("simclr.width=4", "simclr.pretrain.epochs=1", "simclr.pretrain.batch_size=32")


@pytest.fixture
def session(workspace):
    return Session(DataSource(workspace, simulated_records=120), "smoke", parse_overrides(TINY, ["simclr"]))


def test_the_probe_ranks_labels_that_features_hold_and_not_others(learning, session):
    resolved = session.resolve(Cell("simclr", "ptbxl-super", "linear"))
    rows = resolved.data.partition(0).train
    known = resolved.data.examples.targets[rows].astype(np.float32)
    noise = np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32)
    assert learning.probe(known, resolved, 1.0) > 0.99
    assert learning.probe(known, resolved, 0.5) > 0.9
    assert learning.probe(noise, resolved, 1.0) < 0.65


@pytest.mark.slow
def test_a_row_has_both_sides_each_draw_and_the_time(learning, session):
    learned = learning.compare(session, "simclr", "ptbxl-super", draws=2)
    assert (len(learned.before), len(learned.after)) == (2, 1)
    assert learned.before[0] != learned.before[1]
    assert learned.seconds > 0
    values = [value for draw in (*learned.before, *learned.after) for value in (draw.all_labels, draw.few_labels)]
    assert all(0.2 < value <= 1 for value in values)
    cells = [cell.strip() for cell in learning.row(learned).strip("|").split("|")]
    assert cells[0] == "simclr"
    assert cells[1].split(" -> ")[0].startswith(f"{np.mean([v.all_labels for v in learned.before]):.3f} [")
    assert cells[1].split(" -> ")[1] == f"{learned.after[0].all_labels:.3f}"
