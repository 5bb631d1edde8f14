"""The compiled windows against the plain formula: read in mV, then :func:`bench.signals.windows.normalise`."""

import numpy as np
import pytest

from bench.signals.in_memory import ArrayStore
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView

RNG = np.random.default_rng(0)
LENGTHS = {"uniform": [400] * 6, "ragged": [400, 90, 210, 301, 200, 500]}


class IntegerStore(ArrayStore):
    """Recordings in memory as a prepared store has them: integers with gains."""

    def __init__(self, lengths):
        super().__init__([RNG.integers(-30_000, 30_000, (12, n)).astype(np.int16) for n in lengths], 100)
        self._gains = RNG.uniform(200, 4000, (len(lengths), 12)).astype(np.float32)


@pytest.mark.parametrize("available", [LEADS, ("II", "V1"), ("aVF",)])
@pytest.mark.parametrize("padding", ["after", "before"])
@pytest.mark.parametrize("crop", ["first", "random"])
@pytest.mark.parametrize("scaling", ["none", "minmax", "zscore", "zscore-lead"])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_compiled_windows_are_what_numpy_makes_of_the_same_samples(lengths, scaling, crop, padding, available):
    store = IntegerStore(LENGTHS[lengths])
    spec = InputSpec(fs=100, seconds=2.5, normalise=scaling, crop=crop, padding=padding)
    view = SignalView(store, spec, available, start=np.linspace(0, 0.4, 6))
    plain = SignalView(store, spec, available, start=np.linspace(0, 0.4, 6))
    assert view._compiles
    plain._compiles = False

    rows = np.array([3, 0, 0, 5, 1])
    found, leads = view.batch(rows, np.random.default_rng(1))
    wanted, plain_leads = plain.batch(rows, np.random.default_rng(1))

    assert found.dtype == wanted.dtype == np.float32
    assert np.array_equal(leads, plain_leads)
    if scaling.startswith("zscore"):
        np.testing.assert_allclose(found, wanted, atol=5e-6)
    else:
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("scaling", ["none", "minmax", "zscore", "zscore-lead"])
def test_a_flat_recording_becomes_zeros_or_keeps_its_millivolts(scaling):
    store = IntegerStore([250])
    store._signals[:] = 500
    store._gains[:] = 1000
    found, _ = SignalView(store, InputSpec(fs=100, seconds=2.5, normalise=scaling)).batch(np.array([0]))
    assert (found == (0.5 if scaling == "none" else 0)).all()
