"""Copy the result store to MLflow: one run per cell, with its inputs and results.

The store is the truth. :func:`push` rebuilds MLflow from it and :func:`pull` fills it from a team's MLflow; a server
that is down costs a warning and no result. By default MLflow lives in one SQLite file of the workspace, and
``mlflow ui --backend-store-uri sqlite:///WORKSPACE/mlflow.db`` shows it.

mlflow takes seconds to import, so that it is imported where it is used.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cells.result import Result, parse_result, read_results
from bench.errors import DataError
from bench.storage.artifacts import file_digest, seal, writing
from bench.tracking.connection import (
    EXPERIMENT,
    TrackingError,
    calls,
    client_of,
    experiment_id,
    failing_as,
    is_of_a_workspace,
    turn,
)
from bench.tracking.pretraining import CHECKPOINT_TAG, PretrainingRun
from bench.tracking.result_run import FILES, Links, files_of, log_result
from bench.tracking.run_fields import KEY_TAG, RESULT_TAG
from bench.tracking.sqlite_store import finished_in_sqlite, follow_move, sqlite_path, waiting_once
from bench.training.checkpoint_files import read_provenance

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_KEY = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Transfer:
    """What a push or pull did, counted in cells; ``refused`` says why for each cell that was not taken."""

    moved: int = 0
    present: int = 0
    refused: list[str] = field(default_factory=list)


def log_results(
    uri: str, results: Iterable[Result], experiment: str = EXPERIMENT, log_models: bool = False
) -> Transfer:
    """Log finished cells, each as one run with params, tags, metrics, curves, datasets, figures and its files, linked to
    the run of its checkpoint and nested in that of its sweep.

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
    with failing_as(uri), turn(uri, waiting[0].folder.parent):  # type: ignore[union-attr]
        missing = _without_finished(uri, experiment, {result.key: result for result in waiting})
        if missing:
            client = client_of(uri)
            number = experiment_id(client, uri, experiment)
            unfinished = _unfinished_runs(client, number)
            links = Links.of(client, number, missing.values(), log_models)

            def log(result: Result) -> None:
                log_result(client, number, result, links, unfinished.get(result.key))

            with waiting_once(sqlite_path(uri) if is_of_a_workspace(uri) else None), calls(uri) as pool:
                list(pool.map(log, missing.values()))
    return Transfer(moved=len(missing), present=len(waiting) - len(missing))


def push(results: Path, uri: str, experiment: str = EXPERIMENT, log_models: bool = False) -> Transfer:
    """Log every cell and pretraining of a workspace that MLflow does not hold yet: after a server was down, or for a new
    one.

    Args:
        results: the folder of that name; checkpoints lie next to it.
    """
    log_checkpoints(uri, results.with_name("checkpoints"), experiment, log_models)
    return log_results(uri, read_results(results), experiment, log_models)


def log_checkpoints(
    uri: str, checkpoints: Path, experiment: str = EXPERIMENT, log_models: bool = False, only: Path | None = None
) -> None:
    """Log the pretraining of every checkpoint in a folder that MLflow does not hold yet; ``only``: of this one."""
    folders = [only] if only else sorted(file.parent for file in checkpoints.glob("[!.]*/provenance.json"))
    waiting = {}
    for folder in folders:
        try:
            waiting[read_provenance(folder)["key"]] = folder
        except DataError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
    if not waiting:
        return
    with failing_as(uri), turn(uri, checkpoints):
        database = sqlite_path(uri)
        done = finished_in_sqlite(database, experiment, CHECKPOINT_TAG) if database is not None else None
        missing = [folder for key, folder in waiting.items() if key not in (done or ())]
        if missing:
            client = client_of(uri)
            number = experiment_id(client, uri, experiment)
            for folder in missing:
                PretrainingRun(folder).send(client, number, log_models)


def pull(uri: str, results: Path, experiment: str = EXPERIMENT) -> Transfer:
    """Fetch the cells that a result store lacks from MLflow, checking each against its recorded digests.

    A cell whose files are not the ones that were logged is refused and reported; nothing of it is written.

    Raises:
        TrackingError: the store cannot be reached.
    """
    moved = present = 0
    refused: list[str] = []
    with failing_as(uri):
        client = client_of(uri)
        stored = client.get_experiment_by_name(experiment)
        for run in _runs(client, stored.experiment_id, "attributes.status = 'FINISHED'") if stored else ():
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
        log_models: bool = False,
    ):
        self.uri, self.experiment, self.batch, self.warn = uri, experiment, batch, warn
        self.log_models = log_models
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
                log_results(self.uri, self._waiting, self.experiment, self.log_models)
            except (TrackingError, DataError) as error:
                self.failed = True
                self.warn(str(error))
        self._waiting = []

    def __enter__(self) -> ResultMirror:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


def _without_finished(uri: str, experiment: str, results: dict[str, Result]) -> dict[str, Result]:
    """Those results that have no finished run yet."""
    database = sqlite_path(uri)
    if database is not None:
        follow_move(database)
        done = finished_in_sqlite(database, experiment)
        if done is not None:
            return {key: result for key, result in results.items() if key not in done}
    client = client_of(uri)
    stored = client.get_experiment_by_name(experiment)
    if stored is None:
        return results

    def finished(key: str) -> bool:
        return any(run.info.status == "FINISHED" for run in runs_of(client, stored.experiment_id, key))

    with calls(uri) as pool:
        done = {key for key, is_finished in zip(results, pool.map(finished, results), strict=True) if is_finished}
    return {key: result for key, result in results.items() if key not in done}


def runs_of(client: MlflowClient, experiment: str, key: str) -> list[Run]:
    """The runs of a cell, by its key."""
    return list(client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{key}'", max_results=10))


def _runs(client: MlflowClient, experiment: str, wanted: str) -> Iterator[Run]:
    """The runs of cells that a filter of MLflow's selects."""
    token = None
    while True:
        page = client.search_runs([experiment], wanted, max_results=200, page_token=token)
        yield from (run for run in page if KEY_TAG in run.data.tags)
        token = page.token
        if not token:
            return


def _unfinished_runs(client: MlflowClient, experiment: str) -> dict[str, Run]:
    """What interrupted writers left, by key."""
    return {run.data.tags[KEY_TAG]: run for run in _runs(client, experiment, "attributes.status != 'FINISHED'")}


def _fetch(client: MlflowClient, run: Run, key: str, results: Path) -> None:
    where = f"MLflow run {run.info.run_id} ({run.info.run_name})"
    if not _KEY.fullmatch(key):
        raise DataError(f"{where}: its key {key!r} is not a digest; the cell was not copied.")
    with writing(results / key) as folder:
        for name in FILES:
            client.download_artifacts(run.info.run_id, name, str(folder))
        if file_digest(folder / "result.json") != run.data.tags.get(RESULT_TAG):
            raise DataError(
                f"{where}: result.json is not the file that was logged (digest differs); the cell was not copied."
            )
        result = parse_result((folder / "result.json").read_bytes(), folder)
        for name in files_of(result):
            client.download_artifacts(run.info.run_id, name, str(folder))
            if file_digest(folder / name) != result.provenance["files"][name]:
                raise DataError(
                    f"{where}: {name} is not the file that was logged (digest differs); the cell was not taken."
                )
        if result.key != key or file_digest(folder / "predictions.parquet") != result.predictions_digest:
            raise DataError(
                f"{where}: key or predictions are not the recorded ones (digest differs); the cell was not copied."
            )
        seal(folder, "result", {"key": key} | result.inputs)
