"""Shared by all tests: shape checks on every signature, small simulated cohorts, real data, and processor time per room."""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import gc
import importlib
import math
import multiprocessing
import os
import re
import statistics
import sys
import textwrap
from collections import Counter
from multiprocessing import forkserver
from pathlib import Path

import hypothesis
import pytest
import typer.main
from jaxtyping import install_import_hook

gc.disable()  # nothing of what is imported and collected goes away: see pytest_collection_finish
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes share two cores
PLACES = ("BENCH_DATA", "BENCH_WORKSPACE", "BENCH_SIMULATED_RECORDS", "MLFLOW_TRACKING_URI")
for name in PLACES:
    os.environ.pop(name, None)
os.environ["BENCH_TRACEBACK"] = ""


def _with_shapes() -> list[str]:
    """Modules whose signatures state shapes. To check those of all others takes a tenth of the whole suite's time."""
    root = Path(__file__).parents[1]
    rooms = [root / "methods", *(root / "bench" / room for room in ("contamination", "method", "scoring", "signals"))]
    files = [file for room in rooms for file in room.rglob("*.py") if not file.stem.endswith("_kernel")]  # numba's
    files += [root / "bench" / "batch.py", root / "bench" / "training" / "objective.py"]
    return [
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if "from jaxtyping import" in file.read_text(encoding="utf-8")
    ]


