"""A probe after each block."""

import numpy as np
import pytest

from bench.cells.result import CURVE
from bench.data.source import DataSource
from bench.errors import DataError
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.runner.rescore import with_score


def run(workspace, mode, *overrides, **options):
    options = RunOptions(["random-vit"], ["ptbxl-super"], [mode], overrides=overrides, track=False, **options)
    (result,) = execute.run(options, DataSource(workspace, simulated_records=120)).results
    return result


def test_the_last_layer_is_the_encoders_output_and_the_best_on_validation_data_is_scored(workspace):
    result, linear = (run(workspace, *mode) for mode in (("layer",), ("linear", "linear.solver=exact")))
    history, curve = result.history(), result.curve()
    assert result.selection["blocks"] == [*(f"encoder.blocks.{i}" for i in range(4)), "encode"]
    assert [row["depth"] for row in history] == [1, 2, 3, 4, 5]
    values = [row["validation"] for row in history]
    assert result.selection["value"] == max(values)
    assert values[-1] == pytest.approx(linear.selection["value"], rel=1e-4)
    predictions, of_linear = (
        r.predictions().query("partition == 'test'").filter(regex="^score_").to_numpy() for r in (result, linear)
    )
    rounding = 8 * np.finfo(np.float32).eps * np.abs(predictions).max()  # both are stored as float32
    np.testing.assert_allclose(curve[result.selection["layer"] - 1], predictions, rtol=0, atol=rounding)
    np.testing.assert_allclose(curve[-1], of_linear, rtol=0, atol=1e-4 * np.abs(of_linear).max())


def test_features_of_layers_are_kept_apart_from_those_of_encode_and_shared(workspace):
    run(workspace, "linear", "linear.epochs=1")
    run(workspace, "layer")
    assert len(list(workspace.features.glob("random-vit-*"))) == 2
    run(workspace, "layer", "layer.c=[1]")
    assert len(list(workspace.features.glob("random-vit-*"))) == 2


def test_a_new_score_keeps_the_curve(workspace):
    result = run(workspace, "layer")
    again = with_score(result, result.score | {"n_records": 0})
    assert again.score["n_records"] == 0
    np.testing.assert_array_equal(again.curve(), result.curve())


def test_an_altered_curve_is_refused(workspace):
    result = run(workspace, "layer")
    (result.folder / CURVE).write_bytes(b"0")
    with pytest.raises(DataError, match=r"curve.npy: missing or altered since the cell was finished"):
        result.curve()
