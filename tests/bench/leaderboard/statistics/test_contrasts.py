import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from bench.errors import ConfigError
from bench.leaderboard import number_format
from bench.leaderboard.board import Board, Column, Row, read_board
from bench.leaderboard.collect import collect, compared
from bench.leaderboard.comparison_notes import comparison_notes
from bench.leaderboard.contrast_tables import contrast_tables
from bench.leaderboard.formats import latex, markdown, table_csv
from bench.leaderboard.statistics.comparisons import kept_names
from bench.scoring.comparison import holm
from bench.storage.artifacts import digest

TRAINED, UNTRAINED = ({"pretrain": {"epochs": epochs}} for epochs in (5, 0))
ROWS = [Row(label=m.upper(), method=m) for m in ("kmerl", "merl", "etp", "mets")]


def board(rows=ROWS, **keywords) -> Board:
    columns = [Column(label=mode, task="ptbxl-super", mode=mode) for mode in ("linear", "scratch")]
    return Board(name="b", title="B", metric="macro_auroc", columns=columns, rows=rows, **keywords)


@pytest.fixture(scope="module")
def table_of(tmp_path_factory):
    kept = tmp_path_factory.mktemp("tests")

    def table(asked, results, cache=kept):
        (table,) = compared(collect(asked, results), results, cache)
        return table

    return table


@pytest.fixture(scope="module")
def results(tmp_path_factory, scored_result):
    """Two pretrained methods with their untrained networks, and two networks trained on labels alone, in another column."""
    folder = tmp_path_factory.mktemp("contrasts")
    stored = [
        scored_result(folder, method, skill, noise=noise + (config is UNTRAINED), training=k, config=config)
        for method, noise, trained in (("kmerl", 2, 2.0), ("merl", 4, 0.5))
        for config, skill in ((TRAINED, trained), (UNTRAINED, 0.5))
        for k in range(3)
    ]
    stored += [
        scored_result(folder, method, skill, mode="scratch", corpus=None, seed=k, noise=10 + k)
        for method, skill in (("etp", 1.0), ("mets", 0.3))
        for k in range(3)
    ]
    return stored


def test_few_shots_are_not_set_against_all_labels(tmp_path, scored_result, results, table_of):
    """``kshot`` draws its own recordings, so that no supervised result has the same labels."""
    shots = [
        scored_result(tmp_path, method, 1.0, mode="kshot", noise=k, training=k)
        for method in ("kmerl", "merl")
        for k in range(3)
    ]
    columns = [Column(label=mode, task="ptbxl-super", mode=mode) for mode in ("kshot", "scratch")]
    asked = board().model_copy(update={"columns": columns})
    found = [*shots, *(result for result in results if result.cell.mode == "scratch")]
    assert table_of(asked, found).ranks[0].contrasts.supervised is None


def test_each_method_is_compared_with_its_untrained_network_and_the_best_supervised_result(table_of, results):
    table = table_of(board(), results)
    labels = [line.label for line in table.lines]
    assert labels == ["KMERL", "KMERL (untrained)", "MERL", "MERL (untrained)", "ETP", "METS"]
    contrasts = table.ranks[0].contrasts
    found = {(c.kind, labels[c.line], labels[c.reference[0]]) for c in contrasts.each}
    assert found == {
        ("untrained", "KMERL", "KMERL (untrained)"), ("untrained", "MERL", "MERL (untrained)"),
        ("supervised", "KMERL", "ETP"), ("supervised", "MERL", "ETP"),
    }  # fmt: skip
    value = [line.summaries[0].value for line in table.lines]
    supervised = table.lines[4].summaries[1].value
    assert contrasts.of("untrained", 0).value == pytest.approx(value[0] - value[1])
    assert contrasts.of("supervised", 2).value == pytest.approx(value[2] - supervised)
    for contrast in contrasts.each:
        assert contrast.low < contrast.value < contrast.high
    assert contrasts.of("untrained", 0).significant and not contrasts.of("untrained", 2).significant
    assert table.ranks[1].contrasts.each == ()  # nothing pretrained is in that column


def test_contrasts_are_corrected_among_themselves_and_need_a_smaller_difference_than_all_pairs(table_of, results):
    few, many = (table_of(board(ROWS[:n]), results).ranks[0] for n in (2, 4))
    assert (few.pairs, few.contrasts.pairs) == (6, 2)
    assert (many.pairs, many.contrasts.pairs) == (6, 4)
    raw = [c.p / factor for c, factor in zip(sorted(few.contrasts.each, key=lambda c: c.p), (2, 1), strict=True)]
    assert list(holm(np.array(raw))) == pytest.approx(sorted(c.p for c in few.contrasts.each))
    assert few.contrasts.detectable < few.detectable


