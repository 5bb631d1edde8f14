"""A probe on few labels."""

import numpy as np
import pytest

from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.runner import execute
from bench.runner.plan import RunOptions, plan


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


def test_tasks_without_classes_are_left_out_by_name():
    with pytest.raises(ConfigError, match="kshot counts the positives of each class, and .* is a survival task"):
        plan(RunOptions(["random-vit"], ["code15-survival"], ["kshot"]))
