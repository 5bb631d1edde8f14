"""A table states which prompts asked for the classes, and where a row differs from the paper of its method."""

from dataclasses import replace

import pytest

from bench.leaderboard import class_notes
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
        "A": [prompted(make_result, kind="names", wording="original", lower=True)],
        "B": [prompted(make_result, kind="template", wording="described", template="this is {name}", lower=False)],
        "C": [prompted(make_result, kind="file", sha256="12" * 32)],
        "D": [make_result("merl", mode="linear")],
        "E": [prompted(make_result, kind="names", wording="described", lower=False)],
        "F": [make_result("random-vit", mode="zeroshot", corpus=None)],
    }
    stated = footnotes_on_prompts(used)
    assert len(stated) == 3  # each choice of words once
    assert any("that the dataset publishes, in lower case: A." in note for note in stated)
    rows = "validation fold 9): E; in 'this is {name}': B; in a method that has no settings for prompts: F."
    assert any(note.endswith(rows) for note in stated)
    assert any("a file of prompts (sha256 121212121212)" in note and note.endswith(": C.") for note in stated)


@pytest.mark.parametrize(("reports", "described"), [({"waveforms": True}, True), ({"waveforms": False}, False)])
def test_prompts_with_waveforms_say_so_where_reports_have_them(make_result, reports, described):
    """ESI describes the waveform of a class only if the texts of its pretraining do."""
    prompts = {"kind": "template", "wording": "described", "template": "ECG Findings: {name}."}
    config = {"prompts": prompts, "prompt_waveforms": True, "cqa": reports}
    (note,) = footnotes_on_prompts({"ESI": [make_result("esi", mode="zeroshot", config=config)]})
    assert "in 'ECG Findings: {name}.'" in note
    assert ("description of its waveform (chosen on a simulated test split" in note) is described


def test_prompts_of_untrained_encoders_are_stated(make_result):
    encoders = [make_result(name, mode="zeroshot", corpus=None) for name in ("random-resnet", "random-vit")]
    (note,) = footnotes_on_prompts({"Random ResNet": encoders[:1], "Random ViT": encoders[1:]})
    assert "validation fold 9), in a method that has no settings for prompts: Random ResNet, Random ViT." in note


def footnotes_on_prompts(used):
    return [note for note in footnotes(used) if note.startswith("Zero-shot prompts")]


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


def test_a_mark_of_a_methods_file_counts_where_its_setting_has_a_part(make_result):
    """Of zero-shot prompts in zero-shot alone, of pretraining where there was one."""
    names = {"prompts": {"kind": "names"}, "text": {"model": "medcpt", "trainable_layers": 6}}
    base_rate = {"pretrain": {"lr": 0.00032}}
    used = {
        "asked": [make_result("merl", mode="zeroshot", config=names)],
        "probed": [make_result("merl", config=names)],
        "pretrained": [make_result("mae", config=base_rate)],
        "from scratch": [make_result("mae", mode="scratch", corpus=None, config=base_rate)],
        "another rate": [make_result("mae", config={"pretrain": {"lr": 0.001}})],
        "no text": [make_result("llm-dan", mode="scratch", corpus=None, config={"text": {"model": "minilm"}})],
    }
    prompts, rate = (note for note in footnotes(used) if note.startswith("§"))
    assert "the authors' file in the paper" in prompts
    assert prompts.endswith(": asked.")
    assert "base rate of 1e-5" in rate
    assert rate.endswith(": pretrained.")


def test_a_correction_goes_by_the_day_of_the_weights(make_result):
    def of(started, **checkpoint):
        result = make_result("st-mem", started=f"2026-{started}T12:00:00+00:00")
        return [replace(result, checkpoint=result.checkpoint | checkpoint)]

    used = {
        "old weights": of("12-01", finished="2026-11-20T12:00:00+00:00"),
        "new weights": of("12-01", finished="2026-11-30T12:00:00+00:00"),
        "old result": of("11-20"),
        "imported": of("11-20", imported={"file": "st_mem.pth"}, finished="2026-11-20T12:00:00+00:00"),
    }
    (note,) = (note for note in footnotes(used) if note.startswith("¶"))
    assert note.endswith(": old weights, old result.")


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


