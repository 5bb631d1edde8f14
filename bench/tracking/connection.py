"""Connect to MLflow: clients, experiments, turns of writers, and errors that hold no password.

mlflow takes seconds to import, so that it is imported where it is used.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bench.errors import BenchError
from bench.redaction import redact
from bench.storage.artifacts import abandoned, locked, writer
from bench.storage.workspace import Workspace
from bench.tracking.sqlite_store import ARTIFACTS, follow_move, is_damaged, sqlite_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "bench"
KIND_TAG = "mlflow.experimentKind"
MODEL_TRAINING = "custom_model_development"
"""The value that MLflow's pages give an experiment of the type "Machine learning". Those of MLflow 3.17 read it only where
they do not offer the choice of a view (:data:`MODEL_TRAINING_PAGES`)."""
MODEL_TRAINING_PAGES = "workflowType=machine_learning"
"""In an address, selects the view of model training; without it MLflow's pages open the one that was chosen by hand last,
at first that of language models."""
_AT_A_TIME = 8
"""Calls that are made at once where MLflow is a server."""
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}


class TrackingError(BenchError):
    """The tracking store cannot be reached, read or written. No result is lost by it."""


def push_command(uri: str) -> str:
    """What to type to send the result store to ``uri`` later, without its password."""
    if is_of_a_workspace(uri):
        return f"bench tracking push --workspace {shlex.quote(str(sqlite_path(uri).parent))}"  # type: ignore[union-attr]
    return f"bench tracking push --uri {shlex.quote(redact(uri))}"


def calls(uri: str) -> ThreadPoolExecutor:
    """Threads that call MLflow. A server answers several, and waiting for it is most of the time; a database takes one."""
    return ThreadPoolExecutor(_AT_A_TIME if uri.startswith("http") else 1)


def is_of_a_workspace(uri: str) -> bool:
    """Whether the store is the default one of a workspace, rebuilt from its results at any time."""
    database = sqlite_path(uri)
    return database is not None and uri == Workspace(database.parent).default_tracking_uri


@contextlib.contextmanager
def writer_at(uri: str, folder: Path, experiment: str) -> Iterator[tuple[MlflowClient, str]]:
    """A client and the number of an experiment, while no other process of this machine writes there.

    Args:
        folder: the results, checkpoints or studies of a workspace, which holds the lock where the store is a server.

    Raises:
        TrackingError: the store cannot be reached or refuses, at any time within the block.
    """
    with failing_as(uri), turn(uri, folder):
        client = client_of(uri)
        yield client, experiment_id(client, uri, experiment)


@contextlib.contextmanager
def failing_as(uri: str) -> Iterator[None]:
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
            f"MLflow at {redact(uri)} failed: {reason}. No result is lost. When MLflow is available again, send the "
            f"missing results: {push_command(uri)}"
        ) from None


def turn(uri: str, folder: Path) -> contextlib.AbstractContextManager:
    """A lock that makes the writers of one machine take turns, so that no two log the same cell or checkpoint.

    Args:
        folder: one of a workspace's, such as its results; where the store is a server, the workspace holds the lock.
    """
    database = sqlite_path(uri)
    if database is None:
        return locked(folder.parent / ".mlflow.lock")
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
def client_of(uri: str) -> MlflowClient:
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


def experiment_id(client: MlflowClient, uri: str, name: str) -> str:
    """The number of an experiment, made where it is missing; MLflow's pages open it as training of models."""
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment {name!r} at {redact(uri)} was deleted. Restore it with `mlflow experiments restore "
            f"--experiment-id {experiment.experiment_id}`, or log to another experiment."
        )
    if experiment is not None:
        if KIND_TAG not in experiment.tags:  # a person's choice in the pages stays
            client.set_experiment_tag(experiment.experiment_id, KIND_TAG, MODEL_TRAINING)
        return experiment.experiment_id
    database = sqlite_path(uri)
    # mlflow's own default would be ./mlruns of whatever folder the command was typed in
    artifacts = (database.parent / ARTIFACTS).as_uri() if database else None
    try:
        return client.create_experiment(name, artifact_location=artifacts, tags={KIND_TAG: MODEL_TRAINING})
    except Exception:
        experiment = client.get_experiment_by_name(name)  # another machine may have made it in the meantime
        if experiment is None:
            raise
        return experiment.experiment_id
