"""``bench transfer``: a transferred cell is a result like any other, with the in-domain result of the same probe."""

import csv
import io

import numpy as np
import pytest

from bench.cells.result import read_results
from bench.data.source import DataSource
from bench.leaderboard.site.matrices import matrix_pages
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.leaderboard.transfer import transfer_tables
from bench.runner.replay import replay
from bench.runner.rescore import differences, rescored
from bench.scoring.classification import auroc

ARGUMENTS = (
    "transfer",
    "-m",
    "simple-statistics",
    "--train",
    "ptbxl-super",
    "--test",
    "cpsc2018",
    "--mode",
    "linear",
    "--seed",
    "0",
    "--no-track",
)


@pytest.fixture
def transferred(bench, workspace):
    done = bench(*ARGUMENTS)
    assert done.code == 0, done.err
    results = {result.cell.task: result for result in read_results(workspace.results)}
    return done, results["ptbxl-super"], results["ptbxl-super-to-cpsc2018"]


def test_the_probe_is_that_of_the_in_domain_cell(transferred, bench, workspace):
    done, own, moved = transferred
    first, second = PairedScores.of(own), PairedScores.of(moved)
    np.testing.assert_array_equal(first.validation[1], second.validation[1])  # bit for bit
    assert moved.dataset["name"] == "ptbxl" and moved.tested_dataset == "cpsc2018"
    assert moved.contamination == "none"
    reasons = moved.contamination_evidence["reasons"]
    (compared,) = [
        reason for reason in reasons if reason.startswith("Labelled records: By waveform, no test recording")
    ]
    labelled = own.counts["train"] + own.counts["validation"]  # the penalty is chosen on the labels of the second
    assert f"among the {labelled} recordings of ptbxl" in compared

    (table,) = transfer_tables([own, moved])
    (entry,) = table.entries
    assert set(entry.classes) == {"NORM", "CD", "STTC"} and entry.replicates == 1
    columns = [first.names.index(name) for name in entry.classes]
    for value, scores in ((entry.value, second), (entry.in_domain[0], first)):
        assert value == pytest.approx(np.mean(auroc(scores.targets, scores.scores)[columns]), abs=1e-12)
    assert entry.loss[0] == pytest.approx(entry.in_domain[0] - entry.value, abs=1e-12)
    assert entry.loss[1].low < entry.loss[0] < entry.loss[1].high

    assert not differences(moved.score, rescored(moved))
    assert replay(moved, DataSource(workspace, simulated_records=120)).identical

    (line,) = csv.DictReader(io.StringIO(bench("transfer", "--format", "csv").out))
    assert line["trained_on"] == "ptbxl-super" and line["tested_on"] == "cpsc2018"
    assert float(line["in_domain"]) == pytest.approx(entry.in_domain[0], abs=1e-5)
    assert "in-domain" in done.out and "ptbxl-super to cpsc2018: " in done.out
    (page,) = matrix_pages([own, moved])
    assert page.matrices[0].rows[0][1][0][1].startswith("in-domain 0.")
    again = bench(*(word.replace("simple-s", "Simple_S") for word in ARGUMENTS))  # names need not be as registered
    assert again.code == 0, again.err
    assert "done:" not in again.err and "found:" in again.err


def test_other_modes_and_zero_shot(bench, workspace, small):
    done = bench(
        "run", "-m", "small", "-t", "ptbxl-super,ptbxl-super-to-cpsc2018", "--mode", "zeroshot,finetune,knn", "--no-track",
        "--set", "pretrain.epochs=1", "--set", "finetune.epochs=1", "--seed", "0",
    )  # fmt: skip
    assert done.code == 0, done.err
    results = list(read_results(workspace.results))
    by_mode = {}
    for result in results:
        by_mode.setdefault(result.cell.mode, {})[result.cell.task] = PairedScores.of(result).validation[1]
    assert set(by_mode) == {"zeroshot", "finetune", "knn"}
    for of_task in by_mode.values():
        np.testing.assert_array_equal(of_task["ptbxl-super"], of_task["ptbxl-super-to-cpsc2018"])
    weights = {result.checkpoint["weights_sha256"] for result in results}
    assert len(weights) == 1  # pretrained on the dataset of the train task, once


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("-m", "merl", "--train", "ptbxl-rhythm", "--test", "code15-normal", "--mode", "linear"),
            "no class of ptbxl-rhythm",
        ),
        (("-m", "merl", "--train", "ptbxl-super", "--test", "cns"), "Did you mean 'csn'"),
        (("-m", "merl", "--train", "ptbxl-super"), "needs --train, --test and --mode"),
        (("--format", "pdf"), "table, csv"),
        (("--out", "x.csv"), "needs --format csv"),
        ((), "no transferred result on simulated data"),
    ],
)
def test_bad_input(bench, arguments, message):
    done = bench("transfer", *arguments)
    assert done.code == 2 and message in " ".join(done.err.split())


def test_listings_show_both_tasks_of_a_transferred_one(bench, workspace):
    done = bench("tasks", "ptbxl-super-to-csn")
    assert done.code == 0 and "ptbxl-super\n" in done.out and "csn\n" in done.out
    assert [line[:5] for line in bench("cite", "ptbxl-super-to-csn").out.splitlines() if line[:1] == "@"] == [
        "@arti",
        "@misc",
    ]
