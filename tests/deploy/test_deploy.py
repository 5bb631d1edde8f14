"""Services of `deploy/` listen on loopback by default and hold no password."""

import json
import re
from fnmatch import fnmatch
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


def test_the_container_runs_the_makefiles_targets_and_leaves_out_what_git_ignores():
    text = (DEPLOY / "Dockerfile").read_text()
    makefile = (DEPLOY.parent / "Makefile").read_text().replace("$(VENV)", ".venv")
    targets = {*re.findall(r"^RUN make (\S+)", text, re.M), *re.findall(r"docker run --rm bench make (\S+)", text)}
    targets.add(json.loads(text.partition("CMD")[2])[1])
    assert targets == {".venv/.installed-dev", "test", "demo"}
    assert all(re.search(rf"^{re.escape(target)}:", makefile, re.M) for target in targets)
    ignored = [line.strip("/") for line in (DEPLOY.parent / ".gitignore").read_text().split()]
    left_out = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert [
        name for name in ignored if not any(fnmatch(name, pattern.removeprefix("**/")) for pattern in left_out)
    ] == []
