"""List a workspace's artifacts, each with its size, age, inputs and users."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.progress import counted
from bench.reading.json_file import object_or_empty
from bench.storage.artifacts import INPUTS, SEAL, abandoned, damage, discard, lock_of, locked, sealed
from bench.storage.workspace import Workspace

KINDS = (
    "simulated", "store", "fingerprints", "signals", "images", "text", "other cache", "checkpoint", "features", "result",
    "corrupted", "unfinished",
)  # fmt: skip
"""``unfinished`` is an artifact that a process is writing, or was writing when it ended."""


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
    listed = list(_found(workspace))
    used: dict[str, list[str]] = {}
    for artifact in listed:
        for name in _uses(artifact):
            used.setdefault(name, []).append(artifact.key)
    counted = [
        replace(artifact, used_by=tuple(u for name in _names(artifact) for u in used.get(name, ())))
        for artifact in listed
    ]
    chosen = [artifact for artifact in counted if not kinds or artifact.kind in kinds]
    return sorted(chosen, key=lambda artifact: (KINDS.index(artifact.kind), -artifact.bytes, artifact.key))


def _found(workspace: Workspace) -> Iterator[Artifact]:
    cache = workspace.cache
    places: list[tuple[Path, str]] = [
        (workspace.simulated, "simulated"),
        (workspace.stores, "store"),
        (workspace.checkpoints, "checkpoint"),
        (workspace.features, "features"),
        (workspace.results, "result"),
        (workspace.corrupted, "corrupted"),
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


def _names(artifact: Artifact) -> list[str]:
    """Under what others name this artifact."""
    return [str(artifact.inputs[name]) for name in ("key", "digest") if artifact.inputs.get(name)]


def _uses(artifact: Artifact) -> set[str]:
    """The names of what this artifact was made from."""
    inputs = artifact.inputs
    if artifact.kind in ("checkpoint", "unfinished"):
        return {str(_part(inputs, "corpus").get("store"))}
    if artifact.kind == "features":
        return {str(inputs.get("checkpoint")), str(inputs.get("store"))}
    if artifact.kind == "result":
        return {str(inputs.get("checkpoint")), str(_part(inputs, "dataset").get("digest"))}
    return set()


def _part(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A JSON object in another; empty where a damaged file holds something else in its place."""
    part = value.get(name)
    return part if isinstance(part, dict) else {}


# -- are the bytes still what they were? -------------------------------------------------------------------------------


class NoDigest(Exception):
    """Artifacts that keep no digest: they are checked when they are read, or can be made again."""


def verify(artifact: Artifact) -> str | None:
    """What is wrong with an artifact's bytes; None if they are as they were written.

    Raises:
        NoDigest: there is nothing that they could be compared with.
    """
    if artifact.kind in ("store", "signals"):
        from bench.signals.store import SignalStore

        try:
            changed = SignalStore.open(artifact.path).altered()
        except (BenchError, OSError, ValueError) as error:
            return str(error)
        return f"{counted(len(changed), 'altered recording')}, such as {changed[0]}" if changed else None
    if artifact.kind == "images":
        from bench.signals.images import altered_images

        return altered_images(artifact.path)
    if artifact.kind == "checkpoint":
        from bench.training.checkpoint_files import checkpoint_damage

        return checkpoint_damage(artifact.path)
    if artifact.kind == "result" or (artifact.path / SEAL).exists():
        return damage(artifact.path)
    raise NoDigest(artifact.kind)


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
    chosen = [artifact for artifact in chosen if artifact.age_days >= older_than_days]
    if unreferenced:
        chosen = [
            artifact for artifact in chosen if not artifact.used_by and artifact.kind != "result" and _traced(artifact)
        ]
    return chosen


def _traced(artifact: Artifact) -> bool:
    """Whether what uses artifacts of this kind says so. Features serve cells that are yet to come: only age tells."""
    return artifact.kind in ("store", "checkpoint", "unfinished")


def remove(workspace: Workspace, chosen: Sequence[Artifact], removed: Callable[[Artifact], None]) -> list[Artifact]:
    """Remove artifacts but those that a living process is writing; what was left for that reason."""
    from filelock import Timeout

    left = []
    for artifact in chosen:
        lock = _lock(workspace, artifact)
        if lock is None:
            if not abandoned(artifact.path.name):
                left.append(artifact)
                continue
            discard(artifact.path)
            removed(artifact)
            continue
        try:
            with locked(lock, timeout=0):
                discard(artifact.path)
                lock.unlink(missing_ok=True)
        except Timeout:
            left.append(artifact)
        else:
            removed(artifact)
    return left


def _lock(workspace: Workspace, artifact: Artifact) -> Path | None:
    """The lock that the writer of an artifact holds; None for a temporary folder, whose name identifies its writer."""
    name = artifact.path.name
    if artifact.kind == "result":
        return workspace.locks / f"{name}.lock"
    if name.startswith("."):
        return artifact.path.with_name(f"{name.removesuffix('.partial')}.lock") if name.endswith(".partial") else None
    return lock_of(artifact.path)
