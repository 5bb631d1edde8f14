"""Each dataset from simulated files to a scored task; a corpus from its files to a checkpoint."""

from __future__ import annotations

import pytest

from bench.data.status import verify
from bench.errors import ConfigError
from bench.runner.execute import run
from bench.runner.plan import RunOptions

QUICK = ["pretrain.epochs=1", "width=8", "linear.epochs=2"]


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("cpsc2018", "macro_auroc"),
        ("cpsc2018-single", "macro_auroc"),
        ("icbeb", "macro_auroc"),
        ("csn", "macro_auroc"),
        ("csn-merl", "macro_auroc"),
        ("ptbxl-single", "macro_auroc"),
        ("georgia", "macro_auroc"),
        ("code-test", "macro_auroc"),
        ("echonext", "macro_auroc"),
        ("code15-survival", "c_index"),
        ("planted-risk", "c_index"),
        ("sph", "macro_auroc"),
        ("ptbdb-mi", "macro_auroc"),
        ("zzu-disease", "macro_auroc"),
        ("incart-rhythm", "macro_auroc"),
        ("mds-ed-icu", "macro_auroc"),
        ("icbeb-identification", "accuracy"),
        ("ptbxl-identification", "accuracy"),
        pytest.param("cpsc-extra", "macro_auroc", marks=pytest.mark.slow),
        pytest.param("ningbo", "macro_auroc", marks=pytest.mark.slow),
        pytest.param("chapman", "macro_auroc", marks=pytest.mark.slow),
        pytest.param("chapman-rhythm", "macro_auroc", marks=pytest.mark.slow),
        pytest.param("ptbxl-sex", "accuracy", marks=pytest.mark.slow),
    ],
)
def test_a_task_of_each_dataset_is_scored(source, task, metric):
    report = run(
        RunOptions(methods=["random-resnet"], tasks=[task], modes=["linear"], overrides=QUICK[1:], track=False), source
    )
    assert report.failures == {}
    (result,) = report.results
    assert result.split["name"] == {"csn-merl": "csn-substring", "code15-survival": "code15-folds"}.get(task, task)
    assert 0 <= result.score["metrics"][metric]["value"] <= 1
    assert result.score["n_records"] == result.counts["test"]


@pytest.mark.parametrize("task", ["ptbxl-identification", "icbeb-identification", "ptbxl-identification-across"])
def test_persons_are_identified_by_fine_tuning_too(source, task):
    options = RunOptions(
        ["random-resnet"], [task], ["finetune"], overrides=["finetune.epochs=1", "width=8"], track=False
    )
    report = run(options, source)
    assert report.failures == {}
    (result,) = report.results
    assert result.score["metrics"]["accuracy"]["value"] >= 0
    assert result.score["n_records"] == result.counts["test"]


@pytest.mark.parametrize("corpus", ["mimic-iv-ecg", "chapman"])
def test_a_dataset_serves_as_a_corpus(source, corpus):
    options = RunOptions(
        methods=["simclr"], tasks=["cpsc2018"], modes=["linear"], overrides=QUICK, corpus=corpus, track=False
    )
    report = run(options, source)
    assert report.failures == {}
    assert report.results[0].checkpoint["corpus"]["dataset"] == corpus


@pytest.mark.slow
def test_pretraining_on_a_dataset_of_which_every_fold_tests_a_part_is_stamped(source):
    options = RunOptions(
        methods=["simclr"], tasks=["sami-trop"], modes=["linear"], overrides=QUICK, corpus="sami-trop", track=False
    )
    report = run(options, source)
    assert report.failures == {} and len(report.results) == 15
    assert {result.contamination for result in report.results} == {"test records"}
    for result in report.results:
        assert result.contamination_evidence["test_records"] == result.counts["test"]


OF_ITS_OWN = ["ptbxl", "cpsc2018", "csn", "mimic-iv-ecg", "chapman"]
FURTHER = [
    "cpsc-extra", "ningbo", "georgia", "sph", "ptbdb", "zzu-pecg", "incart", "code15", "code-test", "code15-with-test",
    "sami-trop", "echonext", "mimic-outcomes", "ptbxl-features", "planted-risk",
]  # fmt: skip


@pytest.mark.parametrize("dataset", [*OF_ITS_OWN, *(pytest.param(name, marks=pytest.mark.slow) for name in FURTHER)])
def test_every_dataset_is_simulated_prepared_and_verified(source, dataset):
    store = source.store(dataset)
    report = verify(source.dataset(dataset), store.path, 1, lambda done, total, note="": None)
    assert report.problems == []
    assert report.n_read == report.n_records == len(store)
    assert report.store == "intact"
    assert store.lengths.min() > 0


def test_mimic_is_cut_by_merl_s_rule_when_asked(source):
    def run_with(*overrides):
        options = RunOptions(
            methods=["simclr"],
            tasks=["cpsc2018"],
            modes=["linear"],
            overrides=[*QUICK, *overrides],
            corpus="mimic-iv-ecg",
            track=False,
        )
        return run(options, source)

    ours, merl = (run_with(*some).results[0].checkpoint for some in ([], ["pretrain.partition=merl"]))
    assert ours["corpus"]["partition"] != merl["corpus"]["partition"]
    with pytest.raises(ConfigError, match="pretrain.partition = 'mrl': mimic-iv-ecg offers patient, merl"):
        run_with("pretrain.partition=mrl")
