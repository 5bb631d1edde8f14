"""A fixed number of threads: sums in other parts end in other digits, and training makes other weights of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute on so many threads of the processor, in torch and in NumPy's libraries, and afterwards on as many as before."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def unused_cores(threads: int) -> str:
    """How to use cores that pretraining leaves idle; empty where it leaves none, or runs on a GPU."""
    import torch

    cores = os.cpu_count() or 1
    if torch.cuda.is_available() or cores <= threads:
        return ""
    return f", on {threads} of {cores} cores (--set pretrain.threads={cores}: faster, and other weights)"
