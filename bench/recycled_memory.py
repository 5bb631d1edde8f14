"""Memory for large results that are made again every step.

A fresh batch of 256 recordings is 15,000 pages that the kernel hands out one by one and fills with zeros: 20 to 40 ms here,
where the arithmetic takes 5 to 20. Blocks that nothing refers to any more are handed out again.
"""

from __future__ import annotations

import math
import sys
import threading

import numpy as np
import torch
from torch import Tensor

KEPT = 4
"""Blocks that are kept: two views and what becomes of them. The oldest free one goes when another size is asked for."""

SMALLEST = 2**22
"""Bytes; below it the allocator keeps memory by itself."""

FREE = 2
"""References to a block that only the list and the call that counts hold. A tensor's storage holds one more."""

_blocks: list[np.ndarray] = []
_lock = threading.Lock()


def empty(*shape: int) -> Tensor:
    """A float32 tensor on the processor, of undefined content. Its memory is used again once no tensor refers to it."""
    count = math.prod(shape)
    if 4 * count < SMALLEST:
        return torch.empty(shape)
    with _lock:
        free = [k for k in range(len(_blocks)) if sys.getrefcount(_blocks[k]) == FREE]
        fitting = next((k for k in free if len(_blocks[k]) == count), None)
        if fitting is not None:
            block = _blocks.pop(fitting)
        else:
            if len(_blocks) >= KEPT and free:
                del _blocks[free[0]]
            block = np.empty(count, np.float32)
        if len(_blocks) < KEPT:
            _blocks.append(block)
        return torch.from_numpy(block).view(shape)
