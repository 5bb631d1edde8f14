"""The ledger of a workspace counts how often each test split was scored, and boards print it."""

import pytest

from bench.cells import ledger
from bench.cells.cell import Cell
from bench.leaderboard.render import render
from bench.storage.workspace import Workspace

BOARD = """
title: Counted
metric: macro_auroc
columns:
  - {label: Super, task: ptbxl-super, mode: linear}
rows:
  - {label: MERL, method: merl}
"""


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A workspace in which two users have scored two methods three times."""
    workspace = Workspace(tmp_path)
    for user, method in (("ann", "merl"), ("ann", "kmerl"), ("bo", "merl")):
        monkeypatch.setattr(ledger.getpass, "getuser", lambda user=user: user)
        ledger.record(workspace, Cell(method, "ptbxl-super", "linear"), "abc", "simulated", "key")
    return workspace


def test_scorings_are_counted_by_task_data_method_and_user(counted):
    assert ledger.scored(counted) == {("simulated", "ptbxl-super"): ledger.Scored(3, 2, 2)}


def test_a_line_that_was_cut_off_costs_only_itself(counted):
    with open(counted.root / ledger.NAME, "a") as file:
        file.write('{"task": "ptbxl-su')
    assert ledger.scored(counted)["simulated", "ptbxl-super"].times == 3


def test_a_board_prints_the_counts_of_its_tasks(counted, tmp_path, make_result):
    path = tmp_path / "counted.yaml"
    path.write_text(BOARD)
    result = make_result("merl")
    counts = {(result.data, "ptbxl-super"): ledger.Scored(3, 2, 2)}
    (written,) = render(str(path), [result], tmp_path / "out", ["markdown"], counts=counts)
    sentence = "The test split of ptbxl-super was scored 3 times in this workspace, with 2 methods by 2 users."
    assert sentence in written.read_text()


def test_a_ledger_that_cannot_be_written_loses_no_result(tmp_path):
    with pytest.warns(UserWarning, match="is not counted"):
        ledger.record(Workspace(tmp_path / "absent"), Cell("merl", "ptbxl-super", "linear"), "abc", "real", "key")
