"""Examine this machine: report everything found, and a fix for everything missing. Nothing is downloaded or prepared.

Installed packages may add findings (models that their methods use): a function without arguments that
returns Findings, registered under ``bench.doctor``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import sqlite3
import tempfile
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from bench import registry
from bench.data.source import DataSource
from bench.errors import BenchError, foreign_code
from bench.project_file import project
from bench.redaction import redact, redact_of
from bench.storage.workspace import Workspace

State = Literal["ok", "note", "warning", "problem"]
GROUP = "bench.doctor"
ENOUGH_DISK = 20e9
"""Bytes; PTB-XL prepared at 500 Hz takes 2.6 GB, with resampled and filtered copies some times that."""


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``note`` costs nothing, ``warning`` a part of what bench can do, ``problem`` a run."""

    area: str
    state: State
    found: str
    hint: str = ""


def examine(data_roots: list[str] | None = None, workspace: str | None = None) -> Iterator[Finding]:
    """Everything, area by area. A part that fails is itself a finding."""
    parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("versions", _versions),
        ("plugins", _plugins),
        ("devices", _devices),
        ("project", _project),
        ("workspace", lambda: _workspace(Workspace.at(workspace))),
        ("data", lambda: _data(DataSource.from_options(Workspace.at(workspace), data_roots or ()))),
        ("encoders", lambda: _encoders(Workspace.at(workspace))),
        ("tracking", lambda: _tracking(Workspace.at(workspace))),
    ]
    for area, part in parts:
        try:
            yield from part()
        except BenchError as error:
            yield Finding(area, "problem", str(error))
        except Exception as error:  # the doctor's own mistakes must not hide the other findings
            yield Finding(area, "problem", f"{type(error).__name__}: {error}", "Please report this.")


