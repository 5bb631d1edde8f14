"""Two methods side by side, from their results."""

import csv
import io

import pytest

from bench.errors import ConfigError
from bench.leaderboard.collect import collect_all, compared
from bench.leaderboard.paired_cells import cells_of_both, paired_csv


@pytest.fixture(scope="module")
def tables(tmp_path_factory, scored_result):
    folder = tmp_path_factory.mktemp("cells") / "results"
    results = [
        scored_result(folder, method, skill, records=80, training=training)
        for method, skill, trainings in (("merl", 0.3, 2), ("simclr", 1.5, 2), ("byol", 1.5, 1))
        for training in range(trainings)
    ]
    results.append(scored_result(folder, "cpc", 1.0, task="csn", records=80))
    return compared(collect_all(results), results)


def test_the_order_of_the_names_is_the_sign_of_the_difference(tables):
    (cell,) = cells_of_both(tables, "simclr", "merl")
    (turned,) = cells_of_both(tables, "merl", "simclr")
    assert cell.value == -turned.value > 0
    assert cell.difference.value == pytest.approx(cell.value)
    assert (cell.difference.low, cell.difference.high) == (-turned.difference.high, -turned.difference.low)
    assert cell.difference.p_value == turned.difference.p_value <= cell.corrected == turned.corrected


def test_a_single_trained_model_is_shown_and_not_tested(tables):
    (cell,) = cells_of_both(tables, "simclr", "byol")
    assert cell.difference is None and "a single trained model" in cell.why
    (row,) = csv.DictReader(io.StringIO(paired_csv([cell])))
    assert row["p"] == row["difference_low"] == "" and float(row["difference"]) == pytest.approx(cell.value, abs=1e-5)
    assert row["not_tested"] == cell.why and row["labels"] == "100 %"


def test_names_that_cannot_be_compared_are_refused(tables):
    with pytest.raises(ConfigError, match="'simclr'"):
        cells_of_both(tables, "simcrl", "merl")
    with pytest.raises(ConfigError, match="share no task"):
        cells_of_both(tables, "simclr", "cpc")
