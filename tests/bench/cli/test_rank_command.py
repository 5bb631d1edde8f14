"""``bench leaderboard rank`` on stored results."""

import csv


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
