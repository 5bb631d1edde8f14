"""Copy the result store to MLflow: one run per cell, with its inputs and results.

The store is the truth. :func:`push` rebuilds MLflow from it and :func:`pull` fills it from a team's MLflow; a server
that is down costs a warning and no result. By default MLflow lives in one SQLite file of the workspace, and
``mlflow ui --backend-store-uri sqlite:///WORKSPACE/mlflow.db`` shows it.

mlflow takes seconds to import, so that it is imported where it is used.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import socket
import sqlite3
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bench.cells.result import Result, parse_result, read_results
from bench.errors import BenchError, DataError
from bench.redaction import redact
from bench.storage.artifacts import abandoned, file_digest, locked, seal, writer, writing
from bench.storage.workspace import Workspace
from bench.tracking.run_fields import KEY_TAG, RESULT_TAG, metrics_of, params_of, run_span, tags_of
from bench.tracking.sqlite_store import (
    ARTIFACTS,
    finished_in_sqlite,
    follow_move,
    is_damaged,
    sqlite_path,
    waiting_once,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

EXPERIMENT = "bench"
_AT_A_TIME = 8
"""Calls that are made at once where MLflow is a server."""
_LONGEST_TAG = 5000
"""Characters of a tag that every MLflow takes with a new run."""
_FILES = ("result.json", "predictions.parquet")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
_KEY = re.compile(r"[0-9a-f]{8,64}")


class TrackingError(BenchError):
    """The tracking store cannot be reached, read or written. No result is lost by it."""


@dataclass(frozen=True)
class Transfer:
    """What a push or pull did, counted in cells; ``refused`` says why for each cell that was not taken."""

    moved: int = 0
    present: int = 0
    refused: list[str] = field(default_factory=list)


def log_results(uri: str, results: Iterable[Result], experiment: str = EXPERIMENT) -> Transfer:
    """Log finished cells, each as one run with params, tags, metrics, ``result.json`` and ``predictions.parquet``.

    A cell whose finished run is already there (by its key) is not logged twice, and one that an interrupted writer left
    unfinished is completed. Writers on one machine take turns.

    Raises:
        TrackingError: the store cannot be reached or refuses; the message holds no password.
        DataError: a result was not read from a folder, so its files cannot be sent.
    """
    waiting = list(results)
    for result in waiting:
        if result.folder is None:
            raise DataError(f"result {result.key} was not read from a folder, so that its files cannot be logged.")
    if not waiting:
        return Transfer()
    with _failing_as(uri), _turn(uri, waiting[0].folder.parent):  # type: ignore[union-attr]
        missing = _without_finished(uri, experiment, {result.key: result for result in waiting})
        if missing:
            client = _client(uri)
            number = _experiment(client, uri, experiment)
            unfinished = _unfinished_runs(client, number)

            def log(result: Result) -> None:
                _log(client, number, result, unfinished.get(result.key))

            with waiting_once(sqlite_path(uri) if _is_of_a_workspace(uri) else None), _calls(uri) as pool:
                list(pool.map(log, missing.values()))
    return Transfer(moved=len(missing), present=len(waiting) - len(missing))


def push(results: Path, uri: str, experiment: str = EXPERIMENT) -> Transfer:
    """Log every cell of a result store that MLflow does not hold yet: after a server was down, or for a new one."""
    return log_results(uri, read_results(results), experiment)


def pull(uri: str, results: Path, experiment: str = EXPERIMENT) -> Transfer:
    """Fetch the cells that a result store lacks from MLflow, checking each against its recorded digests.

    A cell whose files are not the ones that were logged is refused and reported; nothing of it is written.

    Raises:
        TrackingError: the store cannot be reached.
    """
    moved = present = 0
    refused: list[str] = []
    with _failing_as(uri):
        client = _client(uri)
        found = client.get_experiment_by_name(experiment)
        for run in _runs(client, found.experiment_id, "attributes.status = 'FINISHED'") if found else ():
            key = run.data.tags.get(KEY_TAG, "")
            if _KEY.fullmatch(key) and (results / key).is_dir():
                present += 1
                continue
            try:
                _fetch(client, run, key, results)
                moved += 1
            except DataError as error:
                refused.append(str(error))
    return Transfer(moved, present, refused)


class ResultMirror:
    """The one writer that feeds MLflow while cells finish; a context manager.

    Cells are sent in batches. If the store fails, the rest waits in the result store: ``warn`` is called once, with the
    command that sends them later, and the run goes on.
    """

    def __init__(
        self,
        uri: str,
        experiment: str = EXPERIMENT,
        batch: int = 16,
        warn: Callable[[str], None] = warnings.warn,
    ):
        self.uri, self.experiment, self.batch, self.warn = uri, experiment, batch, warn
        self.failed = False
        self._waiting: list[Result] = []

    def add(self, result: Result) -> None:
        """Take a finished cell; it is sent with its batch."""
        self._waiting.append(result)
        if len(self._waiting) >= self.batch:
            self.flush()

    def add_all(self, results: Sequence[Result]) -> None:
        """Take several; where they are more than a batch, they are sent in parts of a thousand."""
        for first in range(0, len(results), 1000):
            self._waiting += results[first : first + 1000]
            if len(self._waiting) >= self.batch:
                self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting and not self.failed:
            try:
                log_results(self.uri, self._waiting, self.experiment)
            except (TrackingError, DataError) as error:
                self.failed = True
                self.warn(str(error))
        self._waiting = []

    def __enter__(self) -> ResultMirror:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


def push_command(uri: str) -> str:
    """What to type to send the result store to ``uri`` later, without its password."""
    if _is_of_a_workspace(uri):
        return f"bench tracking push --workspace {shlex.quote(str(sqlite_path(uri).parent))}"  # type: ignore[union-attr]
    return f"bench tracking push --uri {shlex.quote(redact(uri))}"


def _calls(uri: str) -> ThreadPoolExecutor:
    """Threads that call MLflow. A server answers several, and waiting for it is most of the time; a database takes one."""
    return ThreadPoolExecutor(_AT_A_TIME if uri.startswith("http") else 1)


def _is_of_a_workspace(uri: str) -> bool:
    """Whether the store is the default one of a workspace, rebuilt from its results at any time."""
    database = sqlite_path(uri)
    return database is not None and uri == Workspace(database.parent).default_tracking_uri


@contextlib.contextmanager
def writer_at(uri: str, folder: Path, experiment: str) -> Iterator[tuple[MlflowClient, str]]:
    """A client and the number of an experiment, while no other process of this machine writes there.

    Args:
        folder: a folder for the lock, where the store is a server.

    Raises:
        TrackingError: the store cannot be reached or refuses, at any time within the block.
    """
    with _failing_as(uri), _turn(uri, folder):
        client = _client(uri)
        yield client, _experiment(client, uri, experiment)


@contextlib.contextmanager
def _failing_as(uri: str) -> Iterator[None]:
    """Any failure of the store inside the block is a TrackingError; its traceback is cut, for it may hold the URI."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        try:
            password = urlsplit(uri).password if "://" in uri else None
        except ValueError:
            raise TrackingError(
                "the address of MLflow is not one; expected http://HOST:PORT, sqlite:///FILE or a folder. Correct --uri or "
                "MLFLOW_TRACKING_URI."
            ) from None
        reason = str(error)
        for secret in {password, unquote(password or "")} - {None, ""}:
            reason = reason.replace(str(secret), "***")
        reason = redact(reason).strip().splitlines()[0][:300] if reason.strip() else type(error).__name__
        database = sqlite_path(uri)
        if database is not None and is_damaged(database):
            aside = database.with_name(f"{database.name}.damaged")
            raise TrackingError(
                f"{database}: not a readable MLflow store ({reason}). No result is lost. Move the file away and log all "
                f"results again: mv {shlex.quote(str(database))} {shlex.quote(str(aside))} && {push_command(uri)}"
            ) from None
        raise TrackingError(
            f"MLflow at {redact(uri)} failed: {reason}. No result is lost. When MLflow answers again, send it what it "
            f"missed: {push_command(uri)}"
        ) from None


