import re
import sys
from dataclasses import replace

import pytest

from bench import registry
from bench.errors import ConfigError, UnknownName
from bench.leaderboard.board import Board, Column, Row, board_files, load_board, read_board
from bench.leaderboard.collect import collect, collect_all
from bench.leaderboard.match_results import best_board
from bench.leaderboard.number_format import MANY_GROUPS
from bench.leaderboard.site.view_models import table_views
from bench.leaderboard.statistics.comparisons import Ranks
from bench.provenance import LIBRARIES, versions
from bench.reading import method_files


def line(table, label):
    return next(line for line in table.lines if line.label == label)


# The schema


def test_a_board_is_read(board):
    assert board.name == "two"
    assert board.rows[3].published[1].sd == 0.25
    assert board.rows[1].published[2] is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metric: macro_auroc", "metrik: macro_auroc", "unknown field of the board 'metrik'. Did you mean 'metric'"),
        ("metric: macro_auroc", "", "metric is missing. Add it."),
        ("method: merl,", "methd: merl,", "unknown field of rows.0 'methd'. Did you mean 'method'"),
        ("mode: linear}", "mod: linear}", "unknown field of columns.0 'mod'. Did you mean 'mode'"),
        ("[88.67, 84.72, 86.70]", "[88.67, 84.72]", "2 published numbers for 3 columns"),
        ("[Super 100%, Sub 100%]", "[Super 100%, Form 100%]", "'Form 100%', which is not a column"),
        ("label: K-MERL,", "label: MERL,", "two rows are named 'Text MERL'"),
        ("fraction: 1.0", "fraction: 10", "columns.1.fraction"),
        ("fraction: 1.0", "leads: I;II", "unknown lead"),
        ("title: Two tasks", "title: [", "not a readable board"),
    ],
)
def test_a_malformed_board_says_file_and_field(path, old, new, message):
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        read_board(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "task: ptbxl-sub,",
            "task: ptbxl-sup,",
            "column 'Sub 100%': unknown task 'ptbxl-sup'. Did you mean 'ptbxl-super'",
        ),
        ("method: kmerl", "method: kmrel", "row 'Text K-MERL': unknown method 'kmrel'. Did you mean 'kmerl'"),
        ("mode: linear", "mode: linera", "column 'Super 100%': unknown mode 'linera'. Did you mean 'linear'"),
    ],
)
def test_a_misspelt_name_in_a_board_file_is_refused(path, old, new, message):
    assert load_board(str(path)).name == "two"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=f"{re.escape(str(path))}: {re.escape(message)}"):
        load_board(str(path))


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("{group: Super, label: L, task: ptbxl-super, mode: linear, settings: {lr: 0.1}}", "expected MODE.FIELD"),
        (
            "{group: Super, label: L, task: ptbxl-super, mode: linear, settings: {linear.lr: 0.1}}",
            "'Super L' and 'Super 100%' differ in settings alone",
        ),
    ],
)
def test_settings_that_would_be_ignored_are_refused(path, added, message):
    text = path.read_text().replace("published: [", "published: [null, ")
    path.write_text(text.replace("columns:\n", f"columns:\n  - {added}\n", 1))
    with pytest.raises(ConfigError, match=message):
        read_board(path)


