"""A Ctrl-C that is not lost.

Python drops an exception that is raised while an object is being deleted or a weak reference calls back, and Ctrl-C may
come in such a moment. A loop over cells therefore asks between two of them whether it came.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_came = threading.Event()


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Remember a Ctrl-C that comes within the block; the handler in force is called as before."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def notice(number: int, frame: Any) -> Any:
        _came.set()
        return before(number, frame)

    _came.clear()
    signal.signal(signal.SIGINT, notice)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _came.clear()


def stop_if_asked() -> None:
    """Raise the KeyboardInterrupt of a Ctrl-C that was dropped.

    Raises:
        KeyboardInterrupt: Ctrl-C came, and the block of :func:`noticed` goes on.
    """
    if _came.is_set():
        _came.clear()
        raise KeyboardInterrupt
