"""Fingerprints: seconds for 20,000 recordings, planted copies found, and recordings wrongly taken for one another.

    python benchmarks/fingerprint.py [--data-root DATASET=FOLDER ...] [--planted 300] [--recordings 20000]

Every ``--data-root`` is a real dataset (one may be given twice, with two folders); without any, the simulated PTB-XL is
used. The time is processor time, hence that of one core: reading the store, fingerprinting, searching all among all. Where
there are fewer than ``--recordings``, the stores are read over again, and the search has further recordings made by
stretching the time of real ones by 3 to 25 %. Pairs found among the recordings themselves are listed: they are duplicates
of the publications, the same record id in two folders, or false matches, as their ids and patients tell.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from bench.contamination.fingerprint import CHUNK, Fingerprints, fingerprint
from bench.contamination.match import SIMILARITY, Index
from bench.data.source import DataSource
from bench.signals.store import SignalStore
from bench.storage.workspace import Workspace

Change = Callable[[np.ndarray, float, np.random.Generator], tuple[np.ndarray, float]]


def at(rate: float) -> Change:
    def change(x: np.ndarray, fs: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        ratio = Fraction(rate / fs).limit_denominator(1000)
        return resample_poly(x, ratio.numerator, ratio.denominator, axis=1), rate

    return change


def trimmed(most: bool = False) -> Change:
    def change(x: np.ndarray, fs: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        start, end = (fs, fs) if most else rng.uniform(0, fs, 2)
        return x[:, int(start) : x.shape[1] - int(end)], fs

    return change


def only(*leads: int) -> Change:
    def change(x: np.ndarray, fs: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        return x[list(leads)], fs

    return change


def gain(x: np.ndarray, fs: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    return x * np.exp(rng.uniform(np.log(0.1), np.log(10))), fs


def permuted(x: np.ndarray, fs: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    return rng.permutation(x), fs


def flipped(x: np.ndarray, fs: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    return x * rng.choice([-1, 1], (len(x), 1)), fs


CHANGES: dict[str, list[Change]] = {
    "gain 0.1 to 10": [gain],
    "at 100 Hz": [at(100)],
    "at 257 Hz": [at(257)],
    "at 400 Hz": [at(400)],
    "leads permuted": [permuted],
    "trimmed, up to 1 s at either end": [trimmed()],
    "trimmed, 1 s at both ends": [trimmed(True)],
    "trimmed, 100 Hz, permuted, gain": [trimmed(), at(100), permuted, gain],
    "trimmed 2 s, 257 Hz, permuted, gain": [trimmed(True), at(257), permuted, gain],
    "leads upside down at random": [flipped],
}
BEYOND: dict[str, list[Change]] = {
    "limb leads alone": [only(*range(6))],
    "leads I and II alone": [only(0, 1)],
    "lead V1 alone": [only(6)],
}


def plant(changes: list[Change], x: np.ndarray, fs: float, rng: np.random.Generator) -> np.ndarray:
    """The fingerprint of a changed copy, stored in whole microvolts."""
    for change in changes:
        x, fs = change(x, fs, rng)
    return fingerprint(np.round(x * 1000)[None] / 1000, fs)[0]


def stretched(prints: Fingerprints, n: int, rng: np.random.Generator) -> Fingerprints:
    curves = [prints[row] for row in range(min(len(prints), n))]
    while len(curves) < n:
        curve = prints[int(rng.integers(len(prints)))]
        time = np.arange(len(curve)) * (1 + rng.choice([-1, 1]) * rng.uniform(0.03, 0.25))
        curves.append(np.interp(time, np.arange(2 * len(curve)), np.r_[curve, curve[::-1]]).astype(np.uint8))
    return Fingerprints.joined(curves)


def taken(stores: list[SignalStore], n: int) -> float:
    """Processor seconds to read and fingerprint ``n`` recordings, all stores in turn."""
    started, done = time.process_time(), 0
    while done < n:
        for store in stores:
            for first in range(0, len(store), CHUNK):
                rows = np.arange(first, min(first + CHUNK, len(store), first + n - done))
                if not len(rows):
                    break
                alike = store.uniform_length is not None
                for some in [rows] if alike else rows[:, None]:
                    fingerprint(store.read(some), store.fs)
                done += len(rows)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", action="append", default=[], metavar="DATASET=FOLDER")
    parser.add_argument("--planted", type=int, default=300, help="copies of each kind")
    parser.add_argument("--recordings", type=int, default=20_000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(os.environ.get("BENCH_WORKSPACE", folder)))
        stores = []
        for root in options.data_root or ["simulated"]:
            name = root.partition("=")[0] if options.data_root else "ptbxl"
            stores.append(
                DataSource.from_options(workspace, [root] if options.data_root else [], workers=1).store(name)
            )
        measure(stores, options.planted, options.recordings, rng)


def measure(stores: list[SignalStore], n_planted: int, n_recordings: int, rng: np.random.Generator) -> None:
    own = [(store, row) for store in stores for row in range(len(store))]
    prints = Fingerprints.joined([fingerprint(store.read(np.array([row])), store.fs)[0] for store, row in own])
    print(f"{len(own):,} recordings of {len(stores)} folders, {np.mean(prints.lengths):,.0f} bytes a fingerprint")

    seconds = taken(stores, n_recordings)
    many = stretched(prints, n_recordings, rng)
    started = time.process_time()
    Index(many).copies(many, np.arange(len(many)))
    search = time.process_time() - started
    print(
        f"{n_recordings:,} recordings, processor time: fingerprints {seconds:.1f} s "
        f"({1e3 * seconds / n_recordings:.2f} ms each), all searched among all "
        f"{search:.1f} s ({1e3 * search / n_recordings:.2f} ms each)"
    )

    index = Index(prints)
    pairs = index.copies(prints, np.arange(len(prints)), similarity=0.9)
    once = pairs.query < pairs.found
    same = pairs.similarity >= SIMILARITY
    print(f"\npairs of recordings with similarity {SIMILARITY} or more: {(once & same).sum()}")
    twins: dict[int, set[int]] = {}
    for query, other_row in zip(pairs.query[same].tolist(), pairs.found[same].tolist(), strict=True):
        twins.setdefault(query, set()).add(other_row)
    same_id = 0
    for position in np.flatnonzero(once & same):
        (first, row), (other, other_row) = own[pairs.query[position]], own[pairs.found[position]]
        ids = first.records.index[row], other.records.index[other_row]
        patients = first.records.patient_id.iloc[row], other.records.patient_id.iloc[other_row]
        if first is not other and ids[0] == ids[1]:
            same_id += 1
            continue
        print(f"  {ids[0]} and {ids[1]}: {pairs.similarity[position]:.5f}, patients {patients[0]} and {patients[1]}")
    print(f"  and {same_id} of one record id in two folders")
    print(f"highest similarity below that: {pairs.similarity[~same].max(initial=0):.4f}")

    print(f"\n{'planted':38}{'found':>12}{'lowest similarity':>19}{'false matches':>15}")
    chosen = rng.choice(len(own), min(n_planted, len(own)), replace=False)
    for kind, changes in (CHANGES | BEYOND).items():
        copies = [
            plant(changes, own[i][0].read(np.array([own[i][1]]))[0].astype(float), own[i][0].fs, rng) for i in chosen
        ]
        matches = index.copies(Fingerprints.joined(copies), similarity=0.5)
        best, false = np.zeros(len(chosen)), 0
        for query, row, value in zip(matches.query, matches.found, matches.similarity, strict=True):
            if row == chosen[query] or row in twins.get(int(chosen[query]), ()):
                best[query] = max(best[query], value)
            else:
                false += value >= SIMILARITY
        beyond = "   (not promised)" if kind in BEYOND else ""
        hits = f"{(best >= SIMILARITY).sum()} of {len(chosen)}"
        print(f"{kind:38}{hits:>12}{best.min():19.4f}{false:15d}{beyond}")


if __name__ == "__main__":
    main()
