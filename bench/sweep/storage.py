"""Storage of studies: a journal file, PostgreSQL, or (for one worker) SQLite. Trials of dead workers are tried again.

A storage is named by a URL: ``journal:///folder/study.journal``, ``postgresql://user:password@host/database``,
``sqlite:///file.db``. A password never appears in what is printed, stored or raised.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import Timeout
from optuna import Study
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sqlalchemy import make_url
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, PendingRollbackError, ProgrammingError

from bench.errors import BenchError, ConfigError
from bench.progress import say
from bench.redaction import redact, redact_of
from bench.storage.artifacts import locked
from bench.sweep.trials import WORKER, retry

PATIENCE = 300.0
"""Seconds for which a database that does not answer is waited for."""
UNCLAIMED = 60.0
"""Seconds after which a trial that no worker put its name to was lost on the way."""

SQLITE_REASON = (
    "SQLite locks its whole file for each write and has no reliable locks on network folders, so that parallel workers "
    "fail or lose trials. Leave --storage out (a journal file in the workspace), or name a PostgreSQL database."
)


class StorageError(BenchError):
    """The study's storage cannot be reached or read. Finished trials are kept."""


@dataclass
class Store:
    """An open storage, and this process as one of its workers."""

    url: str
    storage: BaseStorage
    worker: str
    is_dead: Callable[[str], bool] | None = None  # of a worker; None where heartbeats tell

    def revive(self, study: Study) -> None:
        """Queue again what dead workers were at. Of several workers who find it, one does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(study)
        now = datetime.datetime.now()
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            worker = trial.user_attrs.get(WORKER)
            if worker is None:
                lost = trial.datetime_start is not None and (now - trial.datetime_start).total_seconds() > UNCLAIMED
            else:
                lost = self.is_dead is not None and worker != self.worker and self.is_dead(worker)
            if lost:
                # raised where another worker was quicker
                with contextlib.suppress(UpdateFinishedTrialError, ValueError):
                    study.tell(trial.number, state=TrialState.FAIL)
                    retry(study, trial)


@contextlib.contextmanager
def opened(url: str, workers: int = 1, heartbeat: int = 60, reading: bool = False) -> Iterator[Store]:
    """Open a storage as one of its workers.

    Args:
        workers: how many this call is one of.
        heartbeat: seconds between signs of life on a database; after two without, a trial is taken up by another worker.
        reading: only look; any number may do that on any storage.

    Raises:
        ConfigError: no such kind of storage, or SQLite for parallel workers. StorageError: it does not answer.
    """
    scheme = url.partition(":")[0].lower()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    worker = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    with contextlib.ExitStack() as held:
        if scheme == "journal":
            path = path_of(url)
            marks = path.with_name(f"{path.name}.workers")
            if not reading:
                marks.mkdir(parents=True, exist_ok=True)
                held.enter_context(_mark(marks, worker))
            yield Store(url, _journal(path, reading), worker, functools.partial(_died, marks))
        elif scheme == "sqlite":
            if not reading:
                if workers > 1:
                    raise ConfigError(f"--storage {redact(url)} with {workers} workers: {SQLITE_REASON}")
                held.enter_context(_alone(url))
            elif (file := make_url(url).database) and file != ":memory:" and not Path(file).is_file():
                raise ConfigError(f"--storage {redact(url)}: there is no file {file}.")  # to read it would make one
            yield Store(url, _database(url, heartbeat), worker)
        elif scheme.split("+")[0] in ("postgresql", "postgres"):
            yield Store(url, _database(_with_driver(url), heartbeat), worker)
        else:
            raise ConfigError(
                f"--storage {redact(url)}: expected journal:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE, or "
                f"sqlite:///FILE (for one worker)."
            )


def path_of(url: str) -> Path:
    """The file of a ``journal:`` URL; ``journal:///a/b`` and ``journal:a/b`` alike."""
    return Path(url.partition(":")[2].removeprefix("//")).expanduser().absolute()


class KernelLock:
    """Turns at a journal file. The kernel takes the lock from a worker that dies, at once; Optuna's own waits 30 s."""

    def __init__(self, path: Path):
        self._path = path
        self._held = contextlib.ExitStack()

    def acquire(self) -> bool:
        self._held.enter_context(locked(self._path))
        return True

    def release(self) -> None:
        self._held.close()


def _journal(path: Path, reading: bool) -> JournalStorage:
    if reading and not path.exists():
        raise ConfigError(f"{path}: the study does not exist.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        if not reading:
            with locked(lock):
                _cut_torn_line(path)
        backend = JournalFileBackend(str(path), lock_obj=KernelLock(lock))  # type: ignore[arg-type]
        return JournalStorage(backend)
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"{path}: not a readable journal of a study ({error}).") from error


