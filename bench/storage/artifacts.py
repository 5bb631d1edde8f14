"""Content-addressed folders: a key is a digest of what determines the content; a folder appears whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from errno import EDQUOT, EFBIG, EINVAL, ENOLCK, ENOSPC, ENOSYS, ENOTSUP, EROFS
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import BenchError, DataError
from bench.reading.json_file import read_json

SEAL = "artifact.json"
"""Next to the files of an artifact: its kind, what it was made from, and the digests of the files."""

INPUTS = "inputs.json"
"""In the folder of unfinished work: the artifacts that it reads, which must not be removed meanwhile."""

NO_SPACE = (ENOSPC, EROFS, EDQUOT, EFBIG)
NO_LOCKS = (ENOLCK, ENOSYS, ENOTSUP)

T = TypeVar("T")


def writer() -> str:
    """Who writes a temporary folder, as part of its name: a cleanup leaves the folders of living processes alone."""
    return f"{re.sub(r'[^A-Za-z0-9]', '-', platform.node())}-{os.getpid()}"


def folder_next_to(final: Path) -> Path:
    """A new hidden folder of this process. Its permissions follow the umask; those of ``tempfile`` admit only its maker."""
    folder = final.with_name(f".{final.name}.{writer()}.{secrets.token_hex(4)}")
    folder.mkdir()
    return folder


def digest(value: Any, length: int = 32) -> str:
    """Hex digest of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_jsonable, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=length // 2).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _jsonable(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | set | frozenset):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a key")


