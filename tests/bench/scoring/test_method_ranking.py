"""Ranking methods over tasks: the statistics in simple cases, and the coverage of intervals in simulated experiments."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bench.scoring import method_ranking as ranking

NAN = np.nan


def test_win_rates_and_mean_ranks_of_complete_rows_are_those_of_their_ranks():
    values = np.random.default_rng(0).normal(size=(1, 5, 4))
    shares, compared = ranking.win_shares(values)
    rates = ranking.win_rates(shares)
    expected = (-values[0]).argsort(axis=1).argsort(axis=1).mean(axis=0) + 1
    np.testing.assert_allclose(ranking.mean_ranks(rates)[0], expected)
    assert compared[0, 0].tolist() == [0, 5, 5, 5]


def test_ties_count_as_one_half():
    shares, _ = ranking.win_shares(np.array([[[1.0, 1.0, 0.0]]]))
    assert ranking.win_rates(shares)[0].tolist() == [0.75, 0.75, 0.0]


def test_a_missing_cell_is_compared_with_nothing():
    values = np.array([[[3.0, 2.0, 1.0], [NAN, 1.0, 2.0]]])
    shares, compared = ranking.win_shares(values)
    assert compared[0, 0].tolist() == [0, 1, 1]
    assert ranking.win_rates(shares)[0].tolist() == [1.0, 0.25, 0.25]


def test_methods_without_a_common_block_have_no_share():
    shares, _ = ranking.win_shares(np.array([[[1.0, NAN], [NAN, 1.0]]]))
    assert np.isnan(ranking.win_rates(shares)).all()


def test_strength_depends_on_the_opponents_that_a_method_met():
    # b and c both win half of their comparisons; b against a, which wins otherwise, c against d, which loses otherwise
    a, b, c, d = range(4)
    shares, compared = np.full((1, 4, 4), NAN), np.zeros((1, 4, 4))
    for (i, j), share in {(a, b): 0.5, (c, d): 0.5, (a, d): 1.0, (a, c): 1.0, (b, d): 1.0}.items():
        shares[0, i, j], shares[0, j, i] = share, 1 - share
        compared[0, i, j] = compared[0, j, i] = 10
    strength = ranking.bradley_terry(shares, compared)[0]
    assert strength[b] > strength[c] + 100
    assert strength.sum() == pytest.approx(0, abs=1e-6)


def test_strengths_are_those_of_choix():
    choix = pytest.importorskip("choix")
    generator = np.random.default_rng(1)
    wins = generator.integers(1, 9, size=(5, 5)).astype(float)
    np.fill_diagonal(wins, 0)
    total = wins + wins.T
    shares = np.divide(wins, total, out=np.full((5, 5), NAN), where=total > 0)
    ours = ranking.bradley_terry(shares[None], total[None], prior=0)[0]
    np.testing.assert_allclose(ours, ranking.ELO * choix.opt_pairwise(5, _pairs(wins), alpha=0), atol=0.1)


def _pairs(wins):
    return [(i, j) for i in range(5) for j in range(5) for _ in range(int(wins[i, j]))]


def test_two_methods_have_the_strength_of_their_odds():
    shares = np.array([[[NAN, 0.75], [0.25, NAN]]])
    strength = ranking.bradley_terry(shares, 8 * (1 - np.eye(2))[None], prior=0)[0]
    assert strength[0] - strength[1] == pytest.approx(400 * np.log10(3), rel=1e-6)


def test_a_skill_of_one_fifth_is_an_error_that_is_one_fifth_smaller():
    values = -np.log(np.array([[[0.5, 0.4], [0.1, 0.08], [0.3, NAN]]]))
    np.testing.assert_allclose(ranking.skill_scores(values, 0)[0], [0, 0.2])


def test_true_values_are_the_measured_ones_where_there_is_no_noise():
    values = np.array([[1.0, 2.0, NAN], [1.5, 1.0, 3.0]])
    drawn = ranking.true_values(values, np.zeros((2, 3, 3)), 5)
    np.testing.assert_allclose(drawn, np.broadcast_to(values, drawn.shape), atol=1e-6)


def test_more_noise_brings_methods_nearer_to_each_other():
    values = np.array([[0.0, 1.0, 2.0, 3.0]])
    noise = np.eye(4)[None]
    spread = [np.ptp(ranking.true_values(values, scale * noise, 2000).mean(axis=0)) for scale in (0.01, 1.0, 10.0)]
    assert spread[0] > spread[1] > spread[2]
    assert spread[0] == pytest.approx(3, rel=0.05)


def test_further_blocks_have_every_method():
    values = np.array([[1.0, 2.0, NAN], [1.5, 1.0, 3.0]])
    drawn = ranking.true_values(values, np.full((2, 3, 3), 0.01) * np.eye(3), 7, new_blocks=True)
    assert drawn.shape == (7, ranking.NEW_BLOCKS, 3) and np.isfinite(drawn).all()


@pytest.mark.slow
@pytest.mark.parametrize("further", [False, True])
def test_intervals_of_a_ranking_hold_the_truth(further, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    import ranking_coverage

    shares = ranking_coverage.coverage(experiments=40, draws=200, further=further)
    sys.modules.pop("ranking_coverage")
    # 40 experiments of 8 methods: twice the standard error of a share of 95 % is 3 to 4 %
    assert all(0.90 <= shares[name] <= 0.99 for name in ("win rate", "mean rank", "Bradley-Terry", "skill"))
    assert shares["rank range"] >= 0.95


def test_noise_that_no_covariance_can_have_does_not_move_the_values():
    # two correlations below -1, as differences give whose tests have few degrees of freedom
    noise = 0.05**2 * np.array([[1.0, -3.5, 0.0], [-3.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
    measured = np.array([[1.0, 1.1, 0.9]])
    drawn = ranking.true_values(measured, noise[None], 500)
    assert (np.abs(drawn.mean(axis=0) - measured) < 3 * 0.05).all()
