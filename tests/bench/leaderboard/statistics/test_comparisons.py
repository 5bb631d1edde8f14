import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bench.leaderboard import number_format
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.collect import collect, compared
from bench.leaderboard.comparison_notes import comparison_notes
from bench.leaderboard.render import render
from bench.leaderboard.statistics.column_tests import read_p_values
from bench.leaderboard.statistics.comparisons import ranks_of
from bench.leaderboard.statistics.mean_ranks import diagram
from bench.leaderboard.summary import summarise
from bench.scoring.comparison import corrected_resampled_t, holm
from bench.storage.artifacts import digest, write_json

METHODS = ("kmerl", "merl", "etp")


def board(tasks=("ptbxl-super",), metric="macro_auroc", class_name=None, folds=1) -> Board:
    columns = [Column(label=t, task=t, mode="linear", folds=folds, **{"class": class_name}) for t in tasks]
    rows = [Row(label=m, method=m) for m in METHODS]
    return Board(name="b", title="B", metric=metric, columns=columns, rows=rows)


def table_of(board, results, cache=None):
    (table,) = compared(collect(board, results), results, cache)
    return table


@pytest.fixture
def three(tmp_path, scored_result):
    """A good method, and two that are equally poor."""
    return [
        scored_result(tmp_path / "results", m, skill, noise=2, training=training)
        for m, skill in (("kmerl", 2.0), ("merl", 0.4), ("etp", 0.4))
        for training in range(3)
    ]


def test_what_differs_is_told_apart_and_what_does_not_shares_a_letter(three):
    ranks = table_of(board(), three).ranks[0]
    assert ranks.test == "bootstrap of the paired difference"
    assert ranks.letters == {0: "a", 1: "b", 2: "b"}
    assert ranks.rank == {0: 1, 1: 2, 2: 2}


def test_missing_predictions_are_named_by_their_cell_and_not_by_a_folder_of_this_machine(three, tmp_path):
    (three[0].folder / "predictions.parquet").unlink()
    with pytest.warns(UserWarning, match="rows of a column are not tested: .*predictions.parquet"):
        why = table_of(board(), three).ranks[0].why
    assert "kmerl · ptbxl-super · linear" in why and str(tmp_path) not in why


