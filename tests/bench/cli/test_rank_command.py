"""``bench leaderboard rank`` on stored results."""

import csv

import pandas as pd
import pytest

from bench.cells.result import write_result


@pytest.fixture
def stored(tmp_path, make_result):
    for method, value in {"simclr": 0.7, "byol": 0.9}.items():
        rows = {"record_id": ["1", "2"], "patient_id": ["1", "2"], "partition": "test", "target_NORM": [0, 1]}
        result = make_result(method=method, task="ptbxl-super", value=value, corpus="mimic-iv-ecg")
        write_result(tmp_path / "results", result, pd.DataFrame(rows | {"score_NORM": [0.1, value]}))
    return tmp_path


def test_rank_prints_and_writes_the_ranking(bench, stored, tmp_path):
    path = tmp_path / "ranking.csv"
    assert bench("leaderboard", "rank", "--format", "csv", "--out", str(path), "--workspace", str(stored)).code == 0
    ran = bench("leaderboard", "rank", "--workspace", str(stored))
    assert ran.code == 0
    assert ran.out.index("byol") < ran.out.index("simclr")
    assert "No skill score: no untrained encoder was run." in ran.out
    with open(path, newline="", encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == ["byol", "simclr"]


def test_rank_without_results_says_what_to_run(bench, tmp_path):
    ran = bench("leaderboard", "rank", "linear", "--workspace", str(tmp_path))
    assert ran.code == 2 and "bench run --board linear" in ran.err
