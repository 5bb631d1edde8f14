"""Run a plan: compute every cell once, skip finished cells, record failures and never cache them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from bench.cells.cell import Cell, Profile
from bench.cells.result import Result, StoredResults, read_result
from bench.data.source import DataSource
from bench.errors import foreign_code
from bench.processes import energy
from bench.processes.interruption import noticed, stop_if_asked
from bench.progress import counted, running, say
from bench.runner import failures
from bench.runner.job_estimates import Costs
from bench.runner.key_memory import KeyMemory, RememberedPlan
from bench.runner.plan import RunOptions
from bench.runner.prepare import prepare_session, profile_of
from bench.storage.artifacts import SEAL, clear_leftovers, damage, file_digest
from bench.storage.object_store import SharedArtifacts
from bench.storage.workspace import Workspace

if TYPE_CHECKING:
    from bench.runner.executors import Executor
    from bench.runner.executors.worker import JobOutcome
    from bench.runner.session import Session

LISTED_ONE_BY_ONE = 200
"""Finished cells that a run lists; of more it reports the number."""


AT_A_TIME = 16
"""Finished cells that are fetched from an object store, or sent to it, at a time."""

ESTIMATED = 1000
"""Cells up to which the time of a run in this process counts what cells share separately."""

NOT_SHARED = "Give --workspace a folder that all machines share, or --artifacts an object store."


@dataclass
class RunReport:
    """What came of a run.

    Attributes:
        results: finished cells, in the order of the plan.
        computed: how many of them were computed now.
        failures: cell -> message.
        left_out: what the cross product left out, with the reason.
        missing: cells that were neither found nor to be computed (``--limit``, ``--cached-only``).
    """

    results: Sequence[Result] = ()
    computed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    missing: int = 0


def keyed(cells: Iterable[Cell], session: Session) -> tuple[dict[Cell, str], dict[Cell, tuple[str, str]]]:
    """The key of each cell, and why a cell has none (message, traceback): it fails, and the others go on."""
    keys: dict[Cell, str] = {}
    unkeyed: dict[Cell, tuple[str, str]] = {}
    for cell in cells:
        try:
            with foreign_code():
                keys[cell] = session.resolve(cell).key
        except Exception as error:
            unkeyed[cell] = failures.explain(error)
    return keys, unkeyed


def run(
    options: RunOptions,
    source: DataSource,
    on_result: Callable[[Result, bool], None] | None = None,
    executor: Executor | None = None,
    memory: KeyMemory | None = None,
) -> RunReport:
    """Run what is to be run of the options' cells.

    Args:
        on_result: called with each result as it is there, and whether it was computed now.
        executor: who runs them, where it is not the one that the options name.
        memory: keys that an earlier process computed, so that a run with nothing to compute imports no method.

    Raises:
        BenchError: the options or the data are wrong; single cells that fail are in the report instead.
        KeyboardInterrupt: stopped by the user; what is finished is kept, and the next run updates MLflow.
    """
    known = memory.recall(options) if memory is not None and not options.recompute else None
    if known is not None and (all_found := _all_found(known, options, source, on_result)) is not None:
        return all_found
    energy.wanted()  # or each cell fails without its package
    planned, session = prepare_session(options, source)
    from bench.runner.executors import executor_for
    from bench.runner.paper_notes import paper_notes
    from bench.runner.schedule import Schedule, jobs_of

    workspace = source.workspace
    if not options.cached_only:
        workspace.ensure_writable()
    if (shared := workspace.shared) is not None:
        shared.check()
    for name in dict.fromkeys(cell.task for cell in planned.cells):
        session.task_data(name)
    for folder in (workspace.results, workspace.features, workspace.checkpoints):
        clear_leftovers(folder)
    keys, unkeyed = keyed(planned.cells, session)
    if memory is not None:
        memory.remember(options, session, planned, keys)
    report = RunReport(left_out=planned.left_out)
    finished = {} if options.recompute else _finished(keys, workspace.results, shared)
    _report_finished(finished, source, session.profile, on_result, options.row)
    todo: list[Cell] = []
    if not options.cached_only:
        for cell, (message, trace) in unkeyed.items():
            _failed(cell, session, "", message, trace, report, options.row)
        todo = [cell for cell in keys if cell not in finished]
    if not options.retry_failed:
        todo = _without_failed(todo, keys, session, report)
    todo = todo[: options.limit]
    for note in paper_notes([session.method(name)[0] for name in dict.fromkeys(cell.method for cell in todo)], session):
        say(note)
    costs = Costs.of(workspace.root, session.profile)
    executor = executor or executor_for(options.executor, options.jobs, options.address, options.time_limit)
    estimated = executor.shares or len(todo) <= ESTIMATED
    jobs = jobs_of([(cell, keys[cell]) for cell in todo], session, costs, estimated, executor.gpus)
    planned_jobs = {job.id: job for job in jobs}
    # Where nothing is shared, the first cell makes what others need, too.
    schedule = Schedule.of(
        [job for job in jobs if executor.shares or job.kind == "cell"], longest_first=executor.shares
    )
    results = list(finished.values())
    with (
        noticed(),
        running(len(todo), {job.id: job.seconds for job in planned_jobs.values()}) as clock,
        _mirror(options, workspace, in_thread=executor.shares) as mirror,
        contextlib.closing(executor.run(schedule, session, options.recompute)) as outcomes,
    ):
        for job, outcome in outcomes:
            stop_if_asked()
            clock.finish((job.id, *planned_jobs[job.id].needs), cells=job.kind == "cell")
            brought = _brought(outcome, workspace.results, shared)
            if not outcome.error and outcome.folder is not None and brought is None:
                outcome = replace(outcome, error=f"its result is on the machine that computed it. {NOT_SHARED}")
            if outcome.error:
                if job.kind == "cell":
                    _failed(job.cell, session, keys[job.cell], outcome.error, outcome.trace, report, options.row)
                else:
                    say(f"failed: {job}: {outcome.error}")
                continue
            costs.note(job.kind, job.cell, outcome.seconds, outcome.memory)
            if job.kind == "cell" and brought is not None:
                result = read_result(brought)
                failures.forget(job.cell, source, session.profile, options.row)
                finished[job.cell] = brought
                report.computed += outcome.computed
                mirror([result])
                if on_result:
                    on_result(result, outcome.computed)
        costs.save()
        mirror(StoredResults(results))
    report.results = StoredResults([finished[cell] for cell in planned.cells if cell in finished])
    report.missing = len(planned.cells) - len(report.results) - len(report.failures)
    return report


def _all_found(
    known: RememberedPlan,
    options: RunOptions,
    source: DataSource,
    on_result: Callable[[Result, bool], None] | None,
) -> RunReport | None:
    """The report of a run that computes nothing; None where a cell has no unaltered result, or a store has changed."""
    workspace = source.workspace
    if not options.cached_only:
        workspace.ensure_writable()
    if (shared := workspace.shared) is not None:
        shared.check()
    elif not options.cached_only and not all((workspace.results / key).is_dir() for key in known.keys.values()):
        return None
    for name, expected in known.stores.items():
        if source.store(name, say=say).digest != expected:
            return None
    for folder in (workspace.results, workspace.features, workspace.checkpoints):
        clear_leftovers(folder)
    finished = _finished(known.keys, workspace.results, shared)
    if len(finished) < len(known.keys) and not options.cached_only:
        return None
    _report_finished(finished, source, profile_of(options, source), on_result, options.row)
    results = StoredResults(list(finished.values()))
    with _mirror(options, workspace, in_thread=False) as mirror:
        mirror(results)
    return RunReport(results, left_out=known.left_out, missing=len(known.keys) - len(results))


def _finished(keys: dict[Cell, str], results: Path, shared: SharedArtifacts | None) -> dict[Cell, Path]:
    """The folders of those cells that have an unaltered result, here or among the shared artifacts."""
    ours = {entry.name for entry in os.scandir(results)} if results.is_dir() else set()
    theirs = shared.names("results") & set(keys.values()) if shared else set()
    if shared and (absent := sorted(theirs - ours)):
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            fetched = pool.map(lambda key: shared.fetch("results", results / key), absent)
            ours |= {key for key, came in zip(absent, fetched, strict=True) if came}
    wanted = {cell: results / key for cell, key in keys.items() if key in ours}
    intact = {cell: folder for cell, folder in wanted.items() if damage(folder) is None}
    if shared and (unsent := [folder for folder in intact.values() if folder.name not in theirs]):
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(lambda folder: shared.publish("results", folder), unsent))
    return intact


def _brought(outcome: JobOutcome, results: Path, shared: SharedArtifacts | None) -> Path | None:
    """A finished cell in this machine's workspace; None if it was computed on another and did not get here.

    What lies here may be one whose bytes were altered, or an older one next to that which another machine has sent.
    """
    if outcome.folder is None:
        return None
    here = results / outcome.folder.name
    ours = damage(here) is None and (shared is None or file_digest(here / SEAL) == outcome.seal)
    return here if ours or (shared is not None and shared.fetch("results", here, replace=True)) else None


def _report_finished(
    finished: dict[Cell, Path],
    source: DataSource,
    profile: Profile,
    on_result: Callable[[Result, bool], None] | None,
    row: Sequence[str],
) -> None:
    for cell in finished:
        failures.forget(cell, source, profile, row)
    if len(finished) > LISTED_ONE_BY_ONE:
        say(f"{counted(len(finished), 'cell')} finished before")
    elif on_result:
        for folder in finished.values():
            on_result(read_result(folder), False)


def _without_failed(todo: list[Cell], keys: dict[Cell, str], session: Session, report: RunReport) -> list[Cell]:
    """The cells that have not failed yet as they are now; the others are reported as they failed."""
    messages = failures.messages(session.source.workspace)
    left = []
    for cell in todo:
        if (message := messages.get(keys[cell])) is not None:
            report.failures[str(cell)] = message
            say(f"failed before, and not tried again: {cell}: {message}")
        else:
            left.append(cell)
    return left


def _failed(
    cell: Cell, session: Session, key: str, message: str, trace: str, report: RunReport, row: Sequence[str]
) -> None:
    failures.record(cell, session.source, session.profile, key, message, trace, row)
    report.failures[str(cell)] = message
    say(f"failed: {cell}: {message}", even_if_quiet=True)


@contextlib.contextmanager
def _mirror(
    options: RunOptions, workspace: Workspace, in_thread: bool
) -> Iterator[Callable[[Sequence[Result]], object]]:
    """Show results in MLflow, in batches and by this process alone.

    The result store is the truth, so that a server that is down costs a warning. Ctrl-C does not wait for MLflow: the
    next run, or ``bench tracking push``, sends what it missed.

    Args:
        in_thread: in a thread, so that no worker waits for its next job while a batch is sent.
    """
    if not options.track:
        yield lambda results: None
        return
    from bench.tracking.follow import PretrainingFollower
    from bench.tracking.mirror import ResultMirror

    def warn(text: str) -> None:
        say(f"warning: {text}")

    uri, models = workspace.tracking_uri, options.log_models
    mirror = ResultMirror(uri, warn=warn, log_models=models)
    with PretrainingFollower(uri, workspace.checkpoints, warn=warn, log_models=models):
        send, finish = _in_thread(mirror.add_all, mirror.flush) if in_thread else (mirror.add_all, mirror.flush)
        try:
            yield send
        except KeyboardInterrupt:
            raise
        except BaseException:
            finish()
            raise
        finish()


def _in_thread(
    do: Callable[[Sequence[Result]], None], end: Callable[[], None]
) -> tuple[Callable[[Sequence[Result]], object], Callable[[], None]]:
    """``do`` and ``end`` in one thread, call after call; the second waits and raises what went wrong in any of them."""
    waiting: SimpleQueue[Sequence[Result] | None] = SimpleQueue()
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            while (results := waiting.get()) is not None:
                do(results)
            end()
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=work, name="mlflow", daemon=True)
    thread.start()

    def finish() -> None:
        waiting.put(None)
        thread.join()
        if wrong:
            raise wrong[0]

    return waiting.put, finish
