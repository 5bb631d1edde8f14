"""Machines without a shared folder: what one has finished the others fetch, and never a byte that changed."""

import fsspec
import pytest

from bench import provenance
from bench.cli.options import data_source
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.runner import execute
from bench.runner.executors.in_process import InProcess
from bench.runner.plan import RunOptions
from bench.runner.session import Session
from bench.storage.artifacts import damage
from bench.storage.object_store import SharedArtifacts, shared_artifacts
from bench.storage.workspace import Workspace

RECORDS = 60
OPTIONS = {
    "methods": ["small"],
    "tasks": ["ptbxl-super"],
    "modes": ["linear"],
    "seeds": [0, 1],
    "overrides": ["linear.epochs=2"],
    "track": False,
}


@pytest.fixture(params=["memory", "file"])
def url(request, tmp_path):
    yield "memory://lab/artifacts" if request.param == "memory" else f"file://{tmp_path / 'share'}"
    fsspec.filesystem("memory").store.clear()
    shared_artifacts.cache_clear()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("prepared"))
    DataSource(workspace, simulated_records=RECORDS).store("ptbxl")
    return workspace


@pytest.fixture
def machine(prepared, tmp_path, small):
    """``machine(NAME, URL)``: a separate workspace, as on a separate machine."""

    def made(name: str, url: str) -> Workspace:
        root = tmp_path / name
        root.mkdir()
        for folder in ("simulated", "stores"):
            (root / folder).symlink_to(prepared.root / folder)
        return Workspace(root, url)

    return made


def run(workspace, **options):
    executor = options.pop("executor", None)
    source = DataSource(workspace, simulated_records=RECORDS)
    return execute.run(RunOptions(**(OPTIONS | options)), source, executor=executor)


