"""A probe on few labels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.data.source import DataSource
from bench.errors import BenchError, ConfigError
from bench.modes import probe
from bench.runner import execute
from bench.runner.plan import RunOptions, plan
from bench.training.objective import objective_for


def test_methods_share_the_draws_of_a_replicate_and_the_largest_number_is_scored(workspace):
    options = RunOptions(
        ["random-vit", "simple-statistics"],
        ["ptbxl-super"],
        ["kshot"],
        replicates=2,
        overrides=["kshot.shots=[1,4]", "kshot.c=[1]"],
        track=False,
    )
    results = execute.run(options, DataSource(workspace, simulated_records=120)).results
    assert len(results) == 4
    for result in results:
        assert [row["shots"] for row in result.history()] == [1, 4]
        scored = result.predictions().query("partition == 'test'").filter(regex="^score_").to_numpy()
        rounding = 8 * np.finfo(np.float32).eps * np.abs(scored).max()  # both are stored as float32
        np.testing.assert_allclose(result.curve()[-1], scored, rtol=0, atol=rounding)
    records = {(r.cell.method, r.cell.seed): [row["records"] for row in r.history()] for r in results}
    assert records["random-vit", 0] == records["simple-statistics", 0]
    assert records["random-vit", 1] == records["simple-statistics", 1]
    vit = {r.cell.seed: r for r in results if r.cell.method == "random-vit"}
    assert not np.allclose(vit[0].curve()[0], vit[1].curve()[0])


def test_a_penalty_whose_optimum_is_not_reached_is_left_out_and_named(monkeypatch, capsys):
    whole = probe.exact_path

    def path(features, targets, loss_name, n_outputs, cs):
        for c in cs:
            if c in unreached:
                raise BenchError("not reached")
            yield from whole(features, targets, loss_name, n_outputs, [c])

    monkeypatch.setattr(probe, "exact_path", path)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(12, 3, generator=generator)
    targets = (features[:, :2] > 0).float()
    cell = SimpleNamespace(method=SimpleNamespace(name="m"), task=SimpleNamespace(name="t"))
    objective = objective_for("multilabel", 2, training_targets=targets.numpy())
    unreached = {1e-6, 1.0}
    fits = list(probe._fits(cell, features, targets, objective, (1.0, 1e-6, 0.1, 10.0)))
    assert [fit.c for fit in fits] == [0.1, 10.0]
    assert "m on t: c=1e-06 left out" in capsys.readouterr().err
    unreached = {0.1, 1.0}
    with pytest.raises(BenchError, match="not reached"):
        list(probe._fits(cell, features, targets, objective, (0.1, 1.0)))


def test_tasks_without_classes_are_left_out_by_name():
    with pytest.raises(ConfigError, match="kshot counts the positives of each class, and .* is a survival task"):
        plan(RunOptions(["random-vit"], ["code15-survival"], ["kshot"]))
