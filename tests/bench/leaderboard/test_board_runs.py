"""Corpus and draw of labels that a board states for its runs, and options that go before them."""

from types import SimpleNamespace

from bench.leaderboard.board import load_board
from bench.leaderboard.board_runs import board_options
from bench.runner.plan import RunOptions


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


def test_a_board_that_states_neither_changes_neither():
    assert {(run.corpus, run.fraction_rule) for run in runs("zeroshot")} == {(None, "stratified")}
