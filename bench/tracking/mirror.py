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

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

EXPERIMENT = "bench"
_FILES = ("result.json", "predictions.parquet")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
ARTIFACTS = "mlflow-artifacts"
"""The folder of MLflow's files, next to a SQLite store."""
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
            for result in missing.values():
                _log(client, number, result)
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
        for run in _finished_runs(client, found.experiment_id) if found else ():
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
    database = _sqlite_path(uri)
    if database is not None and uri == Workspace(database.parent).default_tracking_uri:
        return f"bench tracking push --workspace {shlex.quote(str(database.parent))}"
    return f"bench tracking push --uri {shlex.quote(redact(uri))}"


@contextlib.contextmanager
def writer_at(uri: str, beside: Path, experiment: str) -> Iterator[tuple[MlflowClient, str]]:
    """A client and the number of an experiment, while no other process of this machine writes there.

    Args:
        beside: a folder for the lock, where the store is a server.

    Raises:
        TrackingError: the store cannot be reached or refuses, at any time within the block.
    """
    with _failing_as(uri), _turn(uri, beside):
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
        database = _sqlite_path(uri)
        if database is not None and _is_damaged(database):
            aside = database.with_name(f"{database.name}.damaged")
            raise TrackingError(
                f"{database}: not a readable MLflow store ({reason}). No result is lost. Move the file away and log all "
                f"results again: mv {shlex.quote(str(database))} {shlex.quote(str(aside))} && {push_command(uri)}"
            ) from None
        raise TrackingError(
            f"MLflow at {redact(uri)} failed: {reason}. No result is lost. When MLflow answers again, send it what it "
            f"missed: {push_command(uri)}"
        ) from None


def _sqlite_path(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def _is_damaged(database: Path) -> bool:
    """Whether a file is no SQLite database, has broken pages, or lacks MLflow's tables."""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return True
            connection.execute("SELECT artifact_uri FROM runs JOIN experiments USING (experiment_id)").fetchone()
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        return not isinstance(error, sqlite3.OperationalError) or "no such" in str(error)
    return False


def _follow_move(database: Path) -> None:
    """Let a store whose workspace was moved or copied keep its files next to it, where it names another folder of ours."""
    here = (database.parent / ARTIFACTS).as_uri()
    if not database.exists() or not database.stat().st_size:
        return
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'experiments'").fetchone():
            return
        places = {row[0] for row in connection.execute("SELECT DISTINCT artifact_location FROM experiments")}
        for there in places:
            if there and there != here and there.startswith("file:") and there.endswith(f"/{ARTIFACTS}"):
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (here, there)
                )
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
                    (here, len(there) + 1, len(there) + 1, f"{there}/"),
                )


def _turn(uri: str, results: Path) -> contextlib.AbstractContextManager:
    """A lock that makes the writers of one machine take turns, so that no two log the same cell."""
    database = _sqlite_path(uri)
    if database is None:
        return locked(results / ".mlflow.lock")
    return locked(database.with_name(f".{database.name}.lock"))


def _refuse_unreachable(uri: str) -> None:
    """Fail within seconds where mlflow would retry for minutes."""
    database = _sqlite_path(uri)
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
    database = _sqlite_path(uri)
    if database is not None:
        _follow_move(database)
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
    database = _sqlite_path(uri)
    # mlflow's own default would be ./mlruns of whatever folder the command was typed in
    beside = (database.parent / ARTIFACTS).as_uri() if database else None
    return client.create_experiment(name, artifact_location=beside)


def _without_finished(uri: str, experiment: str, results: dict[str, Result]) -> dict[str, Result]:
    """Those results that have no finished run yet."""
    database = _sqlite_path(uri)
    if database is not None:
        _follow_move(database)
        done = _finished_in_sqlite(database, experiment)
        if done is not None:
            return {key: result for key, result in results.items() if key not in done}
    client = _client(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return results
    done = {
        key for key in results if any(r.info.status == "FINISHED" for r in runs_of(client, found.experiment_id, key))
    }
    return {key: result for key, result in results.items() if key not in done}


def _finished_in_sqlite(database: Path, experiment: str) -> set[str] | None:
    """The keys of all finished runs, read without importing mlflow; None if the tables are not the expected ones."""
    if not database.exists():
        return set()
    query = (
        "SELECT tags.value FROM tags JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id) "
        "WHERE tags.key = ? AND experiments.name = ? AND runs.status = 'FINISHED' AND runs.lifecycle_stage = 'active'"
    )
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return {row[0] for row in connection.execute(query, (KEY_TAG, experiment))}
    except sqlite3.Error:
        return None


def runs_of(client: MlflowClient, experiment_id: str, key: str) -> list[Run]:
    """The runs of a cell, by its key."""
    return list(client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{key}'", max_results=10))


def _finished_runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs([experiment_id], "attributes.status = 'FINISHED'", max_results=200, page_token=token)
        yield from (run for run in page if KEY_TAG in run.data.tags)
        token = page.token
        if not token:
            return


def _log(client: MlflowClient, experiment_id: str, result: Result) -> None:
    from mlflow.entities import Metric, Param, RunTag

    start, end = run_span(result)
    unfinished = runs_of(client, experiment_id, result.key)
    run = (
        unfinished[0]
        if unfinished
        else client.create_run(experiment_id, start_time=start, tags={KEY_TAG: result.key}, run_name=str(result.cell))
    )
    number = run.info.run_id
    # mlflow takes at most 100 params, 100 tags and 1,000 metrics in one request
    for part in _parts([Param(name, value) for name, value in params_of(result).items()], 100):
        client.log_batch(number, params=part)
    for part in _parts([RunTag(name, value) for name, value in tags_of(result).items()], 100):
        client.log_batch(number, tags=part)
    for part in _parts([Metric(name, value, end, 0) for name, value in metrics_of(result).items()], 1000):
        client.log_batch(number, metrics=part)
    assert result.folder is not None
    for name in _FILES:
        client.log_artifact(number, str(result.folder / name))
    client.set_terminated(number, "FINISHED", end)


def _parts(items: list, size: int) -> Iterator[list]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


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
