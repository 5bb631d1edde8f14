"""Kept boards: what was written from cards is accepted, and edits are reported."""

import json
import lzma
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cells.result import read_results
from bench.cli.main import app
from bench.errors import ConfigError, DataError
from bench.leaderboard.board import load_board
from bench.leaderboard.cards import COMPARISONS, CROISSANT, PACK, RO_CRATE
from bench.leaderboard.collect import collect
from bench.leaderboard.frozen_boards import check_frozen, freeze, judge_frozen, put_table, write_again
from bench.leaderboard.frozen_records import RECORDS, write_records
from bench.leaderboard.stale_results import with_stale
from bench.storage.artifacts import digest
from bench.storage.code_digest import method_digest
from methods.merl import MERL

BOARD = """\
title: "Two methods"
metric: macro_auroc
scale: 100
columns:
  - {label: super, task: ptbxl-super, mode: linear}
rows:
  - {label: K-MERL, method: kmerl}
  - {label: MERL, method: merl}
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory, scored_result):
    folder = tmp_path_factory.mktemp("cells")
    for method, skill in (("kmerl", 2.0), ("merl", 0.3)):
        for training in range(2):
            scored_result(folder, method, skill, records=120, training=training)
    return list(read_results(folder))


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "kept"


@pytest.fixture
def folder(tmp_path, cells, monkeypatch, kept_once):
    """Made once, and copied."""
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "two.yaml").write_text(BOARD)
    monkeypatch.setattr("bench.leaderboard.board._installed_folders", lambda import_path: [tmp_path / "boards"])
    if not kept_once.exists():
        freeze(["two"], cells, kept_once)
    return Path(shutil.copytree(kept_once, tmp_path / "kept"))


def test_a_kept_board_is_what_its_cards_give_letters_of_the_paired_tests_included(folder):
    assert check_frozen(folder) == []
    text = (folder / "two.md").read_text()
    assert "<sup>a</sup>" in text and "<sup>b</sup>" in text  # no predictions are here any more
    assert {path.name for path in folder.iterdir()} == {
        PACK,
        COMPARISONS,
        RECORDS,
        "two.md",
        "two.csv",
        "two.tex",
        "two.svg",
        CROISSANT,
        RO_CRATE,
    }


def test_p_values_edited_with_their_digest_and_boards_contradict_the_predictions(folder, cells):
    """Without predictions they cannot be checked, and the verdict states so."""

    def forge():
        content = json.loads((folder / COMPARISONS).read_text())
        for test in content["tests"].values():
            test |= {"p": [1.0] * len(test["p"]), "differences": [[0.0, 0.1, 9.0]] * len(test["p"])}
        content["digest"] = digest(content["tests"])
        (folder / COMPARISONS).write_text(json.dumps(content))
        write_again(folder)

    forge()
    unproven = judge_frozen(folder)
    assert unproven.problems == [] and "need predictions" in unproven.unchecked[0]
    freeze(["two"], cells, folder, with_predictions=True)
    honest = judge_frozen(folder)
    assert (honest.problems, honest.unchecked) == ([], [])
    forge()
    assert any("not what the predictions give" in problem for problem in judge_frozen(folder).problems)


def test_results_of_another_workspace_are_added_to_a_frozen_folder(folder, cells, tmp_path):
    """Its predictions, which lie nowhere else, stay; and the paired test between old and new rows is made."""
    grown, workspace = tmp_path / "grown", tmp_path / "workspace"
    freeze(["two"], [cell for cell in cells if cell.cell.method == "kmerl"], grown, with_predictions=True)
    assert "MERL (" not in (grown / "two.md").read_text()
    (grown / "predictions" / ".DS_Store").touch()  # a file manager's
    for cell in cells:
        if cell.cell.method == "merl":
            shutil.copytree(cell.folder, workspace / "results" / cell.folder.name)
    arguments = ["leaderboard", "freeze", grown, "--board", "two", "--cards", grown, "--workspace", workspace]
    done = CliRunner().invoke(app, [*map(str, arguments), "--with-predictions"])
    assert done.exit_code == 0, done.output
    assert (judge_frozen(grown).problems, judge_frozen(grown).unchecked) == ([], [])
    assert (grown / "two.csv").read_text() == (folder / "two.csv").read_text()
    assert {path.name for path in (grown / "predictions").iterdir()} == {cell.key for cell in cells}


@pytest.mark.parametrize("suffix", [".md", ".csv", ".tex", ".svg"])
def test_a_number_edited_by_hand_is_told_and_written_again(folder, suffix):
    path = folder / f"two{suffix}"
    was = path.read_text()
    place = max(i for i, c in enumerate(was) if c.isdigit())
    path.write_text(was[:place] + str((int(was[place]) + 1) % 10) + was[place + 1 :])
    (message,) = check_frozen(folder)
    assert path.name in message and "--again" in message
    write_again(folder)
    assert path.read_text() == was and check_frozen(folder) == []


@pytest.mark.parametrize("name", [CROISSANT, RO_CRATE])
def test_edited_metadata_are_reported_and_a_folder_without_them_is_accepted(folder, name):
    path = folder / name
    path.write_text(path.read_text().replace("Two methods", "Three methods"))
    (message,) = check_frozen(folder)
    assert name in message and "--again" in message
    path.unlink()
    assert check_frozen(folder) == []  # as earlier versions wrote it


def test_an_edited_card_or_p_value_is_told(folder):
    cards = lzma.decompress((folder / PACK).read_bytes()).decode().splitlines()
    value = json.loads(cards[0])
    value["score"]["metrics"]["macro_auroc"]["value"] += 0.01
    (folder / PACK).write_bytes(lzma.compress("\n".join([json.dumps(value), *cards[1:]]).encode()))
    assert "edited after it was exported" in check_frozen(folder)[0]
    (folder / PACK).write_bytes(lzma.compress("\n".join(cards).encode()))
    tests = (folder / COMPARISONS).read_text()
    (folder / COMPARISONS).write_text(re.sub(r'"p":\[[^,\]]*', '"p":[0.5', tests))
    assert "a p value does not follow from its difference" in check_frozen(folder)[0]
    (folder / COMPARISONS).write_text(tests.replace('"why":""', '"why":"so"', 1))
    assert "edited after it was written" in check_frozen(folder)[0]


def forge(folder, change):
    """The comparisons with a change, and a digest that fits it."""
    value = json.loads((folder / COMPARISONS).read_text())
    change(value["tests"])
    (folder / COMPARISONS).write_text(json.dumps(value | {"digest": digest(value["tests"])}))


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("p", []),
        ("p", [0.1, 0.2]),
        ("differences", [[0.1, 0.2]]),
        ("differences", [[0.1, -0.2, 5.0]]),
        ("differences", [[0.1, 0.2, 0.0]]),
        ("differences", [[0.001, 0.5, 10.0]]),
        ("lines", [[0.5, 0.6, 0.1]]),
        ("lines", [[0.5, 0.6], [0.5, 0.6]]),
        ("lines", [[0.6, 0.5, 0.1], [0.5, 0.6, 0.1]]),
        ("lines", [[0.5, 0.6, 0.1, 0.1], [0.5, 0.6, 0.1, 0.1]]),
    ],
)
def test_comparisons_whose_lists_do_not_fit_are_refused_in_one_sentence(folder, part, wrong):
    forge(folder, lambda tests: next(iter(tests.values())).update({part: wrong}))
    (message,) = check_frozen(folder)
    assert COMPARISONS in message and "write it again" in message


def test_comparisons_of_another_number_of_rows_are_not_read(folder):
    three = {"p": [1.0] * 3, "differences": [[0.0, 0.2, 9.0]] * 3, "lines": [[0.5, 0.6, 0.1]] * 3}
    forge(folder, lambda tests: next(iter(tests.values())).update(three))
    assert any("two.md differs" in message for message in check_frozen(folder))


def test_comparisons_that_no_board_reads_are_reported_and_deleted(folder):
    was = (folder / COMPARISONS).read_text()
    forge(folder, lambda tests: tests.update({"0" * 32: next(iter(tests.values()))}))
    (message,) = check_frozen(folder)
    assert "holds 1 tests that none of its boards reads" in message
    write_again(folder)
    assert (folder / COMPARISONS).read_text() == was and check_frozen(folder) == []


def test_a_board_whose_other_tables_were_deleted_is_still_checked(folder):
    (folder / "two.csv").unlink()
    (folder / "two.md").write_text("| 100 |")
    assert [Path(message.split()[0]).name for message in check_frozen(folder)] == ["two.csv", "two.md"]


def test_boards_of_a_folder_are_not_robbed_of_their_cards(folder, cells):
    kept = (folder / PACK).read_bytes()
    with pytest.raises(ConfigError, match="also holds two.*--board zeroshot,two"):
        freeze(["zeroshot"], cells, folder)
    assert (folder / PACK).read_bytes() == kept


def test_rows_of_other_packages_are_kept_with_the_board(folder, cells, scored_result, tmp_path):
    guest = scored_result(tmp_path / "cells", "strangers-net", 1.0, records=120)
    freeze(["two"], [*cells, guest], folder)
    text = (folder / "two.md").read_text()
    assert "| strangers-net |" in text and "<sup>" in text and check_frozen(folder) == []


def test_a_board_of_differences_cannot_be_kept(tmp_path, cells):
    with pytest.raises(ConfigError, match="intervals need predictions"):
        freeze(["protocol_inflation"], cells, tmp_path)


def test_a_board_without_results_cannot_be_kept(tmp_path):
    with pytest.raises(DataError, match="bench run --board zeroshot"):
        freeze(["zeroshot"], [], tmp_path)


def test_a_table_goes_into_its_place_in_a_text(folder):
    text = "before\n<!-- board two -->\nold\n<!-- end of board -->\nafter\n"
    source = (folder / "two.md").read_text()
    once = put_table(text, "two", source)
    assert once.startswith("before\n") and once.endswith("after\n") and "old" not in once and "| K-MERL |" in once
    assert put_table(once, "two", source) == once
    with pytest.raises(DataError, match="no place for the board two"):
        put_table("nothing", "two", source)


def test_the_commands_keep_validate_and_show_what_was_kept(folder, tmp_path):
    def bench(*words):
        return CliRunner().invoke(app, ["leaderboard", *map(str, words)], catch_exceptions=False)

    assert f"{folder}: accepted" in bench("validate", folder).output
    (folder / "two.md").write_text("| 100 |")
    refused = bench("validate", folder)
    assert refused.exit_code == 1 and "rejected" in refused.output
    readme = tmp_path / "README.md"
    readme.write_text("<!-- board two -->\n<!-- end of board -->\n")
    assert bench("freeze", folder, "--again", "--into", readme).exit_code == 0
    with pytest.warns(FutureWarning, match="is now bench leaderboard freeze"):
        assert bench("keep", folder, "--again").exit_code == 0
    assert "| K-MERL |" in readme.read_text() and bench("validate", folder).exit_code == 0
    shown = bench("render", "two", "--cards", folder, "--output", tmp_path / "out", "--workspace", tmp_path / "w")
    assert shown.exit_code == 0
    assert (tmp_path / "out" / "two.md").read_text() == (folder / "two.md").read_text()


def test_the_recordings_are_named_and_an_edit_is_reported(folder):
    path = folder / RECORDS
    content = json.loads(path.read_text())
    facts = content["tasks"]["ptbxl-super"]
    assert (len(facts["validation"]), len(facts["test"])) == (120, 120)
    assert "simulated ptbxl" in facts["obtain"]
    facts["test"][0] = "another"
    path.write_text(json.dumps(content))
    assert any("records.json was edited" in problem for problem in check_frozen(folder))


def test_ids_of_credentialed_data_are_not_published(tmp_path, cells, folder):
    real = [replace(cell, data="real", dataset=cell.dataset | {"name": "ukb"}) for cell in cells]
    write_records(tmp_path, real)
    (facts,) = json.loads((tmp_path / RECORDS).read_text())["tasks"].values()
    assert "test" not in facts
    assert "credentialed" in facts["ids"]
    with pytest.raises(ConfigError, match="--with-predictions would publish ids and labels of ukb"):
        freeze(["two"], real, tmp_path / "published", with_predictions=True)
    assert not (tmp_path / "published").exists()


def test_results_whose_code_has_changed_are_marked(tmp_path, cells, folder):
    config = {"method": MERL.Config().model_dump(mode="json")}
    code = method_digest(MERL, MERL.Config())
    ours = [cell for cell in cells if cell.cell.method == "merl"]
    others = [cell for cell in cells if cell.cell.method == "kmerl"]
    changed = [replace(cell, inputs=cell.inputs | {"code": "0" * 32}, config=config) for cell in ours[:1]]
    same = [replace(cell, inputs=cell.inputs | {"code": code}, config=config) for cell in ours[1:]]
    marked = with_stale([*others, *changed, *same])
    assert [result.provenance.get("stale") for result in marked] == [None, None, ["the method"], None]
    (table,) = collect(load_board("two"), marked)
    assert [line.marked_label for line in table.lines] == ["K-MERL", "MERL Δ"]
    assert any("MERL (1 of 2)" in note for note in table.footnotes if "Δ stale" in note)


def test_a_row_whose_pretraining_collapsed_is_marked_with_its_lowest_rank(cells, folder):
    collapse = {"collapsed": {"rank": 1.1, "untrained": 40.0}}
    marked = [replace(c, checkpoint=c.checkpoint | collapse) if c.cell.method == "merl" else c for c in cells]
    (table,) = collect(load_board("two"), marked)
    assert [line.marked_label for line in table.lines] == ["K-MERL", "MERL ∅"]
    (note,) = [note for note in table.footnotes if note.startswith("∅")]
    assert note.endswith("MERL (1.1, before 40.0).")
