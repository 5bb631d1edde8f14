"""List a workspace's artifacts, each with its size, age, inputs and users."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.reading.json_file import object_or_empty
from bench.storage.artifacts import INPUTS, SEAL, abandoned, damage, discard, locked, sealed
from bench.storage.workspace import Workspace

KINDS = (
    "simulated", "store", "fingerprints", "signals", "images", "text", "other cache", "checkpoint", "features", "result",
    "unfinished",
)  # fmt: skip
"""``unfinished`` is what somebody is writing, or was when it was ended."""


@dataclass(frozen=True)
class Artifact:
    """One folder of a workspace.

    Attributes:
        key: the folder's name.
        inputs: what it was made from, as far as it says.
        made: seconds since 1970, by the folder's time of change.
        used_by: the artifacts that name it as an input.
    """

    kind: str
    path: Path
    bytes: int
    made: float
    inputs: dict[str, Any] = field(default_factory=dict)
    used_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def age_days(self) -> float:
        return max(0.0, time.time() - self.made) / 86400


def artifacts(workspace: Workspace, kinds: Sequence[str] = ()) -> list[Artifact]:
    """Every artifact of a workspace, or those of some kinds; the largest first within each kind."""
    found = list(_found(workspace))
    used: dict[str, list[str]] = {}
    for one in found:
        for name in _uses(one):
            used.setdefault(name, []).append(one.key)
    counted = [replace(one, used_by=tuple(u for name in _names(one) for u in used.get(name, ()))) for one in found]
    chosen = [one for one in counted if not kinds or one.kind in kinds]
    return sorted(chosen, key=lambda one: (KINDS.index(one.kind), -one.bytes, one.key))


def _found(workspace: Workspace) -> Iterator[Artifact]:
    cache = workspace.cache
    places: list[tuple[Path, str]] = [
        (workspace.simulated, "simulated"),
        (workspace.stores, "store"),
        (workspace.checkpoints, "checkpoint"),
        (workspace.features, "features"),
        (workspace.results, "result"),
    ]
    known = {"signals": "signals", "images": "images", "text": "text"}
    if cache.is_dir():
        places += [(path, known.get(path.name, "other cache")) for path in sorted(cache.iterdir()) if path.is_dir()]
    for folder, kind in places:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir():
                named = "fingerprints" if ".fingerprints-" in path.name else kind
                named = "unfinished" if path.name.startswith(".") else named
                yield Artifact(named, path, _size(path), path.stat().st_mtime, _inputs(named, path))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _inputs(kind: str, path: Path) -> dict[str, Any]:
    """What an artifact says that it was made from."""
    if kind == "result":
        value = object_or_empty(path / "result.json")
        parts = {name: value.get(name) for name in ("cell", "dataset", "split", "inputs")}
        return parts | {"checkpoint": _part(value, "checkpoint").get("key")}
    if kind == "unfinished":
        return object_or_empty(path / INPUTS)
    if kind == "checkpoint":
        value = object_or_empty(path / "provenance.json")
        return {name: value.get(name) for name in ("key", "method", "corpus")}
    if kind in ("store", "signals"):
        value = object_or_empty(path / "manifest.json")
        return {
            name: value[name] for name in ("dataset", "version", "digest", "signals_digest", "source") if name in value
        }
    return (sealed(path) or {}).get("inputs") or {}


def _names(one: Artifact) -> list[str]:
    """Under what others name this artifact."""
    return [str(one.inputs[name]) for name in ("key", "digest") if one.inputs.get(name)]


def _uses(one: Artifact) -> set[str]:
    """The names of what this artifact was made from."""
    inputs = one.inputs
    if one.kind in ("checkpoint", "unfinished"):
        return {str(_part(inputs, "corpus").get("store"))}
    if one.kind == "features":
        return {str(inputs.get("checkpoint")), str(inputs.get("store"))}
    if one.kind == "result":
        return {str(inputs.get("checkpoint")), str(_part(inputs, "dataset").get("digest"))}
    return set()


def _part(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A JSON object in another; empty where a damaged file holds something else in its place."""
    part = value.get(name)
    return part if isinstance(part, dict) else {}


# -- are the bytes still what they were? -------------------------------------------------------------------------------


class NoDigest(Exception):
    """Artifacts that keep no digest: they are checked when they are read, or can be made again."""


def verify(one: Artifact) -> str | None:
    """What is wrong with an artifact's bytes; None if they are as they were written.

    Raises:
        NoDigest: there is nothing that they could be compared with.
    """
    if one.kind in ("store", "signals"):
        from bench.signals.store import SignalStore

        try:
            changed = SignalStore.open(one.path).altered()
        except (BenchError, OSError, ValueError) as error:
            return str(error)
        return f"{len(changed):,} recordings were altered, the first is {changed[0]}" if changed else None
    if one.kind == "images":
        from bench.signals.images import altered_images

        return altered_images(one.path)
    if one.kind == "checkpoint":
        from bench.training.checkpoint import checkpoint_damage

        return checkpoint_damage(one.path)
    if one.kind == "result" or (one.path / SEAL).exists():
        return damage(one.path)
    raise NoDigest(one.kind)


# -- removing ----------------------------------------------------------------------------------------------------------


def removable(
    workspace: Workspace, kinds: Sequence[str] = (), older_than_days: float = 0.0, unreferenced: bool = False
) -> list[Artifact]:
    """What :func:`remove` would be asked to remove.

    Args:
        unreferenced: only what no other artifact names as its input; a result is what all else is for, so that it never
            counts as unreferenced.
    """
    chosen = artifacts(workspace, kinds)
    chosen = [one for one in chosen if one.age_days >= older_than_days]
    if unreferenced:
        chosen = [one for one in chosen if not one.used_by and one.kind != "result" and _traced(one)]
    return chosen


def _traced(one: Artifact) -> bool:
    """Whether what uses artifacts of this kind says so. Features serve cells that are yet to come: only age tells."""
    return one.kind in ("store", "checkpoint", "unfinished")


def remove(workspace: Workspace, chosen: Sequence[Artifact], removed: Callable[[Artifact], None]) -> list[Artifact]:
    """Remove artifacts but those that a living process is writing; what was left for that reason."""
    from filelock import Timeout

    left = []
    for one in chosen:
        lock = _lock(workspace, one)
        if lock is None:
            if not abandoned(one.path.name):
                left.append(one)
                continue
            discard(one.path)
            removed(one)
            continue
        try:
            with locked(lock, timeout=0):
                discard(one.path)
                lock.unlink(missing_ok=True)
        except Timeout:
            left.append(one)
        else:
            removed(one)
    return left


def _lock(workspace: Workspace, one: Artifact) -> Path | None:
    """The lock that the writer of an artifact holds; None for a temporary folder, whose name identifies its writer."""
    name = one.path.name
    if one.kind == "result":
        return workspace.locks / f"{name}.lock"
    if name.startswith("."):
        return one.path.with_name(f"{name.removesuffix('.partial')}.lock") if name.endswith(".partial") else None
    return one.path.with_name(f".{name}.lock")
