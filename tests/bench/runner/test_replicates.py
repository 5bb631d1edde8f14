"""Replicates: joint draws of pretraining, labelled records and seed; what plays no role is not varied."""

import numpy as np
import pytest

from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.runner.plan import RunOptions, plan
from bench.runner.session import Session

TASK = "ptbxl-super"


def planned(methods, modes, **options):
    return plan(RunOptions(methods=methods, tasks=[TASK], modes=modes, **options)).cells


def drawn(cells):
    return [(cell.seed, cell.draw, cell.training) for cell in cells]


def test_a_replicate_varies_pretraining_labels_and_seed_together():
    assert drawn(planned(["simclr"], ["linear"], fractions=[0.1], replicates=3)) == [(0, 0, 0), (1, 1, 1), (2, 2, 2)]
    assert drawn(planned(["simclr"], ["linear"], fractions=[0.1], seeds=[0, 1, 2])) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]


@pytest.mark.parametrize(
    ("method", "mode", "options", "second"),
    [
        ("simclr", "linear", {}, (1, 0, 1)),
        ("simclr", "scratch", {"fractions": [0.1]}, (1, 1, 0)),
        ("random-vit", "linear", {}, (1, 0, 0)),
        ("kmerl", "zeroshot", {}, (0, 0, 1)),
        ("simclr", "linear", {"fractions": [0.1], "fraction_rule": "merl"}, (1, 0, 1)),
        ("simclr", "linear", {"fractions": [0.1], "checkpoints": ["SimCLR=somewhere"]}, (1, 1, 0)),
        ("simclr", "linear", {"fractions": [0.1], "checkpoints": ["Sim_CLR=somewhere"]}, (1, 1, 0)),
    ],
)
def test_what_plays_no_role_is_not_varied(method, mode, options, second):
    assert drawn(planned([method], [mode], replicates=2, **options)) == [(0, 0, 0), second]


def test_replicates_and_seeds_exclude_each_other():
    with pytest.raises(ConfigError, match="without --seed"):
        planned(["simclr"], ["linear"], seeds=[1], replicates=2)
    with pytest.raises(ConfigError, match="--replicates 0"):
        planned(["simclr"], ["linear"], replicates=0)


def test_cells_from_before_replicates_read_and_write_as_ever():
    old = Cell("a", "b", "linear", fraction=0.1, seed=2)
    assert not {"draw", "training"} & set(old.to_dict())
    assert Cell.from_dict(old.to_dict()) == old
    new = Cell("a", "b", "linear", fraction=0.1, seed=2, draw=2)
    assert Cell.from_dict(new.to_dict()) == new
    assert list(new.to_dict().values()) != list(
        Cell("a", "b", "linear", fraction=0.1, seed=2, training=2).to_dict().values()
    )
    assert "draw 2" in str(new)


def test_each_number_changes_the_key_and_only_the_training_changes_the_checkpoint(workspace):
    session = Session(DataSource(workspace, simulated_records=120), "smoke")
    cells = [Cell("simclr", TASK, "linear", fraction=0.1, **numbers) for numbers in ({}, {"draw": 1}, {"training": 1})]
    first, other_draw, other_training = map(session.resolve, cells)
    assert len({cell.key for cell in (first, other_draw, other_training)}) == 3
    assert first.spec.key == other_draw.spec.key != other_training.spec.key
    assert other_training.spec.config.pretrain.seed == first.spec.config.pretrain.seed + 1
    assert first.config == other_training.config  # a board shows them in one row


def test_a_draw_of_labels_has_other_records(workspace, monkeypatch):
    from bench.runner import run_cell

    session = Session(DataSource(workspace, simulated_records=120), "smoke")
    seen = []
    monkeypatch.setattr(run_cell, "_predict", lambda resolved, blanked, train, *rest: (seen.append(train), None))
    for draw in (0, 1, 1):
        run_cell.predict_cell(session.resolve(Cell("random-vit", TASK, "linear", fraction=0.2, draw=draw)))
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[1], seen[2])
