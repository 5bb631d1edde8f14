"""``bench leaderboard compare`` on stored results."""

import csv
import io

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


def test_both_values_and_their_difference_are_printed(bench, stored):
    ran = bench("leaderboard", "compare", "simclr", "byol", "--workspace", str(stored))
    assert (
        ran.code == 0
        and "-0.200" in ran.out
        and "ptbxl-super · linear · labels 100 % · leads all: macro AUROC" in ran.out
    )
    assert "Not tested: fewer than two rows have replicates" in ran.out
    (row,) = csv.DictReader(
        io.StringIO(
            bench("leaderboard", "compare", "byol", "simclr", "--format", "csv", "--workspace", str(stored)).out
        )
    )
    assert float(row["difference"]) == pytest.approx(0.2) and row["p"] == ""


def test_an_unknown_method_is_refused(bench, stored):
    ran = bench("leaderboard", "compare", "simclr", "bylo", "--workspace", str(stored))
    assert ran.code == 2 and "Did you mean 'byol'" in ran.err
