"""Provenance of a number: package versions, commit, machine."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIBRARIES = (
    "numpy", "scipy", "pandas", "torch", "scikit-learn", "lightning-fabric", "transformers", "timm", "scikit-survival",
    "numba",
)  # fmt: skip
"""The libraries that numbers depend on."""
RECORDED = ("ecg-bench", *LIBRARIES, "mlflow")


@functools.lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    numbers = {"python": platform.python_version()}
    for package in RECORDED:
        try:
            numbers[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return numbers


@functools.lru_cache(maxsize=1)
def git_commit() -> str | None:
    """Commit of the checkout that this package runs from, with ``+changes`` if files differ; None outside a checkout."""
    here = Path(__file__).parent.parent
    if not (here / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+changes" if status.strip() else commit


def machine() -> dict[str, str | int]:
    """Processor, cores and system; no host name."""
    import torch

    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def now_after(mark: Path) -> str:
    """UTC, to the second, and never before an earlier time of this file: a clock that is set back, or a machine
    whose clock is behind, makes nothing that is newer look older.

    The file keeps the latest time that was returned. It only orders what is made in one workspace.
    """
    try:
        latest = datetime.fromisoformat(mark.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        latest = datetime.min.replace(tzinfo=UTC)
    time = datetime.fromisoformat(now())
    if time < latest:
        time = latest + timedelta(seconds=1)
    text = time.isoformat(timespec="seconds")
    if time > latest:
        aside = mark.with_name(f"{mark.name}.{os.getpid()}")
        try:
            aside.write_text(text + "\n", encoding="ascii")
            os.replace(aside, mark)
        except OSError:  # a full disk is reported by the writes that fail
            aside.unlink(missing_ok=True)
    return text
