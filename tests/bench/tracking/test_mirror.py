import os
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy

from bench.cells.result import read_results
from bench.errors import DataError
from bench.explain.explain import log_pictures
from bench.explain.figure import new_figure, save
from bench.redaction import is_secret, redact
from bench.storage.artifacts import file_digest
from bench.storage.workspace import Workspace
from bench.tracking.connection import TrackingError
from bench.tracking.mirror import EXPERIMENT, ResultMirror, log_results, pull, push
from bench.tracking.pages import where_to_look
from bench.tracking.run_fields import metrics_of, params_of, run_name, tags_of
from bench.tracking.sqlite_store import waiting_once


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """One SQLite store for the module: creating its tables takes seconds. Tests use separate experiments."""
    before = os.umask(0o002)
    yield f"sqlite:///{tmp_path_factory.mktemp('tracking') / 'mlflow.db'}"
    os.umask(before)


def runs(uri, experiment):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    return client, client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_run_holds_what_the_cell_knew_and_found(uri, tmp_path, store_result):
    result = store_result(tmp_path / "results", value=0.8421, width=0.01, fraction=0.1, seed=3)
    log_results(uri, [result], "one")
    client, (run,) = runs(uri, "one")
    assert run.info.status == "FINISHED"
    assert (
        Path(uri.removeprefix("sqlite:///")).stat().st_mode & 0o777 == 0o664
    )  # a second user of the folder writes too
    assert run.info.run_name == run_name(result)
    assert run.info.end_time - run.info.start_time == 3500
    assert run.data.params["method"] == "kmerl"
    assert run.data.params["fraction"] == "0.1"
    assert run.data.params["leads"] == "all"
    assert run.data.params["config.method.backbone"] == "resnet18"
    assert run.data.metrics["macro_auroc"] == pytest.approx(0.8421)
    assert run.data.metrics["macro_auroc_low"] == pytest.approx(0.8321)
    assert run.data.metrics["macro_auroc_high"] == pytest.approx(0.8521)
    assert run.data.metrics["per_class/NORM/auroc"] == pytest.approx(0.8421)
    assert "per_class/LAFB_LPFB/auroc" not in run.data.metrics  # undefined
    assert run.data.tags["bench.key"] == result.key
    assert run.data.tags["split.digest"] == result.split["digest"]
    assert run.data.tags["mlflow.source.git.commit"] == "0" * 40
    assert run.data.tags["data"] == "real"
    copies = tmp_path / "copies"
    copies.mkdir()
    for name in ("result.json", "predictions.parquet"):
        copy = client.download_artifacts(run.info.run_id, name, str(copies))
        assert file_digest(copy) == file_digest(result.folder / name)


def test_an_experiment_opens_as_training_of_models_and_a_choice_stays(uri, tmp_path, store_result):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    chosen = client.create_experiment("chosen", tags={"mlflow.experimentKind": "finetuning"})
    client.create_experiment("older")
    for name in ("kind", "chosen", "older"):
        log_results(uri, [store_result(tmp_path / "results")], name)
    assert client.get_experiment(chosen).tags["mlflow.experimentKind"] == "finetuning"
    for name in ("kind", "older"):
        made = client.get_experiment_by_name(name)
        assert made.tags["mlflow.experimentKind"] == "custom_model_development"
        page = where_to_look(uri, name)[1]
        assert page.endswith(f"/#/experiments/{made.experiment_id}?workflowType=machine_learning")


def test_a_cell_is_logged_once_and_silently(uri, tmp_path, store_result, capfd):
    results = [store_result(tmp_path / "results", seed=seed) for seed in range(10)]
    assert log_results(uri, results[:1], "once").moved == 1
    transfer = log_results(uri, results, "once")
    assert (transfer.moved, transfer.present) == (9, 1)
    assert log_results(uri, results, "once").present == 10
    assert capfd.readouterr() == ("", "")
    assert len(runs(uri, "once")[1]) == 10


def test_a_run_left_unfinished_is_completed_not_doubled(uri, tmp_path, store_result):
    result = store_result(tmp_path / "results")
    log_results(uri, [result], "killed")
    client, (run,) = runs(uri, "killed")
    client.set_terminated(run.info.run_id, "RUNNING")
    assert log_results(uri, [result], "killed").moved == 1
    assert [r.info.status for r in runs(uri, "killed")[1]] == ["FINISHED"]


def test_a_long_tag_and_many_settings_are_logged_whole(uri, tmp_path, store_result):
    config = {f"setting{k}": "x" for k in range(130)}
    result = store_result(tmp_path / "results", config=config, left_out=["a class of many words " * 300])
    log_results(uri, [result], "long")
    (run,) = runs(uri, "long")[1]
    assert run.data.params.keys() == params_of(result).keys()
    assert run.data.tags.keys() >= tags_of(result).keys()
    assert run.data.tags["left_out"].startswith("a class of many words")


def test_a_store_waits_for_the_disk_once_within_a_block_only(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'store.db'}")

    def level():
        with engine.connect() as connection:
            return connection.exec_driver_sql("PRAGMA synchronous").scalar()

    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE runs (name)")
    with waiting_once(tmp_path / "store.db"):
        assert level() == 0
    assert level() == 2
    with waiting_once(None):
        assert level() == 2


