"""Cards of strangers: random and changed ones are accepted or refused in a sentence, and their names stay names."""

import contextlib
import copy
import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, DataError
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.cards import card_of, export, read_card
from bench.leaderboard.collect import collect
from bench.leaderboard.formats import latex, markdown, table_csv
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.validation.validate import check
from bench.storage.artifacts import digest

BOARD = Board(
    name="b", title="B", metric="macro_auroc",
    columns=[Column(label="super", task="ptbxl-super", mode="linear"), Column(label="cost", task="ptbxl-super",
             mode="linear", metric="cost_downstream_seconds")],
    rows=[Row(label="kmerl", method="kmerl")],
)  # fmt: skip
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["", "..", "=1", "<b>", "9" * 400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ODD = st.just(10**400) | st.just("\ud800") | st.just("\x1b[2J") | ANYTHING


@pytest.fixture(scope="module")
def card(tmp_path_factory, scored_result):
    return card_of(scored_result(tmp_path_factory.mktemp("cells"), "kmerl", 1.0, records=80))


def judged(content, path) -> None:
    """Accepted, and then it can be shown; or refused by an error of ours."""
    path.write_text(json.dumps(content))
    try:
        one = read_card(path)
        wrong = check(one)
    except BenchError:
        return
    assert all(isinstance(line, str) and len(line) < 1000 for line in wrong)
    if not wrong:
        tables = collect(BOARD, [one.result()])
        for module in (markdown, latex, table_csv):
            module.write(BOARD, tables).encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ODD)
def test_anything_at_all_is_judged(tmp_path, content):
    judged(content, tmp_path / "card.json")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_card_is_judged(card, tmp_path, data):
    content = copy.deepcopy(card)
    for _ in range(data.draw(st.integers(1, 2))):
        target = content
        while True:
            keys = sorted(target) if isinstance(target, dict) else list(range(len(target)))
            key = data.draw(st.sampled_from(keys))
            inner = target[key]
            if not (isinstance(inner, dict | list) and inner and data.draw(st.booleans())):
                break
            target = inner
        change = data.draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if change == "remove":
            del target[key]
        elif change == "add" and isinstance(target, dict):
            target[data.draw(st.text(max_size=10))] = data.draw(ODD)
        else:
            target[key] = data.draw(ODD)
        if not content or not isinstance(content, dict):
            break
    with contextlib.suppress(ValueError, TypeError):  # what has no digest
        content["digest"] = digest({name: value for name, value in content.items() if name != "digest"})
    judged(content, tmp_path / "card.json")


def test_what_a_forger_signs_and_lists_is_still_refused(card, tmp_path):
    for place, value in {"method": "../../../escape", "task": "a/b", "mode": "linear\n", "leads": ["I", "<b>"]}.items():
        content = copy.deepcopy(card)
        content["cell"][place] = value
        (tmp_path / "card.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match=f"card.json is not a result card: .*{place}"):
            read_card(tmp_path / "card.json")


@pytest.mark.parametrize(
    ("place", "value"),
    [(("selection", "records"), "many"), (("dataset", "tested_on"), 5), (("provenance", "files"), ["curve.npy"])],
    ids=lambda part: part[-1] if isinstance(part, tuple) else None,
)
def test_fields_that_tables_read_have_their_types(card, tmp_path, place, value):
    content = copy.deepcopy(card)
    content[place[0]][place[1]] = value
    (tmp_path / "card.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=place[1]):
        read_card(tmp_path / "card.json")


def test_a_name_that_joins_no_two_tasks_is_no_transferred_task(card, tmp_path):
    content = copy.deepcopy(card)
    content["cell"]["task"] = "ptbxl-super-to-nothing"
    content["digest"] = digest({name: value for name, value in content.items() if name != "digest"})
    (tmp_path / "card.json").write_text(json.dumps(content))
    assert any("is not registered" in line for line in check(read_card(tmp_path / "card.json")))


def test_export_writes_only_into_its_folder(tmp_path, scored_result):
    result = scored_result(tmp_path / "cells", "kmerl", 1.0, records=80)
    evil = replace(result, cell=replace(result.cell, method="../../escape"))
    board = BOARD.model_copy(update={"rows": [Row(label="evil", method="../../escape")]})
    with pytest.raises(DataError, match="would become part of a path"):
        export(board, [evil], tmp_path / "a" / "b" / "cards")
    assert not list(tmp_path.rglob("*escape*"))


def test_names_are_neither_markup_nor_formulas(make_result):
    label = "=cmd()|<img src=x>[a](javascript:b)"
    board = BOARD.model_copy(update={"rows": [Row(label=label, method="kmerl")]})
    tables = collect(board, [make_result(method="kmerl", task="ptbxl-super", mode="linear")])
    text = markdown.write(board, tables)
    assert "<img" not in text and "](" not in text and "&lt;img" in text
    rows = csv.DictReader(io.StringIO(table_csv.write(board, tables)))
    assert {row["row"] for row in rows} == {f"'{label}"}


def test_csv_of_groups_escapes_names_of_the_publisher_and_leaves_unknown_numbers_empty():
    text = plain_csv(["group", "value", "records"], [["=HYPERLINK(1)", float("nan"), 3], ["AT-6", np.float64(-0.5), 4]])
    assert text == "group,value,records\n'=HYPERLINK(1),,3\nAT-6,-0.5,4\n"
