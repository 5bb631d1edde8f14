"""Writers of one workspace, and of several machines, on one MLflow."""

from types import SimpleNamespace

import pytest
from filelock import Timeout
from mlflow.exceptions import MlflowException

from bench.storage.artifacts import locked
from bench.tracking.connection import experiment_id, turn
from bench.tracking.datasets import log_inputs

SERVER = "http://127.0.0.1:9"


def test_results_and_checkpoints_of_a_workspace_wait_for_each_other_at_a_server(tmp_path):
    with turn(SERVER, tmp_path / "results"), pytest.raises(Timeout):
        lock = turn(SERVER, tmp_path / "checkpoints").args[0]
        with locked(lock, timeout=0):
            pass


def test_an_experiment_that_another_machine_makes_meanwhile_is_taken():
    answers = [None, SimpleNamespace(experiment_id="7")]

    def create(*_, **__):
        raise MlflowException("Experiment(name=bench) already exists.")

    client = SimpleNamespace(get_experiment_by_name=lambda name: answers.pop(0), create_experiment=create)
    assert experiment_id(client, SERVER, "bench") == "7"
    answers += [None, None]
    with pytest.raises(MlflowException, match="already exists"):
        experiment_id(client, SERVER, "bench")


@pytest.mark.parametrize(
    "words",
    [
        "(psycopg.errors.UniqueViolation) duplicate key value violates unique constraint",
        "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.name",
    ],
)
def test_a_dataset_that_another_writer_adds_at_the_same_moment_is_asked_for_again(words):
    errors = [MlflowException(words)] * 3

    def add(run, datasets, models):
        if errors:
            raise errors.pop()
        return "logged"

    assert log_inputs(SimpleNamespace(log_inputs=add), "run", []) == "logged"
    errors += [MlflowException("no such run")]
    with pytest.raises(MlflowException, match="no such run"):
        log_inputs(SimpleNamespace(log_inputs=add), "run", [])
