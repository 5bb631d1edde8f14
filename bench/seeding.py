"""Random streams, derived from a cell's coordinates and the name of a purpose, never from digests or the clock."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager


def derive(purpose: str, *coordinates: int) -> int:
    """A 63-bit seed for one purpose ("pretrain", "probe") at the given coordinates (seed, fold, epoch)."""
    text = ":".join([purpose, *map(str, coordinates)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_global(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch (all devices)."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block, and put back what was there."""
    import numpy as np
    import torch

    before = (random.getstate(), np.random.get_state())
    with torch.random.fork_rng():
        seed_global(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
