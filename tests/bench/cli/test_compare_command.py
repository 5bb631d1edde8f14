"""``bench leaderboard compare`` on stored results."""

import csv
import io

import pytest


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
