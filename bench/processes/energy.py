"""Energy of a piece of work, measured by CodeCarbon where it is asked for: ``BENCH_ENERGY=1`` and the extra ``[energy]``.

Only kilowatt-hours are kept. Emissions follow from them and from the place and the hour of the power, which are the user's to
state.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
from collections.abc import Iterator
from typing import Any

from bench.errors import ConfigError

VARIABLE = "BENCH_ENERGY"
TASK = "bench"
_running: list[str] = []


@contextlib.contextmanager
def measured_energy() -> Iterator[dict[str, float]]:
    """Yield a dict that holds ``energy_kwh`` of this process and its children after the block.

    The processor's share counts by its load where the machine has no energy counter, the memory's by its size, and GPUs
    whole. The dict stays empty where nobody asked for energy, and inside another measurement.

    Raises:
        ConfigError: energy is asked for, and CodeCarbon is not installed.
    """
    used: dict[str, float] = {}
    if _running or not wanted():
        yield used
        return
    tracker = _tracker()
    tracker.start_task(TASK)
    _running.append(TASK)
    try:
        yield used
    finally:
        _running.clear()
        used["energy_kwh"] = float(tracker.stop_task(TASK).energy_consumed)


def wanted() -> bool:
    """Whether ``BENCH_ENERGY`` asks for energy.

    Raises:
        ConfigError: it does, and CodeCarbon is not installed.
    """
    if os.environ.get(VARIABLE, "") in ("", "0"):
        return False
    if importlib.util.find_spec("codecarbon") is None:
        raise ConfigError(f"{VARIABLE}=1 needs CodeCarbon: pip install 'ecg-bench[energy]', or unset {VARIABLE}.")
    return True


@functools.lru_cache(maxsize=1)
def _tracker() -> Any:
    """One for the process: it takes four seconds to look at the machine."""
    from codecarbon import OfflineEmissionsTracker

    return OfflineEmissionsTracker(
        country_iso_code="USA",  # it asks for one to compute emissions, which are not read
        tracking_mode="process",
        output_methods=[],
        log_level="error",
        measure_power_secs=5,
        allow_multiple_runs=True,
    )
