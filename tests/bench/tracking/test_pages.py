"""The address of the runs that commands print."""

from types import SimpleNamespace

from bench.tracking import pages

VIEW = "?workflowType=machine_learning"


def test_the_address_of_a_server_names_the_experiment_and_the_view_and_no_password(monkeypatch):
    client = SimpleNamespace(get_experiment_by_name=lambda name: SimpleNamespace(experiment_id="42"))
    monkeypatch.setattr(pages, "client_of", lambda uri: client)
    (line,) = pages.where_to_look("https://lab:hunter2@mlflow.example/")
    assert line.endswith(f" https://mlflow.example/#/experiments/42{VIEW}")


def test_a_server_that_is_down_has_no_address_and_stops_nothing():
    assert pages.where_to_look("http://127.0.0.1:9") == []


def test_a_store_of_a_workspace_is_shown_by_a_command_that_a_shell_takes(tmp_path):
    (line,) = pages.where_to_look(f"sqlite:///{tmp_path}/my runs/mlflow.db")
    assert line.endswith(f"--backend-store-uri 'sqlite:///{tmp_path}/my runs/mlflow.db'")