def answer(report):
    return [(r.key, r.score, r.predictions().to_json()) for r in report.results]


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def flip(url: str, part: str) -> None:
    """Change one byte of every file whose path holds ``part``."""
    system, root = fsspec.core.url_to_fs(url)
    for path in system.find(root):
        if part in path:
            content = bytearray(system.cat_file(path))
            content[len(content) // 2] ^= 1
            system.pipe_file(path, bytes(content))


def test_what_one_machine_has_finished_another_computes_nothing_of(machine, url):
    one, two = machine("one", url), machine("two", url)
    first = run(one)
    assert first.computed == 2
    second = run(two)
    assert (second.computed, answer(second)) == (0, answer(first))
    assert not two.checkpoints.exists()  # nothing needed it
    more = run(two, seeds=[0, 1, 2])
    assert more.computed == 1
    assert names(two.checkpoints) == names(one.checkpoints)
    weights = [next(w.checkpoints.glob("small-*")) / "model.safetensors" for w in (one, two)]
    assert weights[0].stat().st_ino != weights[1].stat().st_ino
    assert (weights[0].parent / "provenance.json").read_text() == (weights[1].parent / "provenance.json").read_text()
    assert names(two.features) == names(one.features)
    assert run(one, cached_only=True, seeds=[0, 1, 2]).missing == 0


@pytest.mark.parametrize("part", ["files/", "results/"])
@pytest.mark.filterwarnings("ignore:.*made again")
def test_bytes_that_changed_there_are_computed_again_and_replaced(machine, url, part):
    first = run(machine("one", url))
    flip(url, part)
    two = machine("two", url)
    again = run(two)
    assert (again.computed, answer(again)) == (2, answer(first))
    three = run(machine("three", url))
    assert (three.computed, answer(three)) == (0, answer(first))


def test_what_was_finished_before_there_was_a_store_is_sent(machine, url):
    one = machine("one", url)
    run(Workspace(one.root))
    assert run(one).computed == 0
    assert run(machine("two", url)).computed == 0


@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_a_checkpoint_that_was_altered_here_is_fetched_and_not_pretrained_again(machine, url, monkeypatch):
    one = machine("one", url)
    run(one, seeds=[0])
    (weights,) = one.checkpoints.glob("small-*/model.safetensors")
    written = weights.read_bytes()
    weights.write_bytes(written[:-1] + bytes([written[-1] ^ 1]))
    monkeypatch.setattr("bench.runner.session.pretrain", None)
    assert run(one, seeds=[1], modes=["finetune"], overrides=["finetune.epochs=1"]).computed == 1
    assert weights.read_bytes() == written


@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_a_checkpoint_made_on_other_hardware_is_reported(machine, url, monkeypatch):
    heard = []
    monkeypatch.setattr("bench.runner.session.say", heard.append)
    one = machine("one", url)
    run(one, seeds=[0])
    run(machine("two", url), seeds=[2])
    assert not any("object store was made with" in text for text in heard)
    here = provenance.machine()
    monkeypatch.setattr("bench.provenance.machine", lambda: here | {"processor": "another"})
    run(machine("three", url), seeds=[3])
    (message,) = [text for text in heard if "object store was made with" in text]
    assert f"processor {here['processor']} (here another)" in message


@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_a_result_that_was_altered_here_is_not_shown_though_another_machine_has_it_intact(machine, url):
    one, two = machine("one", url), machine("two", url)
    first = run(one, seeds=[0])
    run(two, seeds=[0])
    key = first.results[0].key
    path = two.results / key / "result.json"
    path.write_text(path.read_text().replace('"profile": "smoke"', '"profile": "paper"'))
    (found,) = run(two, seeds=[0], executor=Elsewhere(one)).results
    assert found.profile == "smoke"
    assert damage(two.results / key) is None


@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_what_another_machine_computed_anew_takes_the_place_of_what_is_here(machine, url, monkeypatch):
    one, two = machine("one", url), machine("two", url)
    (before,) = run(one, seeds=[0]).results
    assert run(two, seeds=[0]).computed == 0
    monkeypatch.setattr("bench.provenance.git_commit", lambda: "another")
    report = run(two, seeds=[0], recompute=True, executor=Elsewhere(one))
    assert before.provenance["git_commit"] != "another"
    assert (report.computed, report.results[0].provenance["git_commit"]) == (1, "another")


class Elsewhere(InProcess):
    """Runs jobs as a machine with a separate workspace, as Ray does with BENCH_NODE_WORKSPACE."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace

    def run(self, schedule, session, again):
        there = Session(**session.settings() | {"source": DataSource(self.workspace, simulated_records=RECORDS)})
        return super().run(schedule, there, again)


def test_a_manifest_cannot_write_outside_of_the_workspace(machine, url, tmp_path):
    store, evil = SharedArtifacts(url), tmp_path / "evil"
    evil.mkdir()
    (evil / "result.json").write_text("{}")
    store.publish("results", evil)
    system, root = fsspec.core.url_to_fs(url)
    path = f"{root}/results/evil.json"
    system.pipe_file(path, system.cat_file(path).replace(b"result.json", b"../../out"))
    with pytest.warns(UserWarning, match="its manifest was altered"):
        assert not store.fetch("results", tmp_path / "results" / "evil")
    assert not (tmp_path / "out").exists()


def test_a_store_that_goes_away_costs_a_warning(machine, url, monkeypatch):
    one = machine("one", url)
    store = one.shared

    def gone(*arguments, **options):
        raise OSError("no route to host for token=hunter2")

    with monkeypatch.context() as away:
        for name in ("ls", "cat_file", "put_file", "get_file", "pipe_file"):
            away.setattr(type(store._system), name, gone)
        away.setattr(SharedArtifacts, "check", lambda self: None)  # it was there when the run began
        with pytest.warns(UserWarning, match=r"cannot be reached \(no route to host for token=\*\*\*\)") as warned:
            assert run(one).computed == 2
        shared_artifacts.cache_clear()  # in a worker that begins now, too
        with pytest.warns(UserWarning, match="cannot be reached"):
            assert not one.shared.fetch("results", one.results / "another")
    assert sum("cannot be reached" in str(w.message) for w in warned) == 1
    shared_artifacts.cache_clear()
    assert run(one).computed == 0
    assert run(machine("two", url)).computed == 0


def test_a_store_that_cannot_be_opened_is_told_before_anything_is_computed(machine):
    with pytest.raises(ConfigError, match="expected|install|Protocol not known"):
        run(machine("one", "nowhere://bucket"))


def test_a_new_store_that_cannot_be_written_to_is_told_before_anything_is_computed(machine, monkeypatch):
    def refuse(*arguments, **options):
        raise FileNotFoundError("The specified bucket does not exist")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", refuse)
    one = machine("one", "memory://misspelt/artifacts")
    with pytest.raises(ConfigError, match=r"misspelt/artifacts cannot be opened: The specified bucket does not exist"):
        run(one)
    assert not one.results.exists()


def test_a_password_of_the_url_is_not_told(monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("530 hunter2 is not the password")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", refuse)
    with pytest.raises(ConfigError) as refused:
        SharedArtifacts("memory://lab:hunter2@host/artifacts").check()
    assert "hunter2" not in str(refused.value)
    assert "530 *** is not the password" in str(refused.value)


def test_the_option_goes_before_the_environment_and_that_before_the_file(tmp_path, monkeypatch):
    (tmp_path / "bench.toml").write_text('artifacts = "memory://file"\n')
    monkeypatch.setenv("BENCH_TOML", str(tmp_path / "bench.toml"))
    assert Workspace.at(tmp_path).artifacts == "memory://file"
    monkeypatch.setenv("BENCH_ARTIFACTS", "memory://environment")
    assert Workspace.at(tmp_path).artifacts == "memory://environment"
    assert data_source(None, str(tmp_path), artifacts="memory://option").workspace.artifacts == "memory://option"