install_import_hook(
    _with_shapes(),
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # an int passes for a float
)
hypothesis.settings.register_profile("bench", max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("bench")  # a suite that fails by chance, or on a busy machine, is not believed
os.fsync = lambda handle: None  # no power fails here
typer.main.get_command = functools.cache(typer.main.get_command)  # a real process makes its commands once, too

LATE = ("torch._dynamo", "matplotlib.pyplot", "mlflow")
"""Imported by functions. They count as the start, or the first room in each process would pay for all others."""

REAL = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_finish(session):
    """What lives as long as the process is not walked again by each full collection of garbage."""
    if session.config.getoption("--budgets") or session.config.getoption("--write-times"):
        for name in LATE:
            importlib.import_module(name)
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def made_once():
    """Entries of the built-in packages, which no test changes, and resampled recordings are made once per process.

    Each test with a plugin reads the entries again, and each workspace resamples the same simulated recordings.
    """
    from bench import registry
    from bench.signals import derived
    from bench.signals.store import SignalStore

    entries_of, transform, recordings = registry._entries_of, derived.transformed, {}
    built_in = functools.cache(lambda point: list(entries_of(point)))

    @functools.wraps(transform)
    def transformed(store, rows, wanted):
        if type(store) is not SignalStore:  # recordings in memory
            return transform(store, rows, wanted)
        changed = (store.path / "signals.npy").stat().st_mtime_ns  # where a test damages a store
        key = (store.path.resolve(), changed, store.signals_digest, rows.tobytes(), wanted)
        if key not in recordings:
            if len(recordings) == 16:  # of a few megabytes each
                del recordings[next(iter(recordings))]
            recordings[key] = transform(store, rows, wanted)
        return list(recordings[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entries_of", lambda p: built_in(p) if p.name == "builtin" else entries_of(p))
        patch.setattr(derived, "transformed", transformed)
        yield


@pytest.fixture(autouse=True)
def one_replicate(monkeypatch):
    """A run under the smoke profile makes one replicate here; the tests of the default set it again."""
    monkeypatch.setattr("bench.runner.plan.REPLICATES", {})


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    """A command that was run with --quiet leaves no silence for the next test."""
    monkeypatch.setattr("bench.progress._quiet", False)


@pytest.fixture(scope="session")
def forks(request):
    """Starts processes that are forked from one that has everything imported, which takes each process seconds."""
    context = multiprocessing.get_context("forkserver")
    preload = ["bench.runner.execute", "bench.training.checkpoint", "bench.training.launch"]
    if any(item.get_closest_marker("slow") for item in request.session.items):  # whose processes run whole plans
        preload += ["bench.tracking.mirror", "tasks.ptbxl", "mlflow.store.tracking.sqlalchemy_store"]
        preload += [
            "bench.leaderboard.site.write_site",
            "sklearn.linear_model",
            "torch._dynamo",
        ]  # what commands import
    context.set_forkserver_preload(preload)
    with pytest.MonkeyPatch.context() as patch:
        for name in PLACES:
            patch.delenv(name, raising=False)
        forkserver.ensure_running()  # its processes have the environment of this moment, whatever tests set later
    return context


@pytest.fixture(scope="session")
def forked_bench(forks, tmp_path_factory):
    """PATH with a ``bench`` whose processes are forked, see support/forked_bench.py; then this interpreter's commands."""
    from forked_bench import ForkedBench

    folder = tmp_path_factory.mktemp("bin")
    server = ForkedBench(folder, forks)
    yield os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    server.close()


@pytest.fixture(scope="module")
def forked_processes(forks):
    """``bench.training.launch`` forks its processes instead of starting each with its imports."""
    import torch

    def spawn(work, arguments, processes, join):
        forkserver.ensure_running()
        given = (forkserver._forkserver._forkserver_pid, *arguments[1:])  # whose end they watch for
        return torch.multiprocessing.start_processes(work, given, processes, join=join, start_method="forkserver")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.multiprocessing, "spawn", spawn)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real recordings next to the checkout; tests that use them skip where they are absent."""
    if not REAL.is_dir():
        pytest.skip(f"real recordings are not at {REAL}")
    return REAL


@pytest.fixture(scope="session")
def simulated_workspace(tmp_path_factory):
    """A workspace whose simulated PTB-XL (120 recordings) is already prepared. Tests that write take a copy."""
    from bench.data.source import DataSource
    from bench.storage.workspace import Workspace

    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    DataSource(workspace, simulated_records=120).store("ptbxl")
    return workspace


@pytest.fixture
def workspace(simulated_workspace, tmp_path):
    """A workspace of this test's own, with the prepared simulated PTB-XL in it."""
    from bench.storage.workspace import Workspace

    own = Workspace(tmp_path / "workspace")
    own.root.mkdir()
    for folder in ("simulated", "stores"):
        (own.root / folder).symlink_to(getattr(simulated_workspace, folder))
    return own


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a throw-away distribution that registers a module's text."""

    from bench import kinds, modes, registry
    from bench.reading.class_source import classes_in

    def install(name: str, source: str, group: str = "bench.methods", value: str | None = None) -> None:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value or name}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        forget()

    def forget() -> None:
        importlib.invalidate_caches()
        registry.entries.cache_clear()
        classes_in.cache_clear()
        for cached in (kinds.load, modes.load, modes.facts):
            cached.cache_clear()

    yield install
    monkeypatch.undo()
    forget()


@pytest.fixture
def changed(monkeypatch):
    """``changed(module, name)``: for digests of code this definition now reads differently; all of them, without a name."""
    from bench.signals.input_code import input_digest
    from bench.storage import code_digest
    from bench.storage.syntax import bound_names

    def forget() -> None:
        code_digest.source_digest.cache_clear()
        input_digest.cache_clear()

    read = code_digest._source
    edits: dict[str, code_digest.Source] = {}

    def change(module: str, name: str = "") -> None:
        original = read(module)
        body = [edited(statement, name) for statement in original.tree.body]
        edits[module] = code_digest.Source(module, original.package, ast.Module(body, []), original.data)
        monkeypatch.setattr(code_digest, "_source", lambda one: edits[one] if one in edits else read(one))
        forget()

    def edited(statement: ast.stmt, name: str) -> ast.stmt:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef) and name in ("", statement.name):
            statement = copy.copy(statement)
            statement.body = [*statement.body, *ast.parse("changed = 1").body]
        elif name and isinstance(statement, ast.Assign | ast.AnnAssign) and name in bound_names(statement):
            statement = copy.copy(statement)
            statement.value = ast.parse(f"({ast.unparse(statement.value)}, 1)[0]", mode="eval").body
        return statement

    yield change
    monkeypatch.undo()
    forget()


# -- processor time per room, held to the table in README.md -----------------------------------------------------------

TABLE = Path(__file__).with_name("README.md")
ROW = re.compile(r"^\| (?P<room>[\w/]+) \| (?P<seconds>[\d.]+) \| (?P<budget>\d+) \|$", re.MULTILINE)
FACTOR = 1.5
"""By how much a room may exceed its budget."""
LARGER = 10
"""Seconds from which a room tells how fast the machine is."""
_seconds: Counter[str] = Counter()


def processor_seconds() -> float:
    """Of this process, of those that it started and waited for, and of the one that ``forks`` forks from, with its own."""
    times = os.times()
    seconds = times.user + times.system + times.children_user + times.children_system
    server = forkserver._forkserver._forkserver_pid
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


