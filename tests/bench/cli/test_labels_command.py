"""``bench labels``: stored predictions on other labels; a planted error is found, and its ceiling printed."""

from __future__ import annotations

import csv
import io

import pytest

from bench.cells.result import read_results

CELL = ("run", "--method", "simple-statistics", "--mode", "linear", "--profile", "smoke", "--no-track", "--task")


def test_variants_run_and_predictions_are_scored_on_each_others_labels(bench, workspace, tmp_path):
    tasks = "ptbxl-super,ptbxl-super@likelihood100,ptbxl-super@noise10"
    assert bench(*CELL, tasks).code == 0
    by_task = {result.cell.task: result for result in read_results(workspace.results)}
    assert set(by_task) == set(tasks.split(","))
    assert 0.7 < by_task["ptbxl-super@noise10"].provenance["ceiling"]["macro_auroc"] < 1
    shown = bench("labels", "--task", "ptbxl-super@noise10")
    assert shown.code == 0 and "Ceiling: the true labels score 0." in shown.out

    base = by_task["ptbxl-super"]
    table = base.predictions()
    first = table[table.partition == "test"].iloc[0]
    cleaned = tmp_path / "cleaned.csv"
    cleaned.write_text(f"record_id,MI\n{first.record_id},{1 - first.target_MI}\n")
    out = bench("labels", "--task", "ptbxl-super", "--labels", str(cleaned), "--format", "csv").out
    lines = {line["labels"]: line for line in csv.DictReader(io.StringIO(out))}
    assert set(lines) == {"ptbxl-super@validated", "ptbxl-super@likelihood100", "cleaned.csv"}
    assert lines["cleaned.csv"]["changed"] == "1"
    assert int(lines["ptbxl-super@likelihood100"]["unknown"]) > 0

    for text, message in (
        ("id,MI\n1,1\n", "column record_id is missing"),
        ("record_id,XX\n1,1\n", "no column is a class of the task; expected some of HYP, NORM, MI, CD, STTC"),
        ("record_id,MI\nnone,1\n", "none of its 1 records is a test record"),
        (f"record_id,MI\n{first.record_id},0\n{first.record_id},1\n", f"record {first.record_id} has several rows"),
        (f"record_id,MI\n{first.record_id},maybe\n", "column MI: 'maybe'; expected 0, 1 or nothing"),
    ):
        cleaned.write_text(text)
        done = bench("labels", "--task", "ptbxl-super", "--labels", str(cleaned))
        assert done.code == 2 and message in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("labels",), "no finished cell on simulated data"),
        (("labels", "--task", "ptbxl-super@checked"), "ptbxl-super@validated"),
        (("labels", "--out", "x.csv"), "--format csv"),
    ],
)
def test_bad_input(bench, arguments, message):
    done = bench(*arguments)
    assert done.code == 2 and message in " ".join(done.err.split())