def test_the_label_of_an_untrained_network_states_its_setting(table_of, results):
    by_hand = {"overrides": ["kmerl.pretrain.epochs=0", "kmerl.width=4"]}
    changed = [
        replace(r, provenance=r.provenance | by_hand)
        if r.config["method"] == UNTRAINED and r.cell.method == "kmerl"
        else r
        for r in results
    ]
    notes = [note for note in collect(board(), changed)[0].footnotes if "--set" in note]
    assert not any("pretrain.epochs" in note for note in notes)


def test_a_contrast_shown_to_be_equal_is_marked(table_of, results):
    assert not any(c.equal for c in table_of(board(), results).ranks[0].contrasts.each)
    wide = table_of(board(margin=0.15), results)
    assert wide.ranks[0].contrasts.of("untrained", 2).equal
    untrained, _ = contrast_tables(wide)
    assert untrained.rows[1][1][0].endswith("] =") and untrained.rows[0][1][0].endswith("] *")


def test_a_board_may_name_the_row_of_the_untrained_network(table_of, results, tmp_path):
    without_twins = [r for r in results if r.config["method"] != UNTRAINED or r.cell.method == "merl"]
    rows = [Row(label="KMERL", method="kmerl", untrained="Low Random"), Row(label="Random", group="Low", method="merl")]
    trained = [r for r in without_twins if r.cell.method == "kmerl" or r.config["method"] == UNTRAINED]
    table = table_of(board(rows), trained)
    assert table.lines[0].twin == 1
    assert [(c.line, c.reference) for c in table.ranks[0].contrasts.each] == [(0, (1, 0))]
    file = tmp_path / "b.yaml"
    file.write_text(
        "title: B\nmetric: macro_auroc\ncolumns: [{label: L, task: ptbxl-super, mode: linear}]\n"
        "rows: [{label: KMERL, method: kmerl, untrained: Nobody}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="untrained: 'Nobody', which is no other row"):
        read_board(file)


def test_contrasts_come_first_in_notes_and_files(table_of, results):
    asked = board()
    table = table_of(asked, results)
    notes = comparison_notes(table)
    assert notes[0].startswith("linear: 4 contrasts were fixed beforehand") and "80 % power" in notes[0]
    assert notes[1] == (
        "linear: 1 of 2 pretrained rows are significantly above the same network untrained; not shown to differ from it: "
        "MERL."
    )
    text = markdown.write(asked, [table])
    assert "### Difference to the same network untrained" in text
    assert "| *reference* | *ETP, scratch* |" in text
    tex = latex.write(asked, [table])
    assert "Difference to the best supervised result" in tex and "ETP, scratch" in tex
    records = list(csv.DictReader(io.StringIO(table_csv.write(asked, [table]))))
    record = next(r for r in records if (r["row"], r["variant"], r["column"]) == ("KMERL", "", "linear"))
    assert float(record["untrained_low"]) < float(record["untrained_difference"]) < float(record["untrained_high"])
    assert (record["supervised_reference"], record["contrasts"], record["pairs"]) == ("ETP", "4", "6")
    assert float(record["contrast_detectable"]) < float(record["pair_detectable"])


def test_a_missing_contrast_is_named_with_the_command_that_makes_it(table_of, results):
    trained = [r for r in results if r.config["method"] == TRAINED]
    notes = comparison_notes(table_of(board(), trained))
    assert any("KMERL, MERL. bench run --untrained makes it." in note for note in notes)
    assert any("linear: no supervised result with replicates" in note for note in notes)


def test_tests_with_a_supervised_result_of_another_column_are_kept(table_of, results, tmp_path):
    table = table_of(board(), results, tmp_path)
    assert any((tmp_path / f"{name}.json").exists() for name in kept_names(table))
    elsewhere = [replace(r, folder=None) for r in results]
    assert table_of(board(), elsewhere, tmp_path).ranks[0].contrasts == table.ranks[0].contrasts


def test_rows_that_are_one_computation_in_every_column_are_one_row(table_of, results):
    again = [
        replace(r, cell=replace(r.cell, method="mets"), key=digest(r.key)) for r in results if r.cell.method == "etp"
    ]
    table = table_of(board(), [*(r for r in results if r.cell.method != "mets"), *again])
    assert [line.label for line in table.lines][-1] == "ETP = METS"
    assert "ETP = METS" in markdown.write(board(), [table])
    assert table.ranks[0].contrasts.of("supervised", 0) is not None


def test_a_number_of_one_computation_is_shown_once_in_a_column(table_of, results, scored_result, tmp_path):
    again = [
        replace(r, cell=replace(r.cell, method="mets"), key=digest(r.key)) for r in results if r.cell.method == "etp"
    ]
    more = [scored_result(tmp_path, "mets", 1.0, training=k) for k in range(3)]
    table = table_of(board(), [*(r for r in results if r.cell.method != "mets"), *again, *more])
    etp, mets = table.lines[-2:]
    assert number_format.format_cell(table, mets, 1) == "= ETP"
    assert number_format.format_cell(table, etp, 1).startswith("0.")
    assert mets.summaries[1].value == etp.summaries[1].value
    assert table.ranks[1].why == "its rows are one computation"