@contextlib.contextmanager
def writing(final: Path, replace: bool = False) -> Iterator[Path]:
    """A temporary folder next to ``final`` that takes its name if the block ends well, and vanishes if it does not.

    Its files reach the disk before it is renamed, so that a power failure leaves the whole folder or none. If another
    process finished the same artifact in the meantime, that one is kept: equal keys mean equal content. With ``replace``
    the new folder and the old one change names in one step, where the system can do that (Linux, on local disks).
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder_next_to(final)
    try:
        yield temporary
        allowed = temporary.stat().st_mode & 0o666
        for path in temporary.rglob("*"):
            if path.is_file():
                path.chmod(allowed)  # safetensors makes files that only their owner may read, whatever the umask
            to_disk(path)
        to_disk(temporary)
        if not (replace and final.is_dir() and _exchange(temporary, final)):
            if replace:
                discard(final)
            try:
                os.rename(temporary, final)
            except OSError:
                if not final.is_dir():
                    raise
        to_disk(final.parent)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise BenchError(
                f"{final} could not be written: {error.strerror}. Nothing half-written was kept; free some space or name "
                f"another folder with --workspace, then run the same command again."
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk and no longer only in memory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (EINVAL, ENOTSUP):  # a file system that cannot do this for folders
            raise
    finally:
        os.close(handle)


def replace_file(temporary: str | Path, final: Path) -> None:
    """Give a finished file its name; it replaces an older one; after a power failure it is the old or the new one."""
    to_disk(Path(temporary))
    os.replace(temporary, final)
    to_disk(final.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swap the names of two folders in one step; False where the system or the file system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return call(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0


def discard(folder: Path) -> None:
    """Remove a folder; from the first moment on nobody can take what is left of it for the whole."""
    if folder.is_dir():
        aside = folder_next_to(folder)
        os.rename(folder, aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)


def clear_leftovers(folder: Path) -> list[Path]:
    """Remove what processes of this machine that are no more were writing into ``folder``; what was removed."""
    removed = []
    for entry in os.scandir(folder) if folder.is_dir() else ():
        if abandoned(entry.name):
            shutil.rmtree(entry.path, ignore_errors=True)
            removed.append(Path(entry.path))
    return removed


def abandoned(name: str) -> bool:
    """Whether a temporary folder's writer was a process of this machine that is no more."""
    host, _, number = writer().rpartition("-")
    match = re.fullmatch(rf"\..+\.{re.escape(host)}-(\d+)\.[^.]+", name)
    return match is not None and match[1] != number and not _alive(int(match[1]))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it exists and belongs to another user
        return True
    return True


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, through a temporary name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(value, indent=2, default=_jsonable, allow_nan=False) + "\n", encoding="utf-8")
        replace_file(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def seal(folder: Path, kind: str, inputs: dict[str, Any], files: Iterable[str] | None = None) -> None:
    """Write an artifact's seal: what it was made from, and the digest of each file; the last step of writing it.

    Args:
        files: names, where some files have digests elsewhere; all files below the folder if None.
    """
    names = files if files is not None else (str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    digests = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_digest(folder / name)}
        for name in sorted(names)
        if name != SEAL
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    value = json.loads(
        json.dumps({"kind": kind, "inputs": inputs, "files": digests, "made": created}, default=_jsonable)
    )
    write_json(folder / SEAL, value | {"digest": digest(value)})


def sealed(folder: Path) -> dict[str, Any] | None:
    """What :func:`seal` wrote; None where there is no seal, or one that is not as it was written."""
    try:
        value = read_json(folder / SEAL)
        return value if _is_seal(value) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _is_seal(value: dict[str, Any]) -> bool:
    """Whether a seal has its form and its own digest; seals of version 0.1 have none."""
    signed = {name: value[name] for name in ("kind", "inputs", "files", "made")}
    forms = isinstance(value["inputs"], dict) and all(
        isinstance(each["bytes"], int)
        and isinstance(each["sha256"], str)
        and ".." not in name.replace("\\", "/").split("/")
        for name, each in value["files"].items()
    )
    return forms and (value == signed or value == signed | {"digest": digest(signed)})


def damage(folder: Path) -> str | None:
    """What is wrong with a sealed artifact; None while every byte is as it was written."""
    facts = sealed(folder)
    if facts is None:
        return f"{SEAL} is missing or damaged"
    return next(filter(None, (_damage_of(folder, name, expected) for name, expected in facts["files"].items())), None)


def _damage_of(folder: Path, name: str, expected: dict[str, Any]) -> str | None:
    path = folder / name
    if not path.is_file():
        return f"{name} is missing"
    if path.stat().st_size != expected["bytes"]:
        return f"{name} has {path.stat().st_size:,} bytes, expected {expected['bytes']:,}"
    if file_digest(path) != expected["sha256"]:
        return f"{name} was altered: its SHA-256 is not the recorded one"
    return None


def read_sealed(folder: Path, name: str) -> bytes:
    """The bytes of one file of a sealed artifact.

    Raises:
        ValueError: they are not those that were written, or the seal is damaged. OSError: the file cannot be read.
    """
    content = (folder / name).read_bytes()
    facts = sealed(folder)
    if facts is None:
        raise ValueError(f"{SEAL} is missing or damaged")
    if facts["files"].get(name, {}).get("sha256") != hashlib.sha256(content).hexdigest():
        raise ValueError(f"{name} was altered: its SHA-256 is not the recorded one")
    return content


@contextlib.contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the lock file ``path``, whose folder is made, while the block runs; a process that ends releases it.

    Raises:
        Timeout: another process still held it after ``timeout`` seconds.
        DataError: the lock file cannot be written, or its file system has no locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=timeout)
    except Timeout:
        raise
    except OSError as error:
        reason = error.strerror or error
        if error.errno in NO_LOCKS:
            raise DataError(
                f"{path.parent}: its file system has no locks ({reason}), so that two processes could write the same "
                f"file. Name a workspace on a local disk or on NFS 4 with --workspace FOLDER."
            ) from error
        raise DataError(
            f"{path.parent} cannot be written: {reason}. Change its permissions, or name another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def lock_of(final: Path) -> Path:
    """The lock file that the writer of an artifact holds."""
    return final.with_name(f".{final.name}.lock")


def get_or_make(final: Path, find: Callable[[], T | None], make: Callable[[], T]) -> T:
    """What ``find()`` returns of the artifact ``final``; if it returns None, what ``make()`` returns.

    ``make`` runs under the artifact's lock, and only if ``find`` returns None there too: concurrent callers make it once.

    Raises:
        DataError: the lock file cannot be written, or its file system has no locks.
    """
    if (value := find()) is not None:
        return value
    with locked(lock_of(final)):
        value = find()
        return make() if value is None else value


def once(final: Path, make: Callable[[Path], None], kind: str = "", inputs: dict[str, Any] | None = None) -> Path:
    """The artifact ``final``, made by ``make(folder)`` if it is not there yet; concurrent callers make it once.

    With ``inputs`` it is sealed, and checked whenever it is found: one whose bytes were altered is made again.
    """

    def find() -> Path | None:
        return final if final.is_dir() and (inputs is None or damage(final) is None) else None

    def write() -> Path:
        if final.is_dir():
            warnings.warn(f"{final}: {damage(final)}; it is made again.", stacklevel=4)
            discard(final)
        with writing(final) as folder:
            make(folder)
            if inputs is not None:
                seal(folder, kind, inputs)
        return final

    return get_or_make(final, find, write)
