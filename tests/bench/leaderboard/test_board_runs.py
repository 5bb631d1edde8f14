"""Corpus and draw of labels that a board states for its runs, and options that go before them."""

from dataclasses import asdict
from types import SimpleNamespace

from bench import registry
from bench.leaderboard.board import load_board
from bench.leaderboard.board_runs import board_options
from bench.runner.overrides import mode_config, parse_overrides
from bench.runner.plan import RunOptions
from bench.storage.artifacts import digest
from methods.llm_dan import LLMDAN


def runs(board="kmerl_table1", kind="real", available=True, **options):
    source = SimpleNamespace(kind=kind, has=lambda name: available or name != "mimic-iv-ecg")
    return board_options(load_board(board), RunOptions((), (), (), **options), source)[0]


def test_all_rows_of_k_merls_table_have_its_corpus_and_merls_draw_of_labels():
    planned = runs()
    assert {run.corpus for run in planned} == {"mimic-iv-ecg"}
    assert {run.fraction_rule for run in planned} == {"merl"}
    assert {"simclr", "st-mem", "merl", "kmerl"} <= {run.methods[0] for run in planned}
    assert "cpsc2018-5s" in planned[0].tasks
    assert "cpsc2018" not in planned[0].tasks


def test_the_users_corpus_and_draw_hold():
    assert {(run.corpus, run.fraction_rule) for run in runs(corpus="ptbxl", fraction_rule="mmcl")} == {
        ("ptbxl", "mmcl")
    }


def test_without_its_real_data_each_method_takes_its_usual_corpus():
    assert {run.corpus for run in runs(available=False)} == {None}
    assert {run.corpus for run in runs(kind="simulated")} == {None}


def test_a_board_over_five_seeds_runs_them_unless_others_are_asked_for():
    for table in range(1, 8):  # MMCL IV-D.2: "all experiments"
        assert {tuple(run.seeds) for run in runs(f"mmcl_table{table}")} == {(0, 1, 2, 3, 4)}
    assert {tuple(run.seeds) for run in runs("mmcl_table2", seeds=(3,))} == {(3,)}
    assert {tuple(run.seeds) for run in runs()} == {(0,)}


def test_runs_of_a_board_can_be_remembered_by_their_options():
    """Keys of finished plans are kept under a digest of the options (:mod:`bench.runner.key_memory`)."""
    assert len({digest(asdict(run)) for run in runs("mmcl_table2")}) == len(runs("mmcl_table2"))


def test_a_column_of_a_change_is_run_with_and_without_it():
    planned = [run for run in runs("input_fidelity") if run.methods == ["ecgfounder"]]
    assert {override for run in planned for override in run.overrides} == {
        f'ecgfounder.inputs="{inputs}"'
        for inputs in ("as-trained", "raw-windows", "ptbxl-zscore", "100hz", "250hz", "500hz", "avl-avf-exchanged")
    }
    assert {len(run.tasks) for run in planned} == {4}


def test_a_board_without_published_numbers_runs_replicates_unless_others_are_asked_for():
    def repeated(board, **options):
        return {(run.replicates, tuple(run.seeds)) for run in runs(board, **options)}

    assert repeated("zeroshot") == {(5, ())}
    assert repeated("zeroshot", kind="simulated") == repeated("zeroshot", profile="smoke") == {(3, ())}
    assert repeated("zeroshot", replicates=1) == {(1, ())}
    assert repeated("zeroshot", seeds=(0,)) == {(None, (0,))}
    assert repeated("kmerl_table1") == repeated("cost") == repeated("protocol_inflation") == {(None, (0,))}


def test_a_column_may_set_its_mode_as_the_paper_does():
    """LLM-DAN IV-B: batches of 1,024 on UKB-HYP, 128 elsewhere."""
    planned = [run for run in runs("llm_dan_table2") if run.methods == ["llm-dan"]]
    of_task = {(run.tasks[0], run.modes[0]): run.overrides for run in planned}
    assert "finetune.batch_size=1024" in of_task["ukb-hyp-hf", "finetune"]
    assert "scratch.batch_size=1024" in of_task["ukb-hyp-hf", "scratch"]
    assert not any("batch_size" in text for text in of_task["ukb-mi-hf", "finetune"])
    asked = runs("llm_dan_table2", overrides=["finetune.batch_size=64"])
    (own,) = (run for run in asked if run.tasks == ["ukb-hyp-hf"] and 'llm-dan.alignment="raw"' in run.overrides)
    assert mode_config("finetune", "paper", parse_overrides(own.overrides, ["llm-dan"]), LLMDAN).batch_size == 64


def test_a_board_that_states_neither_changes_neither():
    assert {(run.corpus, run.fraction_rule) for run in runs("zeroshot")} == {(None, "stratified")}


def test_rows_are_run_only_in_modes_that_their_methods_offer():
    planned, left_out = board_options(
        load_board("ptbxl_super"), RunOptions((), (), ()), SimpleNamespace(kind="simulated", has=lambda name: True)
    )
    methods = registry.entries(registry.METHODS)
    assert {(run.methods[0], mode) for run in planned for mode in run.modes} >= {
        ("llm-dan", "linear"),
        ("kmerl", "zeroshot"),
    }
    for run in planned:
        assert set(run.modes) <= set(registry.modes_of(methods[run.methods[0]])), run
    assert "row Text and ECG LLM-DAN: llm-dan cannot answer zeroshot" in left_out
