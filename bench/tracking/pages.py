"""Show runs in the pages of MLflow."""

from __future__ import annotations

import shlex

from bench.redaction import redact
from bench.tracking.connection import EXPERIMENT, MODEL_TRAINING_PAGES, TrackingError, client_of, failing_as
from bench.tracking.sqlite_store import experiment_in_sqlite, sqlite_path

LOCAL = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` listens by default."""


def where_to_look(uri: str, experiment: str = EXPERIMENT) -> list[str]:
    """Lines for the terminal: the command that shows a store which is no server, and the address of the runs.

    The address opens the view of model training; without its parameter MLflow's pages open that of language models. It is
    left out where MLflow does not answer or has no such experiment.
    """
    server = uri.startswith(("http://", "https://"))
    lines = [] if server else [f"MLflow   mlflow ui --backend-store-uri {shlex.quote(redact(uri))}"]
    if number := _number(uri, experiment):
        base = redact(uri).replace("***@", "", 1).rstrip("/") if server else LOCAL
        lines.append(f"{'MLflow ' if server else '       '}  {base}/#/experiments/{number}?{MODEL_TRAINING_PAGES}")
    return lines


def _number(uri: str, experiment: str) -> str | None:
    """The number of an experiment; mlflow is not imported for a SQLite store."""
    database = sqlite_path(uri)
    if database is not None:
        return experiment_in_sqlite(database, experiment)
    try:
        with failing_as(uri):
            stored = client_of(uri).get_experiment_by_name(experiment)
    except TrackingError:
        return None
    return stored.experiment_id if stored is not None else None
