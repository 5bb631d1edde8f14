"""MLflow's SQLite file of a workspace: where it is, whether it is sound, and how it is written to quickly."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.tracking.run_fields import KEY_TAG

ARTIFACTS = "mlflow-artifacts"
"""The folder of MLflow's files, next to a SQLite store."""


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other."""
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def is_damaged(database: Path) -> bool:
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


def follow_move(database: Path) -> None:
    """Let a store whose workspace was moved or copied keep its files next to it, where it names another folder of ours."""
    here = (database.parent / ARTIFACTS).as_uri()
    if not database.exists() or not database.stat().st_size:
        return
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'experiments'").fetchone():
            return
        locations = {row[0] for row in connection.execute("SELECT DISTINCT artifact_location FROM experiments")}
        for location in locations:
            if location and location != here and location.startswith("file:") and location.endswith(f"/{ARTIFACTS}"):
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (here, location)
                )
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
                    (here, len(location) + 1, len(location) + 1, f"{location}/"),
                )


def finished_in_sqlite(database: Path, experiment: str, tag: str = KEY_TAG) -> set[str] | None:
    """The values of a tag, by default the keys of cells, of all finished runs, read without importing mlflow; None if the
    tables are not the expected ones."""
    if not database.exists():
        return set()
    query = (
        "SELECT tags.value FROM tags JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id) "
        "WHERE tags.key = ? AND experiments.name = ? AND runs.status = 'FINISHED' AND runs.lifecycle_stage = 'active'"
    )
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return {row[0] for row in connection.execute(query, (tag, experiment))}
    except sqlite3.Error:
        return None


def experiment_in_sqlite(database: Path, experiment: str) -> str | None:
    """The number of an experiment, read without importing mlflow; None if there is none."""
    if not database.exists():
        return None
    query = "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'"
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute(query, (experiment,)).fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


@contextlib.contextmanager
def waiting_once(database: Path | None) -> Iterator[None]:
    """Wait for the disk at the end of the block, not after each of the five commits of a run, which takes most of the time.

    A process that is killed loses nothing. A machine that loses power in the block may leave a file that
    :func:`is_damaged` recognises; use only for a store that can be rebuilt from results. Does nothing for None.
    """
    if database is None:
        yield
        return
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def set_to(level: str) -> Any:
        def listener(connection: Any, *_: Any) -> None:
            if isinstance(connection, sqlite3.Connection):
                connection.execute(f"PRAGMA synchronous = {level}")

        return listener

    off, full = set_to("OFF"), set_to("FULL")
    event.listen(Pool, "checkout", off)
    event.listen(Pool, "checkin", full)
    try:
        yield
    finally:
        event.remove(Pool, "checkout", off)
        event.remove(Pool, "checkin", full)
        with open(database, "rb") as file:
            os.fsync(file.fileno())
