"""Content-addressed folders: a key is a digest of what determines the content; a folder appears whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError


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
    raise TypeError(f"{type(value).__name__} has no place in a key")


@contextlib.contextmanager
def writing(final: Path) -> Iterator[Path]:
    """A temporary folder beside ``final`` that takes its name if the block ends well, and vanishes if it does not.

    If another process finished the same artifact meanwhile, theirs stands: equal keys mean equal content.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        yield temporary
        try:
            os.rename(temporary, final)
        except OSError:
            if not final.is_dir():
                raise
    except OSError as error:
        if error.errno in (28, 30, 122):  # ENOSPC, EROFS, EDQUOT
            raise BenchError(
                f"{final} could not be written: {error.strerror}. Nothing half-written was kept; free some space or name "
                f"another folder with --workspace, then run the same command again."
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, through a temporary name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, indent=2, default=_jsonable, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def once(final: Path, make: Callable[[Path], None]) -> Path:
    """The artifact ``final``, made by ``make(folder)`` if it is not there yet; concurrent callers make it once."""
    from filelock import FileLock

    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.parent / f".{final.name}.lock"):
        if not final.is_dir():
            with writing(final) as folder:
                make(folder)
    return final
