"""A table states which prompts asked for the classes, and where a row differs from the paper of its method."""

from bench.leaderboard.board import load_board
from bench.leaderboard.collect import collect
from bench.leaderboard.footnotes import footnotes
from bench.leaderboard.render import render


def prompted(make_result, **prompts):
    result = make_result("kmerl", mode="zeroshot")
    result.config["method"] = {"prompts": prompts}
    return result


def test_each_wording_is_stated_with_its_rows(make_result):
    used = {
        "A": [prompted(make_result, kind="names", wording="original")],
        "B": [prompted(make_result, kind="template", wording="described", template="this is {name}")],
        "C": [prompted(make_result, kind="file", sha256="12" * 32)],
        "D": [make_result("merl", mode="linear")],
    }
    stated = [note for note in footnotes(used) if note.startswith("Zero-shot prompts")]
    assert len(stated) == 3
    assert any("that the dataset publishes: A." in note for note in stated)
    assert any("validation fold 9), in 'this is {name}': B." in note for note in stated)
    assert any("a file of prompts (sha256 121212121212)" in note and note.endswith(": C.") for note in stated)


def test_a_row_with_a_default_that_is_not_the_papers_has_a_mark_and_the_reason(make_result, tmp_path):
    released = {"text": {"model": "medcpt", "trainable_layers": 0}}
    packaged = {"text": {"model": "minilm", "trainable_layers": 6}}
    for config, reason in ((released, "frozen, as released"), (packaged, "packaged MiniLM")):
        result = make_result("merl", config=config)
        (table, *_) = collect(load_board("linear"), [result])
        (line,) = (line for line in table.lines if line.found)
        assert line.marked_label == f"{line.label} §"
        assert [note for note in table.footnotes if note.startswith("§")] == [
            note for note in table.footnotes if reason in note
        ]
        (written,) = render("linear", [result], tmp_path, ["markdown"])
        assert f"{line.label} §" in written.read_text()


def test_nothing_is_marked_where_the_config_is_the_papers_or_the_profile_is_not(make_result):
    settings = {"text": {"model": "medcpt", "trainable_layers": 6}}
    small = make_result("merl", config={"text": {"model": "minilm"}}, profile="smoke")
    for result in (make_result("merl", config=settings), small):
        assert not any(note.startswith("§") for note in footnotes({"MERL": [result]}))


def test_rows_made_before_a_correction_of_their_method_are_marked(make_result):
    old, new = ({"started": f"2026-{day}T12:00:00+00:00"} for day in ("11-20", "12-01"))
    used = {
        "old": [make_result("st-mem", **old)],
        "new": [make_result("st-mem", **new)],
        "other": [make_result("simclr", **old)],
        "untrained": [make_result("st-mem", mode="scratch", corpus=None, **old)],
    }
    (note,) = (note for note in footnotes(used) if note.startswith("¶"))
    assert "final norm" in note
    assert note.endswith(": old.")
    for label, mark in (("old", " ¶"), ("new", "")):
        (table, *_) = collect(load_board("linear"), used[label])
        (line,) = (line for line in table.lines if line.found)
        assert line.marked_label == f"{line.label}{mark}"
