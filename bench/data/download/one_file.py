"""One file over HTTP: kept aside until its checksum is right, asked for again when the connection was cut or the server
was busy or away. The final name is only ever given to a whole, verified file.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError
from bench.redaction import redact

if TYPE_CHECKING:
    import requests

PATIENCE = 6
"""Attempts at a file before its server counts as out of reach: about a minute."""
FIRST_PAUSE = 1.0
"""Seconds before the second attempt; doubled with every further one."""
LONGEST_PAUSE = 120.0
TIMEOUT = (15.0, 60.0)
"""Seconds for connecting, and between two pieces of an answer."""
PIECE = 1 << 17

_AGAIN_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class Refused(DataError):
    """The server knows the file and does not hand it out: 401 or 403."""


class NotPublished(DataError):
    """The server does not have the file (404 and the like), or has another one than the checksums say."""


class Unreachable(DataError):
    """The server did not answer, or not in a usable way, however often it was asked."""


class Stopped(Exception):
    """Somebody asked for an end; finished files are kept."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch.

    Attributes:
        digest: SHA-256 in lower-case hex, or ``md5:`` and an md5; None for the list of checksums itself.
        partial: where it grows.
        final: the name it gets when it is whole and verified.
        continues: whether what arrived of a large file is kept when the connection or the command ends, and the rest is asked
            for by the next attempt, if the server still has the same version.
    """

    url: str
    digest: str | None
    partial: Path
    final: Path
    continues: bool = False

    @property
    def version(self) -> Path:
        """The file that states which version ``partial`` is of: the server's ETag or date of change."""
        return self.partial.with_name(f"{self.partial.name}.version")


class _TryAgain(Exception):
    def __init__(self, reason: str, pause: float | None = None):
        super().__init__(reason)
        self.pause = pause


def fetch(
    remote: Remote,
    http: requests.Session,
    received: Callable[[int], None] = lambda n: None,
    stopped: threading.Event | None = None,
) -> int:
    """Fetch a file and give it its name.

    Args:
        received: called with the bytes of each piece; with a negative number when some had to be discarded.

    Returns:
        its size in bytes.

    Raises:
        Refused, NotPublished, Unreachable: see there. DataError: it cannot be written here. Stopped: ``stopped`` is set.
    """
    stopped = stopped or threading.Event()
    attempts = wrong = 0
    try:
        remote.partial.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                size, digest = _receive(remote, http, received, stopped)
            except _TryAgain as error:
                attempts += 1
                if attempts >= PATIENCE:
                    raise Unreachable(
                        f"{redact(remote.url)} cannot be fetched: {error} ({PATIENCE} attempts). Finished files are kept; "
                        f"run the same command again when the network or the server is back, and the download continues."
                    ) from error
                pause = FIRST_PAUSE * 2 ** (attempts - 1) if error.pause is None else error.pause
                if stopped.wait(min(pause, LONGEST_PAUSE)):
                    raise Stopped from error
                continue
            if remote.digest in (None, digest):
                remote.final.parent.mkdir(parents=True, exist_ok=True)
                os.replace(remote.partial, remote.final)
                remote.version.unlink(missing_ok=True)
                return size
            received(-size)
            _discard(remote)
            wrong += 1
            if wrong > 1:  # once may be an accident
                raise NotPublished(
                    f"{redact(remote.url)}: the server sends the {_kind(digest)} {_hex(digest)} ({size:,} bytes); the "
                    f"publisher's list says {_hex(str(remote.digest))}. It was downloaded twice and rejected twice: "
                    "the copy at this address is damaged or another version."
                )
    except OSError as error:
        raise DataError(
            f"{remote.final} cannot be written: {error.strerror or error}. Free some space or name another place, then "
            f"run the same command again; it continues where it stopped."
        ) from error
    finally:
        if not remote.continues:
            _discard(remote)


def named_digest(algorithm: str, digest: str) -> str:
    """As :attr:`Remote.digest` writes it."""
    return f"md5:{digest}" if algorithm == "md5" else digest


def digest_like(path: Path, expected: str) -> str:
    """The digest of a file, by the algorithm of ``expected``."""
    algorithm = _algorithm(expected)
    with open(path, "rb") as file:
        new = functools.partial(hashlib.new, algorithm, usedforsecurity=False)
        return named_digest(algorithm, hashlib.file_digest(file, new).hexdigest())


def _algorithm(digest: str | None) -> str:
    return "md5" if (digest or "").startswith("md5:") else "sha256"


def _kind(digest: str) -> str:
    return {"md5": "md5", "sha256": "SHA-256"}[_algorithm(digest)]


def _hex(digest: str) -> str:
    return digest.removeprefix("md5:")


def _discard(remote: Remote) -> None:
    remote.partial.unlink(missing_ok=True)
    remote.version.unlink(missing_ok=True)


def _receive(
    remote: Remote, http: requests.Session, received: Callable[[int], None], stopped: threading.Event
) -> tuple[int, str]:
    """Size and digest of what the server sends."""
    import requests

    size, digest = 0, hashlib.new(_algorithm(remote.digest), usedforsecurity=False)
    headers = {"Accept-Encoding": "identity", **_rest(remote)}
    try:
        with http.get(remote.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:  # nothing is missing, or the file has become shorter
                _discard(remote)
                raise _TryAgain("the server has no such part of the file", 0.0)
            _judge(remote, answer)
            if answer.status_code == 206:
                with open(remote.partial, "rb") as begun:
                    while piece := begun.read(PIECE):
                        digest.update(piece)
                        size += len(piece)
                received(size)
            elif remote.continues:
                _discard(remote)
                if version := _version_of(answer):
                    remote.version.write_text(version)
            with open(remote.partial, "ab" if size else "wb") as file:
                for piece in answer.iter_content(PIECE):
                    if stopped.is_set():
                        raise Stopped
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    received(len(piece))
    except requests.RequestException as error:  # before OSError, of which it is one
        received(-size)
        raise _TryAgain(_plain(error)) from error
    return size, named_digest(digest.name, digest.hexdigest())


def _rest(remote: Remote) -> dict[str, str]:
    """The headers that ask for what is missing of a file, or for all of it if it has changed since."""
    if not (remote.continues and remote.version.is_file() and remote.partial.is_file()):
        return {}
    begun = remote.partial.stat().st_size
    return {"Range": f"bytes={begun}-", "If-Range": remote.version.read_text()} if begun else {}


def _version_of(answer: requests.Response) -> str:
    """What identifies the version of a file; empty where the server states nothing that can be relied on."""
    etag = answer.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _judge(remote: Remote, answer: requests.Response) -> None:
    code = answer.status_code
    if code in _AGAIN_LATER:
        after = answer.headers.get("Retry-After", "")
        raise _TryAgain(f"HTTP {code} {answer.reason}", float(after) if after.isdigit() else None)
    if code in (401, 403):
        raise Refused(f"{redact(remote.url)}: the server refuses access (HTTP {code} {answer.reason}).")
    if code == 206:
        begun = remote.partial.stat().st_size
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            _discard(remote)
            raise _TryAgain(f"the server sent another part of the file than that from byte {begun}", 0.0)
    elif code != 200:
        raise NotPublished(f"{redact(remote.url)}: the server does not have it (HTTP {code} {answer.reason}).")


def _plain(error: Exception) -> str:
    """The cause without the layers that libraries wrap around it."""
    while error.__cause__ is not None or error.__context__ is not None:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return f"{type(error).__name__}: {redact(str(error))}" if str(error) else type(error).__name__
