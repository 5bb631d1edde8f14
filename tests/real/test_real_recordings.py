"""On real recordings: what was scored, and that learning methods learn, by intervals."""

import shutil

import numpy as np
import pytest

from bench.data.source import DataSource
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.scoring.comparison import paired_difference
from bench.scoring.score import score_replicates
from bench.storage.workspace import Workspace


def test_the_500_recordings_are_read_whole_and_said_to_be_a_subset(real_data, tmp_path):
    source = DataSource.from_options(Workspace(tmp_path), [str(real_data)])
    options = RunOptions(
        ["random-vit"],
        ["ptbxl-super", "ptbxl-rhythm"],
        ["zeroshot"],
        profile="smoke",
        overrides=["depth=1"],
        track=False,
    )
    report = execute.run(options, source)
    by_task = {r.cell.task: r for r in report.results}
    rhythm = by_task["ptbxl-rhythm"]
    assert rhythm.data == "real"
    assert rhythm.split["complete"] is False
    records = source.store("ptbxl").records
    assert len(records) == 500
    labelled = records[records.rhythm.str.len() > 0]
    assert rhythm.counts["test"] == rhythm.score["n_records"] == (labelled.strat_fold == 10).sum()
    assert rhythm.counts["expected"]["test"] == 2098
    assert by_task["ptbxl-super"].dataset["version"].startswith("1.0.1")


@pytest.fixture(scope="module")
def subset_results(real_data_folder, tmp_path_factory):
    """K-MERL and the untrained ResNet on 1,625 real recordings, a tenth of the labels, `smoke`.

    K-MERL has longer tokens, smaller batches and fewer epochs than `smoke`: a third of the time, and it learns as much.

    The other methods on the same recordings: leaderboards/ptbxl-subset.
    """
    source = DataSource.from_options(
        Workspace(tmp_path_factory.mktemp("subset")), [f"ptbxl={real_data_folder / 'ptbxl-z'}"]
    )
    options = RunOptions(
        ["kmerl", "random-resnet"],
        ["ptbxl-super"],
        ["zeroshot", "linear"],
        fractions=(0.1,),
        profile="smoke",
        overrides=["kmerl.pretrain.epochs=12", "kmerl.pretrain.batch_size=32", "kmerl.segment=50"],
        track=False,
    )
    report = execute.run(options, source)
    assert not report.failures
    yield {(r.cell.method, r.cell.mode): r for r in report.results}
    shutil.rmtree(source.workspace.root)


@pytest.fixture(scope="module")
def real_data_folder():
    from pathlib import Path

    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real recordings are not at {folder}")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)  # the first to run pretrains: a minute on one core
def test_zero_shot_lies_above_what_was_promised(subset_results):
    assert subset_results["kmerl", "zeroshot"].metric("macro_auroc")["low"] > 0.75


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pretraining_beats_the_untrained_encoder_by_a_paired_interval(subset_results):
    replicates = []
    for name in ("kmerl", "random-resnet"):
        table = subset_results[name, "linear"].predictions().query("partition == 'test'")
        targets = table.filter(regex="^target_").to_numpy()
        scores = table.filter(regex="^score_").to_numpy()
        classes = [column.removeprefix("target_") for column in table.filter(regex="^target_").columns]
        found = score_replicates("multilabel", targets.astype(np.uint8), scores, classes, table.patient_id.to_numpy())
        replicates.append(found["macro_auroc"])
    assert paired_difference(*replicates).low > 0