def _cut_torn_line(path: Path) -> None:
    """Drop what a full disk left of a last line: with it, Optuna would refuse the whole journal."""
    if not path.exists() or not path.stat().st_size:
        return
    with open(path, "rb+") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


@contextlib.contextmanager
def _mark(marks: Path, worker: str) -> Iterator[None]:
    """A lock that lives as long as this process: how others see, without clocks, that a worker died."""
    path = marks / f"{worker}.lock"
    with locked(path):
        yield
    path.unlink(missing_ok=True)


def _died(marks: Path, worker: str) -> bool:
    path = marks / f"{worker}.lock"
    if not path.exists():
        return True
    try:
        with locked(path, timeout=0):
            path.unlink(missing_ok=True)
            return True
    except Timeout:
        return False


@contextlib.contextmanager
def _alone(url: str) -> Iterator[None]:
    path = Path(url.partition(":///")[2]).expanduser().absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(path.with_name(f".{path.name}.worker.lock"), timeout=0):
            path.touch()  # SQLite would make it 0644, whatever the umask
            yield
    except Timeout:
        raise ConfigError(f"--storage {redact(url)} has a worker already. {SQLITE_REASON}") from None


def _with_driver(url: str) -> str:
    """``postgres://`` and ``postgresql://`` through psycopg 3."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise ConfigError(
            "--storage postgresql://...: the driver is not installed; pip install 'ecg-bench[postgres]'."
        ) from None
    scheme, colon, rest = url.partition(":")
    return f"postgresql+psycopg{colon}{rest}" if "+" not in scheme else url


def _database(url: str, heartbeat: int) -> RDBStorage:
    engine = {"pool_pre_ping": True} | ({} if url.startswith("sqlite") else {"connect_args": {"connect_timeout": 10}})
    for attempt in range(10):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return PatientStorage(url, engine, heartbeat_interval=heartbeat, heartbeat_stale_trial_callback=retry)
        except (IntegrityError, ProgrammingError) as error:  # two workers made the tables at once
            if attempt == 9:
                raise _refused(url, error) from None
            time.sleep(0.3 * (attempt + 1))
        except Exception as error:
            raise _refused(url, error) from None
    raise AssertionError("unreachable")


def _refused(url: str, error: BaseException) -> StorageError:
    """The error without what it may hold of the URL; its traceback is cut by the caller for the same reason."""
    lines = redact_of(url, str(error)).strip().splitlines()
    return StorageError(
        f"the study's storage at {redact(url)} failed: {lines[0][:300] if lines else type(error).__name__}. Finished "
        "trials are kept; when it is available again, run the same command again."
    )


def _is_outage(error: Exception) -> bool:
    while isinstance(error, StorageInternalError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    # a session whose commit lost its connection says the last of these
    return isinstance(error, OperationalError | InterfaceError | PendingRollbackError)


def _patient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, made again until the database answers; calls within it are part of it."""

    @functools.wraps(function)
    def call(self: PatientStorage, *args: Any, **kwargs: Any) -> Any:
        if getattr(self.depth, "inside", False):
            return function(self, *args, **kwargs)
        self.depth.inside = True
        started, tries = time.monotonic(), 0
        try:
            while True:
                try:
                    return function(self, *args, **kwargs)
                except UpdateFinishedTrialError:
                    if tries and function.__name__ == "set_trial_state_values":
                        return True  # it had got through; only the answer was lost
                    raise
                except Exception as error:
                    if not _is_outage(error):
                        raise
                    if time.monotonic() - started > PATIENCE:
                        raise _refused(self.url, error) from None
                    if not tries:
                        say(f"the study's storage at {redact(self.url)} does not answer; waiting for it")
                    self.scoped_session.remove()
                    tries += 1
                    time.sleep(min(0.2 * 2**tries, 5.0))
        finally:
            self.depth.inside = False

    return call


class PatientStorage(RDBStorage):
    """A database that may be restarted under its workers: they wait for it."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.depth = threading.local()
        self.depth.inside = True  # while connecting for the first time nobody waits: the address may be wrong
        try:
            super().__init__(*args, **kwargs)
        finally:
            self.depth.inside = False


for _name, _function in list(vars(RDBStorage).items()):
    if callable(_function) and not _name.startswith("__") and not isinstance(_function, staticmethod | classmethod):
        setattr(PatientStorage, _name, _patient(_function))
