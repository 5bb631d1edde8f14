"""bench: the ECG representation-learning benchmark. What can be called from Python is in :mod:`bench.api`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bench.renamed import accept_old_names

# Before torch is imported: by default its threads spin while they wait, and one busy neighbour on the machine then makes
# small steps ten times slower (measured on 2 cores: 2.3 s a step against 0.25 s with waiting threads asleep).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

accept_old_names()

if TYPE_CHECKING:
    from bench.api import board, encoder, methods, plot, results, run, tasks

__all__ = ["board", "encoder", "methods", "plot", "results", "run", "tasks"]


def __getattr__(name: str) -> Any:  # so that `import bench` stays light
    if name in __all__:
        import bench.api

        return getattr(bench.api, name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
