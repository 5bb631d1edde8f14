"""End a process when its parent has gone."""

from __future__ import annotations

import os
import threading
import time

CHECK_SECONDS = 1.0


def end_with_parent(parent: int) -> None:
    """Watch, in a thread, whether ``parent`` is still the parent of this process; end this process at once when it is not.

    What was written aside is no artifact yet, so that nothing half written remains visible.
    """
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_SECONDS)
    os._exit(1)
