"""On real recordings: every planted copy is found, and of 2,165 recordings only those that are published twice are alike."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import resample_poly

from bench.contamination.fingerprint import Fingerprints, fingerprint, of_store
from bench.contamination.match import find_copies
from bench.data.source import DataSource
from bench.storage.workspace import Workspace
from tasks.datasets.file_constants import PTBXL_WITHDRAWN

PUBLISHED_TWICE = {("137", "138"), ("143", "144"), ("145", "463"), ("456", "457"), ("459", "460")}
"""Of each of these pairs of PTB-XL 1.0.1 one was withdrawn in 1.0.3; 145 and 463 bear two patient ids."""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """(store, row) of all, and their fingerprints."""
    from pathlib import Path

    real = Path(__file__).parents[3] / "shared" / "data"
    if not real.is_dir():
        pytest.skip(f"real recordings are not at {real}")
    workspace = Workspace(tmp_path_factory.mktemp("fingerprints"))
    roots = {"ptbxl": "ptbxl", "ptbxl-z": "ptbxl", "csn": "csn"}
    stores = [DataSource(workspace, roots={name: real / folder}).store(name) for folder, name in roots.items()]
    prints = [of_store(store) for store in stores]
    own = [(store, row) for store in stores for row in range(len(store))]
    return own, Fingerprints.joined([one[row] for one in prints for row in range(len(one))])


@pytest.fixture(scope="module")
def twins(recordings):
    """Row -> rows of the same recording, itself included."""
    _, prints = recordings
    found = find_copies(prints, prints, itself=np.arange(len(prints)))
    same = {row: {row} for row in range(len(prints))}
    for query, other in zip(found.query.tolist(), found.found.tolist(), strict=True):
        same[query].add(other)
    return same


@pytest.mark.slow
def test_only_recordings_that_were_published_twice_are_taken_for_one(recordings, twins):
    own, _ = recordings
    ids = [str(store.records.index[row]) for store, row in own]
    pairs = {(a, b) for a, others in twins.items() for b in others if a < b}
    assert sum(ids[a] == ids[b] for a, b in pairs) == 27  # one record in both folders of PTB-XL
    assert {(ids[a], ids[b]) for a, b in pairs if ids[a] != ids[b]} == PUBLISHED_TWICE
    assert all(len(PTBXL_WITHDRAWN.intersection(pair)) == 1 for pair in PUBLISHED_TWICE)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [100, 257, 400])
def test_every_planted_copy_of_a_real_recording_is_found_and_nothing_else(recordings, twins, rate):
    own, prints = recordings
    rng = np.random.default_rng(rate)
    chosen = rng.choice(len(own), 250, replace=False).tolist()
    copies = []
    for store, row in (own[i] for i in chosen):
        signal, fs = store.read(np.array([row]))[0], int(store.fs)
        start, end = rng.integers(1, fs, 2)
        ratio = Fraction(rate, fs)
        signal = resample_poly(signal[:, start:-end], ratio.numerator, ratio.denominator, axis=1)
        signal = np.round(rng.permutation(signal) * rng.uniform(0.1, 10), 3)
        copies += fingerprint(signal[None], rate)
    found = find_copies(Fingerprints.joined(copies), prints)
    pairs = set(zip(found.query.tolist(), found.found.tolist(), strict=True))
    assert pairs == {(query, row) for query, i in enumerate(chosen) for row in twins[i]}
