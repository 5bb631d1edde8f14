"""The ranking of a board's rows: coverage of missing cells, contaminated cells, the untrained reference, its texts."""

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.leaderboard.board import Board
from bench.leaderboard.collect import collect
from bench.leaderboard.formats.ranking_text import HEADS, cells, rank_range, ranking_csv, sentences
from bench.leaderboard.statistics.ranking import RankingOptions, options_from, ranking_of

TASKS = ("ptbxl-super", "ptbxl-sub", "ptbxl-form")
DRAWS = 200


@pytest.fixture
def ranked(make_result):
    """A function: method -> values on the tasks (None: not run) to the ranking of a board of them."""

    def rank(values, options=None, untrained=None, contaminated=(), tasks=TASKS, width=0.02, **keywords):
        board = Board(
            name="three", title="Three tasks", metric=keywords.get("metric", "macro_auroc"),
            columns=[{"label": task, "task": task, "mode": "linear"} for task in tasks],
            rows=[{"label": method, "method": method} for method in values],
        )  # fmt: skip
        results = []
        for method, row in values.items():
            config = {"pretrain": {"epochs": 0}} if method == untrained else None
            for task, value in zip(tasks, row, strict=True):
                status = "test records" if (method, task) in contaminated else "none"
                if value is not None:
                    results.append(
                        make_result(method=method, task=task, value=value, width=width, config=config, corpus="mimic-iv-ecg",
                                    contamination=status, **keywords)
                    )  # fmt: skip
        table = collect(board, results)[0]
        return ranking_of(table, {r.key: r for r in results}, options, DRAWS)

    return rank


def test_the_best_row_is_first_and_its_range_begins_with_one(ranked):
    ranking = ranked({"simclr": [0.7, 0.71, 0.6], "merl": [0.9, 0.88, 0.87], "byol": [0.72, 0.7, 0.61]})
    assert ranking.each[0].label == "merl" and (ranking.each[0].low, ranking.each[0].high) == (1, 1)
    assert ranking.best == (ranking.each[0].line,)
    assert ranking.tasks == "others" and len(ranking.blocks) == 3
    assert ranking.each[0].win_rate.value > 0.9 and ranking.each[0].mean_rank.value < 1.2
    close = {r.label: (r.low, r.high) for r in ranking.each[1:]}
    assert close == {"simclr": (2, 3), "byol": (2, 3)}


def test_a_row_is_ranked_on_the_tasks_that_it_has(ranked):
    values = {"simclr": [0.7, 0.7, 0.7], "byol": [0.6, 0.6, 0.6], "merl": [None, 0.9, None]}
    ranking = ranked(values)
    first = ranking.each[0]
    assert first.label == "merl" and first.blocks == 1
    assert first.wins == 1.0  # not averaged with the tasks that it lacks
    assert "Ranked on a part of the tasks: merl." in sentences(ranking)
    assert first.win_rate.high - first.win_rate.low >= ranking.of(0).win_rate.high - ranking.of(0).win_rate.low


def test_incomplete_rows_are_refused_by_option(ranked):
    values = {"simclr": [0.7, 0.7, 0.7], "byol": [0.6, 0.6, 0.6], "merl": [None, 0.9, 0.9]}
    ranking = ranked(values, RankingOptions(incomplete="refused"))
    assert [r.label for r in ranking.each] == ["simclr", "byol"]
    assert ranking.left_out == (("merl", "it lacks 1 of 3 tasks"),)


CHEATED = {"simclr": [0.7, 0.7, 0.7], "merl": [0.99, 0.6, 0.6], "byol": [0.5, 0.5, 0.5]}
SEEN = [("merl", "ptbxl-super")]


def test_contaminated_cells_are_left_out_by_default(ranked):
    ranking = ranked(CHEATED, contaminated=SEEN)
    merl = next(r for r in ranking.each if r.label == "merl")
    assert merl.blocks == 2 and merl.rank == 2
    assert ranking.excluded == (("merl", "ptbxl-super · linear"),)
    assert any("left out: merl on ptbxl-super" in sentence for sentence in sentences(ranking))


def test_contaminated_cells_count_if_they_are_shown(ranked):
    ranking = ranked(CHEATED, RankingOptions(contaminated="shown"), contaminated=SEEN)
    merl = next(r for r in ranking.each if r.label == "merl")
    assert merl.blocks == 3 and ranking.excluded == ()


