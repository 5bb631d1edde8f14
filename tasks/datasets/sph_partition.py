"""The partition of SPH that its authors published, drawn again from the table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from bench.splitting.stratify import stratified_parts

AUTHORS_SEED, AUTHORS_DRAWN, AUTHORS_POOL = 73, 2984, 23600
"""The authors test on patients with several recordings, and on 2,984 of the 23,600 others, drawn with this seed."""


def authors_partition(ids: list[str], patients: list[str], codes: list[Any]) -> np.ndarray:
    """``train``, ``validation`` or ``test`` of each record of ``metadata.csv``, in its order."""
    n_of = Counter(patients)
    part = np.array(["test" if n_of[patient] > 1 else "train" for patient in patients], dtype=object)
    single = np.flatnonzero(part == "train")
    n_drawn = round(AUTHORS_DRAWN * len(single) / AUTHORS_POOL)
    part[single[np.random.RandomState(AUTHORS_SEED).choice(len(single), n_drawn, replace=False)]] = "test"
    rest = np.flatnonzero(part == "train").tolist()
    sizes = {"train": len(rest) - len(rest) // 10, "validation": len(rest) // 10}
    part[rest] = stratified_parts([ids[k] for k in rest], [codes[k] for k in rest], sizes, "sph")
    return part.astype(str)
