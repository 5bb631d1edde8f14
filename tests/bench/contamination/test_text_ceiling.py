"""The text ceiling: measured on made-up texts, kept in the workspace, and refused where it cannot be computed."""

import numpy as np
import pytest

from bench.cells.cell import Cell
from bench.contamination.text_ceiling import text_ceiling
from bench.data.source import DataSource
from bench.errors import UnknownName
from bench.runner.cell_text import ceiling, ceiling_of
from bench.runner.session import Session

WORDS = np.array(["sinus rhythm", "old infarct", "pacing", "left bundle block"])
CLASSES = ["mi", "lbbb"]


def examples(n=160):
    """Texts that name the first class, and say nothing of the second."""
    draw = np.random.default_rng(0)
    targets = (draw.random((n, 2)) < 0.4).astype(float)
    texts = [f"{draw.choice(WORDS[[0, 2]])}{', infarct' if row[0] else ''}" for row in targets]
    return texts, targets, np.arange(n).astype(str), np.arange(n // 2), np.arange(n // 2, n)


def measured(texts, targets, patients, train, test, kind="multilabel", classes=CLASSES):
    return text_ceiling("here", "report", texts, targets, patients, train, test, kind, classes)


def test_the_ceiling_is_the_mean_of_what_each_class_gives_away():
    texts, targets, *rest = examples()
    both = measured(texts, targets, *rest)
    assert 0.65 < both.value < 0.85  # 1 for the class that is named, about 0.5 for the other
    assert both.low < both.value < both.high
    assert not both.states_labels
    named = measured(texts, targets[:, :1], *rest, classes=CLASSES[:1])
    assert named.value == 1.0
    assert named.low < 1.0
    assert named.states_labels


def test_classes_by_number_and_unknown_labels_are_scored_too():
    texts, targets, *rest = examples()
    assert measured(texts, targets[:, 0].astype(np.int64), *rest, kind="multiclass").value == 1.0
    targets[::7, 0] = np.nan
    assert measured(texts, targets[:, :1], *rest, classes=CLASSES[:1]).value == 1.0


def test_records_without_a_text_count_on_neither_side():
    texts, targets, *rest = examples()
    silent = ["" if k % 2 else text for k, text in enumerate(texts)]
    result = measured(silent, targets, *rest)
    assert (result.train, result.test) == (40, 40)
    assert "0 training and 0 test recordings" in measured([" "] * len(texts), targets, *rest).missing


def test_a_kind_without_classes_has_no_ceiling():
    texts, targets, *rest = examples()
    result = measured(texts, targets, *rest, kind="survival", classes=["death"])
    assert result.value is None
    assert "survival" in result.missing


def session(workspace):
    return Session(DataSource(workspace, simulated_records=120), "smoke")


def test_statements_of_the_tasks_own_records_state_its_labels_and_are_computed_once(workspace, monkeypatch):
    first = ceiling(session(workspace), "ptbxl", "statements", "ptbxl-super")
    assert first.states_labels
    monkeypatch.setattr("bench.runner.cell_text.text_ceiling", None)  # a second computation would fail
    assert ceiling(session(workspace), "ptbxl", "statements", "ptbxl-super") == first


def test_texts_of_other_records_have_no_ceiling(workspace):
    result = ceiling(session(workspace), "mimic-iv-ecg", "cleaned", "ptbxl-super")
    assert result.value is None
    assert result.missing == "the texts of mimic-iv-ecg and the labels of ptbxl are not of the same recordings"


def test_an_unknown_text_is_refused(workspace):
    with pytest.raises(UnknownName, match="statements"):
        ceiling(session(workspace), "ptbxl", "statement", "ptbxl-super")


def test_results_of_methods_that_read_texts_carry_it_and_others_do_not(workspace):
    open_session = session(workspace)

    def carried(method, mode, **overrides):
        return ceiling_of(open_session.resolve(Cell(method, "ptbxl-super", mode)))

    stored = carried("merl", "zeroshot")
    assert stored["text"] == "report"  # the default: what the publisher's physicians wrote
    assert stored["value"] > 0.9
    assert carried("merl", "scratch") == {}
    assert carried("simclr", "linear") == {}
