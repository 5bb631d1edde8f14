from dataclasses import replace

import numpy as np
import pytest

from bench.errors import DataError
from bench.leaderboard.board import Board, Column
from bench.leaderboard.number_format import variance_split
from bench.leaderboard.summary import mean, summarise
from bench.storage.artifacts import digest


def test_one_cell_keeps_its_bootstrap_interval(make_result):
    found = summarise([make_result(value=0.8, width=0.03)], "macro_auroc")
    assert (found.value, found.low, found.high) == (0.8, pytest.approx(0.77), pytest.approx(0.83))
    assert (found.n_records, found.seeds, found.folds) == (2158, 1, 1)


def test_seeds_that_agree_leave_the_interval_of_the_records(make_result):
    found = summarise([make_result(value=0.8, width=0.03, seed=s) for s in range(5)], "macro_auroc")
    assert found.low == pytest.approx(0.77, abs=2e-3)  # symmetric on the logit scale
    assert found.high == pytest.approx(0.83, abs=2e-3)
    assert found.replicates == 1  # one pretraining


def test_near_1_the_interval_stays_within_the_range(make_result):
    values = [0.97, 0.999, 0.985]
    found = summarise(
        [make_result(value=v, width=0.001, training=k, seed=k) for k, v in enumerate(values)], "macro_auroc"
    )
    assert found.replicates == 3
    assert found.low < found.value < found.high <= 1.0
    assert found.sd_replicates == pytest.approx(np.std(values, ddof=1))


def test_an_interval_without_width_is_not_shown(make_result):
    found = summarise([make_result(value=1.0, width=0.0)], "macro_auroc")
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_further_seeds_of_one_pretraining_are_no_part_of_joint_replicates(make_result):
    joint = [make_result(value=v, seed=k, training=k) for k, v in enumerate([0.8, 0.9])]
    more = [make_result(value=v, seed=seed) for seed, v in ((1, 0.7), (2, 0.6))]  # of the first pretraining
    found = summarise(joint + more, "macro_auroc")
    assert found.value == pytest.approx((0.8 + 0.9) / 2)
    assert found.replicates == 2 and not found.one_model
    assert found.sd_seed == pytest.approx(0.1)  # 0.8, 0.7, 0.6


def test_the_variance_is_split_by_results_that_differ_in_one_draw_alone(make_result):
    def result(value, seed=0, draw=0, training=0):
        made = make_result(value=value, seed=seed, training=training, fraction=0.1)
        return replace(made, cell=replace(made.cell, draw=draw), key=digest([made.key, draw]))

    joint = [result(0.80 + 0.05 * k, k, k, k) for k in range(3)]
    alone = [result(0.80 + 0.01 * k, seed=k) for k in (1, 2)]
    alone += [result(0.80 + 0.02 * k, draw=k) for k in (1, 2)]
    alone += [result(0.80 + 0.03 * k, training=k) for k in (1, 2)]
    found = summarise([*joint, *alone], "macro_auroc")
    plain = summarise(joint, "macro_auroc")
    assert (found.value, found.low, found.replicates) == (plain.value, plain.low, 3)
    assert (plain.sd_seed, plain.sd_draw, plain.sd_training) == (None, None, None)  # they vary together
    parts = (found.sd_replicates, found.sd_training, found.sd_draw, found.sd_seed)
    assert parts == pytest.approx((0.05, 0.03, 0.02, 0.01))
    column = Column(label="a", task="ptbxl-super", mode="linear")
    words = variance_split(Board(name="b", title="B", metric="macro_auroc", columns=[column], rows=[]), column, found)
    assert "one at a time: training ± 0.030, labelled draw ± 0.020, seed ± 0.010" in words


def test_what_varies_alone_is_named_without_further_runs(make_result):
    zeroshot = [make_result(value=0.7 + 0.02 * k, mode="zeroshot", training=k) for k in range(3)]
    found = summarise(zeroshot, "macro_auroc")
    assert found.sd_training == pytest.approx(found.sd_replicates)
    assert (found.sd_draw, found.sd_seed) == (None, None)


def test_what_is_one_trained_model(make_result):
    def one(**keywords):
        return summarise([make_result(**keywords)], "macro_auroc").one_model

    assert one() and one(corpus=None)
    seeds = [make_result(corpus=None, seed=seed) for seed in range(3)]  # an untrained encoder, all labels
    assert not summarise(seeds, "macro_auroc").one_model
    drawn_once = [make_result(corpus=None, seed=seed, fraction=0.1) for seed in range(3)]
    assert summarise(drawn_once, "macro_auroc").one_model
    untrained = [make_result(corpus=None, mode="zeroshot", seed=seed) for seed in range(3)]
    assert summarise(untrained[:1], "macro_auroc").one_model  # its weights are drawn by the seed
    assert not summarise(untrained, "macro_auroc").one_model
    released = replace(make_result(mode="zeroshot"), checkpoint={"imported": {"a": 1}})
    assert not summarise([released], "macro_auroc").one_model