def test_contaminated_cells_are_imputed_with_the_untrained_encoder(ranked):
    ranking = ranked(CHEATED, RankingOptions(contaminated="imputed"), untrained="byol", contaminated=SEEN)
    merl = next(r for r in ranking.each if r.label == "merl")
    assert ranking.reference == "byol (untrained)" or ranking.reference == "byol"
    assert merl.blocks == 3 and merl.wins == pytest.approx((0.25 + 0.5 + 0.5) / 3 * 1.0, abs=0.01)


def test_imputing_without_an_untrained_encoder_is_refused(ranked):
    with pytest.raises(BenchError, match=r"no untrained encoder .*bench run --method random-resnet"):
        ranked(CHEATED, RankingOptions(contaminated="imputed"), contaminated=SEEN)


def test_skill_is_relative_to_the_untrained_encoder(ranked):
    ranking = ranked({"simclr": [0.8, 0.8, 0.8], "byol": [0.5, 0.5, 0.5]}, untrained="byol", width=0.001)
    assert ranking.of(0).skill.value == pytest.approx(0.6, abs=0.02)  # an error of 0.2 and not 0.5
    assert ranking.of(1).skill.value == 0
    assert any("which is untrained" in sentence for sentence in sentences(ranking))


def test_intervals_are_for_the_board_s_tasks_where_there_are_few(ranked):
    ranking = ranked({"simclr": [0.8], "byol": [0.5]}, tasks=TASKS[:1])
    assert ranking.tasks == "these" and (ranking.each[0].low, ranking.each[0].high) == (1, 1)
    assert any("for these tasks" in sentence for sentence in sentences(ranking))


def test_a_smaller_error_wins_where_smaller_is_better(ranked):
    ranking = ranked({"simclr": [0.2], "byol": [0.5]}, tasks=TASKS[:1], metric="rmse")
    assert ranking.each[0].label == "simclr"


def test_no_group_is_the_best_where_most_rows_may_be(ranked):
    ranking = ranked({"simclr": [0.7] * 3, "byol": [0.7] * 3, "merl": [0.7] * 3}, width=0.1)
    assert all(r.low == 1 for r in ranking.each) and ranking.best == ()


def test_a_metric_without_a_better_side_ranks_nothing(ranked):
    values = {"simclr": [0.8], "byol": [0.5]}
    assert ranked(values, tasks=TASKS[:1], metric="macro_calibration_slope") is None


def test_one_row_alone_is_not_ranked(ranked):
    assert ranked({"simclr": [0.7, 0.7, 0.7]}) is None


def test_the_texts_have_a_column_per_head_and_a_line_per_row(ranked):
    ranking = ranked({"simclr": [0.7, 0.71, 0.6], "merl": [0.9, 0.88, 0.87]})
    assert len(cells(ranking, ranking.each[0])) == len(HEADS)
    assert rank_range(ranking.each[0]) == "1"
    lines = ranking_csv([("a", ranking), ("b", ranking)]).splitlines()
    assert len(lines) == 5 and len({line.count(",") for line in lines}) == 1


def test_an_unknown_word_is_refused():
    with pytest.raises(BenchError, match="Known: excluded, imputed, shown"):
        options_from(contaminated="hidden")


def test_a_row_whose_tasks_no_other_row_has_is_named(ranked):
    ranking = ranked({"simclr": [0.7, 0.7, None], "byol": [0.6, 0.6, None], "merl": [None, None, 0.9]})
    assert [r.label for r in ranking.each] == ["simclr", "byol"]
    assert ranking.left_out == (("merl", "no other row has its tasks"),)


def test_metrics_without_a_better_direction_are_not_ranked(make_result):
    metrics = ("macro_auroc", "macro_calibration_slope", "macro_prevalence")
    board = Board(
        name="two", title="Two", metric="macro_auroc",
        columns=[{"label": m, "task": "ptbxl-super", "mode": "linear", "metric": m} for m in metrics],
        rows=[{"label": method, "method": method} for method in ("simclr", "merl")],
    )  # fmt: skip
    results = []
    for method, auroc, slope in (("simclr", 0.9, 0.5), ("merl", 0.7, 1.5)):
        result = make_result(method=method, task="ptbxl-super", value=auroc, width=0.02, corpus="mimic-iv-ecg")
        estimate = result.score["metrics"]["macro_auroc"]
        others = {m: estimate | {"value": slope, "low": slope - 0.01, "high": slope + 0.01} for m in metrics[1:]}
        results.append(replace(result, score=result.score | {"metrics": {"macro_auroc": estimate} | others}))
    ranking = ranking_of(collect(board, results)[0], {r.key: r for r in results}, None, DRAWS)
    assert [r.label for r in ranking.each] == ["simclr", "merl"]
    assert ranking.each[0].wins == 1.0
