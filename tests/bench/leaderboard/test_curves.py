"""Curves of results of which some have no curve here: those of cards, which come with predictions alone."""

from dataclasses import replace

import numpy as np
import pytest

from bench.cells.result import CURVE, HISTORY, write_result
from bench.leaderboard.board import Board
from bench.leaderboard.collect import collect
from bench.leaderboard.curves import axis_of, curve_tables
from bench.leaderboard.site.curve_charts import curve_charts

BOARD = Board(
    name="layers", title="Layers", metric="macro_auroc",
    columns=[{"label": "layer", "task": "ptbxl-super", "mode": "layer"}],
    rows=[{"label": "ViT", "method": "random-vit"}],
)  # fmt: skip


@pytest.fixture
def two_seeds(scored_result, tmp_path):
    """Seed 0 without the files of its curve, seed 1 with them."""
    results = []
    for seed in (0, 1):
        result = scored_result(tmp_path, "random-vit", 1.0, noise=seed, mode="layer", seed=seed)
        history = [{"depth": layer, "validation": 0.5} for layer in (1, 2)]
        curve = np.random.default_rng(seed).random((2, 200, 5))
        results.append(write_result(tmp_path, result, result.predictions(), history, curve))
    for name in (CURVE, HISTORY):
        (results[0].folder / name).unlink()
    return results


def test_a_result_without_the_files_of_its_curve_has_none(two_seeds):
    assert [axis_of(result) for result in two_seeds] == [None, "depth"]
    assert two_seeds[0].history() == []


def test_curves_are_those_of_the_results_that_have_them(two_seeds):
    ((curve,),) = [table.curves for table in curve_tables(two_seeds)]
    assert curve.replicates == 1 and list(curve.points) == [1, 2]
    table = collect(BOARD, two_seeds)[0]
    by_key = {result.key: result for result in two_seeds}
    (chart,) = curve_charts(table, table.lines, [0], by_key)
    assert [trace["x"] for trace in chart["data"]] == [[1, 2]]


def test_of_several_trainings_from_scratch_the_best_on_validation_data_is_the_reference(scored_result, tmp_path):
    def run(mode, noise, value=None, **settings):
        config = {"method": {"width": 16}, mode: settings}
        result = scored_result(tmp_path, "random-vit", 1.0 + noise, noise=noise, mode=mode, config=config)
        if mode == "scratch":
            return write_result(tmp_path, replace(result, selection={"value": value}), result.predictions())
        history = [{"shots": shots, "records": 5 * shots} for shots in (1, 8)]
        curve = np.random.default_rng(noise).random((2, 200, 5))
        return write_result(tmp_path, result, result.predictions(), history, curve)

    best, other = run("scratch", 1, 0.8, lr=0.01), run("scratch", 2, 0.7, lr=0.1)
    for trained in ((best, other), (other, best)):
        (table,) = curve_tables([run("kshot", 3), *trained])
        assert table.scratch["random-vit"][0] == pytest.approx(best.score["metrics"]["macro_auroc"]["value"])
        assert table.chosen == {"random-vit": "random-vit (scratch.lr 0.01)"}


def test_files_next_to_a_card_are_not_taken_for_its_curve(two_seeds):
    card = replace(two_seeds[1], level="rescored")
    assert card.history() == [] and card.curve() is None and axis_of(card) is None