def test_push_and_pull_rebuild_each_other(uri, tmp_path, store_result):
    store = tmp_path / "results"
    keys = {store_result(store, seed=seed).key for seed in range(3)}
    assert push(store, uri, "team").moved == 3
    other = tmp_path / "other"
    assert pull(uri, other, "team").moved == 3
    assert {result.key for result in read_results(other)} == keys
    for result in read_results(other):
        assert len(result.predictions()) == 2
        assert (other / result.key / "result.json").read_bytes() == (store / result.key / "result.json").read_bytes()
    assert pull(uri, other, "team").present == 3


def test_pull_refuses_a_result_that_was_changed_on_the_server(uri, tmp_path, store_result):
    store = tmp_path / "results"
    good, bad = (store_result(store, seed=seed) for seed in range(2))
    push(store, uri, "altered")
    client, found = runs(uri, "altered")
    run = next(r for r in found if r.data.tags["bench.key"] == bad.key)
    altered = tmp_path / "result.json"
    altered.write_text((bad.folder / "result.json").read_text().replace("0.8", "0.9"))
    client.log_artifact(run.info.run_id, str(altered))
    other = tmp_path / "other"
    transfer = pull(uri, other, "altered")
    assert [result.key for result in read_results(other)] == [good.key]
    assert "digest differs" in transfer.refused[0]


def test_a_server_that_is_down_costs_one_warning_and_no_result(tmp_path, store_result, closed_port):
    store = tmp_path / "results"
    address = f"http://someone:hunter2@127.0.0.1:{closed_port}"
    said = []
    with ResultMirror(address, batch=2, warn=said.append) as mirror:
        for seed in range(5):
            mirror.add(store_result(store, seed=seed))
    assert len(said) == 1
    assert "bench tracking push" in said[0]
    assert "hunter2" not in said[0]
    assert len(list(read_results(store))) == 5


def test_a_mirror_sends_everything_by_its_end(uri, tmp_path, store_result):
    with ResultMirror(uri, "mirror", batch=2) as mirror:
        for seed in range(3):
            mirror.add(store_result(tmp_path / "results", seed=seed))
    assert len(runs(uri, "mirror")[1]) == 3


def test_a_file_that_is_no_database_is_refused_without_its_being_touched(tmp_path, store_result):
    path = tmp_path / "mlflow.db"
    path.write_text("my thesis")
    with pytest.raises(TrackingError, match="not a database"):
        log_results(f"sqlite:///{path}", [store_result(tmp_path / "results")])
    assert path.read_text() == "my thesis"


