"""Run one command in a sandbox, watch what it does, and list everything that is wrong with it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .case import Case, Sandbox

SECONDS = 10.0
"""Of processor time: the machine may be busy. What waits without end is stopped by the test's own time limit."""
GIBIBYTE = 2**30
LONGEST = 1500
"""Characters of an answer to a mistake, without the paths in it."""
FIX = re.compile(
    r"expected|should be|did you mean|known:|--[a-z]|bench [a-z]|BENCH_|again|"
    r"\b(ask|add|change|choose|close|convert|correct|delete|download|edit|"
    r"expects?|export|fetch|fix|free|get|give|install|leave|move|name|put|remove|rename|repair|replace|run|say|set|split|"
    r"try|uninstall|unset|use|write)\b",
    re.IGNORECASE,
)
"""Words that introduce what was expected or what to do."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LEFTOVER = re.compile(r"\.tmp$|\.part(ial)?$|^\.write-probe|^\..+\.\d+$|^\..+-\d+\.(?!lock$)[^.]+$")
"""Names under which something is written before it gets its name."""
FINAL = ("stores", "checkpoints", "results", "features", "splits", "boards", "site", "textbooks", "simulated")
"""Folders of a workspace in which bad input leaves nothing."""
PROGRAMS = {"git", "uname", "lscpu", "nvidia-smi", "ldconfig", "ldconfig.real", "gcc", "cc", "ld"}
"""What libraries and the provenance of a result may start."""


@dataclass
class Answer:
    """What a command did."""

    code: int = 0
    out: str = ""
    err: str = ""
    traceback: str = ""
    seconds: float = 0.0
    bytes_more: int = 0
    deeds: list[str] = field(default_factory=list)
    """Files opened for writing outside the sandbox, programs started, connections made."""

    @property
    def printed(self) -> str:
        return " ".join((self.out + "\n" + self.err).split())


_watching: list[tuple[str, list[str]]] = []


def _watch(event: str, arguments: tuple) -> None:
    if not _watching:
        return
    inside, deeds = _watching[-1]
    if event == "open" and isinstance(arguments[0], str | bytes) and arguments[2] is not None:
        path = os.path.abspath(os.fsdecode(arguments[0]))
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not path.startswith((inside, "/dev/")) and "__pycache__" not in path:
            deeds.append(f"opened {path} for writing")
    elif event == "subprocess.Popen":
        program = os.path.basename(os.fsdecode(arguments[0] or arguments[1][0]))
        if program not in PROGRAMS and not program.startswith("python"):
            deeds.append(f"started {arguments[1]!r}")
    elif event in ("os.system", "os.exec"):
        deeds.append(f"{event} {arguments[0]!r}")
    elif event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
        deeds.append(f"connected to {arguments[1]!r}")


sys.addaudithook(_watch)


def run(case: Case, argv: Sequence[str], box: Sandbox, inside: Path) -> Answer:
    """The command in this process, or for a case that asks for it in a child."""
    if case.child:
        return _in_child(argv, box)
    answer = Answer()
    out, err = io.StringIO(), io.StringIO()
    before = _peak(reset=True)
    _watching.append((str(inside), answer.deeds))
    began = time.process_time()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _bounded():
            from bench.cli.main import main

            main()
    except SystemExit as end:
        answer.code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Exception, RecursionError, MemoryError):
        answer.code, answer.traceback = 1, traceback.format_exc(limit=-6)
    finally:
        _watching.pop()
        answer.seconds = time.process_time() - began
        answer.bytes_more = _peak() - before
    answer.out, answer.err = out.getvalue(), err.getvalue()
    return answer


def _in_child(argv: Sequence[str], box: Sandbox) -> Answer:
    script = Path(sys.executable).with_name("bench")
    command = [str(script)] if script.exists() else [sys.executable, "-P", "-m", "bench.cli.main"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, *argv], cwd=box.folder, env=os.environ | box.environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    raised = done.stderr[-3000:] if "Traceback (most recent call last)" in done.stderr else ""
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Answer(done.returncode, done.stdout, done.stderr, raised, seconds)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Not much more than 1 GiB more than now, so that a bomb fails here instead of taking the machine with it."""
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return
    now = int(re.search(r"VmData:\s+(\d+)", status.read_text())[1]) * 1024  # type: ignore[index]
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (now + 3 * GIBIBYTE // 2, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _peak(reset: bool = False) -> int:
    """The most memory that this process has held, since the last reset where the system can reset it."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]
    except (OSError, TypeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def snapshot(root: Path, without: Sequence[Path] = ()) -> dict[str, tuple[int, int, int]]:
    """Every file and folder below ``root``: its mode, and of files size and time of change."""
    found = {}
    skipped = {str(path) for path in without}
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if os.path.join(folder, name) not in skipped]
        for name in (*names, *files):
            path = os.path.join(folder, name)
            if path not in skipped:
                facts = os.lstat(path)
                plain = not os.path.isdir(path)
                found[path] = (facts.st_mode, facts.st_size if plain else 0, facts.st_mtime_ns if plain else 0)
    return found


def changes(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> list[str]:
    """What appeared, vanished or changed."""
    return sorted(
        f"{'changed' if path in before and path in after else 'made' if path in after else 'removed'} {path}"
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    )


def faults(case: Case, box: Sandbox, answer: Answer, outside: Sequence[str], made: Sequence[str]) -> Iterator[str]:
    """Everything that is wrong with an answer.

    Args:
        outside: changes outside the workspace.
        made: paths that are new in the workspace, relative to it.
    """
    if box.marker.exists():
        yield "RAN: the payload ran"
    if answer.traceback:
        yield f"TRACEBACK: {answer.traceback}"
    elif answer.code not in case.codes:
        kind = "SILENT" if answer.code == 0 else "CODE"
        yield f"{kind}: exit code {answer.code}, expected {' or '.join(map(str, case.codes))}"
    for line in (*outside, *answer.deeds):
        yield f"ESCAPE: {line}"
    if answer.seconds > SECONDS:
        yield f"SLOW: {answer.seconds:.1f} s of processor time"
    if answer.bytes_more > GIBIBYTE:
        yield f"MEMORY: {answer.bytes_more / GIBIBYTE:.1f} GiB"
    for path in made:
        parts = Path(path).parts
        if LEFTOVER.search(parts[-1]):
            yield f"HALF: {path} is left over"
        elif answer.code == 2 and parts[0] in FINAL and len(parts) > 1 and not parts[1].startswith("."):
            yield f"HALF: {path} was written in spite of the error"
    if answer.traceback:
        return
    missing = [word for word in case.words if word not in answer.printed]
    if missing:
        yield f"WORDS: {', '.join(map(repr, missing))} not in the answer"
    if found := CONTROL.search(answer.out + answer.err):
        yield f"CONTROL: the answer contains {found[0]!r}"
    if answer.code not in (0, 130):
        message = re.sub(r"\S*/\S+", "", answer.err if answer.code == 2 else answer.printed)
        if len(message) > LONGEST and answer.code == 2:  # a report of many findings may be long
            yield f"LONG: {len(message):,} characters"
        if not FIX.search(message):
            yield "FIX: the answer does not say what was expected or what to do"
