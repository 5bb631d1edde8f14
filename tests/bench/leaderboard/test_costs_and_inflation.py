import pytest

from bench.leaderboard import load_board
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.collect import collect, compared
from bench.leaderboard.statistics.inflation import MINUS, both_modes, differences, inflation

RELEASED = "linear-merl-released"


def board(mode, metric="macro_auroc") -> Board:
    columns = [Column(label="super", task="ptbxl-super", mode=mode, metric=metric)]
    rows = [Row(label=m, method=m) for m in ("kmerl", "merl")]
    return Board(name="b", title="B", metric=metric, columns=columns, rows=rows)


def released(tmp_path, scored_result, skill, **keywords):
    result = scored_result(tmp_path / "results", "kmerl", skill, mode=RELEASED, **keywords)
    result.provenance["protocol"] = "merl-released"
    return result


def test_inflation_is_the_paired_difference_on_one_cell(tmp_path, scored_result):
    honest = scored_result(tmp_path / "results", "kmerl", 0.5)
    theirs = released(tmp_path, scored_result, 2.0)
    found = [honest, theirs]
    (table,) = compared(collect(board(f"{RELEASED}{MINUS}linear"), found), found)
    summary = table.lines[0].summaries[0]
    added = theirs.metric("macro_auroc")["value"] - honest.metric("macro_auroc")["value"]
    assert summary.value == pytest.approx(added)
    assert summary.low < added < summary.high
    assert "chosen on the test set" not in str(table.stamp)


def test_a_protocol_that_nobody_ran_honestly_inflates_nothing(tmp_path, scored_result):
    theirs = released(tmp_path, scored_result, 2.0)
    other = scored_result(tmp_path / "results", "kmerl", 0.5, fraction=0.1)
    assert collect(board(f"{RELEASED}{MINUS}linear"), [theirs, other]) == []


def test_a_protocol_is_compared_on_the_same_weights(tmp_path, scored_result):
    """A newer result of another pretraining is no partner."""
    same = scored_result(tmp_path / "results", "kmerl", 2.0)
    theirs = released(tmp_path, scored_result, 2.0)
    for result, weights in ((same, "a" * 64), (theirs, "a" * 64)):
        result.checkpoint["weights_sha256"] = weights
    newer = scored_result(tmp_path / "results", "kmerl", 0.2, noise=1, started="2026-02-01T00:00:00+00:00")
    newer.checkpoint["weights_sha256"] = "b" * 64
    (found,) = differences([same, newer, theirs])
    assert found.metric("macro_auroc")["value"] == 0
    assert "+0.000" in inflation([same, newer, theirs])[0]


def test_the_protocols_still_share_no_table(tmp_path, scored_result):
    found = [scored_result(tmp_path / "results", "kmerl", 0.5), released(tmp_path, scored_result, 2.0)]
    (table,) = collect(board("linear"), found)
    assert table.lines[0].summaries[0].keys == (found[0].key,)


def test_a_difference_asks_for_both_modes_to_be_run():
    column = load_board("protocol_inflation").columns[0]
    assert both_modes(column.mode) == [RELEASED, "linear"]
    assert both_modes("linear") == ["linear"]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("cost_parameters_m", 12.5),
        ("cost_gflops", 3.4),
        ("cost_pretraining_hours", 2.0),
        ("cost_recordings_per_second", None),
    ],
)
def test_costs_are_read_from_results(make_result, metric, value):
    result = make_result()
    result.provenance.update(parameters=12_500_000, gflops=3.4)
    result.checkpoint.update(seconds=7200)
    (table,) = compared(collect(board("linear", metric), [result, make_result("merl")]), [result])
    assert table.lines[0].summaries[0].value == value
    assert not table.ranks


def test_a_group_of_targets_is_read_under_its_own_name(make_result):
    result = make_result(metric="macro_auroc_rhythm", value=0.7)
    asked = board("linear", "macro_auroc")
    column = asked.columns[0].model_copy(update={"class_name": "rhythm"})
    (table,) = collect(asked.model_copy(update={"columns": [column]}), [result])
    assert table.lines[0].summaries[0].value == 0.7


def test_what_an_encoder_costs_is_counted_without_a_copy(monkeypatch):
    import torch

    from bench.method import Method
    from bench.runner.inference_cost import cost_of

    class Matrix(Method):
        name = "one-matrix"

        def build(self, config):
            self.weights = torch.nn.Linear(5000, 100, bias=False)

        def encode(self, batch):
            return self.weights(batch.ecg[:, 0])

    method = Matrix()
    method.weights.eval()
    monkeypatch.setattr("bench.runner.inference_cost.copy", None)  # a copy of a large method takes a gigabyte
    found = cost_of(method)
    assert found["gflops"] == pytest.approx(2 * 5000 * 100 / 1e9)
    assert found["recordings_per_second"] > 0
    assert method.training
    assert not method.weights.training


def inputs_board(**change):
    columns = [
        Column(label="as trained", task="ptbxl-super", mode="linear"),
        Column(label="change", task="ptbxl-super", mode="linear", change=change),
    ]
    config = {"inputs": "as-trained"}
    rows = [Row(label="m", method="kmerl")]
    return Board.model_validate(
        {"name": "b", "title": "B", "metric": "macro_auroc", "config": config, "columns": columns, "rows": rows}
    )


def fed(tmp_path, scored_result, skill, inputs, **others):
    result = scored_result(tmp_path / inputs, "kmerl", skill)
    result.config["method"] = {"inputs": inputs} | others
    return result


def test_a_column_of_a_change_shows_the_paired_difference_to_the_row(tmp_path, scored_result):
    trained, windows = (fed(tmp_path, scored_result, s, i) for s, i in ((2.0, "as-trained"), (0.5, "windows")))
    other = fed(tmp_path, scored_result, 0.1, "zscore")
    found = [trained, windows, other]
    (table,) = compared(collect(inputs_board(inputs="windows"), found), found)
    whole, change = table.lines[0].summaries
    assert whole.keys == (trained.key,)
    added = windows.metric("macro_auroc")["value"] - trained.metric("macro_auroc")["value"]
    assert change.value == pytest.approx(added)
    assert change.low < added < change.high < 0


def test_results_that_differ_in_more_than_the_change_have_no_difference(tmp_path, scored_result):
    trained = fed(tmp_path, scored_result, 2.0, "as-trained", weights="a")
    found = [trained, fed(tmp_path, scored_result, 0.5, "windows", weights="b")]
    (table,) = collect(inputs_board(inputs="windows"), found)
    assert table.lines[0].summaries[1].value is None


def test_a_change_of_what_the_board_does_not_state_is_refused():
    with pytest.raises(ValueError, match=r"'change' changes 'weights', which the board's config does not state"):
        inputs_board(weights="b")