def _damages(healthy: bytes) -> dict[str, bytes]:
    page = 4096
    flipped = bytearray(healthy)
    flipped[page : 40 * page] = bytes(39 * page)  # most tables
    return {
        "text": b"my thesis",
        "pages": bytes(flipped),
        "cut": healthy[: len(healthy) // 2],
    }


@pytest.mark.parametrize("damage", ["text", "pages", "cut"])
def test_the_advice_for_a_damaged_database_works_when_followed(uri, tmp_path, store_result, damage):
    workspace = tmp_path / "a workspace"
    store_result(workspace / "results")
    log_results(uri, [store_result(tmp_path / "results")], "healthy")
    database = workspace / "mlflow.db"
    content = _damages(Path(uri.removeprefix("sqlite:///")).read_bytes())[damage]
    database.write_bytes(content)
    with pytest.raises(TrackingError, match=r"not a readable MLflow store .* && bench tracking push") as stopped:
        push(workspace / "results", f"sqlite:///{database}")
    assert database.read_bytes() == content

    move, command = str(stopped.value).rpartition("again: ")[2].split(" && ")
    subprocess.run(move, shell=True, check=True)
    assert shlex.split(command) == ["bench", "tracking", "push", "--workspace", str(workspace)]
    assert push(workspace / "results", Workspace.at(workspace).tracking_uri).moved == 1


@pytest.mark.parametrize("copied", [True, False])
def test_a_moved_workspace_uses_its_new_place_and_leaves_the_old_alone(uri, tmp_path, store_result, copied):
    old, new = tmp_path / "old #1", tmp_path / "new 100%"
    first = store_result(old / "results", seed=0)
    log_results(uri, [first], "template")
    shutil.copy(uri.removeprefix("sqlite:///"), old / "mlflow.db")
    log_results(f"sqlite:///{old / 'mlflow.db'}", [first], "moved")
    before = sorted(old.rglob("*"))
    shutil.copytree(old, new)
    if not copied:
        shutil.rmtree(old)
    there = f"sqlite:///{new / 'mlflow.db'}"

    assert push(new / "results", there, "moved").present == 1
    store_result(new / "results", seed=1)
    assert push(new / "results", there, "moved").moved == 1
    assert sorted(old.rglob("*")) == (before if copied else [])
    assert pull(there, tmp_path / "pulled", "moved").moved == 2


def test_a_result_without_a_folder_cannot_be_logged(make_result, uri):
    with pytest.raises(DataError, match="was not read from a folder"):
        log_results(uri, [make_result()])


def test_what_is_there_is_known_without_importing_mlflow(uri, tmp_path, store_result):
    result = store_result(tmp_path / "results")
    log_results(uri, [result], "light")
    code = (
        "import sys; from pathlib import Path; from bench.tracking.mirror import push;"
        f"assert push(Path({str(tmp_path / 'results')!r}), {uri!r}, 'light').present == 1;"
        "assert 'mlflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_credentials_never_pass(monkeypatch, make_result):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0psecret")
    assert (
        redact("postgresql+psycopg://lab:p@ss/w@db.host:5432/mlflow") == "postgresql+psycopg://***@db.host:5432/mlflow"
    )
    assert (
        redact("failed: https://u:p@host/api?token=abc&x=1 t0psecret")
        == "failed: https://***@host/api?token=***&x=1 ***"
    )
    assert redact("sqlite:////home/me@lab/mlflow.db") == "sqlite:////home/me@lab/mlflow.db"
    assert is_secret("extractor.api_key")
    assert not is_secret("text.max_tokens")
    result = make_result(config={"api_key": "sk-1", "endpoint": "https://me:pw@llm.host/v1", "max_tokens": 64})
    params = params_of(result)
    assert params["config.method.api_key"] == "***"
    assert params["config.method.endpoint"] == "https://***@llm.host/v1"
    assert params["config.method.max_tokens"] == "64"


def test_names_that_mlflow_would_refuse_are_mended(make_result):
    result = make_result(per_class={"PRC(S)": {"auroc": 0.5}}, config={"a:b": 1})
    assert metrics_of(result)["per_class/PRC_S_/auroc"] == 0.5
    assert params_of(result)["config.method.a_b"] == "1"


def test_many_classes_stay_in_the_artifact(make_result):
    people = {str(i): {"auroc": 0.5} for i in range(1907)}
    assert not any(name.startswith("per_class") for name in metrics_of(make_result(per_class=people)))


def test_the_database_of_a_lost_server_can_be_rebuilt(tmp_path, uri, store_result):
    store = tmp_path / "results"
    store_result(store)
    push(store, uri, "lost")
    database = uri.removeprefix("sqlite:///")
    copy = tmp_path / "copy.db"
    shutil.copy(database, copy)  # a database with its tables, so that the test need not wait for their creation
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
    assert push(store, f"sqlite:///{copy}", "lost").moved == 1


def test_pictures_are_put_beside_the_run_of_their_cell_and_of_no_other(uri, tmp_path, store_result):
    results = tmp_path / "results"
    message, untold = (store_result(results, seed=seed) for seed in (41, 42))
    log_results(uri, [message], EXPERIMENT)
    pictures = save(new_figure(2, 2), tmp_path / "pictures", "recording")
    assert log_pictures(uri, message.key, pictures, results)
    assert not log_pictures(uri, untold.key, pictures, results)
    client, found = runs(uri, EXPERIMENT)
    (run,) = [one for one in found if one.data.tags["bench.key"] == message.key]
    kept = [file.path for file in client.list_artifacts(run.info.run_id, "explain")]
    assert kept == ["explain/recording.png", "explain/recording.svg"]
    copy = client.download_artifacts(run.info.run_id, kept[0], str(tmp_path))
    assert Path(copy).read_bytes() == pictures[0].read_bytes()


def test_tags_say_what_is_left_out(make_result):
    assert tags_of(make_result(left_out=["PMI", "HVOLT"]))["left_out"] == "PMI, HVOLT"


@pytest.mark.slow
def test_a_real_server_on_loopback(tmp_path, store_result, closed_port, capfd):
    """Pushed over HTTP, pulled over HTTP, silent, and not lost when the server dies in between."""
    address = f"http://127.0.0.1:{closed_port}"
    store = tmp_path / "results"
    keys = {store_result(store, seed=seed).key for seed in range(2)}
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(closed_port),
        "--workers",
        "1",
    ]
    command += [
        "--backend-store-uri",
        f"sqlite:///{tmp_path / 's.db'}",
        "--artifacts-destination",
        str(tmp_path / "kept"),
    ]

    def start():
        # tracking has no use for the half a dozen processes that run jobs
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(command, env=environment, start_new_session=True, **quiet)
        for _ in range(480):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", closed_port)) == 0:
                    return server
            time.sleep(0.25)
        raise AssertionError("the server did not start within two minutes")

    def stop(server):
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

    server = start()
    try:
        assert push(store, address, "server").moved == 2
    finally:
        stop(server)
    keys.add(store_result(store, seed=2).key)
    with pytest.raises(TrackingError, match="bench tracking push"):
        push(store, address, "server")
    server = start()
    try:
        assert push(store, address, "server").moved == 1
        assert pull(address, tmp_path / "other", "server").moved == 3
    finally:
        stop(server)
    assert {result.key for result in read_results(tmp_path / "other")} == keys
    assert capfd.readouterr() == ("", "")
