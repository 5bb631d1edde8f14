"""Send pretrainings to MLflow while they train: a thread that reads what they have recorded, once a second.

The process that trains only appends to a file (:mod:`bench.training.training_log`), so that MLflow neither slows nor
fails it. A server that is down is asked again, at growing intervals; what it missed is sent when it answers, at the end, or
by ``bench tracking push``.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.progress import say
from bench.storage.artifacts import locked
from bench.storage.workspace import Workspace
from bench.tracking.connection import EXPERIMENT, writer_at
from bench.training.training_log import LOG, finished_folder, partial_folder

EVERY = 1.0
"""Seconds between two looks at what was recorded."""
PATIENCE = 5.0
"""Seconds that a pretraining has trained before it is followed: a shorter one is sent at its end, in one piece."""
LONGEST_PAUSE = 60.0
"""Seconds between two attempts to reach a server that is down, at most."""


class PretrainingFollower:
    """Follows the pretrainings of a workspace within a ``with`` block.

    Two commands that wait for one checkpoint follow it once. On Ctrl-C nothing is waited for.
    """

    def __init__(
        self,
        uri: str,
        checkpoints: Path,
        warn: Callable[[str], None] = lambda text: None,
        log_models: bool = False,
    ):
        self.uri, self.checkpoints = uri, checkpoints
        self.warn, self.log_models = warn, log_models
        self._started = time.time()
        self._first_seen: dict[Path, float] = {}
        self._sizes: dict[Path, int] = {}
        self._runs: dict[Path, object] = {}
        self._locks = contextlib.ExitStack()
        self._attempt, self._pause = 0.0, EVERY
        self.warned = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="pretraining to MLflow", daemon=True)

    def __enter__(self) -> PretrainingFollower:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end.set()
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self._thread.join()

    def _follow(self) -> None:
        with self._locks:
            while not self._end.wait(EVERY):
                now = time.monotonic()
                changed = [final for final in self._growing() if now - self._first_seen[final] >= PATIENCE]
                if changed and now >= self._attempt:
                    self._send(changed)
            if ended := [final for final in self._first_seen if self._owned(final)]:
                self._send(ended, end=True)

    def _growing(self) -> list[Path]:
        """The checkpoints whose record has grown since it was sent."""
        grown = []
        for log in self.checkpoints.glob(f".*.partial/{LOG}"):
            with contextlib.suppress(FileNotFoundError):
                facts = log.stat()
                final = finished_folder(log.parent)
                if facts.st_mtime < self._started - EVERY:
                    continue
                self._first_seen.setdefault(final, time.monotonic())
                if facts.st_size != self._sizes.get(final):
                    grown.append(final)
        return grown

    def _owned(self, final: Path) -> bool:
        """Whether this process sends a checkpoint's run: the first that asks."""
        from filelock import Timeout

        from bench.tracking.pretraining import PretrainingRun

        if final not in self._runs:
            try:
                self._locks.enter_context(locked(final.with_name(f".{final.name}.mlflow.lock"), timeout=0))
            except Timeout:
                return False
            self._runs[final] = PretrainingRun(final)
        return True

    def _send(self, changed: list[Path], end: bool = False) -> None:
        from bench.tracking.pretraining import PretrainingRun

        try:
            owned = [final for final in changed if self._owned(final)]
            if not owned:
                return
            with writer_at(self.uri, self.checkpoints, EXPERIMENT) as (client, experiment):
                for final in owned:
                    run = self._runs[final]
                    assert isinstance(run, PretrainingRun)
                    log = partial_folder(final) / LOG
                    size = log.stat().st_size if log.exists() else 0
                    run.send(client, experiment, self.log_models)
                    if end:
                        run.end(client)
                    self._sizes[final] = size
            self._pause = EVERY
        except BenchError as error:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._attempt = time.monotonic() + self._pause
            if not self.warned:
                self.warned = True
                self.warn(
                    f"{error}" if end else f"{error} Pretraining goes on; its curves are sent when MLflow answers."
                )


@contextlib.contextmanager
def followed(workspace: Workspace, track: bool, log_models: bool = False) -> Iterator[Callable[[Path], None]]:
    """Follow the pretrainings of a block; it is given a function that logs a finished checkpoint, once it is there.

    Without ``track`` nothing is sent.
    """
    if not track:
        yield lambda folder: None
        return
    uri = workspace.tracking_uri
    finished: list[Path] = []
    follower = PretrainingFollower(
        uri, workspace.checkpoints, warn=lambda text: say(f"warning: {text}"), log_models=log_models
    )
    with follower:
        yield finished.append
    from bench.tracking.mirror import log_checkpoints

    for folder in finished:
        try:
            log_checkpoints(uri, folder.parent, log_models=log_models, only=folder)
        except BenchError as error:
            if not follower.warned:
                say(f"warning: {error}")
            return