def test_a_result_made_again_after_the_correction_has_neither_mark_nor_note(make_result):
    old, new = (make_result("st-mem", started=f"2026-{day}T12:00:00+00:00") for day in ("11-20", "12-01"))
    (table, *_) = collect(load_board("linear"), [old, new])
    (line,) = (line for line in table.lines if line.found)
    assert line.marked_label == line.label
    assert not any(note.startswith("¶") for note in table.footnotes)
    assert "1 older results of the same cells are not shown; the latest counts." in table.footnotes


def test_notes_are_of_the_results_shown_and_not_of_older_ones(make_result):
    older = make_result(contamination="same dataset", left_out=["LVH"])
    newer = make_result(started="2026-02-01T00:00:00+00:00")
    notes = footnotes({"K-MERL": [older, newer]})
    assert not any(note.startswith("†") or "LVH" in note for note in notes)


def numbers(make_result, cells, **keywords):
    return [note for note in footnotes({"A": [make_result(**keywords, **cell) for cell in cells]}) if "Interval" in note or
            "intervals" in note]  # fmt: skip


def test_the_note_on_intervals_says_what_was_drawn_again(make_result):
    (one,) = numbers(make_result, [{}])
    assert "cover test patients, not another training" in one
    seeds = [{"seed": k} for k in range(3)]
    (of_one_checkpoint,) = numbers(make_result, seeds)
    assert "3 seeds share one pretraining" in of_one_checkpoint and "not another pretraining" in of_one_checkpoint
    (untrained,) = numbers(make_result, seeds, corpus=None)
    assert "3 seeds draw everything" in untrained and "replicates" not in untrained and "pretraining" not in untrained
    (few_labels,) = numbers(make_result, seeds, corpus=None, fraction=0.1)
    assert "3 seeds share one pretraining or one draw of labelled records" in few_labels
    (joint,) = numbers(make_result, [{"seed": k, "training": k} for k in range(3)])
    assert "3 replicates (pretraining" in joint


def test_numbers_that_came_about_in_several_ways_have_a_note_for_each(make_result):
    used = {"A": [make_result()], "B": [make_result(seed=k, training=k) for k in range(2)]}
    notes = footnotes(used)
    assert any(note.startswith("With 2 replicates") for note in notes) and any(
        note.startswith("With one seed") for note in notes
    )
    assert not any("1 to 2" in note for note in notes)


def test_rows_that_are_one_computation_are_named(make_result):
    def scratch(method, predictions, **keywords):
        return replace(make_result(method, mode="scratch", corpus=None, **keywords), predictions_digest=predictions)

    used = {
        "SimCLR": [scratch("simclr", "ab"), make_result("simclr")],
        "BYOL": [scratch("byol", "ab"), make_result("byol")],
        "MERL": [scratch("merl", "cd")],
        "MERL, a class": [scratch("merl", "cd")],  # two rows that show one result
        "Other task": [scratch("simsiam", "ab", task="csn")],
    }
    notes = [note for note in footnotes(used) if "one computation" in note]
    assert notes == ["ptbxl-super scratch: SimCLR and BYOL have the same predictions: one computation under 2 names."]


def test_the_note_on_folds_says_whether_seeds_or_replicates_were_averaged(make_result):
    def note(**drawn):
        cells = [make_result(fold=k, seed=j, **dict.fromkeys(drawn, j)) for k in range(2) for j in range(2)]
        return next(n for n in footnotes({"A": cells}) if "over 2 folds" in n)

    assert "up to 2 seeds on one pretraining" in note() and "cover them" not in note()
    assert "up to 2 replicates (pretraining" in note(training=True) and "intervals cover them" in note(training=True)


def test_what_a_release_does_not_state_is_a_footnote_of_its_rows(make_result):
    result = make_result("d-beta")
    result.checkpoint["imported"] = {"file": "sample.pt", "assumed": "that leads come in the standard order"}
    notes = footnotes({"D-BETA": [result], "MERL": [make_result("merl")]})
    assert "D-BETA: it is assumed that leads come in the standard order." in notes


def test_of_a_thousand_classes_a_note_names_the_first_ones(make_result):
    many = [f"C{k:04}" for k in range(1_076)]
    (note,) = class_notes.left_out([make_result(left_out=many)])
    assert note.endswith("C0018, C0019 and 1,056 more.") and note.count(",") == 21
    (note,) = class_notes.left_out([make_result(left_out=many[:100])])
    assert note.endswith("C0098, C0099.")