def test_a_row_may_name_a_class_in_a_file_next_to_the_board(path, monkeypatch):
    monkeypatch.setenv(method_files.ENVIRONMENT, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    source = ("from bench.method import Method", "class Mine(Method):", "    name = 'of-a-file'")
    (path.parent / "mine_of_a_board.py").write_text("\n".join(source))
    path.write_text(path.read_text().replace("method: kmerl", "method: ./mine_of_a_board.py:Mine", 1))
    try:
        assert [row.method for row in load_board(str(path)).rows] == ["merl", "merl", "of-a-file", None]
        assert registry.entries(registry.METHODS)["of-a-file"].distribution == registry.FILE
    finally:
        registry.entries.cache_clear()


def test_an_unknown_board_suggests_a_known_one():
    if "kmerl_table1" not in board_files():
        pytest.skip("the package is not installed, so that its entry points are not seen")
    assert load_board("kmerl_table1").rows
    with pytest.raises(UnknownName, match="Did you mean 'kmerl_table1'"):
        load_board("kmerl_tabel1")


# What is never mixed


@pytest.mark.parametrize(
    "other",
    [
        {"data": "simulated"},
        {"profile": "smoke"},
        {"complete": False},
        {"split_digest": "another"},
        {"data": "simulated", "profile": "smoke", "complete": False},
    ],
)
def test_results_of_different_kinds_never_share_a_table(board, make_result, other):
    tables = collect(board, [make_result(value=0.9), make_result(method="merl", value=0.6, **other)])
    tables = [table for table in tables if table.stamp]
    assert len(tables) == 2
    assert line(tables[0], "K-MERL").found
    assert not line(tables[0], "MERL").found
    assert line(tables[1], "MERL").found
    assert not line(tables[1], "K-MERL").found
    assert str(tables[0].stamp) != str(tables[1].stamp)


def test_tasks_of_one_subset_share_a_table_and_the_other_subset_has_its_own(board, make_result):
    large = [
        make_result(task=t, split_digest=f"large {t}", n_records=162, complete=False)
        for t in ("ptbxl-super", "ptbxl-sub")
    ]
    small = make_result(task="ptbxl-sub", split_digest="small", n_records=50, complete=False)
    small.dataset["digest"] = "the smaller store"
    subsets = [table for table in collect(board, [small, *large]) if table.stamp]
    assert [[s.n_records for s in line(t, "K-MERL").summaries[:2]] for t in subsets] == [[162, 162], [0, 50]]


def test_a_store_at_another_rate_is_the_same_population(board, make_result):
    slow = make_result(method="merl")
    slow.dataset.update(digest="the same records at 100 Hz", fs=100.0)
    (table,) = collect(board, [make_result(), slow])
    assert line(table, "MERL").found
    assert line(table, "K-MERL").found


def test_an_earlier_version_of_the_same_records_has_a_table_of_its_own(board, make_result):
    """Ids, labels and split agree, the signals do not: nothing of it is shown next to the newer ones, nor in their stead."""
    earlier = [make_result(method=m, started="2025-12-01T00:00:00+00:00") for m in ("kmerl", "merl")]
    for result in earlier:
        result.dataset["digest"] = "the signals were written again since"
    tables = [table for table in collect(board, [make_result(), *earlier]) if table.stamp]
    assert [[line(t, label).found for label in ("K-MERL", "MERL")] for t in tables] == [[True, False], [True, True]]
    assert "earlier version" in str(tables[1].stamp)


def test_configs_are_told_apart_and_never_averaged(board, make_result):
    results = [
        make_result(value=0.9),
        make_result(value=0.7, seed=1, config={"backbone": "resnet18", "depth": 3}),
    ]
    (table,) = collect(board, results)
    assert line(table, "K-MERL (depth 3)").summaries[0].value == 0.7
    assert line(table, "K-MERL (depth —)").summaries[0].value == 0.9


def test_checkpoints_of_different_corpora_and_protocols_are_told_apart(board, make_result):
    (table,) = collect(board, [make_result(value=0.9), make_result(value=0.7, corpus="ptbxl")])
    own = line(table, "K-MERL (pretrained on its own records)")
    assert own.summaries[0].value == 0.7
    assert own.settings == "corpus digest —, pretrained on the task's own training records"
    assert f"{own.label}: {own.settings}." in table.footnotes
    (table,) = collect(board, [make_result(value=0.9), make_result(value=0.7, seed=1, protocol={"epochs": 10})])
    assert line(table, "K-MERL (linear.epochs 10)").summaries[0].value == 0.7
    assert line(table, "K-MERL (linear.epochs 100)").summaries[0].value == 0.9


def test_labels_are_short_and_a_mode_without_results_is_no_difference(board, make_result):
    long = {f"setting_{number}": 1.5 for number in range(12)}
    results = [
        make_result(value=0.9),
        make_result(value=0.7, config={"backbone": "resnet18"} | long),
        make_result(value=0.6, config={"backbone": "vit"} | long),
        make_result(value=0.8, mode="zeroshot"),
    ]
    (table,) = collect(board, results)
    found = [one for one in table.lines if one.found]
    assert all(len(one.label) <= 40 for one in found), [one.label for one in found]
    assert len({one.label for one in found}) == len(found) == 3
    assert all("setting_11" in one.settings and "linear.epochs" not in one.settings for one in found)
    assert sum("setting_11" in note for note in table.footnotes) == 3


def test_a_footnote_does_not_repeat_what_a_label_says(board, make_result):
    results = [make_result(config={"depth": 3}), make_result(seed=1, config={"depth": 4})]
    results[0].provenance["overrides"] = ["kmerl.depth=3", "linear.lr=0.1"]
    (table,) = collect(board, results)
    (note,) = [note for note in table.footnotes if "--set" in note]
    assert note == "Settings changed by --set linear.lr=0.1: K-MERL (depth 3)."


def test_a_result_goes_to_the_row_whose_config_fits_best(board, make_result):
    results = [
        make_result(method="merl", value=0.8),
        make_result(method="merl", value=0.7, config={"backbone": "vit-tiny"}),
    ]
    (table,) = collect(board, results)
    assert line(table, "MERL").summaries[0].value == 0.8
    assert line(table, "MERL (ViT)").summaries[0].value == 0.7


def test_the_latest_of_two_results_of_a_cell_counts(board, make_result):
    new, old = make_result(value=0.9, started="2026-02-01"), make_result(value=0.5, started="2026-01-01")
    (table,) = collect(board, [new, old])
    assert line(table, "K-MERL").summaries[0].value == 0.9
    assert any("1 older results" in note for note in table.footnotes)


def test_settings_that_are_not_the_profile_s_own_are_told(board, make_result):
    result = make_result(config={"pretrain": {"epochs": 1}})
    result.provenance["overrides"] = ["pretrain.epochs=1"]
    (table,) = collect(board, [result])
    assert "Settings changed by --set pretrain.epochs=1: K-MERL." in table.footnotes


@pytest.mark.parametrize("text", ["pretrain.epochs=1", "kmerl.pretrain.epochs=1"])
def test_a_setting_of_pretraining_is_no_change_of_a_result_without_a_checkpoint(board, make_result, text):
    result = make_result(config={"pretrain": {"epochs": 1}}, corpus=None)
    result.provenance["overrides"] = [text]
    (table,) = collect(board, [result])
    assert not [note for note in table.footnotes if note.startswith("Settings changed")]


def test_cells_of_several_library_versions_are_noted_with_their_counts(board, make_result):
    def made_with(versions, **cell):
        result = make_result(**cell)
        result.provenance["versions"] = versions
        return result

    before = made_with({"numpy": "2.1.0", "torch": "2.8.0"}, method="merl")
    after = made_with({"numpy": "2.4.6", "torch": "2.8.0", "scipy": "1.17.1"}, method="kmerl")
    also = made_with({"numpy": "2.4.6", "torch": "2.8.0", "scipy": "1.17.1"}, method="kmerl", task="ptbxl-sub")
    (table,) = collect(board, [before, after, also])
    assert (
        "The cells were computed with different versions of libraries: numpy 2.1.0 (1 cell), 2.4.6 (2 cells); "
        "scipy 1.17.1 (2 cells), not recorded (1 cell)."
    ) in table.footnotes
    assert not any("libraries" in note for note in collect(board, [after, also])[0].footnotes)
    assert not any("libraries" in note for note in collect(board, [make_result(), make_result("merl")])[0].footnotes)


def test_a_result_records_the_libraries_that_numbers_depend_on():
    assert set(LIBRARIES) <= set(versions())
    assert len(LIBRARIES) == 10


def test_a_setting_is_told_of_the_rows_that_it_could_reach(board, make_result):
    found = [make_result("kmerl", config={"depth": 4}), make_result("merl", config={"temperature": 0.1})]
    for result in found:
        result.provenance["overrides"] = ["kmerl.depth=4", "temperature=0.1", "zeroshot.x=1", "linear.epochs=100"]
    (table,) = collect(board, found)
    answer = [note for note in table.footnotes if "--set" in note]
    assert answer == [
        "Settings changed by --set temperature=0.1 linear.epochs=100: MERL.",
        "Settings changed by --set kmerl.depth=4 linear.epochs=100: K-MERL.",
    ]


def test_the_board_named_after_a_run_is_the_one_that_its_cells_fill_most(make_result):
    few = [make_result("kmerl", mode=mode, fraction=0.05) for mode in ("linear", "finetune")]
    assert best_board(few) == "few_labels"
    prompted = {"mode": "zeroshot", "task": "ptbxl-sub"}
    original = make_result(**prompted)
    original.config["method"] = {"prompts": {"wording": "original"}}
    assert best_board([original]) == "kmerl_figure4"
    assert best_board([make_result(**prompted, data="simulated")]) == "zeroshot"
    assert best_board([make_result("random-resnet", data="simulated")]) == "ptbxl_super"  # and not what it cost
    assert best_board([make_result("nobody-s", task="nobody-s-task")]) is None


def test_rows_that_differ_in_mode_read_their_own_cells(make_result):
    board = Board(
        name="modes",
        title="Modes",
        metric="macro_auroc",
        columns=[Column(label="Super", task="ptbxl-super")],
        rows=[Row(label="probe", method="kmerl", mode="linear"), Row(label="zero", method="kmerl", mode="zeroshot")],
    )
    (table,) = collect(board, [make_result(value=0.9), make_result(value=0.7, mode="zeroshot")])
    assert [line.summaries[0].value for line in table.lines] == [0.9, 0.7]


def test_footnotes_tell_of_every_row_where_two_share_a_label(make_result):
    board = Board(
        name="twice",
        title="Twice",
        metric="macro_auroc",
        columns=[Column(label="Super", task="ptbxl-super")],
        rows=[Row(label="K-MERL", group=m, method="kmerl", mode=m) for m in ("finetune", "linear", "zeroshot")],
    )
    leaked = make_result(mode="finetune", contamination="test records", corpus="csn")
    (table,) = collect(board, [leaked, make_result(mode="linear")])
    answer = " ".join(table.footnotes)
    assert "test records were pretrained on: K-MERL (finetune) on ptbxl-super" in answer
    assert "Pretrained on csn: K-MERL (finetune)." in answer and "Pretrained on mimic-ecg: K-MERL (linear)." in answer


def test_cross_validated_tasks_and_others_are_told_apart_in_the_note_on_intervals(make_result):
    crossed = [make_result("merl", task="ukb-hyp-hf", metric="c_index", fold=fold) for fold in range(3)]
    (table,) = collect_all([make_result("kmerl"), make_result("merl"), *crossed])
    answer = [note for note in table.footnotes if "ntervals (95 %" in note]
    assert [note.partition(":")[0] for note in answer] == ["ptbxl-super", "ukb-hyp-hf"]
    assert "bootstrap over patients" in answer[0] and "over 3 folds" in answer[1]
    (table,) = collect_all(crossed)
    assert any(note.startswith("Means ± standard deviations over 3 folds") for note in table.footnotes)


def test_a_page_shows_the_deviation_over_folds_that_its_notes_speak_of(make_result):
    results = [make_result(task="ukb-hyp-hf", metric="c_index", fold=fold, value=0.6 + 0.1 * fold) for fold in (0, 1)]
    (table,) = collect_all(results)
    (view,) = table_views(table.board, [table], {})
    assert view.lines[0].cells[0].value == "0.650"
    assert view.lines[0].cells[0].interval.startswith("± 0.071; ")


@pytest.mark.parametrize(("fact", "said"), [("n_skipped", "and left out"), ("n_doubtful", "but kept")])
def test_recordings_that_were_refused_or_kept_in_doubt_are_counted_in_a_note(board, make_result, fact, said):
    result = make_result()
    (clean,) = collect(board, [result])
    assert not any("on-bad-record" in note for note in clean.footnotes)
    (table,) = collect(board, [replace(result, dataset=result.dataset | {fact: 3})])
    (note,) = (note for note in table.footnotes if "on-bad-record" in note)
    assert note.startswith("3 recordings of ptbxl") and said in note


def test_a_page_tells_letters_and_ranks_where_it_has_both(board, make_result):
    (table,) = collect(board, [make_result()])
    groups = {0: tuple((k,) for k in range(MANY_GROUPS + 1)), 1: ((0,), (1,))}
    stated = {"lines": (0, 1), "rank": {0: 1, 1: 2}, "letters": {0: "a", 1: "b"}}
    table = replace(table, ranks={index: Ranks(test="t", groups=found, **stated) for index, found in groups.items()})
    (view,) = table_views(board, [table], {})
    assert "letters: " in view.raised and "raised numbers: " in view.raised


def test_a_mean_over_an_incomplete_row_is_refused(board, make_result):
    (table,) = collect(board, [make_result(), make_result(method="merl"), make_result(method="merl", task="ptbxl-sub")])
    assert line(table, "K-MERL").summaries[2].value is None
    assert line(table, "K-MERL").summaries[2].missing == "no mean without Sub 100%"
    assert line(table, "MERL").summaries[2].value == pytest.approx(0.8)


def test_config_of_a_board_holds_for_every_row_and_a_row_may_differ(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: t\nmetric: m\nconfig: {a: 1}\ncolumns: [{label: c}]\n"
        "rows: [{label: r, method: x}, {label: s, method: x, config: {a: 2, b: 3}}]\n"
    )
    assert [row.config for row in read_board(path).rows] == [{"a": 1}, {"a": 2, "b": 3}]
