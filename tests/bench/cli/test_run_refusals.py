"""``bench run`` refuses options without effect and data that are not there, before anything is computed."""

from dataclasses import replace

import pytest

from bench.data.source import DataSource
from bench.runner.plan import RunOptions
from bench.runner.prepare import prepare_session

KMERL = (
    "run", "--method", "kmerl", "--task", "ptbxl-super", "--mode", "zeroshot", "--no-track",
    "--set", "pretrain.epochs=1", "--set", "kmerl.depth=1", "--set", "kmerl.segment=100",
)  # fmt: skip


def test_bench_data_that_points_nowhere(bench, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", "/nowhere/at/all")
    done = bench(*KMERL)
    assert done.code == 2
    assert "BENCH_DATA points at /nowhere/at/all, which does not exist" in done.err


def test_a_corpus_that_is_absent_is_refused_before_anything_starts(bench, workspace):
    cohort = next(workspace.simulated.glob("ptbxl-*"))
    done = bench(*KMERL, "--data-root", f"ptbxl={cohort / 'files'}", "--corpus", "mimic-iv-ecg")
    assert done.code == 2
    assert "dataset mimic-iv-ecg is needed but no folder was named for it (--data-root mimic-iv-ecg=FOLDER)" in done.err
    assert not workspace.results.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--set", "finetune.epochs=1"),
            "finetune.epochs=1: nothing runs in mode finetune, so the setting has no effect",
        ),
        (
            ("--set", "finetune.epochs=1", "--mode", "linear"),
            "Leave it out, or write --set linear.epochs=1",
        ),
        (
            ("--set", "linear.epochs=1", "--mode", "linear", "--protocol", "merl-released"),
            "Leave it out, or write --set linear-merl-released.epochs=1",
        ),
        (("--set", "linear.c=[1.0]", "--mode", "linear"), "linear does not read c with solver=adamw"),
        (
            ("--set", "linear.solver=exact", "--set", "linear.lr=1", "--mode", "linear"),
            "linear does not read lr with solver=exact",
        ),
        (("--set", "pretrain.epochs=1", "--mode", "scratch"), "no cell starts from a pretrained checkpoint"),
        (
            ("--method", "random-vit,kmerl", "--set", "random-vit.pretrain.epochs=1"),
            "no cell of random-vit starts from a pretrained checkpoint",
        ),
        (("--method", "random-vit", "--corpus", "mimic-iv-ecg"), "--corpus mimic-iv-ecg has no effect: no cell starts"),
        (("--method", "random-vit", "--text", "french"), "pretrain.text_source=french has no effect: no cell starts"),
    ],
)
def test_an_option_without_effect_is_refused(bench, workspace, arguments, words):
    base = ("--method", "kmerl") if "--method" not in arguments else ()
    mode = ("--mode", "zeroshot") if "--mode" not in arguments else ()
    done = bench("run", *base, "--task", "ptbxl-super", *mode, *arguments, "--dry-run")
    assert done.code == 2, done.err
    assert words in " ".join(done.err.split())


def test_every_error_of_a_run_is_reported_at_once(bench):
    done = bench(*KMERL, "--set", "finetune.epochs=1", "--set", "pretrain.text_source=french", "--dry-run")
    message = " ".join(done.err.split())
    assert done.code == 2
    assert "2 errors: 1. --set finetune.epochs=1" in message
    assert "2. pretrain.text_source = 'french'" in message


def test_a_setting_that_is_not_read_changes_no_key(workspace):
    options = RunOptions(["random-vit", "kmerl"], ["ptbxl-super"], ["linear", "scratch"])
    source = DataSource(workspace, simulated_records=150)

    def keys(overrides):
        planned, session = prepare_session(replace(options, overrides=overrides), source)
        return {(c.method, c.mode): session.resolve(c).key for c in planned.cells}

    before, after = keys([]), keys(["pretrain.epochs=2"])
    assert {place for place in before if before[place] != after[place]} == {("kmerl", "linear")}


def test_a_wildcard_takes_what_applies(bench):
    done = bench("run", "-m", "*", "-t", "ptbxl-super", "--mode", "linear", "--dry-run")
    assert done.code == 0, done.err
    assert "kmerl · ptbxl-super · linear" in done.out
    message = " ".join(done.err.split())
    assert "left out: cox-ecg cannot answer linear" in message
    assert "left out: method encoder needs --set path=" in message
    assert "cox-ecg cannot answer" in " ".join(
        bench("run", "-m", "cox-*", "-t", "ptbxl-super", "--mode", "linear", "--dry-run").err.split()
    )
    assert bench("run", "-m", "cox-ecg", "-t", "ptbxl-super", "--mode", "linear", "--dry-run").code == 2


def test_a_wildcard_leaves_out_tasks_whose_data_are_not_available(bench, workspace):
    cohort = next(workspace.simulated.glob("ptbxl-*"))
    done = bench(
        "run", "-m", "random-vit", "-t", "*-super,csn*", "--mode", "linear", "--dry-run",
        "--data-root", f"ptbxl={cohort / 'files'}",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "csn" not in done.out
    assert "left out: task csn: csn is not available" in " ".join(done.err.split())


def test_real_data_without_the_dataset_say_where_it_is_published(bench, tmp_path):
    (tmp_path / "data").mkdir()
    done = bench(*KMERL, "--data-root", str(tmp_path / "data"))
    assert done.code == 2
    assert "physionet.org" in done.err
    assert "--data-root ptbxl=FOLDER" in " ".join(done.err.split())  # the folder may be PTB-XL's own


def test_a_dry_run_finds_folders_without_the_files_and_texts_without_a_model(bench, tmp_path, workspace):
    (tmp_path / "ptbxl").mkdir()
    done = bench(*KMERL, "--data-root", f"ptbxl={tmp_path / 'ptbxl'}", "--dry-run")
    assert (done.code, f"{tmp_path / 'ptbxl' / 'ptbxl_database.csv'} is missing" in done.err) == (2, True)
    cohort = next(workspace.simulated.glob("ptbxl-*")) / "files"
    corpus = ("--data-root", f"ptbxl={cohort}", "--data-root", f"mimic-iv-ecg={tmp_path / 'ptbxl'}")
    done = bench(*KMERL, *corpus, "--dry-run")  # the paper's corpus, which nobody asked for
    assert (done.code, "mimic-iv-ecg" in done.err, "is missing" in done.err) == (2, True, True)
    for model, words in (
        ("minilmm", "unknown text model 'minilmm'. Did you mean 'minilm'"),
        (tmp_path / "bert", "no folder"),
    ):
        done = bench(*KMERL, "--set", f"text.model={model}", "--dry-run")
        assert (done.code, words in " ".join(done.err.split())) == (2, True), done.err
