"""The tolerance within which a cell that was repeated from its corpus must lie."""

import numpy as np
import pytest

from bench.runner.replay_from_corpus import FLOOR, WIDEST, Repeated, tolerance_of


def test_the_tolerance_is_what_one_more_run_is_expected_to_differ_by():
    assert tolerance_of([0.8, 0.8, 0.8]) == FLOOR
    rng = np.random.default_rng(0)
    runs = rng.normal(0.8, 0.005, (2000, 4))
    covered = [abs(run[3] - run[:3].mean()) <= tolerance_of(run[:3]) for run in runs]
    assert 0.93 < np.mean(covered) < 0.97


@pytest.mark.parametrize(
    ("stated", "values", "accepted"),
    [(0.801, [0.8, 0.802, 0.799], True), (0.86, [0.8, 0.802, 0.799], False), (0.86, [0.7, 0.8, 0.9], False)],
)
def test_a_value_beyond_the_reruns_or_a_tolerance_that_decides_nothing_is_not_accepted(stated, values, accepted):
    tolerance = tolerance_of(values)
    assert bool(abs(stated - np.mean(values)) <= tolerance <= WIDEST) is accepted
    reason = Repeated(accepted, "macro_auroc", stated, values, tolerance, []).reason
    assert ("decides nothing" in reason) is (tolerance > WIDEST)
