"""``bench doctor`` and ``bench init``; and what every command has in common: an example, names that complete."""

import http.server
import json
import subprocess
import sys
import threading

import pytest
import typer

from bench import registry
from bench.cli.main import app
from bench.cli.options import complete, complete_boards, complete_modes


def found(done) -> dict[str, list[dict]]:
    areas: dict[str, list[dict]] = {}
    for finding in json.loads(done.out):
        areas.setdefault(finding["area"], []).append(finding)
    return areas


def test_the_doctor_looks_everywhere(bench):
    done = bench("doctor", "--json")
    areas = found(done)
    assert list(areas) == ["versions", "plugins", "devices", "project", "workspace", "data", "encoders", "tracking"]
    assert done.code == 0, done.out
    assert "all 6 datasets" in areas["data"][0]["found"] or "are simulated" in areas["data"][0]["found"]
    assert any("text encoder minilm" in f["found"] and f["state"] == "ok" for f in areas["encoders"])
    assert all(f["hint"] for findings in areas.values() for f in findings if f["state"] == "warning")
    assert "0 problems" in bench("doctor").out


def test_the_doctor_names_broken_plugins_and_missing_data(bench, plugin, tmp_path):
    plugin("broken", "def (")
    plugin("absent", "import nothing_of_this_name\n\nclass Absent:\n    name = 'absent'\n")
    (tmp_path / "ecg" / "ptbxl").mkdir(parents=True)
    done = bench("doctor", "--json", "--data-root", str(tmp_path / "ecg"))
    areas = found(done)
    assert done.code == 1
    warned = [f["found"] for f in areas["plugins"] if f["state"] == "warning"]
    assert any("plugin broken" in found for found in warned)
    assert any("'absent'" in found and "nothing_of_this_name" in found for found in warned)
    states = {f["found"].split()[0].rstrip(":"): f for f in areas["data"]}
    assert states["ptbxl"]["state"] == "problem"
    assert "ptbxl_database.csv is missing" in states["ptbxl"]["found"]
    assert states["cpsc2018"]["state"] == "note"
    assert states["cpsc2018"]["hint"].startswith("http")


def test_the_doctor_says_whether_tracking_answers(bench, monkeypatch):
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hidden@127.0.0.1:{server.server_port}")
    (finding,) = found(bench("doctor", "--json"))["tracking"]
    assert finding["state"] == "ok"
    server.shutdown()
    server.server_close()
    done = bench("doctor", "--json")
    (finding,) = found(done)["tracking"]
    assert (finding["state"], done.code) == ("warning", 0)
    assert "--no-track" in finding["hint"]
    assert "hidden" not in done.out


def test_the_doctor_tries_whether_the_workspace_can_be_made(bench, tmp_path):
    (tmp_path / "file").write_text("")
    done = bench("doctor", "--json", "--workspace", str(tmp_path / "file" / "workspace"))
    assert done.code == 1
    assert any("cannot be written to" in f["found"] for f in found(done)["workspace"] if f["state"] == "problem")


def test_ctrl_c_says_that_nothing_is_lost(bench, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.doctor.examine", interrupted)
    monkeypatch.setattr("os._exit", sys.exit)
    done = bench("doctor")
    assert done.code == 130
    assert done.err.count("run the same command again to continue") == 1


def test_init_writes_a_file_that_is_read(bench, tmp_path, monkeypatch):
    done = bench("init", str(tmp_path / "study"))
    assert done.code == 0, done.err
    text = (tmp_path / "study" / "bench.toml").read_text()
    for name in registry.entries(registry.DATASETS):
        assert f"# {name} = " in text
    monkeypatch.chdir(tmp_path / "study")
    assert any("bench.toml" in f["found"] for f in found(bench("doctor", "--json"))["project"])
    again = bench("init")
    assert (again.code, "exists already" in again.err) == (2, True)
    lines = [line.removeprefix("# ") for line in text.splitlines() if " = " in line or line == "# [data]"]
    (tmp_path / "study" / "bench.toml").write_text("\n".join(lines))  # every commented line is one that is read
    from bench.project_file import project

    assert project().profile == "smoke"
    assert set(project().data) == set(registry.entries(registry.DATASETS))


def commands(group, path=()):
    for name, command in getattr(group, "commands", {}).items():
        if command.hidden:  # an old name
            continue
        yield from commands(command, (*path, name))
    if not hasattr(group, "commands"):
        yield " ".join(path), group


def test_help_is_whole_on_a_narrow_terminal(bench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    names = {name for name, _ in commands(typer.main.get_command(app))}
    for name in sorted(names | {name.split()[0] for name in names} | {""}):
        done = bench(*name.split(), "--help")
        assert (done.code, "…" in done.out) == (0, False), f"bench {name} --help cuts a word short"


@pytest.mark.parametrize(
    ("name", "command"), list(commands(typer.main.get_command(app))), ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_commands_help_ends_with_an_example(name, command):
    shown = name.removesuffix(" method")  # bench audit METHOD TASK is short for bench audit method METHOD TASK
    assert f"bench {shown}" in (command.epilog or ""), "the epilog shows no example of the command"
    assert command.help


def test_names_complete():
    assert "kmerl" in complete(registry.METHODS)("km")
    assert complete(registry.METHODS)("kmerl,rand")[0].startswith("kmerl,rand")
    assert complete(registry.TASKS, registry.DATASETS)("ptbxl-sup")[0] == "ptbxl-super"
    assert "kmerl_table1" in complete_boards("kmerl")
    assert complete_modes("linear,zer") == ["linear,zeroshot"]
    assert complete_modes("linear") == ["linear"]  # what repeats a released protocol is asked for by --protocol


def test_help_groups_every_command(bench):
    heads = [line.strip("╭─╮ ") for line in bench("--help").out.splitlines() if line.startswith("╭")]
    assert heads[:3] == ["Options", "Run", "Examine results"]
    assert "Commands" not in heads  # where a command without a group would be


def test_help_is_light():
    code = (
        "import sys; from bench.cli.main import app; "
        "heavy = {'torch', 'pandas', 'numpy', 'mlflow', 'optuna', 'pydantic', 'jinja2'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
