"""One file over HTTP: kept aside until its checksum is right, gone on with where it was cut, asked for again when the
server was busy or away. The final name is only ever given to a whole, verified file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError
from bench.redaction import redact
from bench.storage.artifacts import file_digest

if TYPE_CHECKING:
    import requests

PATIENCE = 6
"""Attempts in a row that bring not one new byte, before a server counts as out of reach: about a minute."""
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
    """Somebody asked for an end; what was received so far is kept."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch.

    Attributes:
        sha256: lower-case hex; None for the list of checksums itself, which is then never resumed.
        partial: where it grows.
        final: the name it gets when it is whole and verified.
    """

    url: str
    sha256: str | None
    partial: Path
    final: Path


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
        received: called with the bytes of each piece; with a negative number when some had to be thrown away.

    Returns:
        its size in bytes.

    Raises:
        Refused, NotPublished, Unreachable: see there. DataError: it cannot be written here. Stopped: ``stopped`` is set.
    """
    stopped = stopped or threading.Event()
    fruitless = wrong = 0
    try:
        remote.partial.parent.mkdir(parents=True, exist_ok=True)
        if remote.sha256 is None:
            _discard(remote.partial)
        while True:
            before = _size(remote.partial)
            try:
                found = _verified(remote) if before else None
                if found is None:  # a partial file may be whole already: killed between its last byte and its name
                    _receive(remote, http, before, received, stopped)
                    found = _verified(remote)
                if found is not None:
                    remote.final.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(remote.partial, remote.final)
                    _discard(remote.partial)
                    return found
                wrong += 1
                size = _size(remote.partial)
                received(-size)
                digest = file_digest(remote.partial)
                _discard(remote.partial)
                if wrong > 1:  # once may be an accident, and a resumed file may be a mixture of two versions
                    raise NotPublished(
                        f"{redact(remote.url)}: the server sends the SHA-256 {digest} ({size:,} bytes); the publisher's "
                        f"list says {remote.sha256}. It was fetched twice and thrown away twice: the copy there is "
                        f"damaged or another version."
                    )
                raise _TryAgain("its checksum was wrong")
            except _TryAgain as error:
                fruitless = 0 if _size(remote.partial) > before else fruitless + 1
                if fruitless >= PATIENCE:
                    raise Unreachable(
                        f"{redact(remote.url)} cannot be fetched: {error} ({PATIENCE} attempts). What was received so far is "
                        f"kept; run the same command again when the network or the server is back, and it goes on where "
                        f"it was."
                    ) from error
                pause = FIRST_PAUSE * 2 ** max(fruitless - 1, 0) if error.pause is None else error.pause
                if stopped.wait(min(pause, LONGEST_PAUSE)):
                    raise Stopped from error
    except OSError as error:
        raise DataError(
            f"{remote.final} cannot be written: {error.strerror or error}. Free some space or name another place, then "
            f"run the same command again; it goes on where it was."
        ) from error


def _receive(
    remote: Remote, http: requests.Session, have: int, received: Callable[[int], None], stopped: threading.Event
) -> None:
    import requests

    headers = {"Accept-Encoding": "identity"}  # a range of compressed bytes would be no range of the file
    etag = remote.partial.with_suffix(".etag")
    if have:
        headers["Range"] = f"bytes={have}-"
        with contextlib.suppress(OSError):
            headers["If-Range"] = etag.read_text(encoding="ascii")
    try:
        with http.get(remote.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            _judge(remote, answer)
            if answer.status_code == 416:
                received(-have)
                _discard(remote.partial)
                raise _TryAgain("the server has less of the file than was already here")
            goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if answer.status_code == 206 and not goes_on:
                received(-have)
                _discard(remote.partial)
                raise _TryAgain("the server sent another part than the one asked for")
            if have and not goes_on:
                received(-have)  # the server does not do ranges, or its file has changed: all of it comes again
            tag = answer.headers.get("ETag", "")
            if tag and not tag.startswith("W/") and tag.isascii():
                etag.write_text(tag, encoding="ascii")
            else:
                etag.unlink(missing_ok=True)
            with open(remote.partial, "ab" if goes_on else "wb") as file:
                for piece in answer.iter_content(PIECE):
                    if stopped.is_set():
                        raise Stopped
                    file.write(piece)
                    received(len(piece))
    except requests.RequestException as error:  # before OSError, of which it is one
        raise _TryAgain(_plain(error)) from error


def _judge(remote: Remote, answer: requests.Response) -> None:
    code = answer.status_code
    if code in _AGAIN_LATER:
        after = answer.headers.get("Retry-After", "")
        raise _TryAgain(f"HTTP {code} {answer.reason}", float(after) if after.isdigit() else None)
    if code in (401, 403):
        raise Refused(f"{redact(remote.url)}: the server refuses to hand it out (HTTP {code} {answer.reason}).")
    if code not in (200, 206, 416):
        raise NotPublished(f"{redact(remote.url)}: the server does not have it (HTTP {code} {answer.reason}).")


def _plain(error: Exception) -> str:
    """The cause without the layers that libraries wrap around it."""
    while error.__cause__ is not None or error.__context__ is not None:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return f"{type(error).__name__}: {redact(str(error))}" if str(error) else type(error).__name__


def _verified(remote: Remote) -> int | None:
    """Size of the partial file if it is the file wanted."""
    size = _size(remote.partial)
    if remote.sha256 is None or file_digest(remote.partial) == remote.sha256:
        return size
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    partial.with_suffix(".etag").unlink(missing_ok=True)


def partial_name(path: str, sha256: str) -> str:
    """Where a file grows: another name for each path and content, so that a new version never goes on from an old."""
    return hashlib.sha256(f"{path}\0{sha256}".encode()).hexdigest()[:32] + ".part"
