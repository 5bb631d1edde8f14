"""PostgreSQL and an MLflow server of the tests' own, on loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "hunter2-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _programs() -> Path | None:
    """The folder of initdb: Debian keeps it out of the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    return next((f for f in folders if (f / "initdb").exists()), Path(found).parent if found else None)


@dataclass
class Cluster:
    """A throw-away PostgreSQL; where the tests run as root it runs as somebody else, as it refuses root."""

    programs: Path
    folder: Path
    port: int = field(default_factory=free_port)

    def _as(self) -> dict[str, Any]:
        if os.getuid():
            return {}
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                user = pwd.getpwnam(name)
                return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        pytest.skip("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **self._as(),
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def create(self) -> None:
        who = self._as()
        (self.folder / "password").write_text(PASSWORD)
        if who:
            for path in (self.folder, self.folder / "password"):
                os.chown(path, who["user"], who["group"])
        data = ("-D", str(self.folder / "data"), "-U", "lab", "--pwfile", str(self.folder / "password"))
        self._run("initdb", *data, "--auth", "scram-sha-256", "--no-sync", "--locale", "C", "--encoding", "UTF8")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", log, "-w", "-s", "start")

    def stop(self, how: str = "immediate") -> None:
        """``immediate`` is what a crash is: connections are cut, the log is replayed at the next start."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", how, "-w", "-s", "stop")

    def url(self, database: str) -> str:
        return f"postgresql://lab:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def make_database(self, name: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="the driver is not installed: pip install 'ecg-bench[postgres]'")
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # not below pytest's folders, which the other user cannot enter
    folder = Path(tempfile.mkdtemp(prefix="bench-postgresql-"))
    made = Cluster(programs, folder)
    try:
        made.create()
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class MlflowServer:
    """``mlflow server`` on loopback; the database's password goes by the environment and not by the command line."""

    store: str
    artifacts: str
    log: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        environment = (
            os.environ
            | {
                "MLFLOW_BACKEND_STORE_URI": self.store,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # half a dozen processes that tracking has no use for
            }
            | self.settings
        )
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--artifacts-destination", self.artifacts,
        ]  # fmt: skip
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def wait(self, seconds: float = 300.0) -> None:
        """Until it answers."""
        assert self.process is not None
        began = time.monotonic()
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - began < seconds, self.log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """The server and its worker at once, as a machine that loses power takes them."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()


@dataclass(frozen=True)
class Bucket:
    """A bucket of an object store on loopback that speaks S3's protocol; ``settings`` are for its clients."""

    name: str
    settings: dict[str, str]

    def objects(self) -> list[str]:
        """The names of its objects, of at most a thousand."""
        import boto3

        client = boto3.client("s3", endpoint_url=self.settings["MLFLOW_S3_ENDPOINT_URL"], **_ACCOUNT)
        return [entry["Key"] for entry in client.list_objects_v2(Bucket=self.name).get("Contents", [])]


_ACCOUNT = {"aws_access_key_id": "lab", "aws_secret_access_key": PASSWORD, "region_name": "us-east-1"}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    moto = pytest.importorskip(
        "moto.server", reason="the object store of the tests is not installed: pip install moto boto3"
    )
    import boto3

    server = moto.ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        boto3.client("s3", endpoint_url=endpoint, **_ACCOUNT).create_bucket(Bucket="mlflow")
        account = {name.upper(): value for name, value in _ACCOUNT.items() if name != "region_name"}
        yield Bucket("mlflow", account | {"MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"})
    finally:
        server.stop()


@pytest.fixture
def mlflow_server(cluster, bucket, tmp_path) -> Iterator[MlflowServer]:
    """Rows in PostgreSQL and artifacts in an object store."""
    cluster.make_database("mlflow")
    store = cluster.url("mlflow").replace("postgresql://", "postgresql+psycopg://")
    server = MlflowServer(store, f"s3://{bucket.name}/artifacts", tmp_path / "mlflow.log", settings=bucket.settings)
    try:
        yield server
    finally:
        server.kill()
