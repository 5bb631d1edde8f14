"""Marks of numbers that prove little: cards nobody scored again, almost perfect scores, statements of authors."""

from dataclasses import replace

from bench.contamination.audit import TrainedOn, audit
from bench.leaderboard import collapsed, contamination, proof, stale_results, text_ceilings
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.collect import collect
from bench.leaderboard.contamination import marks
from bench.leaderboard.formats import markdown
from bench.leaderboard.number_format import format_cell

BOARD = Board(
    name="b", title="B", metric="macro_auroc",
    columns=[Column(label="super", task="ptbxl-super", mode="linear")],
    rows=[Row(label="kmerl", method="kmerl"), Row(label="merl", method="merl")],
)  # fmt: skip


def shown(*results):
    (table,) = collect(BOARD, results)
    return [format_cell(table, line, 0) for line in table.lines], " ".join(table.footnotes), table


def test_a_card_that_was_not_scored_again_has_a_mark_and_others_have_none(make_result):
    unproven = replace(make_result("kmerl"), level="schema")
    for level in ("", "rescored", "replayed"):
        (first, second), notes, _ = shown(unproven, replace(make_result("merl"), level=level))
        assert first.endswith("°")
        assert not second.endswith("°")
        assert "° from result cards" in notes and "kmerl" in notes


def test_where_all_are_such_cards_a_footnote_says_it_once(make_result):
    cells, notes, table = shown(*(replace(make_result(name), level="schema") for name in ("kmerl", "merl")))
    assert not any("°" in cell for cell in cells)
    assert "All numbers are those of result cards" in notes
    assert "°" not in markdown.write(BOARD, [table])


def test_an_almost_perfect_score_is_marked(make_result):
    (first, second), notes, _ = shown(
        make_result("kmerl", value=0.9992, width=0.0005), make_result("merl", value=0.9985)
    )
    assert first.endswith("!")
    assert not second.endswith("!")
    assert "! 0.999 or more" in notes


def test_a_method_of_another_package_is_not_reviewed(make_result):
    _, _, table = shown(make_result("strangers-net"))
    assert [line.row.group for line in table.lines if line.row.method == "strangers-net"] == [
        "From other packages (not reviewed)"
    ]


def test_nobody_declares_a_method_free_of_contamination():
    """Its statement is shown as one."""
    for trained in (
        TrainedOn("strangers-net", None, untrained=True, declared=True),
        TrainedOn("strangers-net", "other:mine", data="simulated", declared=True),
    ):
        assert audit(trained, ["1", "2"], "ptbxl", _Real(), None).contamination == "declared"
    assert (
        audit(TrainedOn("random-resnet", None, untrained=True), ["1"], "ptbxl", _Real(), None).contamination == "none"
    )
    assert marks(["declared"]) == "~"


class _Real:
    kind = "real"


def test_every_mark_has_one_meaning():
    marks = [proof.UNPROVEN, proof.PERFECT, stale_results.MARK, text_ceilings.MARK, collapsed.MARK, "§", "¶"]
    marks += [mark for mark in contamination.MARKS.values() if mark]
    assert len(set(marks)) == len(marks)
