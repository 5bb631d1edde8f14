"""Errors a user can act on: each message names the place, the value found, the value expected and the fix."""

from __future__ import annotations

import contextlib
import difflib
import os
import traceback
import warnings
from collections.abc import Iterable, Iterator
from errno import EACCES, EDQUOT, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOSPC, ENOTDIR, EPERM, EROFS

FEW = 12
"""Known names that are all listed with a wrong one; where there are more, the nearest, and the command that lists them."""
MANY = 50
"""Fields that are listed whole; of more, only a section."""

LISTED_BY = {
    "method": "bench methods",
    "task": "bench tasks",
    "dataset": "bench data status",
    "method, task or dataset": "bench methods, bench tasks, bench data status",
    "method, task or board": "bench methods, bench tasks, bench data status, bench leaderboard list",
    "leaderboard": "bench leaderboard list",
    "study": "bench sweep show",
}
"""Kind of name -> the command that lists all of them."""

ALSO_CALLED = {
    "learning_rate": "lr",
    "batch": "batch_size",
    "bs": "batch_size",
    "epoch": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "wd": "weight_decay",
    "optimizer": "optimiser",
    "temp": "temperature",
    "k": "neighbours",
}
"""Names of config fields elsewhere -> ours."""


_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160)) if chr(number) not in "\n\t"}


def printable(text: str) -> str:
    """The text with control characters written as ``\\x1b``: what a stranger's file says never steers a terminal."""
    return text.translate(_CONTROL)


def quiet_libraries() -> None:
    """Ignore a warning of scipy, which takes a median over a window longer than the recording: zeros beyond both ends are
    meant (``running_median`` of :mod:`bench.signals.filter_steps`, whose code is part of keys)."""
    warnings.filterwarnings("ignore", "kernel_size exceeds volume extent", UserWarning)


class BenchError(Exception):
    """Something the user can fix. The CLI prints the message alone, without a traceback, and exits with 2."""


class ForeignStop(BenchError):
    """Code of a plugin or a library called ``sys.exit``, or raised what is no ``Exception``."""


@contextlib.contextmanager
def foreign_code() -> Iterator[None]:
    """Run code of a plugin: what would end this process becomes an error like any other; Ctrl-C stays Ctrl-C.

    Raises:
        ForeignStop: ``sys.exit`` was called, or what was raised is neither an ``Exception`` nor a KeyboardInterrupt.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as stop:
        if hasattr(stop, "ray_terminate_msg"):  # Ray ends its worker, which then tries the job again
            raise
        if isinstance(stop.__context__, BrokenPipeError):  # rich ends the command: `head` has read enough
            raise
        what = f"called sys.exit({stop.code!r})" if isinstance(stop, SystemExit) else f"raised {type(stop).__name__}"
        raise ForeignStop(
            f"the code that was run {what}, which ends a process. Raise an Exception there instead."
        ) from stop


class DataError(BenchError):
    """A file, record or field of a dataset is missing or malformed."""


class ConfigError(BenchError):
    """An option or a config field is unknown or out of range."""


class UnknownName(ConfigError):
    """A method, task, mode, lead or field that nobody registered; the message suggests the nearest ones.

    Args:
        fix: a sentence on what else to do, with a leading space.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], fix: str = ""):
        known = sorted(known)
        near = _nearest(name, known)
        short_name = shortened(name, 60)
        hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        command = LISTED_BY.get(kind)
        if command and len(known) > FEW:
            rest = f" All {len(known)}: {command}."
        elif near and len(known) > FEW and kind.startswith("config field"):
            rest = " All fields of a method: bench explain METHOD."
        else:
            rest = f" Known: {', '.join(_shown(name, known)) or 'none'}."
        super().__init__(f"unknown {kind} {short_name!r}.{hint}{fix}{rest}")
        self.kind, self.name, self.suggestions = kind, name, near


def of_file_system(error: OSError) -> str | None:
    """One sentence where the file system refused access or is full, or a name cannot be used; None for any other failure."""
    if error.filename is not None and error.errno in (EEXIST, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP):
        return f"{error.filename}: {error.strerror}. Name another file or folder."
    if error.filename is None and error.errno in (ENOSPC, EDQUOT):
        return f"the output cannot be written: {error.strerror}. Free some space, or write it elsewhere."
    if error.filename is None or error.errno not in (EACCES, EPERM, EROFS, ENOSPC, EDQUOT):
        return None
    return (
        f"{error.filename}: {error.strerror}. Change its permissions or free some space, or name another folder with "
        f"--workspace FOLDER or --output FOLDER."
    )


def folded(name: str) -> str:
    """A name without what people write differently: case, hyphens, underscores and blanks."""
    return "".join(character for character in name.casefold() if character not in "-_ ")


def _nearest(name: str, known: list[str]) -> list[str]:
    last = name.rpartition(".")[2].casefold().replace("-", "_")
    field = ALSO_CALLED.get(last, last)
    section = name.rpartition(".")[0].casefold()
    fields = [candidate for candidate in known if candidate.rpartition(".")[2] == field]
    fields.sort(key=lambda candidate: candidate.rpartition(".")[0] != section)
    by_folded_name = {candidate.casefold(): candidate for candidate in known}
    similar = [
        by_folded_name[match]
        for match in difflib.get_close_matches(name[:200].casefold(), by_folded_name, n=3, cutoff=0.5)
    ]
    part = folded(name)
    within = [candidate for candidate in known if len(part) > 2 and part in folded(candidate)]
    return list(dict.fromkeys([*fields[:6], *similar, *within]))[: max(3, len(fields[:6]))]


def _shown(name: str, known: list[str]) -> list[str]:
    """All names, or where fields of many sections would fill the terminal, those of the section asked for; else the
    sections."""
    if len(known) <= MANY or not any("." in candidate for candidate in known):
        return known
    section = name.partition(".")[0] + "."
    same = [candidate for candidate in known if candidate.startswith(section)]
    return same or sorted(
        {candidate.partition(".")[0] + ".*" if "." in candidate else candidate for candidate in known}
    )


def shortened(text: str, length: int = 80) -> str:
    """A text, cut where it is longer than ``length`` characters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def short_repr(value: object) -> str:
    """A value as messages show it, shortened."""
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # an integer of more digits than Python writes, or tables in tables
        return "a value of thousands of digits or tables"


def unforeseen(error: BaseException) -> str:
    """An exception that nobody raised on purpose, in one line: its kind, its words, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300] + where
