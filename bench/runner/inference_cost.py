"""Cost of inference: floating-point operations, counted by torch while it computes, and recordings per second."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator

from bench.method import Method
from bench.signals.leads import LEADS
from bench.storage.artifacts import digest

TIMED = 4
"""Recordings in the batch whose encoding is timed."""

_known: dict[str, dict[str, float]] = {}


def cost_of(method: Method) -> dict[str, float]:
    """``gflops`` (billions of operations to encode one recording of the method's input; a multiplication and an addition
    are two; what is element-wise does not count) and ``recordings_per_second`` on this machine's CPU.

    Empty for a method that does not encode, or needs more than the ECG for it. Measured once a process for each config.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from bench.batch import ECGBatch

    if not method.implements("encode") or method.input.downstream:
        return {}
    name = digest([method.name, method.config, method.input.to_dict()])
    if name in _known:
        return dict(_known[name])
    _known[name] = {}

    def batch(records: int) -> ECGBatch:
        return ECGBatch(
            ecg=torch.zeros(records, len(LEADS), method.input.length),
            leads=torch.ones(records, len(LEADS), dtype=torch.bool),
            index=torch.zeros(records, dtype=torch.int64),
        )

    try:
        with _on_cpu(method) as idle, torch.random.fork_rng(), torch.no_grad():
            with FlopCounterMode(display=False) as counter:
                idle.encode(batch(1))
            began = time.perf_counter()
            idle.encode(batch(TIMED))
            seconds = time.perf_counter() - began
    except Exception:  # a method may encode what this cannot make up; its cost is then not known
        return {}
    operations = counter.get_total_flops() / 1e9
    _known[name] = {"recordings_per_second": round(TIMED / seconds, 2)} | (
        {"gflops": round(operations, 4)} if operations else {}
    )
    return dict(_known[name])


@contextlib.contextmanager
def _on_cpu(method: Method) -> Iterator[Method]:
    """The method in evaluation mode on the CPU: itself if it is there, since a copy of a large one takes a gigabyte."""
    if any(tensor.device.type != "cpu" for tensor in method.state_dict().values()):
        yield copy.deepcopy(method).cpu().eval()
        return
    training = [module for module in method.modules() if module.training]
    try:
        yield method.eval()
    finally:
        for module in training:
            module.training = True
