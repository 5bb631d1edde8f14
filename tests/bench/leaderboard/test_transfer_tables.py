"""The matrix of transferred results: one number for each method and pair of tasks."""

from dataclasses import replace

from bench.leaderboard.transfer import transfer_tables


def test_of_two_copies_of_the_data_the_one_that_was_run_last_is_shown(scored_result, tmp_path):
    results = []
    for day, records, folder in ((2, 120, "whole"), (1, 80, "part")):
        made = scored_result(tmp_path / folder, "merl", 1.0, records=records, task="ptbxl-super-to-csn")
        started = made.provenance | {"started": f"2025-01-0{day}T00:00:00"}
        results.append(replace(made, split=made.split | {"digest": folder}, provenance=started))
    ((entry,),) = [table.entries for table in transfer_tables(results)]
    assert entry.records == 120
