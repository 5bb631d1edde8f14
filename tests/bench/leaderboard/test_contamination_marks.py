import csv

import pytest

from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.collect import collect, collect_all
from bench.leaderboard.contamination import legend
from bench.leaderboard.render import render
from bench.leaderboard.site.render_html import write as write_html
from bench.leaderboard.site.view_models import table_views

BOARD = """
title: Marks
metric: macro_auroc
columns:
  - {label: Super, task: ptbxl-super, mode: linear}
  - {label: Sub, task: ptbxl-sub, mode: linear}
  - {label: Mean, mean_of: [Super, Sub]}
rows:
  - {label: MERL, method: merl}
  - {label: K-MERL, method: kmerl}
"""


@pytest.fixture
def board():
    return Board(
        name="marks",
        title="Marks",
        metric="macro_auroc",
        columns=[Column(label="Super", task="ptbxl-super", mode="linear")],
        rows=[Row(label="MERL", method="merl"), Row(label="K-MERL", method="kmerl")],
    )


def rendered(tmp_path, results, form):
    path = tmp_path / "marks.yaml"
    path.write_text(BOARD)
    (written,) = render(str(path), results, tmp_path / "out", [form])
    return written.read_text()


def test_what_the_checkpoint_saw_stands_beside_each_number(tmp_path, make_result):
    leaked = make_result(method="merl", value=0.9, contamination="test records")
    leaked.contamination_evidence.update(test_records=12, tested=2158)
    results = [leaked, make_result(value=0.8, contamination="same dataset")]
    text = rendered(tmp_path, results, "markdown")
    assert "0.900 [0.880, 0.920]‡" in text
    assert "0.800 [0.780, 0.820]†" in text
    assert "‡ test records were pretrained on: MERL on ptbxl-super (12 of 2,158)." in text
    assert r"0.800 [0.780, 0.820]$\dagger$" in rendered(tmp_path, results, "latex")
    rows = csv.DictReader(rendered(tmp_path, results, "csv").splitlines())
    assert {(r["row"], r["contamination"]) for r in rows if r["column"] == "Super"} == {
        ("MERL", "test records"),
        ("K-MERL", "same dataset"),
    }


def test_the_note_on_a_mark_states_the_corpus_once(board, make_result):
    """A reader needs the corpus of each row: the mark's note names it if it is the task's own training records."""
    own = make_result("merl", contamination="same dataset", corpus="ptbxl")
    (table,) = collect(board, [own, make_result(contamination="same dataset", corpus="csn")])
    assert {note for note in table.footnotes if "retrained on" in note} == {
        "Pretrained on csn: K-MERL.",
        "† pretrained on the task's own training records; no test record was found there: MERL.",
        "† pretrained on the task's dataset, or one that shares recordings with it; no test record was found there: K-MERL.",
    }
    (table,) = collect(board, [make_result("merl", contamination="test records", corpus="ptbxl")])
    assert {note for note in table.footnotes if "retrained on" in note} == {
        "Pretrained on the task's dataset: MERL.",
        "‡ test records were pretrained on: MERL on ptbxl-super.",
    }


def test_folds_that_leak_are_told_as_a_range(board, make_result):
    results = [make_result("merl", fold=fold, contamination="test records") for fold in range(3)]
    for result, leaked in zip(results, (51, 49, 57), strict=True):
        result.contamination_evidence.update(test_records=leaked, tested=78)
    (table,) = collect(board, results)
    assert "‡ test records were pretrained on: MERL on ptbxl-super (49 to 57 of 78)." in table.footnotes


def test_a_clean_number_bears_no_mark(tmp_path, make_result):
    text = rendered(tmp_path, [make_result(value=0.8)], "markdown")
    assert "| 0.800 [0.780, 0.820] |" in text


def test_seeds_that_differ_in_contamination_have_no_mean(board, make_result):
    (table,) = collect(board, [make_result(seed=0), make_result(seed=1, contamination="unknown")])
    summary = table.lines[1].summaries[0]
    assert summary.value is None
    assert "none, unknown" in summary.missing


def test_columns_that_differ_in_contamination_have_no_mean_and_others_bear_the_mark(tmp_path, make_result):
    def both(of_sub):
        return [
            make_result(value=0.8, contamination="same dataset"),
            make_result(value=0.6, task="ptbxl-sub", contamination=of_sub),
        ]

    assert "0.700 [0.680, 0.720]†" in rendered(tmp_path, both("same dataset"), "markdown")
    text = rendered(tmp_path, both("none"), "markdown")
    assert "0.700" not in text and "no mean over columns that differ in contamination (none; same dataset)" in text


def test_a_result_older_than_the_stamp_reads_as_unknown(tmp_path, store_result):
    import json

    from bench.cells.result import read_result
    from bench.storage.artifacts import seal

    result = store_result(tmp_path)
    path = result.folder / "result.json"
    old = json.loads(path.read_text())
    del old["contamination"], old["contamination_evidence"]
    path.write_text(json.dumps(old))
    seal(result.folder, "result", {})
    assert read_result(result.folder).contamination == "unknown"


def test_marks_are_explained_in_a_few_words_where_they_appear():
    assert legend(["none", "none"]) == []
    assert legend(["unknown", "same dataset", "same dataset"]) == [
        "† pretrained on the task's dataset, or one that shares recordings with it; no test record was found there",
        "? unknown whether test records were pretrained on",
    ]


def test_the_page_of_a_board_explains_its_marks_outside_the_notes(make_result):
    (table,) = collect_all([make_result(contamination="test records"), make_result("merl")])
    (view,) = table_views(table.board, [table], {})
    assert view.legend == ["‡ test records were pretrained on"]
    page = write_html(table.board, [table], {})
    assert "‡ test records were pretrained on" in page.partition('<details class="notes"')[0]
