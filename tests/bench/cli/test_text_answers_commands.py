"""``bench retrieval`` and ``bench prompts`` on a small simulated cohort."""

import csv
import io

import numpy as np
import pytest

from bench import registry
from bench.cells.result import read_results
from bench.leaderboard.site.matrices import matrix_pages
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.leaderboard.text_answers import prompt_tables, retrieval_tables
from bench.scoring.classification import auroc

RUN = ("--set", "pretrain.epochs=1", "--replicates", "1", "--no-track", "-m", "small", "-t", "ptbxl-super")


def test_retrieval_in_both_directions_with_the_untrained_network(bench, workspace, small):
    done = bench("retrieval", *RUN, "--untrained", "--text", "statements")
    assert done.code == 0, done.err
    assert "a candidate with the same text is a hit" in done.out
    results = list(read_results(workspace.results))
    (table,) = retrieval_tables(results)
    assert len(table.rows) == 2 and any("untrained" in row.method for row in table.rows)
    lines = list(csv.DictReader(io.StringIO(bench("retrieval", "--format", "csv").out)))
    assert len(lines) == 2 * 2 * 4
    for line in lines:
        assert 0 <= float(line["low"]) <= float(line["value"]) <= float(line["high"]) <= 1
    (page,) = matrix_pages(results)
    assert page.name == "retrieval" and len(page.matrices[0].rows) == 4

    again = bench("retrieval", *RUN, "--untrained", "--text", "statements")
    assert again.code == 0 and len(list((workspace.root / "text_answers").glob("*/ranks.npy"))) == 2


def test_prompts_of_twenty_wordings(bench, workspace, small):
    done = bench("prompts", *RUN)
    assert done.code == 0, done.err
    (result,) = read_results(workspace.results)
    (table,) = prompt_tables([result])
    rows = {row.name: row for row in table.rows}
    (kept,) = (workspace.root / "text_answers").glob("*/scores.npy")
    scores, paired = np.load(kept), PairedScores.of(result)
    assert scores.shape == (20, *paired.scores.shape)
    by_wording = np.array([auroc(paired.targets, of_wording.astype(float)) for of_wording in scores])
    np.testing.assert_allclose(rows["all"].values, by_wording.mean(axis=1), atol=1e-12)
    assert rows["all"].mean == pytest.approx(by_wording.mean(), abs=1e-12)
    column = paired.names.index("MI")
    assert rows["MI"].values.min() == pytest.approx(by_wording[:, column].min(), abs=1e-12)
    assert rows["all"].as_run == pytest.approx(result.score["metrics"]["macro_auroc"]["value"], rel=1e-4)
    assert rows["all"].interval.low < rows["all"].mean < rows["all"].interval.high
    assert rows["MI"].contamination == [result.contamination]
    assert rows["MI"].worst_words in registry.load(registry.TASKS, "ptbxl-super").wordings["MI"]


def test_every_class_has_twenty_different_wordings():
    for name in registry.entries(registry.TASKS):
        task = registry.load(registry.TASKS, name)
        for label, words in task.wordings.items():
            assert len(set(words)) == len(words) >= 20, (name, label)
    for name in ("ptbxl-super", "ptbxl-rhythm"):
        task = registry.load(registry.TASKS, name)
        assert set(task.classes) <= set(task.wordings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("retrieval",), "nothing is finished. Ask methods with: bench retrieval"),
        (("retrieval", "-m", "random-resnet"), "add --task"),
        (("retrieval", "--format", "pdf"), "table, csv"),
        (("prompts", "--out", "x.csv"), "needs --format csv"),
    ],
)
def test_bad_input(bench, arguments, message):
    done = bench(*arguments)
    assert done.code == 2 and message in " ".join(done.err.split())


def test_a_dataset_without_text_and_a_task_without_wordings(bench, workspace, small):
    done = bench("retrieval", *RUN, "--text", "poem")
    assert done.code == 2 and "and not poem" in " ".join(done.err.split())
    done = bench("prompts", *RUN[:-1], "ptbxl-form")
    assert done.code == 2 and "ptbxl-form states no wordings of its classes. Tasks that do:" in " ".join(
        done.err.split()
    )