def room_of(nodeid: str) -> str:
    """``bench/cli`` of ``tests/bench/cli/test_listing.py::test_x``, ``methods`` of ``tests/methods/nets/...``."""
    _, *folders, _ = nodeid.partition("::")[0].split("/")
    return "/".join(folders[: 2 if folders[:1] == ["bench"] else 1])


def slowness(seconds: dict[str, float], table: str) -> float:
    """How many times slower this machine is than that of the table: the median over the larger rooms, and at least 1.

    The processor time of the same instructions doubles where others share a core's caches or its hyper-threads. A room that
    grew stands out from the others; where all took longer, the machine did it. Of fewer than five rooms nothing follows.
    """
    stored = {row["room"]: float(row["seconds"]) for row in ROW.finditer(table)}
    larger = [room for room in seconds.keys() & stored.keys() - {"start", "total"} if stored[room] >= LARGER]
    return max(1.0, statistics.median(seconds[room] / stored[room] for room in larger)) if len(larger) >= 5 else 1.0


def over_budget(seconds: dict[str, float], table: str) -> list[str]:
    """A line per room that exceeds its budget on a machine of this speed, or has none."""
    budgets = {row["room"]: int(row["budget"]) for row in ROW.finditer(table)}
    slower = slowness(seconds, table)
    slowed = f" x {slower:.1f}, as all rooms are slower" if slower > 1 else ""
    lines = [f"{room}: no budget in tests/README.md" for room in sorted(seconds.keys() - budgets.keys())]
    lines += [
        f"{room}: {seconds[room]:.0f} s of processor time, at most {FACTOR} x {budget}{slowed}"
        for room, budget in budgets.items()
        if seconds.get(room, 0) > FACTOR * budget * slower
    ]
    return lines


def budget_of(seconds: float) -> int:
    """One and a half times what was measured, in steps of 5 s and at least 10 s."""
    return max(10, 5 * math.ceil(1.5 * round(seconds) / 5))


def measured(seconds: dict[str, float], table: str) -> str:
    """The table with these seconds; the total is the sum of its rows. Budgets of other rooms stay, and so does ``start``
    where some rooms were not run: it is the import of what all test files import."""
    stored = {row["room"]: float(row["seconds"]) for row in ROW.finditer(table)}
    if any(number and room != "total" and room not in seconds for room, number in stored.items()):
        seconds = {room: number for room, number in seconds.items() if room != "start"}
    known = stored | seconds
    known["total"] = sum(known.values()) - known.get("total", 0)

    def line(row: re.Match[str]) -> str:
        room = row["room"]
        budget = budget_of(known[room]) if room == "total" or room in seconds else row["budget"]
        return f"| {room} | {known[room]:.0f} | {budget} |"

    return ROW.sub(line, table)


def pytest_addoption(parser):
    parser.addoption("--budgets", action="store_true", help="fail if a room exceeds its budget in tests/README.md")
    parser.addoption(
        "--write-times", action="store_true", help="write processor times of these rooms to tests/README.md"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    before = processor_seconds()
    if not _seconds:
        _seconds["start"] = before
    result = yield
    if not item.get_closest_marker("slow"):
        _seconds[room_of(item.nodeid)] += processor_seconds() - before
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A process of pytest-xdist has ended."""
    _seconds.update(getattr(node, "workeroutput", {}).get("processor seconds", {}))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["processor seconds"] = dict(_seconds)
        return
    _seconds["total"] = _seconds.total()
    if config.getoption("--write-times"):
        TABLE.write_text(measured(_seconds, TABLE.read_text(encoding="utf-8")), encoding="utf-8")
    if config.getoption("--budgets") and over_budget(_seconds, TABLE.read_text(encoding="utf-8")):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


class NamedFailures:
    """Names a failure when it happens: the whole run may take a quarter of an hour, and pytest names them at its end."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.write_line(f"\nFAILED {report.nodeid} ({report.when})")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(NamedFailures(config))


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--budgets"):
        terminalreporter.section("processor time, s")
        terminalreporter.line(", ".join(f"{room} {seconds:.0f}" for room, seconds in _seconds.most_common()))
        for line in over_budget(_seconds, TABLE.read_text(encoding="utf-8")):
            terminalreporter.line(f"OVER BUDGET {line}", red=True)