def _turn(uri: str, results: Path) -> contextlib.AbstractContextManager:
    """A lock that makes the writers of one machine take turns, so that no two log the same cell."""
    database = sqlite_path(uri)
    if database is None:
        return locked(results / ".mlflow.lock")
    return locked(database.with_name(f".{database.name}.lock"))


def _refuse_unreachable(uri: str) -> None:
    """Fail within seconds where mlflow would retry for minutes."""
    database = sqlite_path(uri)
    if database is not None:
        with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        return
    parts = urlsplit(uri)
    port = parts.port or _PORTS.get(parts.scheme.split("+")[0])
    if not parts.hostname or not port:
        return
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname):
        return
    socket.create_connection((parts.hostname, port), timeout=5).close()


@functools.lru_cache(maxsize=4)
def _client(uri: str) -> MlflowClient:
    """A client that prints nothing, calls nobody but ``uri`` and gives up within a minute."""
    import logging

    _refuse_unreachable(uri)
    database = sqlite_path(uri)
    if database is not None:
        follow_move(database)
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):  # table creation and migrations are announced at INFO
        logging.getLogger(name).setLevel(logging.ERROR)
    if database is not None and not database.stat().st_size:
        # mlflow makes its tables in dozens of steps and cannot go on from the middle: made aside, they are there or not
        for leftover in database.parent.glob(f".{database.name}.*.new*"):
            if abandoned(leftover.name):
                leftover.unlink(missing_ok=True)
        aside = database.with_name(f".{database.name}.{writer()}.new")
        aside.touch()  # SQLite would make it 0644, whatever the umask
        MlflowClient(f"sqlite:///{aside}").search_experiments(max_results=1)
        os.replace(aside, database)
    return MlflowClient(uri)