def _versions() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    yield Finding(
        "versions", "ok", f"bench {importlib.metadata.version('ecg-bench')}, Python {platform.python_version()}"
    )
    wrong: list[tuple[str, str]] = []
    extras: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("ecg-bench") or ():
        required = Requirement(line)
        installed = _version(required.name)
        extra = re.search(r"""extra\s*==\s*['"]([\w-]+)""", line)
        if extra is not None:
            if installed is None:
                extras.setdefault(extra[1], []).append(required.name)
            continue
        if required.marker is not None and not required.marker.evaluate():
            continue
        if installed is None:
            wrong.append((line, "is not installed"))
        elif not required.specifier.contains(installed, prereleases=True):
            wrong.append((line, f"is {installed}"))
    for line, what in wrong:
        yield Finding("versions", "problem", f"{line} {what}", f"pip install '{line.split(';')[0].strip()}'")
    if not wrong:
        shown = ", ".join(f"{name} {_version(name)}" for name in ("torch", "numpy", "pandas", "transformers", "mlflow"))
        yield Finding("versions", "ok", f"all requirements are met: {shown}")
    for extra_name, absent in sorted(extras.items()):
        if extra_name not in ("dev", "site"):
            hint = f"If you need it: pip install 'ecg-bench[{extra_name}]'"
            yield Finding("versions", "note", f"extra {extra_name}: {', '.join(absent)} not installed", hint)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plugins() -> Iterator[Finding]:
    counts, outside = [], set()
    others: list[tuple[str, str]] = []
    for group, word in ((registry.METHODS, "methods"), (registry.TASKS, "tasks"), (registry.DATASETS, "datasets")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            registry.entries.cache_clear()
            known = registry.entries(group)
        counts.append(f"{len(known)} {word}")
        outside |= {entry.distribution for entry in known.values()} - {"ecg-bench"}
        others += [(group, entry.name) for entry in known.values() if entry.distribution != "ecg-bench"]
        for warning in caught:
            yield Finding("plugins", "warning", str(warning.message), "Fix or uninstall the package.")
    for group, name in others:
        try:
            registry.load(group, name)
        except BenchError as error:
            yield Finding("plugins", "warning", str(error), "Fix or uninstall the package.")
    also = f"; also from {', '.join(sorted(outside))}" if outside else ""
    yield Finding("plugins", "ok", f"{', '.join(counts)}{also}")


def _devices() -> Iterator[Finding]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("devices", "ok", f"{cores} processor cores, {torch.get_num_threads()} threads for torch")
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(i)
            yield Finding("devices", "ok", f"GPU {i}: {facts.name}, {facts.total_memory / 1e9:.0f} GB")
    elif shutil.which("nvidia-smi"):
        built = torch.version.cuda or "without CUDA"
        hint = "Install the torch build for your driver: https://pytorch.org/get-started/locally/"
        yield Finding("devices", "warning", f"there is an NVIDIA driver, but torch ({built}) sees no GPU", hint)
    elif torch.backends.mps.is_available():
        yield Finding("devices", "ok", "Apple GPU (mps)")
    else:
        yield Finding(
            "devices", "note", "no GPU: published settings take long; --profile small and smoke are made for this"
        )


def _project() -> Iterator[Finding]:
    file = project()
    if file.path is None:
        yield Finding("project", "note", "no bench.toml here or above", "If you want one: bench init")
    else:
        yield Finding("project", "ok", f"{file.path}")


def _workspace(workspace: Workspace) -> Iterator[Finding]:
    folder = workspace.root
    while not folder.exists():
        folder = folder.parent
    if not _can_be_written(folder):
        yield Finding(
            "workspace", "problem", f"{workspace.root} cannot be written to", "Name another: --workspace FOLDER"
        )
    missing = "" if workspace.root.is_dir() else " (created when first needed)"
    yield Finding("workspace", "note" if missing else "ok", f"{workspace.root}{missing}")
    free = shutil.disk_usage(folder).free
    enough = free >= ENOUGH_DISK
    hint = (
        ""
        if enough
        else ("Prepared data, checkpoints and features need space: free some, or name another disk with --workspace.")
    )
    yield Finding("workspace", "ok" if enough else "warning", f"{free / 1e9:.0f} GB free on its disk", hint)


def _can_be_written(folder: Path) -> bool:
    """By trying: who may write is not all there is to it (a read-only file system, /proc)."""
    try:
        with tempfile.TemporaryDirectory(prefix=".bench-doctor-", dir=folder):
            return True
    except OSError:
        return False


def _data(source: DataSource) -> Iterator[Finding]:
    names = list(registry.entries(registry.DATASETS))
    if source.kind == "simulated":
        hint = (
            "Real data: --data-root FOLDER, BENCH_DATA, or [data] in bench.toml; bench data download NAME downloads a "
            "dataset."
        )
        yield Finding("data", "note", f"no real data are named: all {len(names)} datasets are simulated", hint)
        return
    for name in names:
        cls = registry.load(registry.DATASETS, name)
        if not source.has(name):
            yield Finding("data", "note", f"{name} is not available", f"{cls.url}: {cls.fetch}")
            continue
        try:
            dataset = source.dataset(name)
        except BenchError as error:
            yield Finding("data", "problem", f"{name}: {error}")
            continue
        prepared = "prepared" if source.store_path(dataset).is_dir() else "prepared when first used"
        yield Finding("data", "ok", f"{name} in {dataset.root}, {prepared}")


def _encoders(workspace: Workspace) -> Iterator[Finding]:
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda p: p.name):
        try:
            with foreign_code():
                findings = list(point.load()())
        except Exception as error:
            package = point.dist.name if point.dist else point.module
            findings = [
                Finding("encoders", "warning", f"{point.name} of {package}: {error}", f"Fix or uninstall {package}.")
            ]
        yield from findings
    folder = workspace.checkpoints
    names = sorted(p.parent.name for p in folder.glob("[!.]*/provenance.json")) if folder.is_dir() else []
    shown = f": {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}" if names else ""
    state: State = "ok" if names else "note"
    yield Finding("encoders", state, f"{len(names)} pretrained checkpoints in the workspace{shown}")


def _tracking(workspace: Workspace) -> Iterator[Finding]:
    uri = workspace.tracking_uri
    hint = "Start the server, fix MLFLOW_TRACKING_URI, or run with --no-track; results are kept in any case."
    database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
    if database is not None and not database.exists():
        yield Finding("tracking", "ok", f"{uri} (created when first needed)")
        return
    try:
        _reach(uri, database)
    except (OSError, ValueError, sqlite3.Error) as error:
        yield Finding("tracking", "warning", f"{redact(uri)} does not answer: {redact_of(uri, str(error))}", hint)
    else:
        yield Finding("tracking", "ok", f"{redact(uri)} answers")


def _reach(uri: str, database: Path | None) -> None:
    """Raise what the database or the server raises if it does not answer within seconds."""
    if database is not None:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            connection.execute("SELECT name FROM sqlite_master").fetchone()
        return
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        host = parts.netloc.rpartition("@")[2]
        with urllib.request.urlopen(f"{parts.scheme}://{host}{parts.path.rstrip('/')}/health", timeout=5):
            return
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
