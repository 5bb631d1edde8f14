"""Planted copies are found, whatever was done to them; nothing else is."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import resample_poly

from bench.contamination.fingerprint import Fingerprints, fingerprint, of_store, place
from bench.contamination.match import SIMILARITY, Index, find_copies
from bench.data.source import DataSource
from bench.signals.store import SignalStore

FS = 500
PLANTED = 40


@pytest.fixture(scope="module")
def store(simulated_workspace) -> SignalStore:
    return DataSource(simulated_workspace, simulated_records=120).store("ptbxl")


@pytest.fixture(scope="module")
def corpus(store) -> Fingerprints:
    return of_store(store)


def at_rate(signal, fs):
    ratio = Fraction(fs, FS)
    return resample_poly(signal, ratio.numerator, ratio.denominator, axis=1)


def rounded(signal, step):
    return np.round(signal / step) * step


CHANGES = {
    "nothing": lambda x, rng: (x, FS),
    "gain": lambda x, rng: (rounded(x * rng.uniform(0.2, 10), 0.001), FS),
    "a gain for each lead": lambda x, rng: (x * rng.uniform(0.3, 3, (12, 1)), FS),
    "leads turned upside down": lambda x, rng: (x * rng.choice([-1, 1], (12, 1)), FS),
    "100 Hz": lambda x, rng: (at_rate(x, 100), 100),
    "257 Hz": lambda x, rng: (at_rate(x, 257), 257),
    "400 Hz": lambda x, rng: (at_rate(x, 400), 400),
    "leads permuted": lambda x, rng: (rng.permutation(x), FS),
    "offset": lambda x, rng: (x + rng.uniform(-1, 1, (12, 1)), FS),
    "trimmed at the start": lambda x, rng: (x[:, int(rng.uniform(0, FS)) :], FS),
    "trimmed at the end": lambda x, rng: (x[:, : -int(rng.uniform(1, FS))], FS),
    "trimmed by a second at both ends": lambda x, rng: (x[:, FS:-FS], FS),
    "all at once": lambda x, rng: (
        rounded(rng.permutation(at_rate(x[:, int(rng.uniform(0, FS)) : -int(rng.uniform(1, FS))], 257)) * 0.4, 0.005),
        257,
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_every_planted_copy_is_found_and_nothing_else(store, corpus, change):
    rng = np.random.default_rng(0)
    rows = rng.choice(len(store), PLANTED, replace=False)
    copies = []
    for row in rows:
        signal, fs = CHANGES[change](store.read(np.array([row]))[0].astype(np.float64), rng)
        copies += fingerprint(signal[None], fs)
    found = find_copies(Fingerprints.joined(copies), corpus)
    assert sorted(zip(found.query.tolist(), rows[found.query].tolist(), strict=True)) == sorted(
        zip(found.query.tolist(), found.found.tolist(), strict=True)
    )
    assert set(found.query.tolist()) == set(range(PLANTED))
    assert found.similarity.min() > SIMILARITY


def test_the_lag_says_where_the_copy_begins(store, corpus):
    signal = store.read(np.array([3]))[0]
    found = find_copies(Fingerprints.joined(fingerprint(signal[None, :, 310:], FS)), corpus)
    assert found.found.tolist() == [3]
    assert found.lag[0] == pytest.approx(0.62, abs=0.006)


def test_no_two_different_recordings_are_taken_for_one(corpus):
    every = np.arange(len(corpus))
    assert len(find_copies(corpus, corpus, itself=every)) == 0


def test_a_copy_within_a_store_is_found_beside_the_recording_itself(store, corpus):
    twice = Fingerprints.joined([*(corpus[i] for i in range(len(corpus))), *fingerprint(store.read(np.array([7])), FS)])
    found = find_copies(twice, twice, itself=np.arange(len(twice)))
    assert {(7, len(corpus)), (len(corpus), 7)} == set(zip(found.query.tolist(), found.found.tolist(), strict=True))


def test_only_the_rows_asked_for_are_searched(corpus):
    found = find_copies(corpus.take(np.array([5, 9])), corpus, rows=np.array([1, 9, 20]))
    assert (found.query.tolist(), found.found.tolist()) == ([1], [9])


def test_a_part_of_a_long_recording_is_found_in_it(store):
    long = np.concatenate([store.read(np.array([row]))[0] for row in (0, 1, 2, 4)], axis=1)  # 40 s
    index = Index(Fingerprints.joined(fingerprint(long[None], FS)))
    part = Fingerprints.joined(fingerprint(long[None, :, 14 * FS : 21 * FS], FS))
    found = index.copies(part)
    assert found.lag[0] == pytest.approx(14, abs=0.02)


def test_flat_leads_do_not_count_and_a_flat_recording_matches_nothing(store, corpus):
    signal = store.read(np.array([0, 1]))
    signal[0] = 0.25
    signal[1, 3:5] = 0
    prints = Fingerprints.joined(fingerprint(signal, FS))
    assert prints.lengths.tolist() == [0, 490]
    assert set(find_copies(prints, corpus).query.tolist()) <= {1}
    assert len(find_copies(corpus, Fingerprints.joined(fingerprint(signal[:1], FS)))) == 0


def test_fingerprints_are_kept_beside_the_store(store, corpus):
    before = (place(store) / "values.npy").stat().st_mtime_ns
    again = of_store(store)
    assert (place(store) / "values.npy").stat().st_mtime_ns == before
    assert np.array_equal(again.values, corpus.values)
