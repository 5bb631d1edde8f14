"""``--time-limit``: the longest time of a job."""

from __future__ import annotations

import math
import re

from bench.errors import ConfigError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_time_limit(value: str | float | None) -> float | None:
    """Seconds, from a number of seconds or text such as ``90m`` or ``2h``; None: no limit.

    Raises:
        ConfigError: not of that form, or not above 0.
    """
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([smhd]?)", str(value).strip())
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if not 0 < seconds < math.inf:
        raise ConfigError(
            f"--time-limit {value}: expected a number above 0 of seconds, or with the unit s, m, h or d, such as 90m or 2h."
        )
    return seconds


def as_words(seconds: float) -> str:
    """``2 h``, ``90 s``: in the largest unit that divides it."""
    unit = next(unit for unit in reversed(UNITS) if seconds % UNITS[unit] == 0 or unit == "s")
    return f"{seconds / UNITS[unit]:g} {'min' if unit == 'm' else unit}"