def test_the_mean_of_a_class_has_no_interval_that_leaves_out_the_patients(make_result):
    replicates = [make_result(value=v, seed=k, training=k) for k, v in enumerate([0.7, 0.72, 0.71])]
    found = summarise(replicates, "auroc", "NORM")
    assert found.value == pytest.approx(0.71)
    assert (found.low, found.high, found.sd_patients) == (None, None, None)
    assert found.sd_replicates == pytest.approx(0.01)


def test_seeds_that_differ_widen_it(make_result):
    values = [0.78, 0.80, 0.82]
    found = summarise([make_result(value=v, width=0.03, seed=s) for s, v in enumerate(values)], "macro_auroc")
    assert found.value == pytest.approx(0.8)
    assert found.high - 0.8 > 0.03
    assert found.high - 0.8 < 0.12


def test_the_interval_over_seeds_and_records_covers_the_truth(make_result):
    """Simulated with known truth: records and seeds both move the estimate."""
    rng = np.random.default_rng(0)
    truth, of_records, of_seeds, n_seeds, covered = 0.8, 0.02, 0.02, 3, 0
    for _ in range(400):
        shared = rng.normal(0, of_records)  # every seed is scored on the same records
        values = truth + shared + rng.normal(0, of_seeds, n_seeds)
        found = summarise(
            [make_result(value=v, width=1.96 * of_records, seed=s) for s, v in enumerate(values)], "macro_auroc"
        )
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 400 <= 0.99


def test_folds_take_the_interval_corrected_for_overlapping_training_sets(make_result):
    values = [0.60, 0.64, 0.61, 0.65]
    results = [make_result(value=v, fold=k, n_records=5000, metric="c_index") for k, v in enumerate(values)]
    found = summarise(results, "c_index", folds=4)
    ratio = 5000 / (17084 + 2146)
    expected = 3.182446 * np.sqrt((1 / 4 + ratio) * np.var(values, ddof=1))
    assert found.value == pytest.approx(np.mean(values))
    assert found.high - found.value == pytest.approx(expected, rel=1e-5)
    assert found.sd == pytest.approx(np.std(values, ddof=1))


def test_over_folds_and_replicates_the_parts_add_up_to_the_interval(make_result):
    values = np.random.default_rng(0).normal(0.6, 0.03, (3, 4))
    results = [
        make_result(value=values[i, k], fold=k, seed=i, corpus=None, metric="c_index")
        for i in range(3)
        for k in range(4)
    ]
    found = summarise(results, "c_index", folds=4)
    assert found.value == pytest.approx(values.mean())
    assert found.sd_replicates == pytest.approx(values.mean(axis=1).std(ddof=1))
    half = (found.high - found.low) / 2
    assert half > 1.96 * np.sqrt(found.sd_patients**2 + found.sd_replicates**2 / 3)  # t has few degrees of freedom


def test_the_deviation_over_folds_is_that_of_their_means_over_seeds(make_result):
    values = {(0, 0): 0.6, (1, 0): 0.7, (0, 1): 0.7, (1, 1): 0.8}
    found = summarise(
        [make_result(value=v, seed=s, fold=k, metric="c_index") for (s, k), v in values.items()], "c_index", folds=2
    )
    assert found.sd == pytest.approx(np.std([0.65, 0.75], ddof=1))
    assert summarise([make_result(value=0.8)], "macro_auroc").sd is None


def test_a_mean_over_too_few_folds_is_refused(make_result):
    found = summarise([make_result(fold=k) for k in range(3)], "macro_auroc", folds=10)
    assert found.value is None
    assert found.missing == "3 of 10 folds"


def test_a_seed_that_lacks_a_fold_is_not_averaged_in(make_result):
    results = [make_result(seed=0, fold=0), make_result(seed=0, fold=1), make_result(seed=1, fold=0)]
    assert summarise(results, "macro_auroc", folds=2).missing == "seed 1 lacks fold 1"


def test_a_mean_over_columns_needs_all_of_them(make_result):
    there = summarise([make_result(value=0.8)], "macro_auroc")
    other = summarise([make_result(value=0.6, width=0.04)], "macro_auroc")
    absent = summarise([], "macro_auroc")
    refused = mean([there, absent], ["super", "sub"])
    assert refused.value is None
    assert refused.missing == "no mean without sub"
    whole = mean([there, other], ["super", "sub"])
    assert whole.value == pytest.approx(0.7)
    assert (whole.low, whole.high) == (pytest.approx(0.67), pytest.approx(0.73))


def test_one_place_is_never_counted_twice(make_result):
    with pytest.raises(DataError, match="share 1 places"):
        summarise([make_result(), make_result(config={"backbone": "vit"})], "macro_auroc")


def test_a_class_of_its_own(make_result):
    result = make_result(value=0.7)
    assert summarise([result], "auroc", "NORM").value == 0.7
    assert summarise([result], "auroc", "LAFB/LPFB").value is None
    assert "undefined" in summarise([result], "auroc", "LAFB/LPFB").missing
