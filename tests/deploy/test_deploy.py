"""Services of `deploy/` listen on loopback by default and hold no password."""

import json
import re
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_services_listen_on_loopback_and_take_the_password_from_a_file():
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in content["services"].items():
        assert all(port.startswith("${BENCH_BIND:-127.0.0.1}:") for port in service["ports"]), name
        assert service["secrets"] == ["postgres_password"]
        assert not [key for key in service["environment"] if key.endswith(("PASSWORD", "URI"))]
    assert "/deploy/postgres_password" in (DEPLOY.parent / ".gitignore").read_text().splitlines()


def test_the_server_is_started_with_options_that_mlflow_has():
    from mlflow.cli import cli

    command = json.loads((DEPLOY / "mlflow" / "Dockerfile").read_text().partition("CMD")[2])[2]
    known = {option for parameter in cli.commands["server"].params for option in parameter.opts}
    assert set(re.findall(r"--[\w-]+", command)) <= known
    assert "MLFLOW_BACKEND_STORE_URI" in {p.envvar for p in cli.commands["server"].params}
