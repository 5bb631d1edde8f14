"""Run the command in a child process, so that an exit that skips the command is not taken for success.

Code of a plugin or a library may end its process at once (``os._exit(0)``, C's ``exit``), and nothing inside the process
can prevent it or change the exit code. The parent imports nothing more, waits, and hands on signals and the exit code.
Only on Linux, where the kernel ends the child with the parent; frameworks of macOS do not bear a fork without exec.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
SAME_SECONDS = 1.0
"""A terminal sends Ctrl-C to parent and child, and the parent hands it on: within this time it is the same one."""
_PR_SET_PDEATHSIG = 1
_marker: int | None = None


def supervised(command: Callable[[], None]) -> None:
    """Call ``command`` in a child process and end as it ends; with exit code 1 where it neither returned nor raised."""
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return command()
    global _marker
    reads, writes = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDED_ON)  # until both can answer them
    child = os.fork()
    if child:
        os.close(writes)
        _hand_signals_to(child)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _end_as(child, reads)
    os.close(reads)
    _marker = writes
    _end_with(parent)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_once())
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        return command()
    finally:
        mark_end()


def mark_end() -> None:
    """The command ends here as it means to, whatever its exit code; called before ``os._exit`` of our own."""
    if _marker is not None:
        os.write(_marker, b".")


def _hand_signals_to(child: int) -> None:
    def hand_on(number: int, frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in HANDED_ON:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup, or for a shell's background jobs
            signal.signal(number, hand_on)


def _end_as(child: int, reads: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os.set_blocking(reads, False)  # a process that the command has left behind may hold the other end
    with contextlib.suppress(BlockingIOError):
        if os.read(reads, 1):
            os._exit(code)
    print(
        f"error: the command was ended with exit code {code} before it was finished: code of a plugin or a library "
        "called os._exit or exit. Finished cells are kept. bench run --time-limit 1d runs cells in worker processes: "
        "the failing cell is then named and the others continue.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def _end_with(parent: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before this was asked for
        os._exit(1)


def _interrupt_once() -> Callable[[int, Any], None]:
    last = -SAME_SECONDS

    def interrupt(number: int, frame: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SAME_SECONDS:
            last = now
            raise KeyboardInterrupt

    return interrupt