def _experiment(client: MlflowClient, uri: str, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment {name!r} at {redact(uri)} was deleted. Restore it with `mlflow experiments restore "
            f"--experiment-id {found.experiment_id}`, or log to another experiment."
        )
    if found is not None:
        return found.experiment_id
    database = sqlite_path(uri)
    # mlflow's own default would be ./mlruns of whatever folder the command was typed in
    artifacts = (database.parent / ARTIFACTS).as_uri() if database else None
    return client.create_experiment(name, artifact_location=artifacts)


def _without_finished(uri: str, experiment: str, results: dict[str, Result]) -> dict[str, Result]:
    """Those results that have no finished run yet."""
    database = sqlite_path(uri)
    if database is not None:
        follow_move(database)
        done = finished_in_sqlite(database, experiment)
        if done is not None:
            return {key: result for key, result in results.items() if key not in done}
    client = _client(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return results

    def finished(key: str) -> bool:
        return any(run.info.status == "FINISHED" for run in runs_of(client, found.experiment_id, key))

    with _calls(uri) as pool:
        done = {key for key, there in zip(results, pool.map(finished, results), strict=True) if there}
    return {key: result for key, result in results.items() if key not in done}


def runs_of(client: MlflowClient, experiment_id: str, key: str) -> list[Run]:
    """The runs of a cell, by its key."""
    return list(client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{key}'", max_results=10))


def _runs(client: MlflowClient, experiment_id: str, wanted: str) -> Iterator[Run]:
    """The runs of cells that a filter of MLflow's selects."""
    token = None
    while True:
        page = client.search_runs([experiment_id], wanted, max_results=200, page_token=token)
        yield from (run for run in page if KEY_TAG in run.data.tags)
        token = page.token
        if not token:
            return


def _unfinished_runs(client: MlflowClient, experiment_id: str) -> dict[str, Run]:
    """What interrupted writers left, by key."""
    return {run.data.tags[KEY_TAG]: run for run in _runs(client, experiment_id, "attributes.status != 'FINISHED'")}


def _log(client: MlflowClient, experiment_id: str, result: Result, run: Run | None) -> None:
    """Log a cell, as ``run`` if an interrupted writer left one: one call for its tags, one for params and metrics."""
    from mlflow.entities import Metric, Param, RunTag

    start, end = run_span(result)
    tags = tags_of(result) | {KEY_TAG: result.key}
    if run is None:
        # of a new run the store does not check the tags' lengths
        short = {name: value for name, value in tags.items() if len(value) <= _LONGEST_TAG}
        run = client.create_run(experiment_id, start_time=start, tags=short, run_name=str(result.cell))
        tags = {name: value for name, value in tags.items() if name not in short}
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, end, 0) for name, value in metrics_of(result).items()],
        params=[Param(name, value) for name, value in params_of(result).items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    assert result.folder is not None
    for name in _FILES:
        client.log_artifact(run.info.run_id, str(result.folder / name))
    client.set_terminated(run.info.run_id, "FINISHED", end)


def _fetch(client: MlflowClient, run: Run, key: str, results: Path) -> None:
    where = f"MLflow run {run.info.run_id} ({run.info.run_name})"
    if not _KEY.fullmatch(key):
        raise DataError(f"{where}: its key {key!r} is not a digest; the cell was not taken.")
    with writing(results / key) as folder:
        for name in _FILES:
            client.download_artifacts(run.info.run_id, name, str(folder))
        if file_digest(folder / "result.json") != run.data.tags.get(RESULT_TAG):
            raise DataError(
                f"{where}: result.json is not the file that was logged (digest differs); the cell was not taken."
            )
        result = parse_result((folder / "result.json").read_bytes(), folder)
        if result.key != key or file_digest(folder / "predictions.parquet") != result.predictions_digest:
            raise DataError(
                f"{where}: key or predictions are not the recorded ones (digest differs); the cell was not taken."
            )
        seal(folder, "result", {"key": key} | result.inputs)
