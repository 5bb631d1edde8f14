"""Child processes that import nothing from the folder in which the command was started.

Python puts the working directory first on the module path of ``python -c`` and ``python -m``, which is how multiprocessing,
joblib and this project start theirs: a ``numpy.py`` in a folder of data would run. ``PYTHONSAFEPATH``
(Python 3.11) turns that off; what the parent's own path holds is handed on all the same. The command sets it for its whole
life (:func:`bench.cli.main.main`); calls from Python, whose process is the user's, only while they run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

NAME = "PYTHONSAFEPATH"


@contextlib.contextmanager
def safe_children() -> Iterator[None]:
    """Inside the block processes start with a safe path."""
    before = os.environ.get(NAME)
    os.environ[NAME] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[NAME]
        else:
            os.environ[NAME] = before
