"""Rows whose pretraining text states the labels: marked, apart, and compared at the same number of labels."""

import csv

from bench.leaderboard.formats.console import console_tables
from bench.leaderboard.render import render

BOARD = """
title: Words
metric: macro_auroc
columns:
  - {label: Linear, task: ptbxl-super, mode: linear, fraction: 0.1}
  - {label: Scratch, task: ptbxl-super, mode: scratch}
rows:
  - {label: K-MERL, group: Text, method: kmerl}
  - {label: MERL, group: Text, method: merl}
  - {label: SimCLR, group: ECG, method: simclr}
"""


def results(make_result):
    stated = {"corpus": "ptbxl", "text": "report", "value": 0.998, "low": 0.99, "high": 1.0, "train": 1282, "test": 183}
    elsewhere = {"corpus": "mimic-iv-ecg", "text": "cleaned", "missing": "the texts are not of the same recordings"}
    found = []
    for method, ceiling in (("kmerl", stated), ("merl", elsewhere), ("simclr", None)):
        result = make_result(method, value=0.9, fraction=0.1)
        result.counts.update(train=128, validation=160)
        result.checkpoint.update(records={"train": 1282, "validation": 160})
        if ceiling:
            result.contamination_evidence["text_ceiling"] = ceiling
        found.append(result)
    scratch = make_result("simclr", mode="scratch", value=0.93, contamination="none")
    scratch.counts.update(train=1282, validation=160)
    return [*found, scratch]


def rendered(tmp_path, results, form):
    path = tmp_path / "words.yaml"
    path.write_text(BOARD)
    (written,) = render(str(path), results, tmp_path / "out", [form])
    return written.read_text()


def test_a_row_that_read_labels_in_words_is_marked_and_apart(tmp_path, make_result):
    text = rendered(tmp_path, results(make_result), "markdown")
    lines = text.splitlines()
    section = next(k for k, line in enumerate(lines) if line.startswith("| **Labels written out**"))
    assert lines[section + 1].startswith("| K-MERL ≡ | 0.998 [0.990, 1.000] ≡ | 0.900")
    assert any(line.startswith("| MERL | — | 0.900") for line in lines[:section])
    assert "≡ text states the labels: a bag of words of the texts (report of ptbxl) predicts ptbxl-super" in text
    assert "labels of up to 1,442 recordings, written out, at every fraction of labels: K-MERL." in text
    assert "on as many labels (training + validation): SimCLR, scratch, 1,282 + 160 labels, 0.930." in text
    assert "Text ceiling cannot be computed: the texts are not of the same recordings: MERL." in text


def test_labels_used_include_validation(tmp_path, make_result):
    text = rendered(tmp_path, results(make_result), "markdown")
    assert "| *labels used (training + validation)* |  | *128 + 160* | *1,282 + 160* |" in text
    rows = list(csv.DictReader(rendered(tmp_path, results(make_result), "csv").splitlines()))
    kmerl = next(row for row in rows if row["row"] == "K-MERL" and row["column"] == "Linear")
    assert (kmerl["labels_training"], kmerl["labels_validation"]) == ("128", "160")
    assert (kmerl["row_group"], kmerl["text_ceiling"], kmerl["text_ceiling_low"]) == (
        "Labels written out",
        "0.998",
        "0.99",
    )
    assert all(not row["text_ceiling"] for row in rows if row["row"] != "K-MERL")


def test_page_and_terminal_show_the_ceiling_next_to_the_row(tmp_path, make_result):
    page = rendered(tmp_path, results(make_result), "html")
    assert "text ceiling 0.998 [0.990, 1.000] ≡" in page
    assert "1,282 + 160" in page
    (table,) = console_tables(results(make_result))
    assert table.table.columns[1].header == "text\nceiling"
    assert "0.998 [0.990, 1.000] ≡" in map(str, table.table.columns[1].cells)
    assert any("text states the labels" in note for note in table.footnotes)


def test_a_board_without_texts_has_no_column_for_them(tmp_path, make_result):
    text = rendered(tmp_path, [r for r in results(make_result) if r.cell.method == "simclr"], "markdown")
    assert "ceiling" not in text.lower()
    assert "Labels written out" not in text
