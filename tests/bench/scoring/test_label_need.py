"""Find where a curve over numbers of labels crosses a reference."""

import math

import numpy as np
import pytest

from bench.errors import DataError
from bench.scoring.bootstrap import Replicates
from bench.scoring.label_need import crossing, labels_needed

NUMBERS = (1, 2, 4, 8)
RNG = np.random.default_rng(0)
PATIENTS = RNG.normal(0, 0.01, (400, 1))
"""What a draw of patients adds to every method."""


def run(value: float, own: float = 0.0, origin: str = "same") -> Replicates:
    draws = value + PATIENTS + RNG.normal(0, own, (400, 1)) if own else value + PATIENTS
    return Replicates(np.array([value]), draws, np.array([50]), origin)


@pytest.mark.parametrize(
    ("target", "number"), [(0.5, 1.0), (0.6, 1.0), (0.65, 2**0.5), (0.7, 2.0), (0.85, 4 * 2**0.5), (0.95, math.inf)]
)
def test_crossings_are_interpolated_on_the_logarithm(target, number):
    assert crossing(np.array([0.6, 0.7, 0.8, 0.9]), NUMBERS, target) == pytest.approx(number)


def test_what_patients_add_to_curve_and_reference_cancels():
    value, (low, high) = labels_needed([[run(v)] for v in (0.6, 0.7, 0.8, 0.9)], NUMBERS, [run(0.75)])
    assert (value, low, high) == (pytest.approx(8**0.5), pytest.approx(8**0.5), pytest.approx(8**0.5))


def test_replicates_widen_the_interval_and_a_bound_may_be_out_of_reach():
    curve = [[run(v + shift, 0.005) for shift in (-0.08, 0.0, 0.08)] for v in (0.6, 0.7, 0.8, 0.9)]
    value, (low, high) = labels_needed(curve, NUMBERS, [run(0.85)])
    assert value == pytest.approx(4 * 2**0.5)
    assert low < 4
    assert high == math.inf


def test_other_records_are_refused():
    with pytest.raises(DataError, match="come from different records"):
        labels_needed([[run(0.6)], [run(0.7)]], (1, 2), [run(0.65, origin="other")])