def test_one_class_of_methods_that_draw_nothing_is_tested_by_delong_unless_patients_have_several_recordings(
    tmp_path, scored_result
):
    def of(name, patients=None):
        stored = [scored_result(tmp_path / name, m, 1.0, patients=patients, mode="zeroshot") for m in METHODS]
        released = [replace(result, checkpoint={"imported": {"a": 1}}) for result in stored]
        asked = board(metric="auroc", class_name="NORM")
        return asked.model_copy(
            update={"columns": [asked.columns[0].model_copy(update={"mode": "zeroshot"})]}
        ), released

    assert table_of(*of("one")).ranks[0].test == "DeLong"
    patients = np.array([str(k // 2) for k in range(400)])
    asked, again = of("two", patients)
    assert table_of(asked, again).ranks[0].test.startswith("bootstrap")


def test_folds_are_tested_pair_by_pair_with_the_correction_and_holm(tmp_path, scored_result):
    results = [
        replace(scored_result(tmp_path / "results", m, skill, fold=fold), checkpoint={})
        for m, skill in (("kmerl", 1.4), ("merl", 1.0), ("etp", 0.9))
        for fold in range(4)
    ]
    ranks = table_of(board(folds=4), results).ranks[0]
    assert ranks.test == "corrected resampled t"
    values = {
        m: np.array([r.metric("macro_auroc")["value"] for r in results if r.cell.method == m], float) for m in METHODS
    }
    pairs = list(itertools.combinations(range(3), 2))
    raw = [corrected_resampled_t(values[METHODS[i]] - values[METHODS[j]], 600, 200).p_value for i, j in pairs]
    apart = {pair for pair, p in zip(pairs, holm(np.array(raw)), strict=True) if p < 0.05}
    shared = {(i, j) for i, j in pairs if set(ranks.letters[i]) & set(ranks.letters[j])}
    assert apart == set(pairs) - shared
    assert (0, 2) in apart


def test_different_test_records_are_not_compared(tmp_path, scored_result):
    results = [
        scored_result(tmp_path / "results", method, 1.0, records=records, training=training)
        for method, records in (("kmerl", 200), ("merl", 150))
        for training in range(2)
    ]
    (table,) = collect(board(), results)  # one split digest, as a forged or damaged result would have
    ranks = ranks_of(table, {r.key: r for r in results})[0]
    assert ranks.why == "its rows were tested on different records"
    assert ranks.rank is None


def test_altered_predictions_are_told_and_nothing_is_ranked(three):
    with (three[0].folder / "predictions.parquet").open("ab") as file:
        file.write(b"x")
    table = table_of(board(), three)
    assert "altered" in table.ranks[0].why
    assert any("not tested against each other" in note for note in comparison_notes(table))


def test_what_was_found_is_kept_and_predictions_are_not_read_again(tmp_path, three):
    first = table_of(board(), three, tmp_path / "cache").ranks[0]
    for result in three:
        (result.folder / "predictions.parquet").unlink()
    assert table_of(board(), three, tmp_path / "cache").ranks[0] == first
    shutil.rmtree(tmp_path / "cache")
    assert table_of(board(), three, tmp_path / "cache").ranks[0].rank is None


def test_predictions_that_are_not_here_yet_are_asked_for_again(tmp_path, three):
    elsewhere = [replace(result, folder=None) for result in three]
    assert "not available" in table_of(board(), elsewhere, tmp_path / "cache").ranks[0].why
    assert table_of(board(), three, tmp_path / "cache").ranks[0].test


def test_one_trained_model_each_is_not_tested(tmp_path, scored_result):
    single = [scored_result(tmp_path / "results", m, skill) for m, skill in (("kmerl", 2.0), ("merl", 0.4))]
    table = table_of(board(), single)
    assert "two trained models, not two methods" in table.ranks[0].why
    assert [number_format.superscript(table, line, 0) for line in table.lines[:2]] == ["", ""]
    assert any("--replicates 5" in note for note in comparison_notes(table))
    assert number_format.variance_split(table.board, table.board.columns[0], table.lines[0].summaries[0]).endswith(
        "one trained model"
    )


def test_one_row_with_replicates_has_nobody_to_be_tested_against_and_the_note_says_what_intervals_leave_out(three):
    table = table_of(board(), [r for r in three if r.cell.method == "merl" or r.cell.training == 0])
    assert "fewer than two rows have replicates" in table.ranks[0].why
    assert "not another pretraining or other labelled records" in table.ranks[0].why


def test_what_was_drawn_again_is_called_by_its_name(make_result):
    def split(results):
        asked = board()
        return number_format.variance_split(asked, asked.columns[0], summarise(results, "macro_auroc"))

    seeds = range(3)
    assert split([make_result(seed=k) for k in seeds]).endswith("3 seeds of one training")
    assert split([make_result(seed=k, corpus=None) for k in seeds]).endswith("seeds ± 0.000; 3 seeds")
    assert split([make_result(seed=k, training=k) for k in seeds]).endswith("replicates ± 0.000; 3 replicates")


def test_a_row_of_one_trained_model_is_left_out_of_the_tests_of_the_others(three):
    table = table_of(board(), [r for r in three if r.cell.method != "etp" or r.cell.training == 0])
    assert table.ranks[0].lines == (0, 1)
    assert table.ranks[0].one_model == (2,)
    (note,) = (n for n in comparison_notes(table) if "not tested, having no replicates: etp" in n)
    assert "1 pair was tested; a true difference of" in note


def test_a_column_states_its_pairs_what_it_could_detect_and_what_is_equal(three):
    ranks = table_of(board(), three).ranks[0]
    assert ranks.pairs == 3
    assert 0.01 < ranks.detectable < 0.5
    assert ranks.equal == ()  # not significant, and with 200 records not shown to be equal either
    wide = board().model_copy(update={"margin": 0.4})
    assert (1, 2) in table_of(wide, three).ranks[0].equal
    (note,) = (n for n in comparison_notes(table_of(wide, three)) if "3 pairs were tested" in n)
    assert f"a true difference of {ranks.detectable:.3f} or more would be found" in note


def test_two_rows_that_are_one_computation_are_no_pair(three):
    twice = [
        replace(r, cell=replace(r.cell, method="etp"), key=digest(r.key)) for r in three if r.cell.method == "merl"
    ]
    table = table_of(board(), [*(r for r in three if r.cell.method != "etp"), *twice])
    ranks = table.ranks[0]
    assert [line.label for line in table.lines] == ["kmerl", "merl = etp"]
    assert (ranks.pairs, ranks.letters) == (1, {0: "a", 1: "b"})


def test_intervals_over_replicates_come_from_predictions_and_are_kept(tmp_path, three):
    plain = collect(board(), three)[0].lines[0].summaries[0]
    table = table_of(board(), three, tmp_path / "cache")
    summary = table.lines[0].summaries[0]
    assert (summary.replicates, summary.value) == (3, plain.value)
    assert summary.low != plain.low
    assert summary.high - summary.low < plain.high - plain.low  # what replicates do not share is not counted as shared
    assert summary.sd_patients > 0 and summary.sd_replicates == plain.sd_replicates
    assert table_of(board(), three, tmp_path / "cache").lines[0].summaries[0] == summary


def test_the_interval_of_a_class_over_replicates_covers_patients_and_comes_from_predictions(three):
    asked = board(metric="auroc", class_name="NORM")
    plain, summary = (table.lines[0].summaries[0] for table in (collect(asked, three)[0], table_of(asked, three)))
    assert plain.low is None and summary.low < summary.value < summary.high
    assert summary.high - summary.low > 3.5 * np.hypot(summary.sd_patients, summary.sd_replicates / 3**0.5)


def test_a_column_that_averages_others_has_the_mean_of_their_intervals_from_predictions(tmp_path, scored_result):
    results = [
        scored_result(tmp_path / "results", m, skill, task=task, training=training)
        for m, skill in (("kmerl", 2.0), ("merl", 1.0))
        for task in ("ptbxl-super", "csn")
        for training in range(3)
    ]
    asked = board(("ptbxl-super", "csn"))
    mean = Column(label="Mean", mean_of=["ptbxl-super", "csn"])
    table = table_of(asked.model_copy(update={"columns": [mean, *asked.columns]}), results)
    averaged, *parts = table.lines[0].summaries
    assert averaged.high - averaged.value == pytest.approx(np.mean([s.high - s.value for s in parts]))
    assert averaged.value - averaged.low == pytest.approx(np.mean([s.value - s.low for s in parts]))


# Over tasks


@pytest.fixture
def tasks(tmp_path, scored_result):
    return [
        scored_result(tmp_path / "results", m, skill, task=task)
        for m, skill in (("kmerl", 2.0), ("merl", 1.0), ("etp", 0.2))
        for task in ("ptbxl-super", "csn", "cpsc2018")
    ]


def test_mean_ranks_are_over_tasks(tasks):
    found = table_of(board(("ptbxl-super", "csn", "cpsc2018")), tasks).mean_ranks
    assert found.labels == ("kmerl", "merl", "etp")
    assert found.mean_ranks == (1.0, 2.0, 3.0)
    assert found.blocks == ("ptbxl-super", "csn", "cpsc2018")
    assert diagram(found).lstrip().startswith(b"<?xml")
    assert diagram(found, "png").startswith(b"\x89PNG")


def test_a_row_that_lacks_a_task_has_no_mean_rank_and_is_named(tasks, tmp_path, scored_result):
    more = scored_result(tmp_path / "results", "mets", 1.0)
    asked = board(("ptbxl-super", "csn", "cpsc2018"))
    asked = asked.model_copy(update={"rows": [*asked.rows, Row(label="mets", method="mets")]})
    found = table_of(asked, [*tasks, more]).mean_ranks
    assert "mets" not in found.labels
    assert found.absent == ("mets",)
    assert "Without a mean rank" in found.sentence()


def test_a_row_that_had_the_answers_has_no_mean_rank_and_is_named(tasks, tmp_path, scored_result):
    more = [
        scored_result(tmp_path / "results", "mets", 3.0, task=task, contamination="test records")
        for task in ("ptbxl-super", "csn", "cpsc2018")
    ]
    asked = board(("ptbxl-super", "csn", "cpsc2018"))
    asked = asked.model_copy(update={"rows": [*asked.rows, Row(label="mets", method="mets")]})
    found = table_of(asked, [*tasks, *more]).mean_ranks
    assert found.labels == ("kmerl", "merl", "etp") and found.absent == ()
    assert found.excluded == ("mets",)
    assert "pretrained on test records" in found.sentence()


def test_two_fractions_of_a_task_are_one_piece_of_evidence(tasks):
    asked = board(("ptbxl-super", "csn", "cpsc2018"))
    twice = asked.columns[0].model_copy(update={"label": "again"})
    found = table_of(asked.model_copy(update={"columns": [*asked.columns, twice]}), tasks).mean_ranks
    assert found.blocks == ("ptbxl-super", "csn", "cpsc2018")


def test_two_metrics_of_a_task_are_one_piece_of_evidence(tasks):
    asked = board(("ptbxl-super", "csn", "cpsc2018"))
    twice = [c.model_copy(update={"label": f"{c.label} F1", "metric": "macro_f1"}) for c in asked.columns]
    found = table_of(asked.model_copy(update={"columns": [*asked.columns, *twice]}), tasks).mean_ranks
    once = table_of(asked, tasks).mean_ranks
    assert found.blocks == tuple(f"{task} macro_auroc and macro_f1" for task in once.blocks)
    assert (found.mean_ranks, found.p_value) == (once.mean_ranks, once.p_value)


# As files


def test_every_format_tells_who_can_be_told_apart(tmp_path, three):
    (tmp_path / "b.yaml").write_text(
        "title: B\nmetric: macro_auroc\ncolumns:\n  - {label: super, task: ptbxl-super, mode: linear}\nrows:\n"
        + "".join(f"  - {{label: {m}, method: {m}}}\n" for m in METHODS)
    )
    written = render(
        str(tmp_path / "b.yaml"), three, tmp_path / "out", ["markdown", "latex", "csv", "html"], compare=True
    )
    text = {path.suffix: path.read_text() for path in written}
    assert "<sup>a</sup>" in text[".md"]
    assert "Holm over the column" in text[".md"]
    assert "$^{a}$" in text[".tex"]
    assert ",1,a," in text[".csv"]
    assert "<sup>a</sup>" in text[".html"]


def test_where_letters_would_be_too_many_a_rank_stands(three, monkeypatch):
    table = table_of(board(), three)
    assert [number_format.superscript(table, line, 0) for line in table.lines] == ["a", "b", "b"]
    monkeypatch.setattr(number_format, "MANY_GROUPS", 1)
    assert [number_format.superscript(table, line, 0) for line in table.lines] == ["1", "2", "2"]
    assert [number_format.letters(table, line, 0) for line in table.lines] == ["a", "b", "b"]  # for the CSV
    assert any("one plus the number of rows" in note for note in comparison_notes(table))


def test_classes_are_listed_and_rare_ones_flagged(make_result):
    result = make_result(
        per_class={"NORM": {"auroc": 0.8}, "MI": {"auroc": 0.8}, "LAFB": {"auroc": None}}, left_out=["LAFB"]
    )
    result.score["support"] = {"NORM": 963, "MI": 4, "LAFB": 0}
    (table,) = collect(board(), [result])
    assert "ptbxl-super: macro means are over 2 classes: NORM, MI." in table.footnotes
    assert any("under 10 positives" in note and "MI (4)" in note and "LAFB" not in note for note in table.footnotes)


def test_stored_p_values_that_were_altered_are_not_read(tmp_path):
    path, value = tmp_path / "p.json", {"test": "DeLong", "p": [0.04, None], "why": ""}
    write_json(path, value | {"digest": digest(value)})
    whole = path.read_bytes()
    assert read_p_values(path) == value
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(bytes(changed))
        assert read_p_values(path) in (None, value)
