"""Mode ``knn`` on features of the size of PTB-XL against scikit-learn's KNeighborsClassifier: multi-label, weighted votes.

    python benchmarks/knn.py [--classes 71] [--timed 1]

17,084 labelled recordings x 512 answer 2,146 validation and 2,158 test recordings for each of six numbers of neighbours. Ours
finds the largest number once and takes the nearer ones from it. scikit-learn is asked as one would: metric cosine, weights by
the same exponential, one fit and ``predict_proba`` for each number; ``--timed`` of the six are timed, and scaled. Both agree
to 1e-5 but for the few recordings whose last neighbours lie equally near in float32. What bounds it: arithmetic; ``bound`` is
the product of all that are asked about with all that are known.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import normalize

from bench.modes.knn import Config, nearest, votes

KNOWN, ASKED, DIM = 17_084, 2_146 + 2_158, 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=71)
    parser.add_argument("--timed", type=int, default=1, help="numbers of neighbours that scikit-learn is timed on")
    arguments = parser.parse_args()
    generator, config = torch.Generator().manual_seed(0), Config()
    known, queries = (normalize(torch.randn(n, DIM, generator=generator), dim=1) for n in (KNOWN, ASKED))
    labels = (torch.rand(KNOWN, arguments.classes, generator=generator) < 0.1).numpy().astype(np.uint8)

    started = time.perf_counter()
    cosine, rows = nearest(queries, known, max(config.neighbours))
    answers = torch.from_numpy(labels.astype(np.float32))
    shares_here = {n: votes(cosine[:, :n], answers[rows[:, :n]], config.temperature) for n in config.neighbours}
    ours = time.perf_counter() - started

    theirs = 0.0
    for count in config.neighbours[-arguments.timed :]:
        started = time.perf_counter()
        model = KNeighborsClassifier(
            count, weights=lambda distance: np.exp(-distance / config.temperature), metric="cosine", algorithm="brute"
        )
        shares = model.fit(known.numpy(), labels).predict_proba(queries.numpy())
        theirs += time.perf_counter() - started
        shares = np.stack([share[:, 1] for share in shares], axis=1)
        apart = np.abs(shares - shares_here[count].numpy()).max(axis=1)
        print(f"{count} neighbours: {np.mean(apart < 1e-5):.2%} of recordings agree to 1e-5, all to {apart.max():.0e}")
    theirs *= len(config.neighbours) / arguments.timed
    started = time.perf_counter()
    for chunk in queries.split(2048):
        chunk @ known.T
    bound = time.perf_counter() - started
    print(
        f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; {ASKED} recordings, {arguments.classes} classes"
    )
    print(
        f"scikit-learn {theirs:.1f} s, ours {ours:.2f} s, ratio {theirs / ours:.0f}; {ours / bound:.1f} times the bound"
    )


if __name__ == "__main__":
    main()
