"""``--fraction-rule``: whose draw of a labelled fraction, recorded in every result and kept apart on boards."""

from __future__ import annotations

import json

from sklearn.model_selection import train_test_split

from bench.cells.cell import Cell

RUN = ("run", "-m", "small", "-t", "ptbxl-sub", "--mode", "linear", "--set", "linear.epochs=1", "--no-track")


def test_both_rules_are_run_kept_apart_and_told(bench, small, monkeypatch):
    from bench.runner import run_cell

    calls = []

    def spy(rows, fraction, seed, targets, rule="stratified"):
        chosen = original(rows, fraction, seed, targets, rule)
        calls.append((rule, rows, chosen))
        return chosen

    original = run_cell.labelled_subset
    monkeypatch.setattr(run_cell, "labelled_subset", spy)
    ours = json.loads(bench(*RUN, "--fraction", "5%", "--json").out)
    merl = json.loads(bench(*RUN, "--fraction", "5%,1", "--fraction-rule", "merl", "--json").out)
    assert [r["cell"].get("fraction_rule", "stratified") for r in ours + merl] == ["stratified", "merl", "stratified"]
    assert len({r["key"] for r in ours + merl}) == 3
    (_, rows, by_merl) = next(call for call in calls if call[0] == "merl")
    assert list(by_merl) == list(train_test_split(rows, train_size=len(rows) * 5 // 100, random_state=42)[0])
    for one in ours + merl:
        assert isinstance(one["split"]["classes_absent_from_training"], list)
    assert merl[0]["split"]["classes_absent_from_training"]  # 4 recordings cannot hold 23 classes
    shown = bench(*RUN, "--fraction", "5%", "--fraction-rule", "merl", "--notes")
    message = " ".join(shown.out.split())  # a narrow table breaks its lines
    assert "drawn by merl: no training record has" in message


def test_boards_do_not_average_two_draws(bench, small):
    bench(*RUN, "--fraction", "1%")
    bench(*RUN, "--fraction", "1%", "--fraction-rule", "merl")
    from bench.cells.result import read_results
    from bench.leaderboard.match_results import latest, split_by_config
    from bench.storage.workspace import Workspace

    results = list(read_results(Workspace.at().results))
    assert len(latest(results)) == 2
    assert [len(group) for group in split_by_config(results).values()] == [1, 1]
    assert any("fraction_rule merl" in name for name in split_by_config(results))


def test_another_rule_is_refused(bench, small):
    done = bench(*RUN, "--fraction-rule", "random")
    assert done.code == 2
    assert "expected one of stratified, merl" in done.err


def test_cells_of_the_default_rule_read_and_write_as_ever():
    assert "fraction_rule" not in Cell("a", "b", "linear").to_dict()
    merl = Cell("a", "b", "linear", fraction=0.01, fraction_rule="merl")
    assert Cell.from_dict(merl.to_dict()) == merl
    assert "merl" in str(merl)
